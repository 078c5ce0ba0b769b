//! What the readers of a data file and its writer share: the current snapshot, and how it is kept up to date.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::{Context, Error, Unread};
use crate::file::journal::{self, Hashing, Identity, Position};
use crate::file::lock::{Attempt, Lock};
use crate::file::pin::Pin;
use crate::file::place;
use crate::file::retired::Retired;
use crate::file::snapshot::Snapshot;
use crate::file::waiter::Waiter;
use crate::fs::{FileSystem, Stamp};
use crate::json::input::Input;
use crate::records::Record;
use crate::records::content::Content;
use crate::threads::guarded;

/// What there is: a data file with its journal applied.
#[derive(Debug)]
pub(crate) struct View<R> {
    pub content: Arc<Content<R>>,
    /// The file alone.
    pub file: Arc<Snapshot<R>>,
    /// What has been applied to it, if it has a journal.
    pub journal: Option<Position>,
}

impl<R: Record> View<R> {
    /// Of a file without a journal.
    pub fn of(file: Snapshot<R>) -> Self {
        View { content: file.content.clone(), file: Arc::new(file), journal: None }
    }

    /// The data file's stamp; `None` where there was no file.
    pub fn stamp(&self) -> Option<Stamp> {
        self.file.stamp()
    }
}

/// A data file as it is known.
pub(crate) struct State<R> {
    pub fs: Arc<dyn FileSystem>,
    /// Where the file is, links not resolved.
    pub path: PathBuf,
    current: Mutex<Arc<View<R>>>,
    /// Held while the file is read or looked for, so that many readers at once do it once.
    pub(super) refreshing: Mutex<()>,
    /// Whether the file was looked for, and counts as gone.
    pub(super) gone: AtomicBool,
    /// The file system that the file's directory was last found on.
    pub(super) home: Mutex<Option<u64>>,
    /// Those who wait for a lock that somebody else holds.
    pub waiter: Waiter,
    /// Whether the file is on a disk of this machine, as found when it was last read.
    pub(crate) local: AtomicBool,
    /// Whether the writer of this process is appending to the journal: so nobody else is, and what is known is current.
    pub appending: AtomicBool,
    /// The name of the journal whose place in the directory is certain, as this process has seen to.
    pub placed: AtomicU64,
    /// How large the journal may get until the next checkpoint is tried, if one has failed, in bytes.
    pub patience: AtomicU64,
    /// What commits have replaced, until it is freed.
    pub retired: Arc<Retired<R>>,
    /// How often renames were tried again since a receipt told it.
    pub renames_retried: AtomicUsize,
}

impl<R: Record> State<R> {
    /// Nothing is known yet of the file at an absolute path.
    pub fn new(fs: Arc<dyn FileSystem>, path: PathBuf) -> Self {
        State {
            fs,
            path,
            current: Mutex::new(Arc::new(View::of(Snapshot::missing()))),
            refreshing: Mutex::new(()),
            gone: AtomicBool::new(false),
            home: Mutex::new(None),
            waiter: Waiter::default(),
            local: AtomicBool::new(false),
            appending: AtomicBool::new(false),
            placed: AtomicU64::new(0),
            patience: AtomicU64::new(0),
            retired: Arc::new(Retired::new()),
            renames_retried: AtomicUsize::new(0),
        }
    }

    /// The content, if a stat is enough to tell that it is current. Never waits for a network or a lock.
    pub fn peek(&self) -> Option<Arc<Content<R>>> {
        if !self.local.load(Ordering::Relaxed) {
            return None;
        }
        let stamp = place::stamp(&*self.fs, &self.path).ok()?;
        // Another thread may be the first to look, and what is known is what a new state begins with.
        if stamp.is_none() && !self.gone.load(Ordering::Acquire) {
            return None;
        }
        // The snapshot itself is not held here: whoever drops it last waits for the system to free the old file.
        let last = lock(&self.current);
        let is_current = last.file.is_current(stamp, self.fs.now()) && self.has_its_journal(&last);
        is_current.then(|| last.content.clone())
    }

    /// The content as of now: every write that any process finished before the call is in it.
    pub fn read(&self) -> Result<Arc<Content<R>>, Error> {
        if let Some(content) = self.peek() {
            return Ok(content);
        }
        guarded(|| self.refresh(&self.path, false)).map(|view| view.content.clone())
    }

    /// Whether nothing has been appended that the view lacks.
    fn has_its_journal(&self, view: &View<R>) -> bool {
        match &view.journal {
            Some(known) => self.appending.load(Ordering::Acquire) || known.is_current(&*self.fs),
            // Where ctimes tell of no journal it has to be looked for.
            None => view.stamp().is_none() || self.fs.has_identity(),
        }
    }

