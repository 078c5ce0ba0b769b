//! A process record: `{workspaceId, process}` as it stands in `processes.json`.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Datelike};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::date;
use crate::error::{Error, Flaw};
use crate::fields::{self, Field, Fields};
use crate::filter::Filter;
use crate::host::HostFields;
use crate::layout;
use crate::record::{Patch, Record};
use crate::snapshot::Content;
use crate::text::decode;

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
const INDEXED: [&str; 12] = [
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
const ID: usize = 0;
const STATUS: usize = 1;
const TYPE: usize = 2;
const START: usize = 3;
const END: usize = 4;
const PARENT: usize = 7;

/// What a record without `type` is.
const DEFAULT_TYPE: &[u8] = b"clarification";
const TERMINAL: [&[u8]; 3] = [b"completed", b"failed", b"cancelled"];
const REQUIRED: [&str; 3] = ["id", "status", "startTime"];
/// Levels of nesting around a record in the file.
const DEPTH: usize = 1;

/// One process of the store.
#[derive(Debug)]
pub struct Process {
    text: Box<[u8]>,
    id: Arc<[u8]>,
    workspace: Box<[u8]>,
    status: Box<[u8]>,
    /// `None` where the file holds something that no filter can name.
    kind: Option<Box<[u8]>>,
    parent: Option<Box<[u8]>>,
    start: Option<i64>,
    /// Where the tokens of the workspace tag and of the [`INDEXED`] fields stand in the text.
    tag: Span,
    spans: [Span; INDEXED.len()],
    host: OnceLock<HostFields>,
}

/// A piece of a record's text; empty where the record has no such field.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    start: u32,
    length: u32,
}

impl Span {
    fn of(token: Option<&RawValue>, text: &[u8]) -> Self {
        // No record is larger than u32 counts: see `layout::MAX_RECORD`.
        token.map_or(Span::default(), |token| Span {
            start: (token.get().as_ptr() as usize - text.as_ptr() as usize) as u32,
            length: token.get().len() as u32,
        })
    }
}

impl Process {
    /// The workspace tag, as WTF-8.
    pub fn workspace(&self) -> &[u8] {
        &self.workspace
    }

    /// The status, as WTF-8.
    pub fn status(&self) -> &[u8] {
        &self.status
    }

    /// The record's fields as the host wants them, decoded at the first call and kept.
    pub fn host_fields(&self) -> &HostFields {
        self.host.get_or_init(|| HostFields::of(&self.text))
    }

    /// Whether [`host_fields`](Self::host_fields) has nothing left to do.
    pub fn is_decoded(&self) -> bool {
        self.host.get().is_some()
    }

    /// Appends JSON text of an object with the workspace, the indexed fields that the record has, and the duration
    /// in milliseconds where it has begun and ended.
    pub fn write_summary(&self, out: &mut String) {
        out.push_str("{\"workspaceId\":");
        out.push_str(self.token(self.tag));
        for (field, &span) in INDEXED.iter().zip(&self.spans) {
            let token = match (*field, self.token(span)) {
                ("type", "") => "\"clarification\"",
                (_, "") => continue,
                (_, token) => token,
            };
            out.push_str(&format!(",\"{field}\":"));
            match *field {
                "startTime" | "endTime" => out.push_str(&iso_token(token)),
                _ => out.push_str(token),
            }
        }
        let end = decode(self.token(self.spans[END]));
        let end = end.and_then(|end| date::parse(std::str::from_utf8(&end).ok()?));
        if let (Some(start), Some(end)) = (self.start, end) {
            out.push_str(&format!(",\"duration\":{}", end - start));
        }
        out.push('}');
    }

    /// Appends the JSON token of the id.
    pub fn write_id(&self, out: &mut String) {
        out.push_str(self.token(self.spans[ID]));
    }

    fn token(&self, span: Span) -> &str {
        let (start, length) = (span.start as usize, span.length as usize);
        std::str::from_utf8(&self.text[start..start + length]).unwrap_or_default()
    }

