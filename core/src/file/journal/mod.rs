//! The journal: a commit that costs what it changes.
//!
//! Beside a data file there may be a journal, `{file}.journal`: JSON Lines that say what has changed since the file was
//! written (docs/journal.md has the format). The state is the file with its journal applied, for every store. Whoever
//! writes holds the lock of the data file, and an advisory lock on the journal itself, which nobody deletes as stale.
//!
//! # Which file a journal belongs to
//!
//! Its head names the content of the file that it was begun for, its *base*. Before a file is replaced, a note in the
//! journal names the content of the new one, and how much of the journal is in it. So for the file that is there, with
//! hash h, and a journal that is there:
//!
//! - h is that of the base: all changes of the journal are to be applied. A checkpoint may have noted its new file and
//!   died before the rename.
//! - h is that of a note: the changes behind the place that the note names. The checkpoint died between the rename and the
//!   removal of the journal.
//! - h is neither: somebody else has written the file. Records that the journal touches are the journal's, all others
//!   are the file's: all changes are applied, and the next write makes a checkpoint.
//!
//! Without the note, the second case could not be told from the third, and a change that was undone later, by a write
//! that went into the file, would be applied once more.
//!
//! # What a reader may believe
//!
//! A group is synced before its line break is written, and told to nobody before that. So readers, who take no lock, leave
//! out a group without one: its sync may fail, and then it is cut off again. Who holds the lock takes such a group for
//! what it is: one whose writer has died. It is whole, so it counts.
//!
//! # How others hear of a journal
//!
//! A store that knows of a journal stats it beside the file. One that knows of none looks at the file alone; whoever
//! begins a journal therefore changes the file's ctime, once, by setting the mode that it has. A reader looks for a
//! journal *after* it has taken the file's stamp:
//!
//! - writer: (1) puts the journal in its place, (2) changes the file's ctime, (3) tells its callers.
//! - reader: (a) takes the file's stamp, (b) looks for a journal.
//!
//! If b comes before 1, then a comes before 2, and the stamp no longer fits once the callers are told. Else b finds the
//! journal. And a reader that meets a checkpoint between the file and the journal finds that the path leads to another
//! file by then, and reads again.

mod append;
mod checkpoint;
mod lines;
mod salvage;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Context, Error, Flaw, Unread};
use crate::file::place;
use crate::fs::{File, FileSystem, Stamp};
use crate::records::Record;
use crate::records::content::Content;
use crate::records::draft::{Draft, Mutation};
use lines::Group;

pub(crate) use append::Appended;
pub(crate) use lines::{Hashing, Identity};
pub(crate) use salvage::salvage;

/// How far a journal is known, and what can be done with it.
#[derive(Clone, Debug)]
pub(crate) struct Position {
    /// Where it is.
    pub path: Arc<Path>,
    /// What its head calls it: another journal has another name.
    pub name: u64,
    /// Whether the data file is the journal's base, or one that a note names. If not, others have written it.
    pub fits: bool,
    /// Whether nothing is to be appended any more.
    pub sealed: bool,
    /// Where the head ends.
    pub head: u64,
    /// Where the last whole group ends, its line break included if it has one.
    pub end: u64,
    /// Whether that line break is still to come.
    pub is_open: bool,
    /// Whether a whole group is behind it that nobody has been told of yet.
    pub is_pending: bool,
    /// Device and inode of the journal.
    pub number: (u64, u64),
    /// The journal's stamp when it was read; `None` where it can't vouch for anything.
    pub stamp: Option<Stamp>,
}

/// Where the journal of a data file is.
pub(crate) fn path_for(target: &Path) -> PathBuf {
    place::beside(target, ".journal")
}

/// A content with a journal applied, and how far that goes.
pub(crate) type Over<R> = (Arc<Content<R>>, Position);

/// The groups of a journal behind a known place.
struct Reading<R> {
    mutations: Vec<(usize, Mutation<R>)>,
    notes: Vec<(Identity, u64)>,
    position: Position,
}

impl Position {
    /// Whether a stat shows that there is nothing new.
    pub fn is_current(&self, fs: &dyn FileSystem) -> bool {
        self.stamp.is_some_and(|known| fs.stat(&self.path).is_ok_and(|found| found.stamp == known))
    }

    /// What is appended begins with this.
    pub fn line_break(&self) -> &'static str {
        if self.is_open { "\n" } else { "" }
    }

    /// The seed of what is appended next.
    pub fn seed(&self) -> u64 {
        lines::seed(self.name, self.end + self.line_break().len() as u64)
    }
}

/// The journal beside a data file, if there is one.
pub(crate) fn open(fs: &dyn FileSystem, path: &Path) -> Result<Option<Box<dyn File>>, Error> {
    match fs.open(path) {
        Ok(file) => {
            place::must_be_regular(file.stat().context("fstat", path)?.kind, path)?;
            Ok(Some(file))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).context("open", path),
    }
}

