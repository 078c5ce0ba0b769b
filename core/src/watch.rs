//! What others change in `processes.json`: other programs, and other stores of this one.
//!
//! The system tells that something happened in the directory; what happened is found by comparing the content
//! now with the records that are known. A store's own mutations are made known by [`Watch::account`], before a
//! comparison can see them ([`DataFile::read_settled`]), so they are not reported.
//!
//! Not everything is told. A link on the way to the directory is put elsewhere, a volume is unmounted and another one
//! mounted in its place, a server of a file system starts anew, the file itself is a mount, another machine writes to a
//! network: the system's watch stays with what is no more, or never hears. So every [`LOOK`] the thread looks by itself
//! where the path leads now, and whether the file is what it was, which takes a few stats.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, ModifyKind, RemoveKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use crate::error::{Context, Error, words};
use crate::file::DataFile;
use crate::file::batch::Receipt;
use crate::file::place;
use crate::records::Record;
use crate::records::content::Content;
use crate::records::process::Process;

/// A change that somebody else made.
#[derive(Clone, Debug)]
pub enum Change {
    /// A record with a new id.
    Added(Arc<Process>),
    /// A record as it is now.
    Updated(Arc<Process>),
    /// A record as it was.
    Removed(Arc<Process>),
}

/// A running watch; dropping it ends it.
#[derive(Debug)]
pub struct Watch {
    known: Arc<Known>,
    wake: Sender<Wake>,
}

/// The records that need not be reported, by id. `None` until the file could be read for the first time.
#[derive(Debug, Default)]
struct Known(Mutex<Option<ById>>);

/// How long a change is missed at most that the system doesn't tell.
const LOOK: Duration = Duration::from_secs(2);
/// The same while the file can't be read: each look may read all of it.
const LOOK_AT_DAMAGE: Duration = Duration::from_secs(60);
/// How often in a row places are looked for anew because they were gone before they were watched.
const MOST_MOVES: usize = 20;

/// "Too many open files", on all systems with such numbers.
const EMFILE: i32 = 24;

/// The identity of a directory where the system tells none. A watch of it then goes on when it is moved away, and hears
/// nothing of that; the directory above it does.
const UNKNOWN: (u64, u64) = (0, 0);

/// Each with its last known place in the file.
type ById = HashMap<Arc<[u8]>, (usize, Arc<Process>)>;

enum Wake {
    Changed,
    /// A directory is gone, and its watch with it. What is at its path now may have the same number.
    Gone,
    Stop,
}

impl Watch {
    /// Begins to watch. `report` is called on a thread of the watch, with changes in file order, the removals last.
    pub fn start(
        file: Arc<DataFile<Process>>,
        report: impl Fn(Vec<Change>) + Send + 'static,
    ) -> Result<Watch, Error> {
        let (wake, woken) = channel();
        let mut places = Places::new(file.path(), wake.clone())?;
        places.follow()?;
        let known = Arc::new(Known::default());
        // What is there now is known; a file that can't be read yet is compared once it can.
        let _ = file.read_settled(|content| known.compare(content));
        let watch = Watch { known: known.clone(), wake };
        let work = move || run(&file, &known, &mut places, &woken, &report);
        let started = thread::Builder::new().name("file-process-store watch".into()).spawn(work);
        started.context("watch", Path::new("thread")).map(|_| watch)
    }

