//! The commit of a store with a journal: one group of lines, appended and synced.
//!
//! Under the lock of the data file: bring the snapshot up to date, apply the mutations to a draft, append what they have
//! changed, sync it, write the line break that tells readers, publish. A journal that is not there yet is made whole,
//! with its head and the first group, and renamed into its place.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::lines::{self, Hashing, Identity};
use super::{Position, path_for};
use crate::error::{Context, Error};
use crate::file::commit::Turn;
use crate::file::pin::Pin;
use crate::file::place;
use crate::file::snapshot::Snapshot;
use crate::file::state::{State, View};
use crate::file::waiter;
use crate::fs::{File, Stat};
use crate::memory;
use crate::records::Record;
use crate::records::content::Content;
use crate::records::draft::Change;

/// What came of an attempt to append.
pub(crate) enum Appended {
    /// It is durable, and took so many bytes.
    Yes(u64),
    /// Somebody without the lock came in between.
    Overtaken,
    LostLock,
    /// This file can have no journal of ours.
    Impossible,
}

/// A journal that is open for writing, and locked against all others.
pub(crate) struct Writing {
    file: Box<dyn File>,
    pub position: Position,
}

/// A moment in which nobody else appends. It ends with this, whatever happens.
struct Alone<'a>(&'a AtomicBool);

impl<'a> Alone<'a> {
    fn begin(flag: &'a AtomicBool) -> Self {
        flag.store(true, Ordering::Release);
        Alone(flag)
    }
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl<R: Record> State<R> {
    /// Appends what makes `content` differ from that of `base`.
    pub(crate) fn append(
        &self,
        turn: &Turn,
        base: &View<R>,
        content: Arc<Content<R>>,
        changes: &[Change<R>],
        durable: bool,
        deadline: Option<Instant>,
    ) -> Result<Appended, Error> {
        let Some(position) = &base.journal else {
            return self.begin(turn, base, content, changes, durable);
        };
        let fs = &*self.fs;
        let Some(mut journal) = self.write_to(position, deadline)? else { return Ok(Appended::Overtaken) };
        if !turn.lock.is_at_its_path(fs)? {
            return Ok(Appended::LostLock);
        }
        if place::stamp(fs, &turn.target)? != base.stamp() {
            return Ok(Appended::Overtaken);
        }
        let group = lines::group(changes, position.seed())?;
        // Whoever has put the journal in its place may have died before that was certain.
        if durable && self.placed.load(Ordering::Acquire) != position.name {
            place::sync_name(fs, &turn.target)?;
            self.placed.store(position.name, Ordering::Release);
        }
        // Until the group is told, what this process knows is all that there is to know.
        let _alone = Alone::begin(&self.appending);
        journal.append(&group, durable)?;
        let journal = Some(journal.position.clone());
        self.publish(View { content, file: base.file.clone(), journal });
        Ok(Appended::Yes(group.len() as u64 + 1))
    }

    /// Makes a journal with a first group.
    fn begin(
        &self,
        turn: &Turn,
        base: &View<R>,
        content: Arc<Content<R>>,
        changes: &[Change<R>],
        durable: bool,
    ) -> Result<Appended, Error> {
        let fs = &*self.fs;
        let target = &*turn.target;
        let mut file = fs.open(target).context("open", target)?;
        if Some(file.stat().context("fstat", target)?.stamp) != base.stamp() {
            return Ok(Appended::Overtaken);
        }
        let tells_each_change = self.may_keep_open() && file.tells_each_change();
        let before = file.stat().context("fstat", target)?;
        // Who may not change the file's ctime can't tell others of a journal.
        if fs.has_identity() && file.set_mode(before.mode).is_err() {
            return Ok(Appended::Impossible);
        }
        let touched = file.stat().context("fstat", target)?;
        let Some(identity) = identity(&mut *file, target, &touched)? else { return Ok(Appended::Overtaken) };
        let name = place::random();
        let head = lines::head(name, identity);
        let group = lines::group(changes, lines::seed(name, head.len() as u64))?;
        let path = path_for(target);
        let tmp = place::unique_tmp(&path);
        let (head, mut text) = (head.len() as u64, head);
        memory::append(&mut text, &group)?;
        memory::append(&mut text, "\n")?;
        let made = self.make(&tmp, target, text.as_bytes(), durable).and_then(|()| {
            if !turn.lock.is_at_its_path(fs)? {
                return Ok(Appended::LostLock);
            }
            if place::stamp(fs, target)? != Some(touched.stamp) {
                return Ok(Appended::Overtaken);
            }
            fs.rename(&tmp, &path).context("rename", &path)?;
            Ok(Appended::Yes(text.len() as u64))
        });
        if !matches!(made, Ok(Appended::Yes(_))) {
            let _ = fs.remove(&tmp);
            return made;
        }
        let (began, uptime) = (fs.now(), fs.uptime());
        let told = match file.set_mode(before.mode).and_then(|()| file.stat()) {
            Ok(told) if Some(told.stamp.ctime) != base.stamp().map(|base| base.ctime) => told,
            Ok(told) if !fs.has_identity() => told,
            // This file system does not tell others, or its clock has not moved yet.
            _ => {
                let removed = fs.remove(&path).context("unlink", &path);
                removed.and_then(|()| place::sync_name(fs, target)).map_err(Error::after_commit)?;
                return Ok(Appended::Impossible);
            }
        };
        let untouched = told.stamp.mtime == before.stamp.mtime && told.stamp.size == before.stamp.size;
        let stamp =
            fs.stat(&path).ok().map(|found| found.stamp).filter(|found| found.size == text.len() as u64);
        let position = Position {
            path: path.into(),
            name,
            fits: true,
            sealed: false,
            head,
            end: text.len() as u64,
            is_open: false,
            is_pending: false,
            number: stamp.map_or((0, 0), |stamp| (stamp.dev, stamp.ino)),
            stamp,
        };
        let base = base.file.content.clone();
        let snapshot = if self.may_keep_open() {
            Snapshot::pinned(base, told.stamp, began, Pin::new(file))
        } else {
            Snapshot::unpinned(base, told.stamp, began, fs.uptime(), uptime)
        };
        let snapshot = if tells_each_change && untouched { snapshot.vouched_for() } else { snapshot };
        self.publish(View { content, file: Arc::new(snapshot), journal: Some(position) });
        if durable {
            place::sync_name(fs, target).map_err(Error::after_commit)?;
            self.placed.store(name, Ordering::Release);
        }
        made
    }

    /// A new file beside the data file, for those who may read that, with this text.
    pub(super) fn make(&self, tmp: &Path, target: &Path, text: &[u8], durable: bool) -> Result<(), Error> {
        let mut file = place::create(&*self.fs, tmp)?;
        file.write_all(&[text]).context("write", tmp)?;
        let filled = file.stat().context("fstat", tmp)?;
        if filled.stamp.size != text.len() as u64 {
            return Err(std::io::Error::from(ErrorKind::WriteZero)).context("write", tmp);
        }
        self.dress(&mut *file, tmp, target, &filled)?;
        if durable { file.sync().context("fsync", tmp) } else { Ok(()) }
    }

    /// The journal, open for writing, if it is still the one that is known.
    pub(super) fn write_to(
        &self,
        known: &Position,
        deadline: Option<Instant>,
    ) -> Result<Option<Writing>, Error> {
        let path = &*known.path;
        let file = match self.fs.open_writable(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.context("open", path)?,
        };
        // Held by nobody but a writer who believes to hold the lock of the data file, whose lock file was deleted. It may
        // have been stopped in the middle of an append: nobody can write before it has gone on, or is gone.
        let began = Instant::now();
        while !file.try_lock().context("flock", path)? {
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Err(Error::Locked { path: path.into(), waited: began.elapsed() });
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let pause = waiter::pause(began.elapsed());
            std::thread::sleep(left.map_or(pause, |left| pause.min(left)));
        }
        let stamp = file.stat().context("fstat", path)?.stamp;
        let is_known = known.stamp.is_some_and(|known| known == stamp);
        Ok(is_known.then(|| Writing { file, position: known.clone() }))
    }
}

impl Writing {
    /// Leaves nothing but the head, durably: what has been removed may come back after a power loss.
    pub fn empty(&mut self) -> std::io::Result<()> {
        self.file.truncate(self.position.head)?;
        self.file.sync_data()
    }

