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
use std::time::{Duration, Instant};

use crate::error::{Context, Error};
use crate::file::batch::{Batch, CommitStats, Receipt};
use crate::file::journal::{Appended, Identity};
use crate::file::lock::{self, Attempt, Lock};
use crate::file::pin::Pin;
use crate::file::snapshot::Snapshot;
use crate::file::state::{State, View};
use crate::file::{access, place};
use crate::fs::{File, FileTime, Stamp, Stat};
use crate::records::Record;
use crate::records::content::Content;
use crate::records::draft::{self, Draft, Mutation};

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
/// How long a rename is tried again where virus scanners, indexers and the like hinder it. Where an open file can't be
/// replaced, until the deadline of the call.
const PATIENCE: Duration = Duration::from_millis(600);

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
    pub retired: Option<Arc<View<R>>>,
    pub bytes: u64,
    /// To a journal.
    pub appended: bool,
    pub restarts: usize,
}

/// How a new file was made.
pub(crate) struct Made {
    /// When that began, by both clocks.
    pub began: FileTime,
    pub uptime: Duration,
    pub tells_each_change: bool,
    /// Its stamp once all was written.
    pub written: Option<Stamp>,
}

pub(crate) enum Committed<R> {
    /// The new state is durable, or nothing had to be written.
    Done(Settled<R>),
    /// The lock was lost to somebody who deleted its file.
    LostLock,
    /// Somebody has kept the file open, or the journal locked, until the earliest deadline of the group; nothing has changed.
    Hindered(Error),
}

pub(crate) enum Replaced {
    Yes,
    /// A writer without the lock came in between.
    Overtaken,
    LostLock,
    /// Somebody has kept the file open until the deadline, where an open file can't be replaced.
    Hindered(Error),
}

impl<R: Record> State<R> {
    /// The lock of a file that is there.
    pub(crate) fn wait_for_turn(&self, timeout: Duration) -> Result<Option<Turn>, Error> {
        let began = Instant::now();
        let left = || timeout.checked_sub(began.elapsed()).filter(|left| !left.is_zero());
        let mut wanting = None;
        let mut got = None;
        loop {
            let target = place::resolve(&*self.fs, &self.path)?;
            if self.find(&target, false)?.is_none() {
                return Ok(None);
            }
            let path = lock::path_for(&target);
            let failed = match Lock::take_or_try(got, &*self.fs, &target)? {
                Attempt::Held(lock) => return Ok(Some(Turn { lock, target })),
                failed => failed,
            };
            if left().is_none() {
                return Err(Error::Locked { path, waited: began.elapsed() });
            }
            got = wanting.get_or_insert_with(|| self.waiter.want()).wait(failed, left)?;
        }
    }

