//! The checkpoint: a journal becomes part of its data file.
//!
//! Most of it is done without the lock, so that no call waits for it: (1) write what is known up to a place k in the
//! journal to a temporary file, and sync that. Then, under the lock: (2) see that the file and the journal are still the
//! same ones, (3) note in the journal what the new file holds, and that it holds all up to k, (4) rename it over the
//! data file and sync the directory, (5) remove the journal, or put one in its place that begins with what was appended
//! behind k. Until (4) is on disk the file is the journal's base; afterwards it is the one of the note.
//!
//! Another writer sweeps temporary files while it holds the lock. The one of a checkpoint is locked by its writer, and
//! is left alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::append::Writing;
use super::lines::{self, Identity};
use super::{Position, path_for};
use crate::error::{Context, Error};
use crate::file::commit::{Made, Replaced, Turn};
use crate::file::place;
use crate::file::state::{State, View};
use crate::fs::File;
use crate::records::Record;

/// A journal may grow to so many bytes, however small its file is.
const LEAST: u64 = 1024 * 1024;
/// How often an explicit checkpoint begins anew because others have appended meanwhile.
const MOST_ROUNDS: usize = 4;

impl<R: Record> State<R> {
    /// Whether the journal has outgrown the file.
    pub(crate) fn needs_checkpoint(&self) -> bool {
        let view = self.known();
        let Some(known) = &view.journal else { return false };
        known.end > LEAST.max(view.content.size()).max(self.patience.load(Ordering::Relaxed))
    }

    /// Makes one behind the calls. What goes wrong costs nobody anything, and is tried again when the journal is twice as
    /// large.
    pub(crate) fn checkpoint_behind(&self) {
        if self.checkpoint(Duration::from_secs(60), true).is_err()
            && let Some(known) = &self.known().journal
        {
            self.patience.store(2 * known.end, Ordering::Relaxed);
        }
    }

    /// Makes the file what the file and its journal are together. With `goes_on`, a journal stays for those who append.
    /// False where there is no journal.
    pub(crate) fn checkpoint(&self, timeout: Duration, goes_on: bool) -> Result<bool, Error> {
        let mut any = false;
        for _ in 0..MOST_ROUNDS {
            let target = place::resolve(&*self.fs, &self.path)?;
            let view = self.refresh(&target, false)?;
            let Some(known) = view.journal.clone() else { break };
            any = true;
            if self.fold(&target, &view, &known, timeout, goes_on)? && goes_on {
                break;
            }
        }
        Ok(any)
    }

    /// One checkpoint. False where it has to begin anew.
    fn fold(
        &self,
        target: &Path,
        view: &View<R>,
        known: &Position,
        timeout: Duration,
        goes_on: bool,
    ) -> Result<bool, Error> {
        let tmp = place::unique_tmp(target);
        let mut file = place::create(&*self.fs, &tmp)?;
        let folded = self.write_fold(&mut *file, &tmp, target, view).and_then(|made| {
            let Some(turn) = self.wait_for_turn(timeout)? else { return Ok(false) };
            let now = self.refresh(target, true)?;
            let journal = now.journal.as_ref().filter(|now| now.name == known.name);
            let Some(journal) = journal.filter(|_| turn.target == target) else { return Ok(false) };
            if now.stamp() != view.stamp() || !known.fits || !journal.fits {
                // Others have written the file: a new one is made of what is there now, under the lock.
                let replaced =
                    self.replace(&turn, &now, now.content.clone(), true, false, Some(Instant::now()))?;
                return Ok(matches!(replaced, Replaced::Yes));
            }
            self.put_fold(&turn, (file, &tmp, made), view, &now, (known, journal), goes_on)
        });
        // It is not there any more if all went well.
        let _ = self.fs.remove(&tmp);
        folded
    }

    /// Step 1.
    fn write_fold(
        &self,
        file: &mut dyn File,
        tmp: &Path,
        target: &Path,
        view: &View<R>,
    ) -> Result<Made, Error> {
        let (began, uptime) = (self.fs.now(), self.fs.uptime());
        file.try_lock().context("flock", tmp)?;
        let tells_each_change = self.may_keep_open() && file.tells_each_change();
        let written = self.fill(file, tmp, target, &view.content, true)?;
        Ok(Made { began, uptime, tells_each_change, written: Some(written) })
    }

    /// Steps 3 to 5.
    fn put_fold(
        &self,
        turn: &Turn,
        (file, tmp, made): (Box<dyn File>, &Path, Made),
        view: &View<R>,
        now: &View<R>,
        (known, journal): (&Position, &Position),
        goes_on: bool,
    ) -> Result<bool, Error> {
        let fs = &*self.fs;
        let target = &*turn.target;
        let identity = Identity::of(&view.content.parts());
        let next = if goes_on || journal.end > known.end {
            Some(self.next_journal(target, known, journal, identity)?)
        } else {
            None
        };
        let put = (|| {
            if !turn.lock.is_at_its_path(fs)? || place::stamp(fs, target)? != view.stamp() {
                return Ok(false);
            }
            let Some(old) = self.note(journal, identity, known.end, Some(Instant::now()))? else {
                return Ok(false);
            };
            let reader = self.reader(tmp);
            // Nobody sweeps it while the lock of the data file is held.
            drop(file);
            if !matches!(self.rename(tmp, target, Some(Instant::now()))?, Replaced::Yes) {
                return Ok(false);
            }
            let taken = self.taken(reader, target, view.content.clone(), &made);
            place::sync_name(fs, target)?;
            let Some(next) = &next else {
                if let Some(taken) = taken {
                    let journal = Some(old.position.clone());
                    self.publish(View { content: now.content.clone(), file: Arc::new(taken), journal });
                }
                self.end(old);
                return Ok(true);
            };
            fs.rename(next, &known.path).context("rename", &known.path)?;
            if let Some(taken) = taken
                && let Some(mut journal) = super::open(fs, &known.path)?
            {
                let content = &view.content;
                let (_, position) = super::load(&mut *journal, &known.path, content, identity, true)?;
                let journal = Some(position);
                self.publish(View { content: now.content.clone(), file: Arc::new(taken), journal });
            }
            place::sync_name(fs, target)?;
            if let Some(known) = &self.known().journal {
                self.placed.store(known.name, Ordering::Release);
            }
            self.patience.store(0, Ordering::Relaxed);
            Ok(true)
        })();
        if let Some(next) = next.filter(|_| !matches!(put, Ok(true))) {
            let _ = fs.remove(&next);
        }
        put
    }