    fn compose(tag: &str, process: &Fields, extra: &[Field], argument: &str) -> Result<Self, Error> {
        let mut text = format!("{{\"workspaceId\":{tag},\"process\":");
        process.write(&mut text);
        for field in extra {
            text.push(',');
            text.push_str(field.name);
            text.push(':');
            text.push_str(field.value);
        }
        text.push('}');
        let text = layout::pretty(&text, DEPTH).ok_or_else(|| {
            Error::invalid(argument, format!("is larger than {} bytes", layout::MAX_RECORD))
        })?;
        // What is written must be readable: the same reader judges it.
        let (record, _) = Self::read(&text).map_err(|flaw| Error::invalid(argument, flaw.expected))?;
        for (value, field) in [(&*record.id, "id"), (&*record.status, "status")] {
            if value.is_empty() {
                return Err(Error::invalid(format!("{argument}.{field}"), "must not be empty"));
            }
        }
        Ok(record)
    }
}

/// The token of a date as `toISOString` writes it, if it is a date that was written otherwise.
fn iso_token(token: &str) -> Cow<'_, str> {
    let text = decode(token).unwrap_or_default();
    let text = std::str::from_utf8(&text).unwrap_or_default();
    let date =
        date::parse(text).filter(|_| !date::is_canonical(text)).and_then(DateTime::from_timestamp_millis);
    match date.filter(|date| (0..=9999).contains(&date.year())) {
        Some(date) => Cow::Owned(date.format("\"%Y-%m-%dT%H:%M:%S%.3fZ\"").to_string()),
        None => Cow::Borrowed(token),
    }
}

/// The content of a field that the index needs, and that must be a string.
fn string<'a>(bytes: &[u8], value: Option<&'a RawValue>, name: &str) -> Result<Cow<'a, [u8]>, Flaw> {
    let raw = value.ok_or_else(|| Flaw::new(0, format!("expected an entry with {name}")))?;
    decode(raw.get()).ok_or_else(|| {
        let offset = raw.get().as_ptr() as usize - bytes.as_ptr() as usize;
        Flaw::new(offset, format!("expected {name} to be a string"))
    })
}

impl Content<Process> {
    /// JSON text of an array with what `write` appends for each of the listed records.
    pub fn list(&self, filter: &Filter, write: fn(&Process, &mut String)) -> String {
        let mut out = String::from("[");
        for place in filter.select(self.records()) {
            if out.len() > 1 {
                out.push(',');
            }
            write(&self.records()[place], &mut out);
        }
        out.push(']');
        out
    }

    /// Where the first record with this id stands; with a workspace, the first of that workspace.
    pub fn find(&self, id: &[u8], workspace: Option<&[u8]>) -> Option<usize> {
        let first = self.place(id)?;
        let Some(workspace) = workspace else { return Some(first) };
        let last = if self.has_twins() { self.records().len() } else { first + 1 };
        (first..last).find(|&place| {
            let record = &self.records()[place];
            **record.id() == *id && record.workspace() == workspace
        })
    }
}

/// Known fields in the order of [`FIELDS`], the others behind them as they stood.
fn sort(fields: &mut Fields) {
    fields.0.sort_by_key(|field| {
        FIELDS.iter().position(|known| known.as_bytes() == &*field.key).unwrap_or(FIELDS.len())
    });
}

/// The token of `metadata.workspaceId`, or `None` where there is none.
fn tag<'a>(process: &Fields<'a>, argument: &str) -> Result<Option<&'a str>, Error> {
    let Some(metadata) = process.get(b"metadata").filter(|text| text.starts_with('{')) else {
        return Ok(None);
    };
    let metadata = Fields::parse(metadata).map_err(|flaw| Error::invalid(argument, flaw.expected))?;
    match metadata.get(b"workspaceId") {
        None | Some("null") => Ok(None),
        Some(token) if token.starts_with('"') => Ok(Some(token)),
        Some(_) => Err(Error::invalid(format!("{argument}.metadata.workspaceId"), "must be a string")),
    }
}

impl Record for Process {
    const NAME: &'static str = "process";

