//! What the engine asks of the records of a file, be they processes or workspaces.

pub(crate) mod content;
pub(crate) mod draft;
pub(crate) mod filter;
pub(crate) mod item;
pub(crate) mod process;

use std::fmt::Debug;
use std::sync::Arc;

use crate::error::{Error, Unread};
use crate::json::fields::Fields;
use crate::records::filter::Filter;

/// One element of a data file: its exact bytes, and an index of what is asked of it often.
pub trait Record: Debug + Sized + Send + Sync + 'static {
    /// What one record is called in messages: `process`.
    const NAME: &'static str;

    /// Whether a part of a record may well look like a record, as the tags of a workspace, which have ids, too.
    const HOLDS_ITS_LIKE: bool;

    /// Reads the record that `bytes` begins with, and tells how many bytes it takes.
    fn read(bytes: &[u8]) -> Result<(Self, usize), Unread>;

    /// Makes a record of the JSON text that a caller handed in.
    fn create(text: &str) -> Result<Self, Error>;

    /// The record with the fields of a patch merged in. Fields that it doesn't name keep their tokens.
    fn merge(&self, patch: &Patch) -> Result<Self, Error>;

    /// The bytes that stand in the file.
    fn text(&self) -> &[u8];

    /// The id, as WTF-8.
    fn id(&self) -> &Arc<[u8]>;

    /// Whether a filter lists the record (paging left aside).
    fn matches(&self, filter: &Filter) -> bool;

    /// When the record became old enough to be pruned, in milliseconds since 1970 (the least value where its
    /// date can't be read); `None` where it is never pruned.
    fn prunable_since(&self) -> Option<i64>;
}

impl Filter {
    /// Where in `records` the listed ones stand, in their order.
    pub fn select<'a, R: Record>(&'a self, records: &'a [Arc<R>]) -> impl Iterator<Item = usize> + 'a {
        self.matching(records).skip(self.offset).take(self.limit.unwrap_or(usize::MAX))
    }

    /// The same before paging.
    pub fn matching<'a, R: Record>(&'a self, records: &'a [Arc<R>]) -> impl Iterator<Item = usize> + 'a {
        records.iter().enumerate().filter(|(_, record)| record.matches(self)).map(|(place, _)| place)
    }
}

/// The fields that an update names.
#[derive(Clone, Debug)]
pub struct Patch {
    /// JSON text of an object with the new values.
    pub text: String,
    /// Every name that the caller named, as WTF-8. Those that `text` lacks are removed.
    pub names: Vec<Vec<u8>>,
}

impl Patch {
    /// Merges the patch into `fields`. Those in `required` can't be removed.
    pub(crate) fn apply<'a>(&'a self, fields: &mut Fields<'a>, required: &[&str]) -> Result<(), Error> {
        let new = Fields::parse(&self.text).map_err(|unread| unread.in_argument("updates"))?;
        for name in &self.names {
            if new.get(name).is_none() {
                if let Some(field) = required.iter().find(|field| field.as_bytes() == *name) {
                    return Err(Error::invalid(format!("updates.{field}"), "can't be removed"));
                }
                fields.remove(name);
            }
        }
        for field in new.0 {
            fields.set(field)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
