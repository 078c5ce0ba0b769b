//! What can go wrong, with all that a caller needs to act on it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::memory::NoMemory;

/// A failure of the store. Cheap to clone: one failed commit rejects every mutation of its batch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A data file is not what a store writes. Its bytes have not been touched.
    #[error(
        "{} is damaged at line {line}, column {column}: {expected}. The file was left as it is. \
         To recover, mend it there, restore a backup, or call recover(); the next call then works",
        path.display()
    )]
    Corrupt {
        /// The data file, links resolved.
        path: PathBuf,
        /// Line of the flaw, from 1.
        line: usize,
        /// Column of the flaw, from 1, in bytes.
        column: usize,
        /// What was expected there.
        expected: String,
    },

    /// Another process, or another store of this one, held the lock for too long.
    #[error(
        "{}: the lock is held by another process; gave up after {} ms",
        path.display(),
        waited.as_millis()
    )]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// How long this call waited.
        waited: Duration,
    },

    /// The mutation itself is unusable. Only this one is refused, not its batch.
    #[error("{field} {reason}")]
    Invalid {
        /// The offending field, as the caller knows it: `process.status`.
        field: String,
        /// What is wrong with it: `must not be empty`.
        reason: String,
    },

    /// The system refused a call.
    #[error("{reason}, {syscall} '{}'", path.display())]
    System {
        /// The operation that was refused, by its POSIX name.
        syscall: &'static str,
        /// What it was asked for.
        path: PathBuf,
        /// The portable kind of the failure.
        kind: io::ErrorKind,
        /// The system's own number for it, where it gave one.
        os: Option<i32>,
        /// The system's own words.
        reason: String,
        /// The new state has replaced the old file, but may not survive a power loss.
        committed: bool,
    },

    /// A bug in the store. The batch it happened in changed nothing.
    #[error("the store failed unexpectedly and changed nothing: {0}")]
    Internal(String),
}

impl Error {
    /// The error for a field that holds something unusable.
    pub fn invalid(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Error::Invalid { field: field.into(), reason: reason.into() }
    }

    /// The error for a call that the system refused.
    pub(crate) fn system(error: &io::Error, syscall: &'static str, path: &Path) -> Self {
        Error::System {
            syscall,
            path: path.to_owned(),
            kind: error.kind(),
            os: error.raw_os_error(),
            reason: words(error),
            committed: false,
        }
    }

    /// Marks a system error as one that came after the new state was visible.
    pub(crate) fn after_commit(mut self) -> Self {
        if let Error::System { committed, .. } = &mut self {
            *committed = true;
        }
        self
    }

    /// Adds to the system's words what they mean here.
    pub(crate) fn because(mut self, meaning: &str) -> Self {
        if let Error::System { reason, .. } = &mut self {
            *reason = format!("{reason} ({meaning})");
        }
        self
    }

    /// Whether the new state is visible although the call failed.
    pub fn is_committed(&self) -> bool {
        matches!(self, Error::System { committed: true, .. })
    }

    /// Whether the system has found nothing at this path.
    pub(crate) fn is_absence_of(&self, sought: &Path) -> bool {
        matches!(self, Error::System { kind: io::ErrorKind::NotFound, path, .. } if path == sought)
    }

    /// Whether nobody may write there, or not this user.
    pub(crate) fn forbids_writing(&self) -> bool {
        use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
        matches!(self, Error::System { kind: PermissionDenied | ReadOnlyFilesystem, committed: false, .. })
    }

    /// Whether there was no room for the new state on the disk, or none for this user.
    pub(crate) fn is_want_of_room(&self) -> bool {
        use io::ErrorKind::{QuotaExceeded, StorageFull};
        matches!(self, Error::System { kind: StorageFull | QuotaExceeded, committed: false, .. })
    }
}

