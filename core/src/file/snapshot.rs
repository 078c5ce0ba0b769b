//! The content of a data file at one moment, and how to tell whether it still is.
//!
//! # Validation
//!
//! Reading and parsing a file of many megabytes on each call is what makes a plain store slow; a stat
//! takes a microsecond. A snapshot is therefore used again as long as the file's [`Stamp`] (device,
//! inode, size, mtime, ctime) is the one that it was read with. Three things could make two different
//! states of the file look the same:
//!
//! 1. *A recycled inode.* The file is replaced, the old inode is freed, and the next replacement gets
//!    the same number: ext4 does this at once. A snapshot keeps its file open (`pin`), so its inode
//!    can't be freed, and no other file can have its number for as long as the snapshot is compared.
//! 2. *A change within one tick of the clock.* The file is read at time t; another program changes it
//!    in place, at the same size, and the file system's clock hasn't moved since the change that we
//!    saw: ctime stays equal. So a stamp counts only if its ctime was safely in the past *when the
//!    file was read* (git calls the other case "racy"): any later change then gets a later ctime.
//!    Until it is, the bytes are read again and compared.
//! 3. *A changed file with restored times* (`touch -r`). Programs set mtime, not ctime; this is why
//!    ctime is in the stamp, and why rule 2 looks at ctime alone.
//!
//! A clock that is set back could stamp a change with the very time that was seen before. While it is behind the
//! moment of the read, no stamp counts; ctimes that lie in the future are never trusted anyway.
//!
//! Where std tells neither inodes nor change times (Windows), nothing is pinned, and rule 2 judges mtime.
//!
//! # What we have written ourselves
//!
//! Right after our own commit rule 2 would have the file read again, though we know what is in it. Some file systems
//! give each change that follows a stat a time of its own ([`File::tells_each_change`]). There the stamp
//! of a commit is trusted at once, in these steps:
//!
//! - (1) write the temporary file, (2) stat it: its mtime is that of step 1, and any later write gets another one,
//!   (3) rename it, (4) stat it again: its ctime is that of step 3, and any later change gets another one.
//!
//! Nobody else knows the file before step 3. A program that begins to write to it between 3 and 4 changes its mtime:
//! step 2 has seen that, so step 3 got a later time, and no later stamp is behind it. If the two stats differ in mtime,
//! rule 2 holds. A program that begins after step 4 changes its ctime. What others have written is never trusted in this way: a kernel stamps a write before it
//! copies the bytes, so a stamp can be there while the content is still to come.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::Flaw;
use crate::fs::{File, FileTime, Stamp};
use crate::json::input::Input;
use crate::json::layout;
use crate::records::Record;

/// How far back a ctime must lie to be trusted. Clocks that stamp files advance every 1 to 16 ms.
const SAFE_AGE: i128 = 50_000_000;
/// The same on file systems whose stamps have no fractions of a millisecond: FAT counts in 2 seconds,
/// HFS+ and ext3 in whole ones.
const SAFE_AGE_COARSE: i128 = 4_000_000_000;

/// Records in file order, and where each id stands.
#[derive(Debug)]
pub struct Content<R> {
    records: Vec<Arc<R>>,
    /// The first record of each id.
    places: Arc<HashMap<Arc<[u8]>, usize>>,
}

impl<R: Record> Content<R> {
    /// A file without records, or no file.
    pub fn empty() -> Self {
        Content { records: Vec::new(), places: Arc::default() }
    }

    /// These records, in this order.
    pub fn of(records: Vec<Arc<R>>) -> Self {
        let mut places = HashMap::with_capacity(records.len());
        for (place, record) in records.iter().enumerate() {
            places.entry(record.id().clone()).or_insert(place);
        }
        Content { records, places: Arc::new(places) }
    }

    /// Content whose records have the ids of `like`, in the same places.
    pub(crate) fn with_places_of(like: &Self, records: Vec<Arc<R>>) -> Self {
        Content { records, places: like.places.clone() }
    }

    /// All records, in file order.
    pub fn records(&self) -> &[Arc<R>] {
        &self.records
    }

    /// Where the first record with this id stands.
    pub fn place(&self, id: &[u8]) -> Option<usize> {
        self.places.get(id).copied()
    }

    /// Whether some id is held twice, as plain stores make it happen.
    pub fn has_twins(&self) -> bool {
        self.places.len() < self.records.len()
    }

    /// Reads a file's text. Records that stand in `before` with the same bytes are taken from there, and
    /// if all of them do, `before` itself is returned.
    pub(crate) fn read(input: &mut Input, before: &Arc<Self>) -> Result<Arc<Self>, Unread> {
        input.pass_white_space()?;
        match input.next()? {
            Some(b'[') => input.pass(1),
            found => {
                let but = match found {
                    None => ", found the end of the file",
                    Some(_) if input.begins_with(b"\xef\xbb\xbf")? => ", found a byte order mark",
                    Some(_) => "",
                };
                return Err(Flaw::new(input.offset(), format!("expected an array of records{but}")).into());
            }
        }
        input.pass_white_space()?;
        let mut records: Vec<Arc<R>> = Vec::with_capacity(before.records.len() + 1);
        let mut kept = 0;
        if input.next()? == Some(b']') {
            input.pass(1);
        } else {
            // The place of the record that would come next if nothing had changed.
            let mut next = 0;
            loop {
                let known = match before.records.get(next) {
                    Some(known) if input.begins_with(known.text())? => Some(known),
                    _ => None,
                };
                if let Some(record) = known {
                    input.pass(record.text().len());
                    kept += usize::from(next == records.len());
                    next += 1;
                    records.push(record.clone());
                } else {
                    let record: R = read_record(input)?;
                    next = before.place(record.id()).map_or(next, |place| place + 1);
                    records.push(Arc::new(record));
                }
                input.pass_white_space()?;
                match input.next()? {
                    Some(b',') => input.pass(1),
                    Some(b']') => break input.pass(1),
                    found => {
                        let but =
                            if found.is_some() { " after a record" } else { ", found the end of the file" };
                        return Err(Flaw::new(input.offset(), format!("expected ',' or ']'{but}")).into());
                    }
                }
                input.pass_white_space()?;
            }
        }
        input.pass_white_space()?;
        if input.next()?.is_some() {
            return Err(Flaw::new(input.offset(), "expected the end of the file after the array").into());
        }
        if kept == records.len() && kept == before.records.len() {
            return Ok(before.clone());
        }
        Ok(Arc::new(Content::of(records)))
    }