    /// Applies all batches to the newest state and replaces the file once.
    pub(crate) fn commit(&self, turn: &Turn, group: &[Batch<R>]) -> Result<Committed<R>, Error> {
        let durable = group.iter().any(|batch| batch.options.durable);
        let deadline = group.iter().filter_map(Batch::deadline).min();
        for restarts in 0.. {
            let insist = restarts >= MOST_RESTARTS;
            if let Some(refusal) = place::sweep(&*self.fs, &turn.target)
                && let Some(obstacle) = self.fs.obstacle(&turn.target)
            {
                // One more temporary file would stay there for ever, too.
                let refused = Err(refusal).context("rename", &turn.target);
                return refused.map_err(|error| error.because(obstacle.words()));
            }
            let journal = group.iter().any(|batch| batch.options.journal);
            // Right after a commit the stamp is young, and the file has to be compared. For a large one that
            // takes as long as writing it, so both are done at once; see `fill_and_verify`.
            let likely = if restarts == 0 && !journal { self.likely(&turn.target, LARGE) } else { None };
            let base = likely.map_or_else(|| self.refresh(&turn.target, true), Ok)?;
            let (receipts, made) = apply(&base.content, group);
            let Some((content, changes)) = made else {
                if !insist && !self.is_verified(&base, &turn.target)? {
                    continue;
                }
                if durable && base.stamp().is_some() {
                    // What left nothing to do may be a rename whose process died before it synced the directory.
                    place::sync_name(&*self.fs, &turn.target)?;
                }
                return Ok(Committed::Done(Settled {
                    receipts,
                    retired: None,
                    bytes: 0,
                    appended: false,
                    restarts,
                }));
            };
            if durable && base.stamp().is_none() {
                place::sync_above(&*self.fs, place::parent(&turn.target));
            }
            let content = Arc::new(content);
            if journal && !insist && takes_journal(&base) {
                match self.append(turn, &base, content.clone(), &changes, durable, deadline) {
                    Ok(Appended::Yes(bytes)) => {
                        return Ok(Committed::Done(Settled {
                            receipts,
                            retired: None,
                            bytes,
                            appended: true,
                            restarts,
                        }));
                    }
                    Ok(Appended::Overtaken) => continue,
                    Ok(Appended::LostLock) => return Ok(Committed::LostLock),
                    Ok(Appended::Impossible) => {}
                    Err(error @ Error::Locked { .. }) => return Ok(Committed::Hindered(error)),
                    Err(error) => return Err(error),
                }
            }
            let crowded = self.retired.are_left();
            match self.replace(turn, &base, content.clone(), durable, insist, deadline) {
                // What this writer has replaced itself may have been in the way. It adds nothing while it is here, so
                // this happens once.
                Err(error) if crowded && error.is_want_of_room() => self.retired.free(),
                Err(error @ Error::Locked { .. }) => return Ok(Committed::Hindered(error)),
                Err(error) => return Err(error),
                Ok(Replaced::Yes) => {
                    let retired = Some(base);
                    let bytes = content.size();
                    return Ok(Committed::Done(Settled {
                        receipts,
                        retired,
                        bytes,
                        appended: false,
                        restarts,
                    }));
                }
                Ok(Replaced::Overtaken) => {}
                Ok(Replaced::LostLock) => return Ok(Committed::LostLock),
                Ok(Replaced::Hindered(error)) => return Ok(Committed::Hindered(error)),
            }
        }
        unreachable!("a commit that insists is not overtaken")
    }

    /// Puts a new file with this content in the place of the one that `base` was read from.
    pub(crate) fn replace(
        &self,
        turn: &Turn,
        base: &View<R>,
        content: Arc<Content<R>>,
        durable: bool,
        insist: bool,
        deadline: Option<Instant>,
    ) -> Result<Replaced, Error> {
        let fs = &*self.fs;
        let target = &*turn.target;
        let (began, uptime) = (fs.now(), fs.uptime());
        let tmp = place::unique_tmp(target);
        let mut file = place::create(fs, &tmp)?;
        let tells_each_change = self.may_keep_open() && file.tells_each_change();
        // What a journal holds is durable, and is to be so in the file that takes its place.
        let durable = durable || base.journal.is_some();
        let filled = if insist {
            self.fill(&mut *file, &tmp, target, &content, durable).map(Some)
        } else {
            self.fill_and_verify(&mut *file, &tmp, turn, base, &content, durable)
        };
        let written = filled.as_ref().ok().copied().flatten();
        let reader = written.and_then(|_| self.reader(&tmp));
        // An open file may be no file that can be renamed, an upload ends when it is closed, and no disk can be mounted
        // read-only while a handle for writing is open.
        drop(file);
        let filled = match filled {
            // Taken away while its attributes were asked for. Whether it comes back is waited for before the next try.
            Err(error) if !insist && base.stamp().is_some() && error.is_absence_of(target) => Ok(None),
            filled => filled,
        };
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
        let mut journal = None;
        let ready = ready.and_then(|ready| match (ready, &base.journal) {
            (Replaced::Yes, Some(known)) => {
                journal = self.note(known, Identity::of(&content.parts()), known.end, deadline)?;
                Ok(if journal.is_some() { Replaced::Yes } else { Replaced::Overtaken })
            }
            (ready, _) => Ok(ready),
        });
        let renamed = match ready {
            Ok(Replaced::Yes) => self.rename(&tmp, target, deadline),
            otherwise => otherwise,
        };
        if !matches!(renamed, Ok(Replaced::Yes)) {
            if let Ok(Replaced::Hindered(error)) = renamed {
                return Ok(Replaced::Hindered(self.give_up(&tmp, target, base, error)));
            }
            // If this fails too, the next commit sweeps it.
            let _ = fs.remove(&tmp);
            return renamed;
        }
        // Readers find the new file from here on: published at once, none of them reads it while the directory is synced.
        let made = Made { began, uptime, tells_each_change, written };
        if let Some(snapshot) = self.taken(reader, target, content, &made) {
            let journal = journal.as_ref().map(|journal| journal.position.clone());
            self.publish(View { journal, ..View::of(snapshot) });
        }
        if durable {
            place::sync_name(fs, target).map_err(Error::after_commit)?;
        }
        if let Some(journal) = journal {
            self.end(journal);
        }
        Ok(Replaced::Yes)
    }