    /// Makes the results of a batch known, so that they are not reported. To be called from the batch's callback.
    pub fn account(&self, receipt: &Receipt<Process>) {
        let mut known = self.known.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = known.as_mut() else { return };
        for pruned in &receipt.pruned {
            known.remove(pruned.id());
        }
        let is_pruned = |record| receipt.pruned.iter().any(|pruned| Arc::ptr_eq(pruned, record));
        for done in receipt.results.iter().flatten() {
            match done.record.as_ref().filter(|_| done.count > 0) {
                // What was pruned in the middle of the batch may have been added again behind that.
                Some(record) if is_pruned(record) => drop(known.remove(record.id())),
                Some(record) => {
                    let place = known.get(record.id()).map_or(usize::MAX, |(place, _)| *place);
                    known.insert(record.id().clone(), (place, record.clone()));
                }
                None => {}
            }
            for removed in &done.removed {
                known.remove(removed.id());
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.wake.send(Wake::Stop);
    }
}

impl Known {
    /// The changes since the last call, which are known from now on.
    fn compare(&self, content: &Content<Process>) -> Vec<Change> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first_of_id =
            |(place, record): &(usize, &Arc<Process>)| content.place(record.id()) == Some(*place);
        let records = content.records().iter().enumerate().filter(first_of_id);
        let Some(known) = known.as_mut() else {
            let entry =
                |(place, record): (usize, &Arc<Process>)| (record.id().clone(), (place, record.clone()));
            *known = Some(records.map(entry).collect());
            return Vec::new();
        };
        let mut changes = Vec::new();
        for (place, record) in records {
            match known.insert(record.id().clone(), (place, record.clone())) {
                None => changes.push(Change::Added(record.clone())),
                Some((_, old)) if Arc::ptr_eq(&old, record) || old.text() == record.text() => {}
                Some(_) => changes.push(Change::Updated(record.clone())),
            }
        }
        let removed = known.extract_if(|id, _| content.place(id).is_none()).map(|(_, removed)| removed);
        let mut removed: Vec<_> = removed.collect();
        removed.sort_by_key(|(place, _)| *place);
        changes.extend(removed.into_iter().map(|(_, record)| Change::Removed(record)));
        changes
    }
}

fn run(
    file: &DataFile<Process>,
    known: &Known,
    places: &mut Places,
    woken: &Receiver<Wake>,
    report: &impl Fn(Vec<Change>),
) {
    let mut patience = LOOK;
    loop {
        let first = match woken.recv_timeout(patience) {
            Ok(wake) => Some(wake),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        // One comparison answers for all that has happened until it begins.
        for wake in first.into_iter().chain(woken.try_iter()) {
            match wake {
                Wake::Changed => {}
                Wake::Gone => places.forget(),
                Wake::Stop => return,
            }
        }
        // If there is no watch to be had now, the next look tries again.
        let _ = places.follow();
        // A file that is damaged, or half written in place, is compared when it has been mended.
        let compared = file.read_settled(|content| known.compare(content));
        patience = if compared.is_ok() { LOOK } else { (2 * patience).min(LOOK_AT_DAMAGE) };
        let changes = compared.unwrap_or_default();
        if !changes.is_empty() {
            report(changes);
        }
    }
}

/// The directories whose events are wanted: the data directory or, until it is there, the nearest one above it,
/// and the directory that the data file's link leads to, if it is a link.
#[derive(Debug)]
struct Places {
    path: PathBuf,
    watcher: RecommendedWatcher,
    /// Each with the identity that it had when its watch was placed.
    watched: Vec<(PathBuf, (u64, u64))>,
}

impl Places {
    fn new(path: &Path, wake: Sender<Wake>) -> Result<Self, Error> {
        let name = path.file_name().unwrap_or_default().to_owned();
        let dir = path.parent().unwrap_or(path).to_owned();
        let on_event = move |event: notify::Result<Event>| {
            if event.as_ref().is_ok_and(|event| is_gone_or_moved(event, &dir)) {
                let _ = wake.send(Wake::Gone);
            } else if event.map_or(true, |event| may_matter(&event, &name)) {
                let _ = wake.send(Wake::Changed);
            }
        };
        let watcher = notify::recommended_watcher(on_event).map_err(|error| refused(error, path))?;
        Ok(Places { path: path.to_owned(), watcher, watched: Vec::new() })
    }

    /// Places watches where they belong now. A directory that was replaced is another one.
    fn follow(&mut self) -> Result<(), Error> {
        for _ in 0..MOST_MOVES {
            let wanted = self.wanted();
            if wanted == self.watched {
                break;
            }
            self.forget();
            for (dir, identity) in wanted {
                if identity == UNKNOWN
                    && let Some(above) = dir.parent()
                {
                    // Where it can't be had, a directory that is moved away is missed, and nothing else.
                    let _ = self.watcher.watch(above, RecursiveMode::NonRecursive);
                }
                match self.watcher.watch(&dir, RecursiveMode::NonRecursive) {
                    Ok(()) => self.watched.push((dir, identity)),
                    // Removed just now: look again.
                    Err(error) if is_gone(&error) => {}
                    Err(error) => return Err(refused(error, &dir)),
                }
            }
        }
        Ok(())
    }

    /// Takes all watches away.
    fn forget(&mut self) {
        for (dir, identity) in self.watched.drain(..) {
            // Gone with its directory, in most cases.
            let _ = self.watcher.unwatch(&dir);
            if identity == UNKNOWN
                && let Some(above) = dir.parent()
            {
                let _ = self.watcher.unwatch(above);
            }
        }
    }

    fn wanted(&self) -> Vec<(PathBuf, (u64, u64))> {
        let fs = &crate::fs::RealFs;
        let target = place::resolve(fs, &self.path).unwrap_or_else(|_| self.path.clone());
        let mut wanted: Vec<(PathBuf, (u64, u64))> = Vec::new();
        for path in [&self.path, &target] {
            let nearest = path.ancestors().skip(1).find_map(|dir| {
                let found = crate::fs::FileSystem::stat(fs, dir).ok()?;
                Some((dir.to_owned(), (found.stamp.dev, found.stamp.ino)))
            });
            wanted.extend(nearest.filter(|nearest| !wanted.contains(nearest)));
        }
        wanted
    }
}

/// A directory is gone, or another one may be in its place.
fn is_gone_or_moved(event: &Event, dir: &Path) -> bool {
    match event.kind {
        EventKind::Remove(RemoveKind::Folder) => true,
        EventKind::Create(_) | EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)) => {
            event.paths.iter().any(|path| path == dir)
        }
        _ => false,
    }
}