    /// How many records the last snapshot had; touches nothing.
    pub fn last_count(&self) -> usize {
        lock(&self.current).content.records().len()
    }

    /// The size of the journal in bytes, as of now; 0 if there is none.
    pub fn journal_size(&self) -> Result<u64, Error> {
        let path = journal::path_for(&place::resolve(&*self.fs, &self.path)?);
        Ok(place::stamp(&*self.fs, &path)?.map_or(0, |stamp| stamp.size))
    }

    /// What was last known; touches nothing.
    pub fn known(&self) -> Arc<View<R>> {
        lock(&self.current).clone()
    }

    /// The size of the file in bytes, as of now; 0 if there is none.
    pub fn size(&self) -> Result<u64, Error> {
        Ok(place::stamp(&*self.fs, &self.path)?.map_or(0, |stamp| stamp.size))
    }

    /// What was last known of a file without a journal, if it has at least so many bytes and the file still has its stamp,
    /// though the stamp may be too young to vouch for it.
    pub fn likely(&self, path: &Path, least: u64) -> Option<Arc<View<R>>> {
        let last = lock(&self.current).clone();
        if last.content.size() < least || last.journal.is_some() || !self.fs.has_identity() {
            return None;
        }
        let stamp = place::stamp(&*self.fs, path).ok()?;
        (stamp.is_some() && last.stamp() == stamp).then_some(last)
    }

    /// What is at `path` as of now, read again only where stats can't vouch for what is known. Who is `alone` holds the
    /// lock.
    pub fn refresh(&self, path: &Path, alone: bool) -> Result<Arc<View<R>>, Error> {
        let _alone = lock(&self.refreshing);
        self.renew(path, alone)
    }

    fn renew(&self, path: &Path, alone: bool) -> Result<Arc<View<R>>, Error> {
        // A file that is being written in place is read again until it holds still, within reason.
        const MOST_READS: usize = 20;
        const MOST_GROWTH: u64 = 64 << 10;
        let fs = &*self.fs;
        self.local.store(place::is_local(fs, path), Ordering::Relaxed);
        for reads in 1.. {
            let stamp = self.find_alone(path, false)?;
            let last = lock(&self.current).clone();
            if last.file.is_current(stamp, fs.now())
                && let Some(view) = self.follow(&last, path, alone)?
            {
                return Ok(view);
            }
            if stamp.is_none() {
                break;
            }
            let mut file = match fs.open(path) {
                Ok(file) => file,
                // Removed since the stat; if it goes on like this, there is no file.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound && reads < MOST_READS => continue,
                Err(error) => return Err(error).context("open", path),
            };
            let (read_at, began) = (fs.now(), fs.uptime());
            let before = file.stat().context("fstat", path)?;
            place::must_be_regular(before.kind, path)?;
            let journal_path = journal::path_for(&place::resolve(fs, path)?);
            let journal = journal::open(fs, &journal_path)?;
            // A file that grows for ever, or gives more than it says it has, is read up to some end.
            let most = before.stamp.size.saturating_add(MOST_GROWTH);
            let mut source = std::io::Read::take(&mut *file, most);
            let mut hashing = Hashing::new(&mut source, journal.is_some());
            let mut input = Input::new(&mut hashing, before.stamp.size);
            let content = Content::read(&mut input, &last.file.content);
            let length = input.length();
            let identity = hashing.identity();
            let after = file.stat().context("fstat", path)?;
            let torn = before.stamp != after.stamp || length.is_some_and(|length| length != after.stamp.size);
            let content = match content {
                Err(Unread::System(error)) => return Err(error).context("read", path),
                _ if torn && reads < MOST_READS => continue,
                Err(Unread::Flaw(flaw)) => {
                    let bytes = file.read_all(after.stamp.size).context("read", path)?;
                    return Err(flaw.in_file(&self.path, &bytes));
                }
                Ok(content) => content,
            };
            let is_same_file = Arc::ptr_eq(&content, &last.file.content);
            let over = match (journal, identity) {
                (Some(mut journal), Some(identity)) => {
                    let known = last.journal.as_ref().filter(|_| is_same_file);
                    let followed = match known {
                        Some(known) => journal::follow(fs, known, &last.content, alone)?,
                        None => None,
                    };
                    Some(match followed {
                        Some(followed) => followed,
                        None => journal::load(&mut *journal, &journal_path, &content, identity, alone)?,
                    })
                }
                _ if reads < MOST_READS && journal::open(fs, &journal_path)?.is_some() => continue,
                _ => None,
            };
            // A checkpoint has come between the file and the journal.
            if reads < MOST_READS && place::stamp(fs, path)? != Some(after.stamp) {
                continue;
            }
            // A writer of ours may have published the same file meanwhile, and vouched for it.
            let known = lock(&self.current).clone();
            if known.file.is_current(Some(after.stamp), fs.now())
                && let Some(view) = self.follow(&known, path, alone)?
            {
                return Ok(view);
            }
            let stamp = after.stamp;
            self.note_home(path);
            let snapshot = if self.may_keep_open() {
                Snapshot::pinned(content.clone(), stamp, read_at, Pin::new(file))
            } else {
                drop(file);
                let known_since = last.file.known_since(stamp).unwrap_or_else(|| fs.uptime());
                Snapshot::unpinned(content.clone(), stamp, read_at, known_since, began)
            };
            let (content, journal) = over.map_or((content, None), |(content, known)| (content, Some(known)));
            let view = self.publish(View { content, file: Arc::new(snapshot), journal });
            return Ok(if alone { view } else { self.settled(view, path)? });
        }
        let journal_path = journal::path_for(&place::resolve(fs, path)?);
        let missing = Snapshot::missing();
        let Some(mut journal) = journal::open(fs, &journal_path)? else {
            return Ok(self.publish(View::of(missing)));
        };
        let over = journal::load(&mut *journal, &journal_path, &missing.content, Identity::of(&[]), alone)?;
        Ok(self.publish(View { content: over.0, file: Arc::new(missing), journal: Some(over.1) }))
    }

