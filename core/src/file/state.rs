//! What the readers of a data file and its writer share: the current snapshot, and how it is kept up to date.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::{Context, Error};
use crate::file::pin::Pin;
use crate::file::place;
use crate::file::retired::Retired;
use crate::file::snapshot::Snapshot;
use crate::fs::FileSystem;
use crate::json::input::Input;
use crate::records::Record;
use crate::records::content::{Content, Unread};
use crate::threads::guarded;

/// A data file as it is known.
pub(crate) struct State<R> {
    pub fs: Arc<dyn FileSystem>,
    /// Where the file is, links not resolved.
    pub path: PathBuf,
    current: Mutex<Arc<Snapshot<R>>>,
    /// Held while the file is read, so that many readers at once read it once.
    refreshing: Mutex<()>,
    /// Whether the file is on a disk of this machine, as found when it was last read.
    pub(crate) local: AtomicBool,
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
            current: Mutex::new(Arc::new(Snapshot::missing())),
            refreshing: Mutex::new(()),
            local: AtomicBool::new(false),
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
        // The snapshot itself is not held here: whoever drops it last waits for the system to free the old file.
        let last = lock(&self.current);
        last.is_current(stamp, self.fs.now()).then(|| last.content.clone())
    }

    /// The content as of now: every write that any process finished before the call is in it.
    pub fn read(&self) -> Result<Arc<Content<R>>, Error> {
        if let Some(content) = self.peek() {
            return Ok(content);
        }
        guarded(|| self.refresh(&self.path)).map(|snapshot| snapshot.content.clone())
    }

    /// How many records the last snapshot had; touches nothing.
    pub fn last_count(&self) -> usize {
        lock(&self.current).content.records().len()
    }

    /// The size of the file in bytes, as of now; 0 if there is none.
    pub fn size(&self) -> Result<u64, Error> {
        Ok(place::stamp(&*self.fs, &self.path)?.map_or(0, |stamp| stamp.size))
    }

    /// The last snapshot, if it has at least so many bytes and the file still has its stamp, though the stamp may be too
    /// young to vouch for it.
    pub fn likely(&self, path: &Path, least: u64) -> Option<Arc<Snapshot<R>>> {
        let last = lock(&self.current).clone();
        if last.content.size() < least {
            return None;
        }
        let stamp = place::stamp(&*self.fs, path).ok()?;
        (stamp.is_some() && last.stamp() == stamp).then_some(last)
    }

    /// The snapshot of the file at `path` as of now, read again only where a stat can't vouch for the last.
    pub fn refresh(&self, path: &Path) -> Result<Arc<Snapshot<R>>, Error> {
        // A file that is being written in place is read again until it holds still, within reason.
        const MOST_READS: usize = 20;
        let fs = &*self.fs;
        let _alone = lock(&self.refreshing);
        self.local.store(place::is_local(fs, path), Ordering::Relaxed);
        for reads in 1.. {
            let stamp = place::stamp(fs, path)?;
            let last = lock(&self.current).clone();
            if last.is_current(stamp, fs.now()) {
                return Ok(last);
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
            let mut input = Input::new(&mut *file, before.stamp.size);
            let content = Content::read(&mut input, &last.content);
            let length = input.length();
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
            // A writer of ours may have published the same file meanwhile, and vouched for it.
            let known = lock(&self.current).clone();
            if known.is_current(Some(after.stamp), fs.now()) {
                return Ok(known);
            }
            let stamp = after.stamp;
            let snapshot = if self.may_keep_open() {
                Snapshot::pinned(content, stamp, read_at, Pin::new(file))
            } else {
                drop(file);
                let known_since = last.known_since(stamp).unwrap_or_else(|| fs.uptime());
                Snapshot::unpinned(content, stamp, read_at, known_since, began)
            };
            return Ok(self.publish(snapshot));
        }
        Ok(self.publish(Snapshot::missing()))
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

    pub fn publish(&self, snapshot: Snapshot<R>) -> Arc<Snapshot<R>> {
        let snapshot = Arc::new(snapshot);
        // The old one is dropped after the lock is free: its pin may be the last of a large file.
        let old = std::mem::replace(&mut *lock(&self.current), snapshot.clone());
        drop(old);
        snapshot
    }
}

/// Nothing that these mutexes guard can be left half changed, so a poisoned one is as good.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
