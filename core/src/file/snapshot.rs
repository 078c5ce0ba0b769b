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

use std::sync::Arc;

use crate::fs::{File, FileTime, Stamp};
use crate::records::Record;
use crate::records::content::Content;

/// How far back a ctime must lie to be trusted. Clocks that stamp files advance every 1 to 16 ms.
const SAFE_AGE: i128 = 50_000_000;
/// The same on file systems whose stamps have no fractions of a millisecond: FAT counts in 2 seconds,
/// HFS+ and ext3 in whole ones.
const SAFE_AGE_COARSE: i128 = 4_000_000_000;

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
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_trusted_when_it_was_old_at_the_time_of_the_read() {
        let time = |nanos: i128| FileTime {
            seconds: nanos.div_euclid(1_000_000_000) as i64,
            nanos: nanos.rem_euclid(1_000_000_000) as u32,
        };
        let fine = 1_000_000_000_123_456;
        assert!(!is_safely_old(time(fine), time(fine)));
        assert!(!is_safely_old(time(fine), time(fine + SAFE_AGE)));
        assert!(is_safely_old(time(fine), time(fine + SAFE_AGE + 1)));
        // A stamp in whole milliseconds may be that of a clock that counts in seconds.
        let coarse = 1_000_000_000_000_000;
        assert!(!is_safely_old(time(coarse), time(coarse + SAFE_AGE + 1)));
        assert!(is_safely_old(time(coarse), time(coarse + SAFE_AGE_COARSE + 1)));
        // The clock was set back: the file is from the future.
        assert!(!is_safely_old(time(fine), time(fine - 1)));
        assert!(is_safely_old(time(-fine), time(fine)));
    }
}
