//! The lock between processes: an advisory lock on a file beside the data file.
//!
//! The kernel frees it when its holder dies, so there is no stale lock, and the file is never deleted by
//! the store. People do delete "stale" lock files; see [`Lock::is_at_its_path`] for what that means.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::error::{Context, Error};
use crate::file::{access, place};
use crate::fs::{File, FileSystem, Stamp};

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

/// What came of trying to take the lock.
#[derive(Debug)]
pub(crate) enum Attempt {
    /// It is held now.
    Held(Lock),
    /// Somebody else holds it.
    Busy(Busy),
    /// Somebody has just deleted its file.
    Gone,
}

/// A lock file whose lock somebody else holds.
#[derive(Debug)]
pub(crate) struct Busy {
    file: Box<dyn File>,
    path: PathBuf,
}

/// Which file it is whose lock is waited for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    path: PathBuf,
    dev: u64,
    ino: u64,
}

impl Busy {
    pub fn identity(&self) -> Result<Identity, Error> {
        let Stamp { dev, ino, .. } = self.file.stat().context("fstat", &self.path)?.stamp;
        Ok(Identity { path: self.path.clone(), dev, ino })
    }

    /// Waits until the lock is free, for ever if need be. Its file may not be at its path any more then.
    pub fn wait(self) -> Result<Lock, Error> {
        self.file.lock().context("flock", &self.path)?;
        Ok(Lock { file: self.file, path: self.path })
    }
}

impl Lock {
    /// Tries once to get that of a data file.
    pub fn try_acquire(fs: &dyn FileSystem, data: &Path) -> Result<Attempt, Error> {
        let path = path_for(data);
        let file = match open(fs, &path, data) {
            // ERROR_SHARING_VIOLATION: somebody is about to delete it.
            Err(error) if cfg!(windows) && error.raw_os_error() == Some(32) => return Ok(Attempt::Gone),
            opened => opened.context("open", &path).map_err(place::too_long)?,
        };
        if !file.try_lock().context("flock", &path)? {
            return Ok(Attempt::Busy(Busy { file, path }));
        }
        let lock = Lock { file, path };
        // Deleted between our opening and locking it: the next one who comes locks another file.
        Ok(if lock.is_at_its_path(fs)? { Attempt::Held(lock) } else { Attempt::Gone })
    }

    /// Takes a lock that was waited for, if it is that of this data file, and tries once if not.
    pub fn take_or_try(got: Option<Lock>, fs: &dyn FileSystem, data: &Path) -> Result<Attempt, Error> {
        match got {
            // Whoever waits at a deleted file gets its lock in the end, too, and it is worth nothing.
            Some(lock) if lock.path == path_for(data) && lock.is_at_its_path(fs)? => Ok(Attempt::Held(lock)),
            other => {
                drop(other);
                Lock::try_acquire(fs, data)
            }
        }
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
