//! The seam between the store and the file system: everything that core asks of a disk or a clock.
//!
//! [`RealFs`] answers with the system's own calls. Tests answer with file systems that fail the n-th
//! call, lose power, or have a coarse clock; nothing in core touches `std::fs` except through here.

mod mounts;
mod real;

pub use real::RealFs;

use std::ffi::{OsStr, OsString};
use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A point in time as file systems keep it: seconds and nanoseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileTime {
    /// Whole seconds; negative before 1970.
    pub seconds: i64,
    /// Nanoseconds within the second.
    pub nanos: u32,
}

impl FileTime {
    /// Nanoseconds since 1970.
    pub fn as_nanos(self) -> i128 {
        i128::from(self.seconds) * 1_000_000_000 + i128::from(self.nanos)
    }
}

/// What a path or an open file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file, the only kind that holds data.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link (only where a link itself was asked about).
    Link,
    /// A FIFO, a socket or a device.
    Special,
}

/// What distinguishes one state of a file from another without reading it.
///
/// On Windows std knows neither ids nor change times: `dev` and `ino` are 0, and `ctime` is `mtime`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Device.
    pub dev: u64,
    /// Inode.
    pub ino: u64,
    /// Length in bytes.
    pub size: u64,
    /// Last change of the content, which programs can set.
    pub mtime: FileTime,
    /// Last change of anything, which programs can't set.
    pub ctime: FileTime,
}

/// The answer to a stat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// What it is.
    pub kind: FileKind,
    /// Which state of it.
    pub stamp: Stamp,
    /// Permission bits (0 on Windows).
    pub mode: u32,
    /// Owner and group (0 on Windows).
    pub owner: (u32, u32),
}

/// What keeps a file from being replaced for good, where the system's own words don't say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The file is mounted on its own.
    MountPoint,
    /// The file or its directory is append-only or immutable.
    Protected,
}

impl Obstacle {
    /// What it is, and what can be done.
    pub fn words(self) -> &'static str {
        match self {
            Obstacle::MountPoint => {
                "the file is a mount of its own, as in a container that was given a single file, and can't be \
                 replaced; mount its directory instead"
            }
            Obstacle::Protected => {
                "the file or its directory is append-only or immutable (see chattr), so no file can be replaced there"
            }
        }
    }
}

/// An open file, to be read from its start; reads that a signal interrupts are made again. Dropping it closes it, and
/// frees its lock.
pub trait File: Debug + Send + Sync + io::Read {
    /// Stat of the open file.
    fn stat(&self) -> io::Result<Stat>;
    /// All bytes from the start; where there are more than `size`, one more. Memory is reserved fallibly.
    fn read_all(&mut self, size: u64) -> io::Result<Vec<u8>>;
    /// Writes all `parts` in order at the current position.
    fn write_all(&mut self, parts: &[&[u8]]) -> io::Result<()>;
    /// All bytes from `offset` on. Memory is reserved fallibly.
    fn read_from(&mut self, offset: u64) -> io::Result<Vec<u8>>;
    /// Writes all bytes at `offset`, where the file ends.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Cuts the file to so many bytes.
    fn truncate(&self, length: u64) -> io::Result<()>;
    /// Asks the system to begin to put a part of what was written on the disk, without waiting for it. Promises nothing:
    /// the next sync waits for it, and tells what went wrong with it.
    fn start_writing_back(&self, _offset: u64, _length: u64) {}
    /// Makes content and length survive a power loss.
    fn sync(&self) -> io::Result<()>;
    /// The same with no more of its metadata than it takes to read the content.
    fn sync_data(&self) -> io::Result<()>;
    /// Sets the permission bits. Nothing on Windows.
    fn set_mode(&self, mode: u32) -> io::Result<()>;
    /// Gives the file to an owner, a group, or both, where the process may. Nothing on Windows.
    fn set_owner(&self, user: Option<u32>, group: Option<u32>) -> io::Result<()>;
    /// Sets one of the attributes that [`FileSystem::attributes`] tells.
    fn set_attribute(&self, name: &OsStr, value: &[u8]) -> io::Result<()>;
    /// Takes the exclusive advisory lock; false if somebody else holds it.
    fn try_lock(&self) -> io::Result<bool>;
    /// Takes the exclusive advisory lock. Waits for it, for ever if need be, in the order in which the system has others
    /// wait.
    fn lock(&self) -> io::Result<()>;
    /// Whether any change that follows a stat of the file is certain to get another change time, however soon it
    /// comes. May change the file's change time, and so is only for a new file that nobody else knows.
    fn tells_each_change(&self) -> bool;
}

/// A file system and its clock.
pub trait FileSystem: Debug + Send + Sync {
    /// Stat of what a path leads to, links followed.
    fn stat(&self, path: &Path) -> io::Result<Stat>;
    /// Stat of the path itself, a link included.
    fn stat_link(&self, path: &Path) -> io::Result<Stat>;
    /// Where a symbolic link points.
    fn read_link(&self, path: &Path) -> io::Result<PathBuf>;
    /// Opens for reading, never waiting for a FIFO's writer.
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>>;
    /// Creates a file for its owner alone (0600), and fails if anything is there, a link included.
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn File>>;
    /// Opens a lock file that is there, for writing, never through a link.
    fn open_lock(&self, path: &Path) -> io::Result<Box<dyn File>>;
    /// What else belongs to the file that a path leads to and has to be taken over by one that replaces it: its access
    /// list and the attributes that users have set. None where there are no such things.
    fn attributes(&self, path: &Path) -> io::Result<Vec<(OsString, Vec<u8>)>>;
    /// Opens a file that is there for reading and writing, never through a link.
    fn open_writable(&self, path: &Path) -> io::Result<Box<dyn File>>;
    /// Renames over whatever file is there, in one step.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Names in a directory.
    fn list(&self, dir: &Path) -> io::Result<Vec<OsString>>;
    /// Creates one directory for its owner alone (0700).
    fn create_dir(&self, dir: &Path) -> io::Result<()>;
    /// Makes names in a directory survive a power loss. Nothing where directories can't be synced.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Puts all that its file system has not yet written on the disk, by way of a file that may be read: for directories
    /// that can be written to and not opened.
    fn sync_all_around(&self, _file: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    /// Gives a directory to an owner and group, where the process may. Nothing on Windows.
    fn set_dir_owner(&self, dir: &Path, owner: (u32, u32)) -> io::Result<()>;
    /// The machine's clock, as it stamps local files: where such stamps have ticks, this has them too. Any local file
    /// that is changed from now on is stamped with this time or a later one, unless the clock is set back.
    fn now(&self) -> FileTime;
    /// A clock that is never set, to measure how much time has passed.
    fn uptime(&self) -> Duration;
    /// Lets some time pass.
    fn pause(&self, time: Duration) {
        std::thread::sleep(time);
    }
    /// Whether this path is on a file system that is known to be this machine's own, links followed: a stat can't wait
    /// for a network, files are stamped by [`FileSystem::now`], and one may be kept open for reading while others
    /// replace it. False where nothing is there.
    fn is_local(&self, path: &Path) -> bool;
    /// Whether stamps tell files apart (Unix).
    fn has_identity(&self) -> bool;
    /// What keeps a file from being renamed over this path. Asked where one was refused.
    fn obstacle(&self, _target: &Path) -> Option<Obstacle> {
        None
    }
}
