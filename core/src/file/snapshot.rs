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
//!    the same number: ext4 does this at once. A snapshot keeps its file open for reading (a [`Pin`]), so its
//!    inode can't be freed, and no other file can have its number for as long as the snapshot is compared. A
//!    snapshot whose pin was given up never counts.
//! 2. *A change within one tick of the clock.* The file is read at time t; another program changes it
//!    in place, at the same size, and the file system's clock hasn't moved since the change that we
//!    saw: ctime stays equal. So a stamp counts only if its ctime was safely in the past *when the
//!    file was read* (git calls the other case "racy"): any later change then gets a later ctime.
//!    Until it is, the bytes are read again and compared.
//! 3. *A changed file with restored times* (`touch -r`). Programs set mtime, not ctime; this is why
//!    ctime is in the stamp, and why rule 2 looks at ctime alone.
//!
//! Rule 2 compares a stamp with a clock, and so the clock has to be the very one that stamps ([`FileSystem::now`]).
//! One that is only about the same is not enough: were it ahead by more than the safe age, each stamp would look old.
//!
//! A clock that is set back could stamp a change with the very time that was seen before. While it is behind the
//! moment of the read, no stamp counts; ctimes that lie in the future are never trusted anyway.
//!
//! # On other file systems
//!
//! Where a file system is not known to be local ([`FileSystem::is_local`]; never on Windows), neither rule can be kept:
//!
//! - An open file stands in the way of those who replace it. SMB refuses the rename and may delete the file; NFS and FUSE
//!   move the open file aside first, so that for a moment none is there. So nothing is pinned.
//! - Files are stamped by the clock of a server, or of whatever program answers. It may be behind ours by any time, and
//!   a reader, who creates nothing, can't ask it. So no stamp is compared with a clock. A stamp counts once it is
//!   *known* for a safe age, by a clock of this process that is never set: it was seen at some moment t, and the bytes
//!   were read after t plus the safe age, between two stats that still found it. What is seen at t has been stamped
//!   before t, wherever the other clock stands; a change after that read is stamped at least the safe age later, and so
//!   with another time. The first read is therefore followed by a second one, later on, which compares bytes.
//!
//! Without a pin an inode number may be used again, but only for a file that is made after the first has lost its name:
//! it has a later ctime, by the same argument. What is left is a server whose clock is set back, and stamps
//! a change of the same size with the very time of the last one. That is not seen (docs/safety.md says so), as
//! a restored mtime is not seen on Windows, where std tells neither inodes nor change times.
//!
//! # What we have written ourselves
//!
//! Right after our own commit rule 2 would have the file read again, though we know what is in it. Some local file
//! systems give each change that follows a stat a time of its own ([`File::tells_each_change`]). There the stamp
//! of a commit is trusted at once, in these steps:
//!
//! - (1) write the temporary file, (2) stat it: its mtime is that of step 1, and any later write gets another one,
//!   (3) open it for reading and close the handle that has written, (4) rename it, (5) stat it by the handle of step 3:
//!   its ctime is that of step 4, and any later change gets another one.
//!
//! Nobody else knows the file before step 4, and step 3 opens it before it closes it: where both stats tell the same
//! inode, the handle is that of the file that was written, since two files that exist at once have two numbers. Closing
//! writes nothing. A program that begins to write to the file between 4 and 5 changes its mtime:
//! step 2 has seen that, so step 4 got a later time, and no later stamp is behind it. If the two stats differ in mtime,
//! rule 2 holds. A program that begins after step 5 changes its ctime. What others have written is never trusted in
//! this way: a kernel stamps a write before it copies the bytes, so a stamp can be there while the content is still to
//! come.
//!
//! [`File::tells_each_change`]: crate::fs::File::tells_each_change
//! [`FileSystem::is_local`]: crate::fs::FileSystem::is_local
//! [`FileSystem::now`]: crate::fs::FileSystem::now

use std::sync::Arc;
use std::time::Duration;

use crate::file::pin::Pin;
use crate::fs::{FileTime, Stamp};
use crate::records::Record;
use crate::records::content::Content;

/// How far back a ctime must lie to be trusted. Clocks that stamp files advance every 1 to 16 ms.
const SAFE_AGE: Duration = Duration::from_millis(50);
/// How long the stamp of another file system must be known. A server may be a guest whose ticks come late, and how late
/// can't be asked.
const SAFE_AGE_ELSEWHERE: Duration = Duration::from_millis(250);
/// Both on file systems whose stamps have no fractions of a millisecond: FAT counts in 2 seconds,
/// HFS+ and ext3 in whole ones.
const SAFE_AGE_COARSE: Duration = Duration::from_secs(4);

/// A content, and the state of the file that it was read from. Immutable; readers share it.
#[derive(Debug)]
pub struct Snapshot<R> {
    /// What the file held.
    pub content: Arc<Content<R>>,
    /// The file's stamp then; `None` where there was no file.
    stamp: Option<Stamp>,
    trusted: bool,
    /// When it was read, by the machine's clock.
    read_at: FileTime,
    /// Since when the stamp is known, by the clock that is never set.
    known_since: Duration,
    /// Keeps the inode from being used again: see the module's rule 1.
    pin: Option<Pin>,
}

impl<R: Record> Snapshot<R> {
    /// There is no file.
    pub fn missing() -> Self {
        let read_at = FileTime { seconds: i64::MIN, nanos: 0 };
        let content = Arc::new(Content::empty());
        Snapshot { content, stamp: None, trusted: true, read_at, known_since: Duration::MAX, pin: None }
    }