    fn read(bytes: &[u8]) -> Result<(Self, usize), Flaw> {
        if bytes.first() != Some(&b'{') {
            return Err(Flaw::new(0, "expected an object with workspaceId and process"));
        }
        let mut documents = serde_json::Deserializer::from_slice(bytes).into_iter::<EntryDoc>();
        let document = match documents.next() {
            Some(Ok(document)) => document,
            Some(Err(error)) => return Err(fields::flaw(&error, bytes)),
            None => return Err(Flaw::new(0, "expected an object with workspaceId and process")),
        };
        let text = &bytes[..documents.byte_offset()];
        if let Err(error) = std::str::from_utf8(text) {
            return Err(Flaw::new(error.valid_up_to(), "expected UTF-8"));
        }
        if text.len() > layout::MAX_RECORD {
            return Err(Flaw::new(0, format!("expected a record of at most {} bytes", layout::MAX_RECORD)));
        }
        let boxed = |text: Cow<[u8]>| text.into_owned().into_boxed_slice();
        let workspace = string(bytes, document.workspace, "workspaceId")?;
        let process = document.process.ok_or_else(|| Flaw::new(0, "expected an entry with process"))?.0;
        let id = string(bytes, process[ID], "process.id")?;
        let status = string(bytes, process[STATUS], "process.status")?;
        let start = string(bytes, process[START], "process.startTime")?;
        let record = Process {
            id: id.as_ref().into(),
            workspace: boxed(workspace),
            status: boxed(status),
            kind: match process[TYPE] {
                None => Some(DEFAULT_TYPE.into()),
                Some(raw) => decode(raw.get()).map(boxed),
            },
            parent: process[PARENT].and_then(|raw| decode(raw.get())).map(boxed),
            start: std::str::from_utf8(&start).ok().and_then(date::parse),
            tag: Span::of(document.workspace, bytes),
            spans: process.map(|token| Span::of(token, bytes)),
            text: text.into(),
            host: OnceLock::new(),
        };
        Ok((record, text.len()))
    }

    fn create(text: &str) -> Result<Self, Error> {
        let mut process = Fields::parse(text).map_err(|flaw| Error::invalid("process", flaw.expected))?;
        sort(&mut process);
        let tag = tag(&process, "process")?.unwrap_or("\"\"");
        Self::compose(tag, &process, &[], "process")
    }

    fn merge(&self, patch: &Patch) -> Result<Self, Error> {
        let unreadable = |flaw: Flaw| Error::Internal(format!("a stored record: {}", flaw.expected));
        let text = std::str::from_utf8(&self.text).map_err(|error| Error::Internal(error.to_string()))?;
        let mut entry = Fields::parse(text).map_err(unreadable)?;
        let mut process = Fields::parse(entry.get(b"process").unwrap_or("{}")).map_err(unreadable)?;
        patch.apply(&mut process, &REQUIRED)?;
        sort(&mut process);
        let old_tag = entry.get(b"workspaceId").unwrap_or("\"\"");
        // Only metadata that the caller has just given is judged; a stored odd one keeps the old tag.
        let named = patch.names.iter().any(|name| name == b"metadata");
        let tag = match tag(&process, "updates") {
            Ok(tag) => tag.unwrap_or(old_tag),
            Err(error) if named => return Err(error),
            Err(_) => old_tag,
        };
        entry.remove(b"workspaceId");
        entry.remove(b"process");
        let merged = Self::compose(tag, &process, &entry.0, "updates")?;
        if merged.id != self.id {
            return Err(Error::invalid("updates.id", "must not change"));
        }
        Ok(Process { id: self.id.clone(), ..merged })
    }

    fn text(&self) -> &[u8] {
        &self.text
    }

    fn id(&self) -> &Arc<[u8]> {
        &self.id
    }

    fn matches(&self, filter: &Filter) -> bool {
        let same = |wanted: &Option<Vec<u8>>, found: Option<&[u8]>| {
            wanted.as_deref().is_none_or(|wanted| found == Some(wanted))
        };
        same(&filter.workspace, Some(&self.workspace))
            && same(&filter.parent, self.parent.as_deref())
            && same(&filter.kind, self.kind.as_deref())
            && filter.statuses.as_ref().is_none_or(|any| any.iter().any(|status| **status == *self.status))
            && filter.since.is_none_or(|since| self.start.is_some_and(|start| start >= since))
            && filter.until.is_none_or(|until| self.start.is_some_and(|start| start < until))
    }

    fn prunable_since(&self) -> Option<i64> {
        TERMINAL.contains(&&*self.status).then_some(self.start.unwrap_or(i64::MIN))
    }
}

/// An entry with just what the index needs; the rest is scanned over.
#[derive(Default)]
struct EntryDoc<'a> {
    workspace: Option<&'a RawValue>,
    process: Option<ProcessDoc<'a>>,
}

#[derive(Default)]
struct ProcessDoc<'a>([Option<&'a RawValue>; INDEXED.len()]);

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

#[cfg(test)]
mod tests;
