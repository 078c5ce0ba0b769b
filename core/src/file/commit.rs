//! The commit: one new file, complete and durable, in the place of the old one.
//!
//! Under the lock of the data file: sweep, bring the snapshot up to date, apply the mutations to a draft,
//! write the draft to a new temporary file, sync it, rename it over the data file, sync the directory.
//!
//! # Why a deleted lock file does not split the lock
//!
//! Writer A holds the lock; somebody deletes the lock file; writer B creates and locks a new one. Both
//! believe to be alone. The order of the steps keeps them apart:
//!
//! - A: (1) create tmp, (2) see that the lock file at the path is still ours, (3) rename tmp.
//! - B: (1) create and lock the new lock file, (2) sweep all tmps, (3) read the data file.
//!
//! If A2 comes after B1, A sees a strange lock file, gives up its tmp and starts over, behind B. If A2 comes
//! before B1, then A1 comes before B2. Either A3 comes before B2 too, and B3 reads what A wrote; or B2
//! removes A's tmp, A3 fails for want of it, and A starts over, behind B. In no order does B replace a
//! state that it has not read.
//!
//! # Writers that take no lock
//!
//! A plain store may rename its own file into place at any time. Just before our rename the data file's
//! stamp is compared with the one that the draft was made from; if it differs, the commit starts over.
//! What comes in between that stat and the rename is lost, as the contract says.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::error::{Context, Error};
use crate::file::batch::{Batch, CommitStats, Receipt};
use crate::file::lock::Lock;
use crate::file::place;
use crate::file::snapshot::Snapshot;
use crate::file::state::State;
use crate::fs::{File, Stamp, Stat};
use crate::records::Record;
use crate::records::content::Content;
use crate::records::draft::Draft;

/// Files of so many bytes are compared on a thread of their own; below, starting one takes longer.
const LARGE: u64 = 128 * 1024;
/// A file that is to be synced is written in pieces of at least and at most so many bytes, as measured: asking the disk
/// to begin takes some 0.05 ms, and with less to begin with it isn't worth it.
const SMALLEST_PIECE: u64 = 512 * 1024;
const LARGEST_PIECE: u64 = 2 * 1024 * 1024;
/// The disk begins with whole multiples of so many bytes: what a page gets later would send it there twice.
const BLOCK: u64 = 64 * 1024;
/// How often a commit starts over for writers without a lock, before it goes ahead all the same.
const MOST_RESTARTS: usize = 64;
/// Waits between attempts at a rename that virus scanners, indexers and the like hinder.
const RENAME_BACKOFF: [Duration; 7] = [
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(20),
    Duration::from_millis(40),
    Duration::from_millis(80),
    Duration::from_millis(160),
    Duration::from_millis(320),
];

/// The right to commit: the lock, and the file that it belongs to.
#[derive(Debug)]
pub(crate) struct Turn {
    pub lock: Lock,
    pub target: PathBuf,
}

/// What is left to do after a commit: tell the callers.
pub(crate) struct Settled<R> {
    pub receipts: Vec<Receipt<R>>,
    /// Perhaps the last pin of the file that was replaced. Freeing its blocks takes time that nobody need wait for.
    pub retired: Option<Arc<Snapshot<R>>>,
    pub bytes: u64,
    pub restarts: usize,
}

pub(crate) enum Committed<R> {
    /// The new state is durable, or nothing had to be written.
    Done(Settled<R>),
    /// The lock was lost to somebody who deleted its file.
    LostLock,
}

pub(crate) enum Replaced {
    Yes,
    /// A writer without the lock came in between.
    Overtaken,
    LostLock,
}