    /// What was read from (or written to) a local file with this stamp. `read_at` is the time at which reading
    /// began, by the machine's clock.
    pub fn pinned(content: Arc<Content<R>>, stamp: Stamp, read_at: FileTime, pin: Pin) -> Self {
        let age = safe_age(stamp, SAFE_AGE).as_nanos() as i128;
        let trusted = stamp.ctime.as_nanos() + age < read_at.as_nanos();
        Snapshot { content, stamp: Some(stamp), trusted, read_at, known_since: Duration::MAX, pin: Some(pin) }
    }

    /// The same of a file that can't be kept open. `known_since` is when its stamp was first seen, and `began` when
    /// reading began, both by the clock that is never set.
    pub fn unpinned(
        content: Arc<Content<R>>,
        stamp: Stamp,
        read_at: FileTime,
        known_since: Duration,
        began: Duration,
    ) -> Self {
        let trusted = known_since.saturating_add(safe_age(stamp, SAFE_AGE_ELSEWHERE)) < began;
        Snapshot { content, stamp: Some(stamp), trusted, read_at, known_since, pin: None }
    }

    /// The same of a file whose next change is certain to give it another stamp: see the module's last paragraphs.
    pub fn vouched_for(self) -> Self {
        Snapshot { trusted: true, ..self }
    }

    /// Whether a file that has this stamp (`None`: no file) now is certain to hold what this snapshot holds.
    pub fn is_current(&self, stamp: Option<Stamp>, now: FileTime) -> bool {
        self.trusted && self.stamp == stamp && self.read_at <= now && self.pin.as_ref().is_none_or(Pin::holds)
    }

    /// The file's stamp when it was read; `None` where there was no file.
    pub fn stamp(&self) -> Option<Stamp> {
        self.stamp
    }

    /// Since when this stamp of a file that can't be kept open is known, if this is the snapshot's.
    pub fn known_since(&self, stamp: Stamp) -> Option<Duration> {
        (self.stamp == Some(stamp) && self.pin.is_none()).then_some(self.known_since)
    }
}

fn safe_age(stamp: Stamp, fine: Duration) -> Duration {
    if stamp.ctime.nanos.is_multiple_of(1_000_000) { SAFE_AGE_COARSE } else { fine }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::File;
    use crate::records::item::Item;

    /// The snapshot needs one to keep open, and asks it nothing.
    fn some_file() -> Box<dyn File> {
        use crate::fs::{FileSystem, RealFs};
        RealFs.open(&std::env::current_exe().unwrap()).unwrap()
    }

    fn time(nanos: i128) -> FileTime {
        FileTime {
            seconds: nanos.div_euclid(1_000_000_000) as i64,
            nanos: nanos.rem_euclid(1_000_000_000) as u32,
        }
    }

    fn stamp(ctime: i128) -> Stamp {
        Stamp { dev: 1, ino: 2, size: 3, mtime: time(0), ctime: time(ctime) }
    }

    fn counts(snapshot: &Snapshot<Item>, now: i128) -> bool {
        snapshot.is_current(snapshot.stamp(), time(now))
    }

    const FINE: i128 = 1_000_000_000_123_456;
    /// A stamp in whole milliseconds may be that of a clock that counts in seconds.
    const COARSE: i128 = 1_000_000_000_000_000;

    #[test]
    fn a_local_stamp_is_trusted_when_it_was_old_at_the_time_of_the_read() {
        let (safe, safe_coarse) = (SAFE_AGE.as_nanos() as i128, SAFE_AGE_COARSE.as_nanos() as i128);
        let is_trusted = |ctime, read_at| {
            let content = Arc::new(Content::empty());
            let snapshot = Snapshot::pinned(content, stamp(ctime), time(read_at), Pin::new(some_file()));
            counts(&snapshot, read_at)
        };
        assert!(!is_trusted(FINE, FINE));
        assert!(!is_trusted(FINE, FINE + safe));
        assert!(is_trusted(FINE, FINE + safe + 1));
        assert!(!is_trusted(COARSE, COARSE + safe + 1));
        assert!(is_trusted(COARSE, COARSE + safe_coarse + 1));
        // The clock was set back: the file is from the future.
        assert!(!is_trusted(FINE, FINE - 1));
        assert!(is_trusted(-FINE, FINE));
    }

    #[test]
    fn another_stamp_is_trusted_when_it_was_known_for_long_at_the_time_of_the_read_whatever_it_says() {
        let seen = Duration::from_secs(7);
        let is_trusted = |ctime, began| {
            let content = Arc::new(Content::empty());
            counts(&Snapshot::unpinned(content, stamp(ctime), time(FINE), seen, began), FINE)
        };
        let tick = Duration::from_nanos(1);
        for ctime in [FINE, -FINE, 3 * FINE] {
            assert!(!is_trusted(ctime, seen));
            assert!(!is_trusted(ctime, seen + SAFE_AGE_ELSEWHERE));
            assert!(is_trusted(ctime, seen + SAFE_AGE_ELSEWHERE + tick));
        }
        assert!(!is_trusted(COARSE, seen + SAFE_AGE_ELSEWHERE + tick));
        assert!(is_trusted(COARSE, seen + SAFE_AGE_COARSE + tick));
    }
}