/// Puts the operation and the path to an [`io::Error`], which knows neither.
pub(crate) trait Context<T> {
    fn context(self, syscall: &'static str, path: &Path) -> Result<T, Error>;
}

impl<T> Context<T> for io::Result<T> {
    fn context(self, syscall: &'static str, path: &Path) -> Result<T, Error> {
        self.map_err(|error| Error::system(&error, syscall, path))
    }
}

/// The system's words, without the number that [`Error::System`] keeps apart.
pub(crate) fn words(error: &io::Error) -> String {
    let message = error.to_string();
    message.rfind(" (os error ").map_or(message.as_str(), |end| &message[..end]).to_owned()
}

/// A flaw in the text of a data file, by its place in the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// Offset of the flaw in bytes.
    pub offset: usize,
    /// What was expected there.
    pub expected: String,
}

impl Flaw {
    /// A flaw at `offset`.
    pub fn new(offset: usize, expected: impl Into<String>) -> Self {
        Flaw { offset, expected: expected.into() }
    }

    /// The same flaw in a text that begins `by` bytes earlier.
    pub fn shifted(mut self, by: usize) -> Self {
        self.offset += by;
        self
    }

    /// Line and column of the flaw in `text`, from 1.
    pub fn position(&self, text: &[u8]) -> (usize, usize) {
        let before = &text[..self.offset.min(text.len())];
        let line_start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
        (memchr::memchr_iter(b'\n', before).count() + 1, before.len() - line_start + 1)
    }

    /// The error for this flaw in the file at `path`, whose content is `text`.
    pub fn in_file(self, path: &Path, text: &[u8]) -> Error {
        let (line, column) = self.position(text);
        Error::Corrupt { path: path.to_owned(), line, column, expected: self.expected }
    }
}

/// Why a text can't be read.
#[derive(Debug)]
pub enum Unread {
    /// The system refused something: a read, or memory.
    System(io::Error),
    /// It is not what a store writes.
    Flaw(Flaw),
}

impl Unread {
    /// The same of a text that begins `by` bytes earlier.
    pub fn shifted(self, by: usize) -> Self {
        match self {
            Unread::Flaw(flaw) => Unread::Flaw(flaw.shifted(by)),
            refused => refused,
        }
    }

    /// The same of a text that has the one that was read at `offset`, in another form.
    pub(crate) fn at(self, offset: usize) -> Self {
        match self {
            Unread::Flaw(flaw) => Unread::Flaw(Flaw { offset, ..flaw }),
            refused => refused,
        }
    }

    /// The error for the file at `path`, whose content is `text`.
    pub(crate) fn in_file(self, path: &Path, text: &[u8]) -> Error {
        match self {
            Unread::Flaw(flaw) => flaw.in_file(path, text),
            Unread::System(error) => Error::system(&error, "read", path),
        }
    }

    /// The error for what a caller has handed in.
    pub(crate) fn in_argument(self, argument: &str) -> Error {
        match self {
            Unread::Flaw(flaw) => Error::invalid(argument, flaw.expected),
            Unread::System(_) => NoMemory.into(),
        }
    }

    /// The error for a record that was read before.
    pub(crate) fn in_record(self) -> Error {
        match self {
            Unread::Flaw(flaw) => Error::Internal(format!("a stored record: {}", flaw.expected)),
            Unread::System(_) => NoMemory.into(),
        }
    }
}

impl From<io::Error> for Unread {
    fn from(error: io::Error) -> Self {
        Unread::System(error)
    }
}

impl From<NoMemory> for Unread {
    fn from(refusal: NoMemory) -> Self {
        Unread::System(refusal.into())
    }
}

impl From<Flaw> for Unread {
    fn from(flaw: Flaw) -> Self {
        Unread::Flaw(flaw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flaw_is_told_by_line_and_column() {
        let at = |offset| Flaw::new(offset, "x").position(b"ab\ncd\n");
        assert_eq!(
            [at(0), at(1), at(2), at(3), at(6), at(99)],
            [(1, 1), (1, 2), (1, 3), (2, 1), (3, 1), (3, 1)]
        );
    }
}
