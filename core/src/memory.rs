//! Memory for what is as large as files and callers make it, asked for in a way that can be refused.
//!
//! Where memory is not there, an ordinary allocation ends the whole program, and a container or `ulimit -v` is enough for
//! that. What stays small whatever the data are (an error's words, the fixed part of a record) is not asked for here.

use std::collections::TryReserveError;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::error::Error;

/// Memory that was asked for is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoMemory;

impl NoMemory {
    /// Whether an error of serde_json is this, told by a visitor. No words of a document begin a message of its kind.
    pub(crate) fn is_told_by(error: &serde_json::Error) -> bool {
        error.is_data() && error.to_string().starts_with(&NoMemory.to_string())
    }
}

impl fmt::Display for NoMemory {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("out of memory")
    }
}

impl From<TryReserveError> for NoMemory {
    fn from(_: TryReserveError) -> Self {
        NoMemory
    }
}

impl From<NoMemory> for io::Error {
    fn from(_: NoMemory) -> Self {
        io::ErrorKind::OutOfMemory.into()
    }
}

impl From<NoMemory> for Error {
    fn from(refusal: NoMemory) -> Self {
        Error::system(&refusal.into(), "malloc", Path::new("record"))
    }
}

/// A copy that takes no more room than it needs.
pub(crate) fn copy(bytes: &[u8]) -> Result<Box<[u8]>, NoMemory> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(bytes.len())?;
    copy.extend_from_slice(bytes);
    Ok(copy.into_boxed_slice())
}

/// The same to be shared. std asks for that in no other way, so it is seen first whether there is room: only another
/// thread could take it in between.
pub(crate) fn share(bytes: &[u8]) -> Result<Arc<[u8]>, NoMemory> {
    Vec::<u8>::new().try_reserve_exact(bytes.len())?;
    Ok(bytes.into())
}

/// Appends to a text.
pub(crate) fn append(text: &mut String, more: &str) -> Result<(), NoMemory> {
    text.try_reserve(more.len())?;
    text.push_str(more);
    Ok(())
}

/// Appends to a list.
pub(crate) fn push<T>(list: &mut Vec<T>, one: T) -> Result<(), NoMemory> {
    list.try_reserve(1)?;
    list.push(one);
    Ok(())
}
