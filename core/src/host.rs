//! A process record's fields in the form in which the host takes them.
//!
//! Known text fields are decoded strings, dates are milliseconds, nested values stay JSON text for the
//! host's own parser, and whatever doesn't fit the known shape (unknown keys, a number where a text is
//! expected) comes as the text of one more JSON object.

use std::borrow::Cow;

use crate::date;
use crate::fields::Fields;
use crate::process::FIELDS;
use crate::text::{HostText, decode};

/// The value of one known field.
#[derive(Clone, Debug, PartialEq)]
pub enum HostValue {
    /// The record has no such field, or it is among [`HostFields::rest`].
    Absent,
    /// A string.
    Text(HostText),
    /// A date, in milliseconds since 1970.
    Date(i64),
    /// JSON text of an object or array.
    Json(HostText),
}

/// A record, field by field.
#[derive(Clone, Debug)]
pub struct HostFields {
    /// In the order of [`FIELDS`].
    pub known: [HostValue; FIELDS.len()],
    /// JSON text of an object with all other fields, if there are any.
    pub rest: Option<HostText>,
}

/// What a known field holds in a record that a store wrote.
fn shape(field: usize) -> fn(&str) -> Option<HostValue> {
    match FIELDS[field] {
        "startTime" | "endTime" => date_value,
        "metadata"
        | "groupMetadata"
        | "codeReviewMetadata"
        | "discoveryMetadata"
        | "codeReviewGroupMetadata"
        | "conversationTurns" => json_value,
        _ => text_value,
    }
}

fn text_value(token: &str) -> Option<HostValue> {
    Some(HostValue::Text(HostText::new(decode(token)?)))
}

fn date_value(token: &str) -> Option<HostValue> {
    let text = decode(token)?;
    let canonical = std::str::from_utf8(&text).ok().filter(|text| date::is_canonical(text));
    // A text that only JS can read is handed to JS as it is.
    Some(match canonical.and_then(date::parse) {
        Some(ms) => HostValue::Date(ms),
        None => HostValue::Text(HostText::new(text)),
    })
}

fn json_value(token: &str) -> Option<HostValue> {
    let nested = token.starts_with(['{', '[']);
    nested.then(|| HostValue::Json(HostText::new(Cow::Borrowed(token.as_bytes()))))
}

impl HostFields {
    /// Decodes the record whose entry is `entry`.
    pub(crate) fn of(entry: &[u8]) -> Self {
        let mut decoded = HostFields { known: [const { HostValue::Absent }; FIELDS.len()], rest: None };
        let entry = std::str::from_utf8(entry).ok().and_then(|text| Fields::parse(text).ok());
        let process = entry.and_then(|entry| entry.get(b"process"));
        let Some(fields) = process.and_then(|text| Fields::parse(text).ok()) else {
            return decoded;
        };
        let mut rest = Fields::default();
        // Duplicates: the last one counts, as JSON.parse has it, so it goes through first.
        for field in fields.0.into_iter().rev() {
            if let Some(known) = FIELDS.iter().position(|known| known.as_bytes() == &*field.key) {
                if decoded.known[known] == HostValue::Absent && rest.get(&field.key).is_none() {
                    match shape(known)(field.value) {
                        Some(value) => decoded.known[known] = value,
                        None => rest.0.push(field),
                    }
                }
            } else {
                rest.0.push(field);
            }
        }
        if !rest.0.is_empty() {
            rest.0.reverse();
            let mut text = String::new();
            rest.write(&mut text);
            decoded.rest = Some(HostText::new(Cow::Owned(text.into_bytes())));
        }
        decoded
    }

    /// Memory that the decoded values take, in bytes.
    pub fn size(&self) -> usize {
        let known = self.known.iter().map(|value| match value {
            HostValue::Text(text) | HostValue::Json(text) => text.size(),
            HostValue::Absent | HostValue::Date(_) => 0,
        });
        known.sum::<usize>() + self.rest.as_ref().map_or(0, HostText::size)
    }
}

#[cfg(test)]
mod tests;