impl<R: Record> State<R> {
    /// Applies all batches to the newest state and replaces the file once.
    pub(crate) fn commit(&self, turn: &Turn, group: &[Batch<R>]) -> Result<Committed<R>, Error> {
        let durable = group.iter().any(|batch| batch.options.durable);
        for restarts in 0.. {
            let insist = restarts >= MOST_RESTARTS;
            place::sweep(&*self.fs, &turn.target);
            let base = match self.likely(&turn.target) {
                // Right after a commit the stamp is young, and the file has to be compared. For a large one that
                // takes as long as writing it, so both are done at once; see `fill_and_verify`.
                Some(likely) if restarts == 0 && likely.content.size() >= LARGE => likely,
                _ => self.refresh(&turn.target)?,
            };
            let (receipts, content) = apply(&base.content, group);
            let Some(content) = content else {
                if !insist && !self.is_verified(&base, &turn.target)? {
                    continue;
                }
                if durable && base.stamp().is_some() {
                    // What left nothing to do may be a rename whose process died before it synced the directory.
                    let dir = place::parent(&turn.target);
                    self.fs.sync_dir(dir).context("fsync", dir)?;
                }
                return Ok(Committed::Done(Settled { receipts, retired: None, bytes: 0, restarts }));
            };
            if durable && base.stamp().is_none() {
                place::sync_above(&*self.fs, place::parent(&turn.target));
            }
            let content = Arc::new(content);
            let crowded = self.retired.are_left();
            match self.replace(turn, &base, content.clone(), durable, insist) {
                // What this writer has replaced itself may have been in the way. It adds nothing while it is here, so
                // this happens once.
                Err(error) if crowded && error.is_want_of_room() => self.retired.free(),
                Err(error) => return Err(error),
                Ok(Replaced::Yes) => {
                    let retired = Some(base);
                    let bytes = content.size();
                    return Ok(Committed::Done(Settled { receipts, retired, bytes, restarts }));
                }
                Ok(Replaced::Overtaken) => {}
                Ok(Replaced::LostLock) => return Ok(Committed::LostLock),
            }
        }
        unreachable!("a commit that insists is not overtaken")
    }

    /// Puts a new file with this content in the place of the one that `base` was read from.
    pub(crate) fn replace(
        &self,
        turn: &Turn,
        base: &Snapshot<R>,
        content: Arc<Content<R>>,
        durable: bool,
        insist: bool,
    ) -> Result<Replaced, Error> {
        let fs = &*self.fs;
        let target = &*turn.target;
        let began = fs.now();
        let tmp = place::unique_tmp(target);
        let mut file = fs.create_new(&tmp).context("open", &tmp)?;
        let tells_each_change = file.tells_each_change();
        let filled = if insist {
            self.fill(&mut *file, &tmp, target, &content, durable).map(Some)
        } else {
            self.fill_and_verify(&mut *file, &tmp, turn, base, &content, durable)
        };
        let written = filled.as_ref().ok().copied().flatten();
        let ready = filled.and_then(|filled| {
            if filled.is_none() {
                Ok(Replaced::Overtaken)
            } else if !turn.lock.is_at_its_path(fs)? {
                Ok(Replaced::LostLock)
            } else if !insist && place::stamp(fs, target)? != base.stamp() {
                Ok(Replaced::Overtaken)
            } else {
                Ok(Replaced::Yes)
            }
        });
        let pin = fs.has_identity().then_some(file);
        let renamed = match ready {
            Ok(Replaced::Yes) => self.rename(&tmp, target),
            otherwise => otherwise,
        };
        if !matches!(renamed, Ok(Replaced::Yes)) {
            // If this fails too, the next commit sweeps it.
            let _ = fs.remove(&tmp);
            return renamed;
        }
        // Readers find the new file from here on: published at once, none of them reads it while the directory is synced.
        let stat = pin.as_ref().map_or_else(|| fs.stat(target), |file| file.stat());
        if let Ok(Stat { stamp, .. }) = stat {
            let untouched = written.is_some_and(|written| written.mtime == stamp.mtime);
            let snapshot = Snapshot::new(content, stamp, began, pin);
            let is_certain = tells_each_change && untouched;
            self.publish(if is_certain { snapshot.vouched_for() } else { snapshot });
        }
        if durable {
            let dir = place::parent(target);
            fs.sync_dir(dir).context("fsync", dir).map_err(Error::after_commit)?;
        }
        Ok(Replaced::Yes)
    }

    /// Fills the temporary file, and meanwhile sees whether the data file still holds what the draft was made from,
    /// if its stamp can't tell. Returns the new file's stamp; `None` if the data file holds something else.
    fn fill_and_verify(
        &self,
        file: &mut dyn File,
        tmp: &Path,
        turn: &Turn,
        base: &Snapshot<R>,
        content: &Content<R>,
        durable: bool,
    ) -> Result<Option<Stamp>, Error> {
        let target = &*turn.target;
        if base.is_current(base.stamp(), self.fs.now()) || base.content.size() < LARGE {
            return self.fill(file, tmp, target, content, durable).map(Some);
        }
        std::thread::scope(|scope| {
            let verify = || self.is_verified(base, target);
            let verified = std::thread::Builder::new().spawn_scoped(scope, verify);
            let filled = self.fill(file, tmp, target, content, durable);
            let verified = match verified {
                Ok(thread) => thread.join().unwrap_or(Ok(false))?,
                // The system has no thread left.
                Err(_) => verify()?,
            };
            filled.map(|stamp| verified.then_some(stamp))
        })
    }

