//! A process record: `{workspaceId, process}` as it stands in `processes.json`.

pub(crate) mod entry;
pub(crate) mod host;
mod summary;

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::error::{Error, Flaw, Unread};
use crate::json::date;
use crate::json::fields::{self, Field, Fields};
use crate::json::layout;
use crate::json::text::decode;
use crate::memory;
use crate::records::content::Content;
use crate::records::filter::Filter;
use crate::records::process::host::HostFields;
use crate::records::{Patch, Record};
use entry::{EntryDoc, EntryFields, FIELDS, ID, INDEXED, PARENT, START, STATUS, Span, TYPE, string};

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
    /// Held while they are decoded, so that many readers at once do it once.
    decoding: Mutex<()>,
    /// Some object of the host counts this record's memory as its own.
    claimed: AtomicBool,
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
    pub fn host_fields(&self) -> Result<&HostFields, Error> {
        if let Some(fields) = self.host.get() {
            return Ok(fields);
        }
        let _alone = self.decoding.lock().unwrap_or_else(PoisonError::into_inner);
        match self.host.get() {
            Some(fields) => Ok(fields),
            None => {
                let fields = HostFields::of(&self.text)?;
                Ok(self.host.get_or_init(|| fields))
            }
        }
    }

    /// Whether [`host_fields`](Self::host_fields) has nothing left to do.
    pub fn is_decoded(&self) -> bool {
        self.host.get().is_some()
    }

    /// Makes an object of the host count [`memory`](Self::memory) as its own: true for one at a time, until
    /// [`unclaim`](Self::unclaim). Otherwise a host's garbage collector would not know what its objects keep alive.
    pub fn claim(&self) -> bool {
        !self.claimed.swap(true, Ordering::Relaxed)
    }

    /// The object that claimed the record is gone.
    pub fn unclaim(&self) {
        self.claimed.store(false, Ordering::Relaxed);
    }

    /// Memory that the record's text and its decoded fields take, in bytes.
    pub fn memory(&self) -> usize {
        self.text.len() + self.host.get().map_or(0, HostFields::size)
    }

    fn token(&self, span: Span) -> &str {
        let (start, length) = (span.start as usize, span.length as usize);
        std::str::from_utf8(&self.text[start..start + length]).unwrap_or_default()
    }

    fn compose(tag: &str, process: &Fields, extra: &[Field], argument: &str) -> Result<Self, Error> {
        let mut text = String::new();
        for part in ["{\"workspaceId\":", tag, ",\"process\":"] {
            memory::append(&mut text, part)?;
        }
        process.write(&mut text)?;
        for field in extra {
            for part in [",", field.name, ":", field.value] {
                memory::append(&mut text, part)?;
            }
        }
        memory::append(&mut text, "}")?;
        let text = layout::pretty(&text, DEPTH)?.ok_or_else(|| {
            Error::invalid(argument, format!("is larger than {} bytes", layout::MAX_RECORD))
        })?;
        // What is written must be readable: the same reader judges it.
        let (record, _) = Self::read(&text).map_err(|unread| unread.in_argument(argument))?;
        for (value, field) in [(&*record.id, "id"), (&*record.status, "status")] {
            if value.is_empty() {
                return Err(Error::invalid(format!("{argument}.{field}"), "must not be empty"));
            }
        }
        Ok(record)
    }
}

impl Content<Process> {
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
    let metadata = Fields::parse(metadata).map_err(|unread| unread.in_argument(argument))?;
    match metadata.get(b"workspaceId") {
        None | Some("null") => Ok(None),
        Some(token) if token.starts_with('"') => Ok(Some(token)),
        Some(_) => Err(Error::invalid(format!("{argument}.metadata.workspaceId"), "must be a string")),
    }
}

impl Record for Process {
    const NAME: &'static str = "process";
    const HOLDS_ITS_LIKE: bool = false;

    fn read(bytes: &[u8]) -> Result<(Self, usize), Unread> {
        let no_entry = || Flaw::new(0, "expected an object with workspaceId and process");
        if bytes.first() != Some(&b'{') {
            return Err(no_entry().into());
        }
        let (document, length) = match EntryDoc::read(bytes) {
            Some(Ok(read)) => read,
            Some(Err(error)) => return Err(fields::unread(&error, bytes)),
            None => return Err(no_entry().into()),
        };
        let text = &bytes[..length];
        if let Err(error) = std::str::from_utf8(text) {
            return Err(Flaw::new(error.valid_up_to(), "expected UTF-8").into());
        }
        if text.len() > layout::MAX_RECORD {
            let expected = format!("expected a record of at most {} bytes", layout::MAX_RECORD);
            return Err(Flaw::new(0, expected).into());
        }
        let boxed = |text: Cow<[u8]>| memory::copy(&text);
        let workspace = string(bytes, document.workspace, "workspaceId")?;
        let process = document.process.ok_or_else(|| Flaw::new(0, "expected an entry with process"))?.0;
        let id = string(bytes, process[ID], "process.id")?;
        let status = string(bytes, process[STATUS], "process.status")?;
        let start = string(bytes, process[START], "process.startTime")?;
        let record = Process {
            id: memory::share(&id)?,
            workspace: boxed(workspace)?,
            status: boxed(status)?,
            kind: match process[TYPE] {
                None => Some(DEFAULT_TYPE.into()),
                Some(raw) => decode(raw.get())?.map(boxed).transpose()?,
            },
            parent: match process[PARENT] {
                None => None,
                Some(raw) => decode(raw.get())?.map(boxed).transpose()?,
            },
            start: date::parse(&start),
            tag: Span::of(document.workspace, bytes),
            spans: process.map(|token| Span::of(token, bytes)),
            text: memory::copy(text)?,
            host: OnceLock::new(),
            decoding: Mutex::new(()),
            claimed: AtomicBool::new(false),
        };
        Ok((record, text.len()))
    }

    fn create(text: &str) -> Result<Self, Error> {
        let mut process = Fields::parse(text).map_err(|unread| unread.in_argument("process"))?;
        sort(&mut process);
        let tag = tag(&process, "process")?.unwrap_or("\"\"");
        Self::compose(tag, &process, &[], "process")
    }

    fn merge(&self, patch: &Patch) -> Result<Self, Error> {
        let EntryFields { tag: old_tag, mut process, rest } =
            EntryFields::read(&self.text).map_err(Unread::in_record)?;
        patch.apply(&mut process, &REQUIRED)?;
        sort(&mut process);
        let old_tag = old_tag.unwrap_or("\"\"");
        // Only metadata that the caller has just given is judged; a stored odd one keeps the old tag.
        let named = patch.names.iter().any(|name| name == b"metadata");
        let tag = match tag(&process, "updates") {
            Ok(tag) => tag.unwrap_or(old_tag),
            Err(error) if named => return Err(error),
            Err(_) => old_tag,
        };
        let merged = Self::compose(tag, &process, &rest.0, "updates")?;
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

#[cfg(test)]
mod tests;