    /// Leaves the temporary file's name free. SMB, though, marks a file that it can't replace for deletion: it is gone, or
    /// will be when the last handle is closed. Then the temporary file is all that there is, and gets a name that
    /// no writer sweeps.
    fn give_up(&self, tmp: &Path, target: &Path, base: &View<R>, error: Error) -> Error {
        let is_there = matches!(place::stamp(&*self.fs, target), Ok(Some(_)));
        let error =
            error.because("another program has the file open, and this file system can't replace it then");
        if base.stamp().is_some() && !is_there {
            let kept = place::beside(tmp, ".kept");
            if self.fs.rename(tmp, &kept).is_ok() {
                let words = "the server has removed the file; what it held, with this change, is in";
                return error.because(&format!("{words} '{}'", kept.display()));
            }
        }
        let _ = self.fs.remove(tmp);
        error
    }

    /// Fills the temporary file, and meanwhile sees whether the data file still holds what the draft was made from,
    /// if its stamp can't tell. Returns the new file's stamp; `None` if the data file holds something else.
    fn fill_and_verify(
        &self,
        file: &mut dyn File,
        tmp: &Path,
        turn: &Turn,
        base: &View<R>,
        content: &Content<R>,
        durable: bool,
    ) -> Result<Option<Stamp>, Error> {
        let target = &*turn.target;
        if base.file.is_current(base.stamp(), self.fs.now()) || base.content.size() < LARGE {
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
    fn is_verified(&self, base: &View<R>, target: &Path) -> Result<bool, Error> {
        if base.file.is_current(base.stamp(), self.fs.now()) {
            return Ok(true);
        }
        let now = self.refresh(target, true)?;
        Ok(Arc::ptr_eq(&now.content, &base.content) && now.stamp() == base.stamp())
    }

    /// Makes the temporary file all that the data file is to be, and returns its stamp once all is written.
    pub(crate) fn fill(
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
        self.dress(file, tmp, target, &filled)?;
        // A sync that failed is never repeated on the same file: the kernel may have dropped the pages. On a network,
        // what can't be written is told by nothing but a sync and by closing the file, of which std tells no errors.
        if durable || self.fs.has_identity() && !self.may_keep_open() {
            file.sync().context("fsync", tmp)?;
        }
        Ok(filled.stamp)
    }

    /// A handle to read a new file that has been written, for its snapshot, while the inode is certain to be that of this
    /// file. Without it the next read compares bytes.
    pub(crate) fn reader(&self, tmp: &Path) -> Option<Box<dyn File>> {
        if self.may_keep_open() { self.fs.open(tmp).ok() } else { None }
    }

    /// The snapshot of a new file that has taken its place.
    pub(crate) fn taken(
        &self,
        reader: Option<Box<dyn File>>,
        target: &Path,
        content: Arc<Content<R>>,
        made: &Made,
    ) -> Option<Snapshot<R>> {
        let found = reader.as_ref().map_or_else(|| self.fs.stat(target), |reader| reader.stat());
        let stamp = found.ok()?.stamp;
        let is_same = |written: &Stamp| (written.dev, written.ino) == (stamp.dev, stamp.ino);
        Some(match (reader, made.written.filter(is_same)) {
            (Some(reader), Some(written)) => {
                let snapshot = Snapshot::pinned(content, stamp, made.began, Pin::new(reader));
                let is_certain = made.tells_each_change && written.mtime == stamp.mtime;
                if is_certain { snapshot.vouched_for() } else { snapshot }
            }
            _ => Snapshot::unpinned(content, stamp, made.began, self.fs.uptime(), made.uptime),
        })
    }

    /// Makes a new file one for those who may read and write the data file.
    pub(crate) fn dress(
        &self,
        file: &mut dyn File,
        tmp: &Path,
        target: &Path,
        filled: &Stat,
    ) -> Result<(), Error> {
        match self.fs.stat(target) {
            Ok(old) => access::keep(&*self.fs, file, tmp, filled, target, &old)?,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if let Ok(dir) = self.fs.stat(place::parent(target)) {
                    // A run as root does not lock the user out. Anybody else may not give files away, and need not.
                    access::give(file, dir.owner);
                }
            }
            // Going on without knowing the mode would change it.
            Err(error) => return Err(error).context("stat", target),
        }
        Ok(())
    }

    pub(crate) fn rename(
        &self,
        tmp: &Path,
        target: &Path,
        deadline: Option<Instant>,
    ) -> Result<Replaced, Error> {
        const FIRST_WAIT: Duration = Duration::from_millis(5);
        const LONGEST_WAIT: Duration = Duration::from_millis(80);
        let fs = &*self.fs;
        let is_gone = |path| fs.stat_link(path).is_err_and(|gone| gone.kind() == ErrorKind::NotFound);
        let replaces_open_files = self.may_keep_open();
        let began = Instant::now();
        let mut wait = FIRST_WAIT;
        loop {
            let renamed = if replaces_open_files {
                fs.rename(tmp, target)
            } else {
                // None of this store's readers is in the way, then.
                self.while_nobody_reads(|| fs.rename(tmp, target))
            };
            let Err(error) = renamed else { return Ok(Replaced::Yes) };
            let is_missing = error.kind() == ErrorKind::NotFound;
            if is_missing && is_gone(tmp) && fs.stat(place::parent(target)).is_ok() {
                // Swept by the holder of a newer lock.
                return Ok(Replaced::LostLock);
            }
            // SMB says of a file that is being deleted that there is none.
            let is_hindered = is_transient(&error) || !replaces_open_files && is_missing && !is_gone(tmp);
            if !is_hindered {
                return Err(error).context("rename", target);
            }
            if let Some(obstacle) = fs.obstacle(target) {
                let refused = Err(error).context("rename", target);
                return refused.map_err(|error| error.because(obstacle.words()));
            }
            if began.elapsed() + wait >= PATIENCE {
                if replaces_open_files {
                    return Err(error).context("rename", target);
                }
                let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
                if left.is_some_and(|left| left.is_zero()) {
                    let hindered = Err(error).context("rename", target);
                    return hindered.or_else(|error| Ok(Replaced::Hindered(error)));
                }
                wait = left.map_or(wait, |left| wait.min(left));
            }
            self.renames_retried.fetch_add(1, Ordering::Relaxed);
            // Not in step with others who try as well.
            std::thread::sleep(wait.mul_f64(0.75 + (place::random() % 256) as f64 / 1024.0));
            wait = (wait * 2).min(LONGEST_WAIT);
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

/// Whether what changes this state can be told by lines of a journal: not where there is no file yet, where others have
/// written the file that the journal was for, or where an id is held twice.
fn takes_journal<R: Record>(base: &View<R>) -> bool {
    base.stamp().is_some()
        && !base.content.has_twins()
        && base.journal.as_ref().is_none_or(|known| known.fits && !known.sealed)
}

/// The receipts of all batches where nothing can be written: what changes nothing has nothing to be refused.
pub(crate) fn refuse_changes<R: Record>(
    content: &Content<R>,
    group: &[Batch<R>],
    refusal: &Error,
) -> Vec<Receipt<R>> {
    let tried = |mutation: &Mutation<R>| {
        let mut draft = Draft::new(content);
        let done = draft.apply(mutation)?;
        if draft.finish().is_none() { Ok(done) } else { Err(refusal.clone()) }
    };
    let receipt = |batch: &Batch<R>| Receipt {
        results: batch.mutations.iter().map(tried).collect(),
        pruned: Vec::new(),
        commit: CommitStats::default(),
    };
    group.iter().map(receipt).collect()
}

/// The receipts of all batches, and the new content with what makes it differ, if it does.
pub(crate) fn apply<'a, R: Record>(
    base: &'a Content<R>,
    group: &'a [Batch<R>],
) -> (Vec<Receipt<R>>, Option<draft::Made<'a, R>>) {
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
