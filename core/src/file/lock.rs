//! The lock between processes: an advisory lock on a file beside the data file.
//!
//! The kernel frees it when its holder dies, so there is no stale lock, and the file is never deleted by
//! the store. People do delete "stale" lock files; see [`Lock::is_at_its_path`] for what that means.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Context, Error};
use crate::file::{access, place};
use crate::fs::{File, FileSystem};

/// The held lock. Dropping it frees it.
#[derive(Debug)]
#[must_use = "the lock is freed when this is dropped"]
pub(crate) struct Lock {
    file: Box<dyn File>,
    path: PathBuf,
}

/// The path of the lock of a data file.
pub(crate) fn path_for(file: &Path) -> PathBuf {
    place::beside(file, ".lock")
}

/// Waits a little before the next try.
pub(crate) fn pause(waited: Duration) {
    std::thread::sleep(interval(waited, place::random()));
}

/// A random while, so that processes that wait for each other don't keep step. The lock knows no order: whoever tries
/// first when it is freed has it, and where several write without a pause, somebody would now and then have no luck for
/// many seconds. So those who have waited longer try more often than those who have just come.
fn interval(waited: Duration, random: u64) -> Duration {
    const EACH: u128 = 250;
    let eagerness = (1 + waited.as_millis() / EACH).min(16) as u64;
    Duration::from_micros((300 + random % 1500) / eagerness)
}

impl Lock {
    /// Tries once to get that of a data file; `None` if somebody else holds it, or has just deleted its file.
    pub fn try_acquire(fs: &dyn FileSystem, data: &Path) -> Result<Option<Lock>, Error> {
        let path = path_for(data);
        let file = match open(fs, &path, data) {
            // ERROR_SHARING_VIOLATION: somebody is about to delete it.
            Err(error) if cfg!(windows) && error.raw_os_error() == Some(32) => return Ok(None),
            opened => opened.context("open", &path).map_err(place::too_long)?,
        };
        if !file.try_lock().context("flock", &path)? {
            return Ok(None);
        }
        let lock = Lock { file, path };
        // Deleted between our opening and locking it: the next one who comes locks another file.
        Ok(lock.is_at_its_path(fs)?.then_some(lock))
    }

    /// Whether the path still leads to the file that is locked. If not, another writer may hold a lock
    /// on the file that is there now.
    pub fn is_at_its_path(&self, fs: &dyn FileSystem) -> Result<bool, Error> {
        if !fs.has_identity() {
            return Ok(true);
        }
        let held = self.file.stat().context("fstat", &self.path)?.stamp;
        match fs.stat_link(&self.path) {
            Ok(found) => Ok((found.stamp.dev, found.stamp.ino) == (held.dev, held.ino)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error).context("lstat", &self.path),
        }
    }
}

/// The lock file of a data file, made where there is none. Others may make or delete it at any time.
fn open(fs: &dyn FileSystem, path: &Path, data: &Path) -> io::Result<Box<dyn File>> {
    const MOST_TRIES: usize = 10;
    let mut tries = 0;
    loop {
        match fs.open_lock(path) {
            Err(error) if error.kind() == ErrorKind::NotFound && tries < MOST_TRIES => {}
            opened => return opened,
        }
        tries += 1;
        match fs.create_new(path) {
            // Only this very file is given away: one that was there is whose it is.
            Ok(made) => access::share_lock(fs, &*made, data, place::parent(path)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