/// The content that a data file and its journal make together. `identity` is that of the file, and `alone` says whether
/// nobody can be at work on the journal now.
pub(crate) fn load<R: Record>(
    file: &mut dyn File,
    path: &Path,
    content: &Arc<Content<R>>,
    identity: Identity,
    alone: bool,
) -> Result<Over<R>, Error> {
    let stamp = file.stat().context("fstat", path)?.stamp;
    let text = file.read_from(0).context("read", path)?;
    let damaged = |unread: Unread| unread.in_file(path, &text);
    let (name, base, head) = lines::read_head(&text).map_err(damaged)?;
    let position = Position {
        path: path.into(),
        name,
        fits: true,
        sealed: false,
        head: head as u64,
        end: head as u64,
        is_open: false,
        is_pending: false,
        number: (stamp.dev, stamp.ino),
        stamp: Some(stamp).filter(|stamp| stamp.size == text.len() as u64),
    };
    let Reading { mut mutations, notes, mut position } =
        read_groups::<R>(&text, 0, position, alone).map_err(damaged)?;
    if identity != base {
        match notes.iter().rev().find(|(noted, _)| *noted == identity) {
            Some((_, upto)) => mutations.retain(|(offset, _)| *offset as u64 >= *upto),
            None => position.fits = false,
        }
    }
    let content = replay(content, mutations).map_err(damaged)?;
    Ok((content, position))
}

/// What has been appended to a journal that is known up to a place: the content with it. `None` where it is not the
/// journal that it was, and has to be read as a whole.
pub(crate) fn follow<R: Record>(
    fs: &dyn FileSystem,
    known: &Position,
    content: &Arc<Content<R>>,
    alone: bool,
) -> Result<Option<Over<R>>, Error> {
    let path = &*known.path;
    let Some(mut file) = open(fs, path)? else { return Ok(None) };
    let stamp = file.stat().context("fstat", path)?.stamp;
    // A file that has another number is not the one that was read, whatever it is like.
    if (stamp.dev, stamp.ino) != known.number || stamp.size < known.end {
        return Ok(None);
    }
    let text = file.read_from(known.end).context("read", path)?;
    let size = known.end + text.len() as u64;
    let mut from = known.clone();
    from.stamp = Some(stamp).filter(|stamp| stamp.size == size);
    from.is_pending = false;
    let mut begin = 0;
    if known.is_open && text.first() == Some(&b'\n') {
        (begin, from.end, from.is_open) = (1, from.end + 1, false);
    }
    // What doesn't continue it may be another journal, or damage: reading all of it tells.
    let Ok(reading) = read_groups::<R>(&text[begin..], from.end, from, alone) else { return Ok(None) };
    if !reading.notes.is_empty() {
        // The file may be about to be replaced, or was.
        return Ok(None);
    }
    let Ok(content) = replay(content, reading.mutations) else { return Ok(None) };
    Ok(Some((content, reading.position)))
}

/// The whole groups of `text`, which stands at `offset` in its journal. Offsets of mutations are those of their groups.
fn read_groups<R: Record>(
    text: &[u8],
    offset: u64,
    mut position: Position,
    alone: bool,
) -> Result<Reading<R>, Unread> {
    let mut at = (position.end - offset) as usize;
    let (mut mutations, mut notes) = (Vec::new(), Vec::new());
    while let Some(found) = lines::find(text, at, lines::seed(position.name, offset + at as u64)) {
        let group = lines::read_group(&text[at..found.end]).map_err(|unread| unread.shifted(at))?;
        if !found.is_told && !alone {
            // Somebody may be about to sync it. But where the file is there that a note names, the note was synced.
            position.is_pending = true;
            if let Group::Checkpoint { file, upto } = group {
                notes.push((file, upto));
            }
            break;
        }
        match group {
            Group::Changes(changes) => {
                let start = offset as usize + at;
                mutations.extend(changes.into_iter().map(|change| (start, change)));
            }
            Group::Checkpoint { file, upto } => notes.push((file, upto)),
            Group::Sealed => position.sealed = true,
        }
        at = found.end + usize::from(found.is_told);
        position.is_open = !found.is_told;
        position.end = offset + at as u64;
    }
    if at < text.len() {
        position.stamp = position.stamp.filter(|_| alone);
        if let Some(flaw) = damage(text, at) {
            return Err(flaw.into());
        }
    }
    Ok(Reading { mutations, notes, position })
}

/// What is behind the last whole group is the torn tail of an append that nobody was told of, unless a group there ends
/// in a line break: that is written after a sync, so the group was whole once.
fn damage(text: &[u8], at: usize) -> Option<Flaw> {
    let (_, is_told) = lines::group_end(text, at)?;
    is_told.then(|| Flaw::new(at, "expected a group of lines with the checksum that stands at its end"))
}

/// The content with these changes.
fn replay<R: Record>(
    content: &Arc<Content<R>>,
    mutations: Vec<(usize, Mutation<R>)>,
) -> Result<Arc<Content<R>>, Unread> {
    let mut draft = Draft::new(content);
    for (offset, mutation) in &mutations {
        draft.apply(mutation).map_err(|error| lines::unusable(*offset, &error))?;
    }
    Ok(draft.finish().map_or_else(|| content.clone(), |(content, _)| Arc::new(content)))
}
