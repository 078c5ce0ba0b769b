//! Reading an entry of the file: just what the index needs, in one scan; the rest is passed over.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::Flaw;
use crate::fields::{self, Field, Fields};
use crate::text::decode;

/// The fields of a process that the index holds, or knows the place of. Together with the workspace they are a
/// record's summary, in this order.
pub const INDEXED: [&str; 12] = [
    "id",
    "status",
    "type",
    "startTime",
    "endTime",
    "promptPreview",
    "error",
    "parentProcessId",
    "title",
    "customTitle",
    "lastMessagePreview",
    "lastEventAt",
];
pub const ID: usize = 0;
pub const STATUS: usize = 1;
pub const TYPE: usize = 2;
pub const START: usize = 3;
pub const END: usize = 4;
pub const PARENT: usize = 7;

/// A piece of a record's text; empty where the record has no such field.
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    pub start: u32,
    pub length: u32,
}

impl Span {
    pub fn of(token: Option<&RawValue>, text: &[u8]) -> Self {
        // No record is larger than u32 counts: see `layout::MAX_RECORD`.
        token.map_or(Span::default(), |token| Span {
            start: (token.get().as_ptr() as usize - text.as_ptr() as usize) as u32,
            length: token.get().len() as u32,
        })
    }
}

/// An entry with just what the index needs; the rest is scanned over.
#[derive(Default)]
pub struct EntryDoc<'a> {
    pub workspace: Option<&'a RawValue>,
    pub process: Option<ProcessDoc<'a>>,
}

#[derive(Default)]
pub struct ProcessDoc<'a>(pub [Option<&'a RawValue>; INDEXED.len()]);

impl<'de: 'a, 'a> Deserialize<'de> for EntryDoc<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entry;

        impl<'de> Visitor<'de> for Entry {
            type Value = EntryDoc<'de>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object with workspaceId and process")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut entry = EntryDoc::default();
                while let Some(name) = map.next_key::<&RawValue>()? {
                    match &*fields::key(name.get()) {
                        b"workspaceId" => entry.workspace = Some(map.next_value()?),
                        b"process" => entry.process = Some(map.next_value()?),
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(entry)
            }
        }

        deserializer.deserialize_map(Entry)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for ProcessDoc<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Inner;

        impl<'de> Visitor<'de> for Inner {
            type Value = ProcessDoc<'de>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("process to be an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut process = ProcessDoc::default();
                while let Some(name) = map.next_key::<&RawValue>()? {
                    let key = fields::key(name.get());
                    match INDEXED.iter().position(|field| field.as_bytes() == &*key) {
                        Some(field) => process.0[field] = Some(map.next_value()?),
                        None => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(process)
            }
        }

        deserializer.deserialize_map(Inner)
    }
}

/// An entry as its fields, those of the process included, all in one scan.
#[derive(Default)]
pub struct EntryFields<'a> {
    /// The token of the workspace tag.
    pub tag: Option<&'a str>,
    pub process: Fields<'a>,
    /// What else stands in the entry.
    pub rest: Fields<'a>,
}

impl<'de: 'a, 'a> Deserialize<'de> for EntryFields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entry;

        impl<'de> Visitor<'de> for Entry {
            type Value = EntryFields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object with workspaceId and process")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut entry = EntryFields::default();
                while let Some(name) = map.next_key::<&RawValue>()? {
                    let key = fields::key(name.get());
                    match &*key {
                        b"workspaceId" => entry.tag = Some(map.next_value::<&RawValue>()?.get()),
                        b"process" => entry.process = map.next_value()?,
                        _ => {
                            let value = map.next_value::<&RawValue>()?.get();
                            entry.rest.0.push(Field { key, name: name.get(), value });
                        }
                    }
                }
                Ok(entry)
            }
        }

        deserializer.deserialize_map(Entry)
    }
}

/// The content of a field that the index needs, and that must be a string.
pub fn string<'a>(bytes: &[u8], value: Option<&'a RawValue>, name: &str) -> Result<Cow<'a, [u8]>, Flaw> {
    let raw = value.ok_or_else(|| Flaw::new(0, format!("expected an entry with {name}")))?;
    decode(raw.get()).ok_or_else(|| {
        let offset = raw.get().as_ptr() as usize - bytes.as_ptr() as usize;
        Flaw::new(offset, format!("expected {name} to be a string"))
    })
}
