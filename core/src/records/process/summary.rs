//! What a list shows of a process, from the index alone.

use std::borrow::Cow;

use chrono::{DateTime, Datelike};

use super::Process;
use super::entry::{END, ID, INDEXED};
use crate::json::date;
use crate::json::text::decode;
use crate::records::content::Content;
use crate::records::filter::Filter;

impl Process {
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
        let end = end.and_then(date::parse);
        if let (Some(start), Some(end)) = (self.start, end) {
            out.push_str(&format!(",\"duration\":{}", end - start));
        }
        out.push('}');
    }

    /// Appends the JSON token of the id.
    pub fn write_id(&self, out: &mut String) {
        out.push_str(self.token(self.spans[ID]));
    }
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