    /// Calls `work` at a moment when no reader of this process has the file open.
    pub fn while_nobody_reads<T>(&self, work: impl FnOnce() -> T) -> T {
        let _alone = lock(&self.refreshing);
        work()
    }

    /// Whether the file may be kept open while others replace it.
    pub fn may_keep_open(&self) -> bool {
        self.fs.has_identity() && self.local.load(Ordering::Relaxed)
    }

    /// The view of a file that is what it was, with what has been appended to its journal. `None` where all has to be
    /// read again.
    fn follow(&self, last: &Arc<View<R>>, path: &Path, alone: bool) -> Result<Option<Arc<View<R>>>, Error> {
        let fs = &*self.fs;
        let Some(known) = &last.journal else {
            if self.has_its_journal(last) {
                return Ok(Some(last.clone()));
            }
            let journal = journal::path_for(&place::resolve(fs, path)?);
            return Ok(journal::open(fs, &journal)?.is_none().then(|| last.clone()));
        };
        if self.has_its_journal(last) && !known.is_pending {
            return Ok(Some(last.clone()));
        }
        let Some((content, position)) = journal::follow(fs, known, &last.content, alone)? else {
            return Ok(None);
        };
        let view = self.publish(View { content, file: last.file.clone(), journal: Some(position) });
        Ok(Some(if alone { view } else { self.settled(view, path)? }))
    }

    /// Where a group is behind the others that nobody has been told of, its writer is at work or has died. Whoever gets the
    /// lock knows which.
    fn settled(&self, view: Arc<View<R>>, path: &Path) -> Result<Arc<View<R>>, Error> {
        let Some(known) = view.journal.as_ref().filter(|known| known.is_pending) else { return Ok(view) };
        let fs = &*self.fs;
        let Ok(target) = place::resolve(fs, path) else { return Ok(view) };
        // Where there is no lock to be had, as on a read-only disk, there is no writer either.
        let lock = Lock::try_acquire(fs, &target);
        if self.appending.load(Ordering::Acquire) || matches!(lock, Ok(Attempt::Busy(_) | Attempt::Gone)) {
            return Ok(view);
        }
        match journal::follow(fs, known, &view.content, true)? {
            Some((content, position)) => {
                Ok(self.publish(View { content, file: view.file.clone(), journal: Some(position) }))
            }
            None => self.renew(path, true),
        }
    }

    pub fn publish(&self, view: View<R>) -> Arc<View<R>> {
        if view.stamp().is_some() {
            self.gone.store(false, Ordering::Release);
        }
        let view = Arc::new(view);
        // The old one is dropped after the lock is free: its pin may be the last of a large file.
        let old = std::mem::replace(&mut *lock(&self.current), view.clone());
        drop(old);
        view
    }
}

/// Nothing that these mutexes guard can be left half changed, so a poisoned one is as good.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
