//! Reading an entry of the file: just what the index needs, in one scan; the rest is passed over.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use crate::error::{Flaw, Unread};
use crate::json::fields::{self, Field, Fields};
use crate::json::text::decode;
use crate::memory;

/// The fields that the store knows, in the order in which they stand in the file.
pub const FIELDS: [&str; 22] = [
    "id",
    "type",
    "promptPreview",
    "fullPrompt",
    "status",
    "startTime",
    "endTime",
    "error",
    "result",
    "resultFilePath",
    "rawStdoutFilePath",
    "metadata",
    "groupMetadata",
    "codeReviewMetadata",
    "discoveryMetadata",
    "codeReviewGroupMetadata",
    "structuredResult",
    "parentProcessId",
    "sdkSessionId",
    "backend",
    "workingDirectory",
    "conversationTurns",
];

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
pub struct EntryDoc<'a, P = ProcessDoc<'a>> {
    pub workspace: Option<&'a RawValue>,
    pub process: Option<P>,
}

impl<'a> EntryDoc<'a> {
    /// Reads the entry that `bytes` begins with, and tells how many bytes it takes; `None` where there is nothing.
    pub fn read(bytes: &'a [u8]) -> Option<serde_json::Result<(Self, usize)>> {
        let mut documents = serde_json::Deserializer::from_slice(bytes).into_iter::<Self>();
        let read = documents.next()?.map(|entry| (entry, documents.byte_offset()));
        Some(read.or_else(|error| match error.classify() {
            // What ends too early has no last one.
            Category::Eof => Err(error),
            _ => Self::read_last(bytes).ok_or(error),
        }))
    }

    /// The same for an entry with several processes: the last one counts, as `JSON.parse` has it, whatever the
    /// others are.
    fn read_last(bytes: &'a [u8]) -> Option<(Self, usize)> {
        let mut documents = serde_json::Deserializer::from_slice(bytes).into_iter::<EntryDoc<&RawValue>>();
        let EntryDoc { workspace, process } = documents.next()?.ok()?;
        let process = serde_json::from_str(process?.get()).ok()?;
        Some((EntryDoc { workspace, process: Some(process) }, documents.byte_offset()))
    }
}

#[derive(Default)]
pub struct ProcessDoc<'a>(pub [Option<&'a RawValue>; INDEXED.len()]);

impl<'de: 'a, 'a, P: Deserialize<'de>> Deserialize<'de> for EntryDoc<'a, P> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entry<P>(PhantomData<P>);

        impl<'de, P: Deserialize<'de>> Visitor<'de> for Entry<P> {
            type Value = EntryDoc<'de, P>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object with workspaceId and process")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut entry = EntryDoc { workspace: None, process: None };
                while let Some(name) = map.next_key::<&RawValue>()? {
                    match &*fields::key(name.get()).map_err(M::Error::custom)? {
                        b"workspaceId" => entry.workspace = Some(map.next_value()?),
                        b"process" => entry.process = Some(map.next_value()?),
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(entry)
            }
        }

        deserializer.deserialize_map(Entry(PhantomData))
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
                    let key = fields::key(name.get()).map_err(M::Error::custom)?;
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
pub struct EntryFields<'a, P = Fields<'a>> {
    /// The token of the workspace tag.
    pub tag: Option<&'a str>,
    pub process: P,
    /// What else stands in the entry.
    pub rest: Fields<'a>,
}

impl<'a> EntryFields<'a> {
    /// Reads an entry that [`EntryDoc`] has read before.
    pub fn read(text: &'a [u8]) -> Result<Self, Unread> {
        let read = serde_json::from_slice(text).or_else(|error| Self::read_last(text).ok_or(error));
        read.map_err(|error| fields::unread(&error, text))
    }

    /// The same for an entry with several processes, of which the last one counts.
    fn read_last(text: &'a [u8]) -> Option<Self> {
        let EntryFields { tag, process, rest } =
            serde_json::from_slice::<EntryFields<Option<&RawValue>>>(text).ok()?;
        Some(EntryFields { tag, process: Fields::parse(process?.get()).ok()?, rest })
    }
}

impl<'de: 'a, 'a, P: Deserialize<'de> + Default> Deserialize<'de> for EntryFields<'a, P> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entry<P>(PhantomData<P>);

        impl<'de, P: Deserialize<'de> + Default> Visitor<'de> for Entry<P> {
            type Value = EntryFields<'de, P>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object with workspaceId and process")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut entry = EntryFields { tag: None, process: P::default(), rest: Fields::default() };
                while let Some(name) = map.next_key::<&RawValue>()? {
                    let key = fields::key(name.get()).map_err(M::Error::custom)?;
                    match &*key {
                        b"workspaceId" => entry.tag = Some(map.next_value::<&RawValue>()?.get()),
                        b"process" => entry.process = map.next_value()?,
                        _ => {
                            let value = map.next_value::<&RawValue>()?.get();
                            let field = Field { key, name: name.get(), value };
                            memory::push(&mut entry.rest.0, field).map_err(M::Error::custom)?;
                        }
                    }
                }
                Ok(entry)
            }
        }

        deserializer.deserialize_map(Entry(PhantomData))
    }
}

/// The content of a field that the index needs, and that must be a string.
pub fn string<'a>(bytes: &[u8], value: Option<&'a RawValue>, name: &str) -> Result<Cow<'a, [u8]>, Unread> {
    let raw = value.ok_or_else(|| Flaw::new(0, format!("expected an entry with {name}")))?;
    decode(raw.get())?.ok_or_else(|| {
        let offset = raw.get().as_ptr() as usize - bytes.as_ptr() as usize;
        Flaw::new(offset, format!("expected {name} to be a string")).into()
    })
}
