//! Recovery of a damaged file: what is still whole is kept, and the damaged file too, under another name.

pub(crate) mod salvage;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{Context, Error, Unread};
use crate::file::DataFile;
use crate::file::batch::WriteOptions;
use crate::file::commit::Replaced;
use crate::file::journal::{self, Identity};
use crate::file::snapshot::Snapshot;
use crate::file::state::View;
use crate::file::{access, place};
use crate::fs::Stat;
use crate::records::Record;
use crate::records::content::Content;
use crate::records::draft::{Draft, Mutation};
use crate::recovery::salvage::{Loss, salvage};
use crate::threads::guarded;

/// What a recovery found and did.
#[derive(Clone, Debug)]
pub struct Recovery {
    /// The data file, links resolved.
    pub path: PathBuf,
    /// The copy of the damaged file; `None` where nothing was damaged, and so nothing was done.
    pub backup: Option<PathBuf>,
    /// How many records are in the file now.
    pub kept: usize,
    /// What could not be kept.
    pub lost: Vec<Loss>,
}

impl<R: Record> DataFile<R> {
    /// Mends the file if it is damaged: copies it to `{file}.corrupt-<timestamp>`, then replaces it by one with
    /// every record that is still whole. A file that is whole, or missing, is left alone.
    pub fn recover(&self, options: WriteOptions) -> Result<Recovery, Error> {
        // Somebody else may mend or replace it just before we do; then we look again.
        const MOST_TRIES: usize = 64;
        guarded(|| {
            for _ in 0..MOST_TRIES {
                if let Some(recovery) = self.mend(options)? {
                    return Ok(recovery);
                }
            }
            Err(std::io::Error::from(ErrorKind::ResourceBusy)).context("rename", self.path())
        })
    }

    /// `None` where somebody else was faster.
    fn mend(&self, options: WriteOptions) -> Result<Option<Recovery>, Error> {
        let fs = &*self.state.fs;
        let deadline = Instant::now().checked_add(options.lock_timeout);
        let whole = |path, content: &Content<R>| {
            let kept = content.records().len();
            Ok(Some(Recovery { path, backup: None, kept, lost: Vec::new() }))
        };
        let turn = match self.state.wait_for_turn(options.lock_timeout) {
            Ok(Some(turn)) => turn,
            Ok(None) => return whole(self.path().to_owned(), &Content::empty()),
            // Where nothing can be written, a whole file needs nothing either.
            Err(refusal) if refusal.forbids_writing() => {
                let content = self.read().map_err(|_| refusal)?;
                return whole(place::resolve(fs, self.path())?, &content);
            }
            Err(error) => return Err(error),
        };
        let path = turn.target.clone();
        match self.state.refresh(&path, true) {
            Err(Error::Corrupt { .. }) => {}
            Err(error) => return Err(error),
            Ok(found) => return whole(path, &found.content),
        }
        let (bytes, before) = self.read_whole(&path)?;
        let (mut content, mut lost, mut backup) = match Content::read_all(&bytes) {
            Ok(whole) => (whole, Vec::new(), None),
            // What there was no room for may well be whole.
            Err(Unread::System(error)) => return Err(error).context("read", &path),
            Err(Unread::Flaw(_)) => {
                let (content, lost) = salvage::<R>(&bytes)?;
                (content, lost, Some(self.copy_aside(&path, &bytes, &before, options.durable)?))
            }
        };
        let journal_path = journal::path_for(&path);
        if journal::open(fs, &journal_path)?.is_some() {
            let (text, journal) = self.read_whole(&journal_path)?;
            let copy = self.copy_aside(&journal_path, &text, &journal, options.durable)?;
            let kept = journal::salvage::<R>(&text, Identity::of(&[&bytes]))?;
            let losses = kept.lost.into_iter().map(|(flaw, bytes)| {
                let (line, column) = flaw.position(&text);
                Loss { line, column, bytes, expected: flaw.expected }
            });
            lost.extend(losses);
            content = with(content, &kept.mutations)?;
            // What is said to be lost is in the copy that is told.
            backup = backup.or(Some(copy));
        }
        let kept = content.records().len();
        let none = Arc::new(Content::<R>::empty());
        let damaged = Snapshot::unpinned(none, before.stamp, fs.now(), fs.uptime(), Duration::ZERO);
        let (damaged, content) = (View::of(damaged), Arc::new(content));
        match self.state.replace(&turn, &damaged, content, true, false, deadline)? {
            Replaced::Yes => {
                self.state.end_damaged(&path)?;
                Ok(Some(Recovery { path, backup, kept, lost }))
            }
            Replaced::Hindered(error) => Err(error),
            Replaced::Overtaken | Replaced::LostLock => Ok(None),
        }
    }

    /// All bytes of a file that holds still.
    fn read_whole(&self, path: &Path) -> Result<(Vec<u8>, Stat), Error> {
        let mut file = self.state.fs.open(path).context("open", path)?;
        let before = file.stat().context("fstat", path)?;
        place::must_be_regular(before.kind, path)?;
        let bytes = file.read_all(before.stamp.size).context("read", path)?;
        // Dropped here: where no file can be replaced while it is open, our own handle would stand in our way.
        if bytes.len() as u64 != before.stamp.size {
            return Err(std::io::Error::from(ErrorKind::UnexpectedEof)).context("read", path);
        }
        Ok((bytes, before))
    }

    /// A copy that whoever may read the file may read, and that is on disk before the file is replaced.
    fn copy_aside(&self, path: &Path, bytes: &[u8], of: &Stat, durable: bool) -> Result<PathBuf, Error> {
        let fs = &*self.state.fs;
        // More copies in one second than anybody makes.
        const MOST_TRIES: i128 = 1000;
        let began = fs.now().as_nanos() / 1_000_000;
        let mut moment = began;
        loop {
            let backup = place::beside(path, &format!(".corrupt-{}", timestamp(moment)));
            let mut copy = match fs.create_new(&backup) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists && moment < began + MOST_TRIES => {
                    moment += 1;
                    continue;
                }
                created => created.context("open", &backup).map_err(place::too_long)?,
            };
            let filled = copy.write_all(&[bytes]).context("write", &backup).and_then(|()| {
                let filled = copy.stat().context("fstat", &backup)?;
                if filled.stamp.size != bytes.len() as u64 {
                    return Err(std::io::Error::from(ErrorKind::WriteZero)).context("write", &backup);
                }
                access::keep(fs, &*copy, &backup, &filled, path, of)?;
                if durable {
                    copy.sync().context("fsync", &backup)?;
                    place::sync_name(fs, &backup)?;
                }
                Ok(())
            });
            if filled.is_err() {
                let _ = fs.remove(&backup);
            }
            return filled.map(|()| backup);
        }
    }
}

/// The content with those of the changes that can be made.
fn with<R: Record>(content: Content<R>, changes: &[Mutation<R>]) -> Result<Content<R>, Error> {
    let mut draft = Draft::new(&content);
    for change in changes {
        if let Err(refusal @ Error::System { .. }) = draft.apply(change) {
            return Err(refusal);
        }
    }
    Ok(match draft.finish() {
        Some((changed, _)) => changed,
        None => content,
    })
}

/// `20260105T090000123Z`: an ISO date that every file system takes as a name.
fn timestamp(ms: i128) -> String {
    let date = i64::try_from(ms).ok().and_then(chrono::DateTime::from_timestamp_millis);
    date.unwrap_or_default().format("%Y%m%dT%H%M%S%3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_copy_is_a_date() {
        assert_eq!(timestamp(1_767_603_600_123), "20260105T090000123Z");
    }
}
