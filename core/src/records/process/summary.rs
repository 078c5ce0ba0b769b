//! What a list shows of a process, from the index alone.

use std::borrow::Cow;

use chrono::{DateTime, Datelike};

use super::Process;
use super::entry::{END, ID, INDEXED};
use crate::json::date;
use crate::json::text::decode;
use crate::memory::{self, NoMemory};
use crate::records::content::Content;
use crate::records::filter::Filter;

impl Process {
    /// Appends JSON text of an object with the workspace, the indexed fields that the record has, and the duration
    /// in milliseconds where it has begun and ended.
    pub fn write_summary(&self, out: &mut String) -> Result<(), NoMemory> {
        memory::append(out, "{\"workspaceId\":")?;
        memory::append(out, self.token(self.tag))?;
        for (field, &span) in INDEXED.iter().zip(&self.spans) {
            let token = match (*field, self.token(span)) {
                ("type", "") => "\"clarification\"",
                (_, "") => continue,
                (_, token) => token,
            };
            memory::append(out, &format!(",\"{field}\":"))?;
            match *field {
                "startTime" | "endTime" => memory::append(out, &iso_token(token)?)?,
                _ => memory::append(out, token)?,
            }
        }
        let end = decode(self.token(self.spans[END]))?;
        let end = end.and_then(date::parse);
        if let (Some(start), Some(end)) = (self.start, end) {
            memory::append(out, &format!(",\"duration\":{}", end - start))?;
        }
        memory::append(out, "}")
    }

    /// Appends the JSON token of the id.
    pub fn write_id(&self, out: &mut String) -> Result<(), NoMemory> {
        memory::append(out, self.token(self.spans[ID]))
    }
}

impl Content<Process> {
    /// Appends JSON text of an array with what `write` appends for each of the listed records.
    pub fn list(
        &self,
        filter: &Filter,
        write: fn(&Process, &mut String) -> Result<(), NoMemory>,
        out: &mut String,
    ) -> Result<(), NoMemory> {
        memory::append(out, "[")?;
        for (index, place) in filter.select(self.records()).enumerate() {
            if index > 0 {
                memory::append(out, ",")?;
            }
            write(&self.records()[place], out)?;
        }
        memory::append(out, "]")
    }
}

/// The token of a date as `toISOString` writes it, if it is a date that was written otherwise.
fn iso_token(token: &str) -> Result<Cow<'_, str>, NoMemory> {
    let text = decode(token)?.unwrap_or_default();
    let text = std::str::from_utf8(&text).unwrap_or_default();
    let date =
        date::parse(text).filter(|_| !date::is_canonical(text)).and_then(DateTime::from_timestamp_millis);
    Ok(match date.filter(|date| (0..=9999).contains(&date.year())) {
        Some(date) => Cow::Owned(date.format("\"%Y-%m-%dT%H:%M:%S%.3fZ\"").to_string()),
        None => Cow::Borrowed(token),
    })
}