    /// The pieces of the file's text, in order.
    pub fn parts(&self) -> Vec<&[u8]> {
        if self.records.is_empty() {
            return vec![layout::EMPTY];
        }
        let mut parts = Vec::with_capacity(2 * self.records.len() + 1);
        for (place, record) in self.records.iter().enumerate() {
            parts.push(if place == 0 { layout::OPEN } else { layout::BETWEEN });
            parts.push(record.text());
        }
        parts.push(layout::CLOSE);
        parts
    }

    /// The length of the file's text, in bytes.
    pub fn size(&self) -> u64 {
        let texts: usize = self.records.iter().map(|record| record.text().len()).sum();
        let rest = match self.records.len() {
            0 => layout::EMPTY.len(),
            more => layout::OPEN.len() + layout::BETWEEN.len() * (more - 1) + layout::CLOSE.len(),
        };
        (texts + rest) as u64
    }
}

/// The record that comes next. Of what has been read of it, only the end of the text can tell whether it is damaged.
fn read_record<R: Record>(input: &mut Input) -> Result<R, Unread> {
    loop {
        match R::read(input.rest()) {
            Ok((record, length)) => {
                input.pass(length);
                return Ok(record);
            }
            Err(flaw) => {
                if !input.read_more()? {
                    return Err(flaw.shifted(input.offset()).into());
                }
            }
        }
    }
}

/// Why a text can't be read.
#[derive(Debug)]
pub(crate) enum Unread {
    System(std::io::Error),
    Flaw(Flaw),
}

impl From<std::io::Error> for Unread {
    fn from(error: std::io::Error) -> Self {
        Unread::System(error)
    }
}

impl From<Flaw> for Unread {
    fn from(flaw: Flaw) -> Self {
        Unread::Flaw(flaw)
    }
}

/// A content, and the state of the file that it was read from. Immutable; readers share it.
#[derive(Debug)]
pub struct Snapshot<R> {
    /// What the file held.
    pub content: Arc<Content<R>>,
    /// The file's stamp then; `None` where there was no file.
    stamp: Option<Stamp>,
    trusted: bool,
    /// When it was read, by the file system's clock.
    read_at: FileTime,
    /// Keeps the inode from being used again: see the module's rule 1.
    _pin: Option<Box<dyn File>>,
}

impl<R: Record> Snapshot<R> {
    /// There is no file.
    pub fn missing() -> Self {
        let read_at = FileTime { seconds: i64::MIN, nanos: 0 };
        Snapshot { content: Arc::new(Content::empty()), stamp: None, trusted: true, read_at, _pin: None }
    }

    /// What was read from (or written to) a file with this stamp. `read_at` is the time at which reading
    /// began, by the file system's clock.
    pub fn new(
        content: Arc<Content<R>>,
        stamp: Stamp,
        read_at: FileTime,
        pin: Option<Box<dyn File>>,
    ) -> Self {
        let trusted = is_safely_old(stamp.ctime, read_at);
        Snapshot { content, stamp: Some(stamp), trusted, read_at, _pin: pin }
    }

    /// The same of a file whose next change is certain to give it another stamp: see the module's last paragraphs.
    pub fn vouched_for(self) -> Self {
        Snapshot { trusted: true, ..self }
    }

    /// Whether a file that has this stamp (`None`: no file) now is certain to hold what this snapshot holds.
    pub fn is_current(&self, stamp: Option<Stamp>, now: FileTime) -> bool {
        self.trusted && self.stamp == stamp && self.read_at <= now
    }

    /// The file's stamp when it was read; `None` where there was no file.
    pub fn stamp(&self) -> Option<Stamp> {
        self.stamp
    }
}

fn is_safely_old(ctime: FileTime, read_at: FileTime) -> bool {
    let age = if ctime.nanos.is_multiple_of(1_000_000) { SAFE_AGE_COARSE } else { SAFE_AGE };
    ctime.as_nanos() + age < read_at.as_nanos()
}

#[cfg(test)]
impl<R: Record> Content<R> {
    /// Reads a text at once and in crumbs, which makes no difference.
    pub(crate) fn parse(text: &[u8], before: &Arc<Self>) -> Result<Arc<Self>, Flaw> {
        let read = |most| {
            let mut crumbs = crate::json::input::tests::Crumbs { text, most };
            Content::read(&mut Input::new(&mut crumbs, text.len() as u64), before).map_err(|unread| {
                match unread {
                    Unread::Flaw(flaw) => flaw,
                    Unread::System(error) => panic!("{error}"),
                }
            })
        };
        let (whole, pieced) = (read(usize::MAX), read(7));
        match (&whole, &pieced) {
            (Ok(whole), Ok(pieced)) => assert_eq!(whole.parts().concat(), pieced.parts().concat()),
            (Err(whole), Err(pieced)) => assert_eq!(whole, pieced),
            _ => panic!("at once: {whole:?}, in crumbs: {pieced:?}"),
        }
        whole
    }
}

#[cfg(test)]
mod tests;