    /// Whether the file holds what `base` holds. It is read and compared where the stamp is not enough.
    fn is_verified(&self, base: &Snapshot<R>, target: &Path) -> Result<bool, Error> {
        if base.is_current(base.stamp(), self.fs.now()) {
            return Ok(true);
        }
        let now = self.refresh(target)?;
        Ok(Arc::ptr_eq(&now.content, &base.content) && now.stamp() == base.stamp())
    }

    /// Makes the temporary file all that the data file is to be, and returns its stamp once all is written.
    fn fill(
        &self,
        file: &mut dyn File,
        tmp: &Path,
        target: &Path,
        content: &Content<R>,
        durable: bool,
    ) -> Result<Stamp, Error> {
        // The disk begins with the first pieces while the others are copied; for tens of megabytes that takes as long.
        let piece =
            if durable { (content.size() / 4).clamp(SMALLEST_PIECE, LARGEST_PIECE) } else { u64::MAX };
        let (mut written, mut begun) = (0, 0);
        for parts in pieces(&content.parts(), piece) {
            file.write_all(parts).context("write", tmp)?;
            written += parts.iter().map(|part| part.len() as u64).sum::<u64>();
            if written < content.size() {
                let whole = written / BLOCK * BLOCK;
                file.start_writing_back(begun, whole - begun);
                begun = whole;
            }
        }
        let filled = file.stat().context("fstat", tmp)?;
        if filled.stamp.size != content.size() {
            return Err(std::io::Error::from(ErrorKind::WriteZero)).context("write", tmp);
        }
        match self.fs.stat(target) {
            Ok(old) => {
                place::give(file, old.owner);
                // Some file systems have one mode for all files, and refuse to set any.
                if filled.mode != old.mode {
                    file.set_mode(old.mode).context("fchmod", tmp)?;
                }
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if let Ok(dir) = self.fs.stat(place::parent(target)) {
                    place::give(file, dir.owner);
                }
            }
            // Going on without knowing the mode would change it.
            Err(error) => return Err(error).context("stat", target),
        }
        // A sync that failed is never repeated on the same file: the kernel may have dropped the pages.
        if durable {
            file.sync().context("fsync", tmp)?;
        }
        Ok(filled.stamp)
    }

    fn rename(&self, tmp: &Path, target: &Path) -> Result<Replaced, Error> {
        let mut backoff = RENAME_BACKOFF.iter();
        loop {
            match self.fs.rename(tmp, target) {
                Ok(()) => return Ok(Replaced::Yes),
                // Swept by the holder of a newer lock.
                Err(error)
                    if error.kind() == ErrorKind::NotFound
                        && self.fs.stat_link(tmp).is_err_and(|gone| gone.kind() == ErrorKind::NotFound)
                        && self.fs.stat(place::parent(target)).is_ok() =>
                {
                    return Ok(Replaced::LostLock);
                }
                Err(error) => match backoff.next() {
                    Some(&wait) if is_transient(&error) => {
                        self.renames_retried.fetch_add(1, Ordering::Relaxed);
                        std::thread::sleep(wait);
                    }
                    _ => return Err(error).context("rename", target),
                },
            }
        }
    }
}

/// `parts` in groups of about so many bytes.
fn pieces<'a, 'b>(parts: &'a [&'b [u8]], bytes: u64) -> impl Iterator<Item = &'a [&'b [u8]]> {
    let mut size = 0;
    parts.chunk_by(move |one, _| {
        size += one.len() as u64;
        let is_full = size >= bytes;
        if is_full {
            size = 0;
        }
        !is_full
    })
}

fn is_transient(error: &std::io::Error) -> bool {
    // EACCES and EPERM are PermissionDenied, EBUSY and a sharing violation are ResourceBusy; the latter
    // has no kind of its own on Windows (ERROR_SHARING_VIOLATION 32, ERROR_LOCK_VIOLATION 33).
    matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ResourceBusy | ErrorKind::Interrupted)
        || (cfg!(windows) && matches!(error.raw_os_error(), Some(32 | 33)))
}

/// The receipts of all batches, and the new content if there is one.
pub(crate) fn apply<R: Record>(
    base: &Content<R>,
    group: &[Batch<R>],
) -> (Vec<Receipt<R>>, Option<Content<R>>) {
    let mut draft = Draft::new(base);
    let receipts = group
        .iter()
        .map(|batch| Receipt {
            results: batch.mutations.iter().map(|mutation| draft.apply(mutation)).collect(),
            pruned: draft.prune(),
            commit: CommitStats::default(),
        })
        .collect();
    (receipts, draft.finish())
}