/// Reading is no change; our own reading would wake us for ever. Nor are temporary and lock files.
fn may_matter(event: &Event, name: &OsStr) -> bool {
    let read_only =
        matches!(event.kind, EventKind::Access(kind) if kind != AccessKind::Close(AccessMode::Write));
    let beside = |path: &PathBuf| {
        let found = path.file_name().unwrap_or_default().as_encoded_bytes();
        found
            .strip_prefix(name.as_encoded_bytes())
            .is_some_and(|rest| rest.starts_with(b".") && rest != b".journal")
    };
    !read_only && (event.paths.is_empty() || !event.paths.iter().all(beside))
}

fn is_gone(error: &notify::Error) -> bool {
    match &error.kind {
        notify::ErrorKind::PathNotFound => true,
        notify::ErrorKind::Io(error) => error.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    }
}

fn refused(error: notify::Error, path: &Path) -> Error {
    let (kind, os, reason) = match error.kind {
        notify::ErrorKind::Io(error) => (error.kind(), error.raw_os_error(), reason(&error)),
        notify::ErrorKind::MaxFilesWatch => (
            std::io::ErrorKind::StorageFull,
            None,
            "the system has no file watch left (see fs.inotify.max_user_watches)".to_owned(),
        ),
        _ => (std::io::ErrorKind::Other, None, error.to_string()),
    };
    Error::System { syscall: "watch", path: path.to_owned(), kind, os, reason, committed: false }
}

/// The system's words and, where it has run out of something, what can be done.
fn reason(error: &std::io::Error) -> String {
    let mut reason = words(error);
    if error.raw_os_error() == Some(EMFILE) {
        // Linux says this of its notification instances as well.
        reason += " (see ulimit -n and, on Linux, fs.inotify.max_user_instances)";
    }
    reason
}