    /// A journal for the new file, with what was appended to the old one behind the place that is known; not in its place
    /// yet.
    fn next_journal(
        &self,
        target: &Path,
        known: &Position,
        journal: &Position,
        identity: Identity,
    ) -> Result<PathBuf, Error> {
        let path = &*known.path;
        let mut file = self.fs.open(path).context("open", path)?;
        let text = file.read_from(known.end).context("read", path)?;
        let name = place::random();
        let mut next = lines::head(name, identity);
        let mut at = usize::from(known.is_open);
        while known.end + (at as u64) < journal.end {
            let here = lines::seed(known.name, known.end + at as u64);
            let Some(found) = lines::find(&text, at, here) else { break };
            // A note says something of this journal alone.
            let group = &text[at..found.end];
            if !group.starts_with(b"{\"checkpoint\":") && !group.starts_with(b"{\"sealed\":") {
                next.push_str(&lines::moved(group, lines::seed(name, next.len() as u64)));
                next.push('\n');
            }
            at = found.end + 1;
        }
        let tmp = place::unique_tmp(path);
        match self.make(&tmp, target, next.as_bytes(), true) {
            Ok(()) => Ok(tmp),
            Err(error) => {
                let _ = self.fs.remove(&tmp);
                Err(error)
            }
        }
    }

    /// Notes in the journal that a file with this content is about to take the place of the data file, and that all of the
    /// journal up to a place is in it. `None` if the journal is not the one that is known.
    pub(crate) fn note(
        &self,
        known: &Position,
        file: Identity,
        upto: u64,
        deadline: Option<Instant>,
    ) -> Result<Option<Writing>, Error> {
        if known.sealed {
            return self.note_anew(known, file, upto, deadline);
        }
        let Some(mut journal) = self.write_to(known, deadline)? else { return Ok(None) };
        let note = lines::checkpoint(file, upto, known.seed());
        journal.append(&note, true)?;
        journal.position.fits = true;
        Ok(Some(journal))
    }

    /// The same where a sync of the journal has failed, and a later one could lie: a copy of it, with the note, takes its
    /// place. Checksums know the journal's name, and so hold in the copy.
    fn note_anew(
        &self,
        known: &Position,
        file: Identity,
        upto: u64,
        deadline: Option<Instant>,
    ) -> Result<Option<Writing>, Error> {
        let path = &*known.path;
        // Held until the copy is in place, so that nobody appends to what it replaces.
        let Some(old) = self.write_to(known, deadline)? else { return Ok(None) };
        let mut text = self.fs.open(path).and_then(|mut old| old.read_from(0)).context("read", path)?;
        text.truncate(known.end as usize);
        text.extend_from_slice(known.line_break().as_bytes());
        text.extend_from_slice(lines::checkpoint(file, upto, known.seed()).as_bytes());
        text.push(b'\n');
        let tmp = place::unique_tmp(path);
        let dir = place::parent(path);
        let made = self.make(&tmp, path, &text, true);
        if let Err(error) = made.and_then(|()| self.fs.rename(&tmp, path).context("rename", path)) {
            let _ = self.fs.remove(&tmp);
            return Err(error);
        }
        self.fs.sync_dir(dir).context("fsync", dir)?;
        drop(old);
        let stamp = place::stamp(&*self.fs, path)?;
        let number = stamp.map_or((0, 0), |stamp| (stamp.dev, stamp.ino));
        let end = text.len() as u64;
        let copy =
            Position { fits: true, sealed: false, end, is_open: false, number, stamp, ..known.clone() };
        self.write_to(&copy, deadline)
    }

    /// Removes the journal of a data file that has just been made of all that could be kept of both.
    pub(crate) fn end_damaged(&self, target: &Path) -> Result<(), Error> {
        let path = path_for(target);
        match self.fs.remove(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            removed => removed.context("unlink", &path)?,
        }
        place::sync_name(&*self.fs, target)
    }

    /// Removes a journal of which everything is in the data file, durably.
    ///
    /// One that is left is harmless beside that file: its last note says that nothing of it is to be applied. But beside a
    /// newer one it would be taken for what it says, and a removal may be undone by a power loss, whoever has died before it
    /// was certain. So it is emptied first.
    pub(crate) fn end(&self, mut journal: Writing) {
        if journal.empty().is_err() || self.fs.remove(&journal.position.path).is_err() {
            return;
        }
        let view = self.known();
        if view.journal.as_ref().is_some_and(|known| known.name == journal.position.name) {
            let (content, file) = (view.content.clone(), view.file.clone());
            self.publish(View { content, file, journal: None });
        }
    }
}