    /// Appends a group and tells it to readers.
    pub fn append(&mut self, group: &str, durable: bool) -> Result<(), Error> {
        let path = self.position.path.clone();
        let (file, end) = (&mut self.file, self.position.end);
        let mut text = String::from(self.position.line_break());
        memory::append(&mut text, group)?;
        // The torn tail of a writer that has died.
        if self.position.stamp.is_some_and(|stamp| stamp.size > end) {
            file.truncate(end).context("ftruncate", &path)?;
        }
        let behind = end + text.len() as u64;
        let written = file.write_at(end, text.as_bytes()).context("write", &path);
        let is_whole = written.is_ok();
        let appended = written.and_then(|()| {
            let stat = file.stat().context("fstat", &path)?;
            if stat.stamp.size != behind {
                return Err(std::io::Error::from(ErrorKind::WriteZero)).context("write", &path);
            }
            Ok(())
        });
        let synced = appended.and_then(|()| {
            if !durable {
                return Ok(true);
            }
            file.sync_data().context("fdatasync", &path).map(|()| true)
        });
        let told = synced.and_then(|_| {
            file.write_at(behind, b"\n").context("write", &path)?;
            let stat = file.stat().context("fstat", &path)?;
            if stat.stamp.size != behind + 1 {
                return Err(std::io::Error::from(ErrorKind::WriteZero)).context("write", &path);
            }
            Ok(stat.stamp)
        });
        match told {
            Ok(stamp) => {
                self.position =
                    Position { end: behind + 1, is_open: false, stamp: Some(stamp), ..self.position.clone() };
                Ok(())
            }
            Err(error) => Err(self.undo(error, is_whole)),
        }
    }

    /// Cuts off again what could not be appended. After a failed sync nobody may trust a later one of the same file.
    fn undo(&mut self, error: Error, is_whole: bool) -> Error {
        let end = self.position.end;
        if self.file.truncate(end).is_err() {
            // Where the whole group is left it is taken for what it says.
            return if is_whole { error.after_commit() } else { error };
        }
        if matches!(error, Error::System { syscall: "fdatasync", .. }) {
            let note = lines::sealed(self.position.seed());
            let line_break = self.position.line_break();
            let _ = self.file.write_at(end, format!("{line_break}{note}\n").as_bytes());
        }
        error
    }
}

/// That of a file that stays as it is meanwhile; `None` where it does not.
fn identity(file: &mut dyn File, path: &Path, before: &Stat) -> Result<Option<Identity>, Error> {
    let mut hashing = Hashing::new(file, true);
    std::io::copy(&mut hashing, &mut std::io::sink()).context("read", path)?;
    let identity = hashing.identity();
    let same = file.stat().context("fstat", path)?.stamp == before.stamp;
    Ok(identity.filter(|identity| same && identity.size == before.stamp.size))
}
