//! A process record's fields in the form in which the host takes them.
//!
//! Known text fields are decoded strings, dates are milliseconds, nested values stay JSON text for the
//! host's own parser, and whatever doesn't fit the known shape (unknown keys, a number where a text is
//! expected) comes as the text of one more JSON object.

use std::borrow::Cow;

use crate::error::Unread;
use crate::json::date;
use crate::json::fields::Fields;
use crate::json::text::{HostText, HostTexts, Place, decode};
use crate::memory::{self, NoMemory};
use crate::records::process::entry::{EntryFields, FIELDS};

/// The value of one known field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum HostValue<'a> {
    /// The record has no such field, or it is among [`HostFields::rest`].
    Absent,
    /// A string.
    Text(HostText<'a>),
    /// A date, in milliseconds since 1970.
    Date(i64),
    /// JSON text of an object or array.
    Json(HostText<'a>),
}

/// A record, field by field.
#[derive(Clone, Debug)]
pub struct HostFields {
    known: [Slot; FIELDS.len()],
    rest: Option<Place>,
    texts: HostTexts,
}

/// A [`HostValue`] whose text stands with the others.
#[derive(Clone, Copy, Debug)]
enum Slot {
    Absent,
    Text(Place),
    Date(i64),
    Json(Place),
}

/// What a field's token holds.
enum Decoded<'a> {
    Text(Cow<'a, [u8]>),
    Date(i64),
    Json(&'a str),
}

/// A token, if it holds what a store writes there.
type Shape = fn(&str) -> Result<Option<Decoded<'_>>, NoMemory>;

/// How the token of a known field is read.
fn shape(field: usize) -> Shape {
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

fn text_value(token: &str) -> Result<Option<Decoded<'_>>, NoMemory> {
    Ok(decode(token)?.map(Decoded::Text))
}

fn date_value(token: &str) -> Result<Option<Decoded<'_>>, NoMemory> {
    let Some(text) = decode(token)? else { return Ok(None) };
    let canonical = std::str::from_utf8(&text).ok().filter(|text| date::is_canonical(text));
    // A text that only JS can read is handed to JS as it is.
    Ok(Some(canonical.and_then(date::parse).map_or(Decoded::Text(text), Decoded::Date)))
}

fn json_value(token: &str) -> Result<Option<Decoded<'_>>, NoMemory> {
    Ok(token.starts_with(['{', '[']).then_some(Decoded::Json(token)))
}

impl HostFields {
    /// Decodes the record whose entry is `entry`.
    pub(crate) fn of(entry: &[u8]) -> Result<Self, NoMemory> {
        let process = match EntryFields::read(entry) {
            Ok(entry) => entry.process,
            Err(Unread::System(_)) => return Err(NoMemory),
            Err(Unread::Flaw(_)) => Fields::default(),
        };
        let mut texts = HostTexts::with_room(entry.len())?;
        let mut known = [Slot::Absent; FIELDS.len()];
        let mut rest = Fields::default();
        // Duplicates: the last one counts, as JSON.parse has it, so it goes through first.
        for field in process.0.into_iter().rev() {
            let place = FIELDS.iter().position(|known| known.as_bytes() == &*field.key);
            let Some(place) = place else {
                memory::push(&mut rest.0, field)?;
                continue;
            };
            if !matches!(known[place], Slot::Absent) || rest.get(&field.key).is_some() {
                continue;
            }
            match shape(place)(field.value)? {
                Some(Decoded::Text(text)) => known[place] = Slot::Text(texts.push(&text)?),
                Some(Decoded::Date(ms)) => known[place] = Slot::Date(ms),
                Some(Decoded::Json(text)) => known[place] = Slot::Json(texts.push(text.as_bytes())?),
                None => memory::push(&mut rest.0, field)?,
            }
        }
        let rest = if rest.0.is_empty() {
            None
        } else {
            rest.0.reverse();
            let mut text = String::new();
            rest.write(&mut text)?;
            Some(texts.push(text.as_bytes())?)
        };
        texts.shrink();
        Ok(HostFields { known, rest, texts })
    }

    /// The known fields, in the order of [`FIELDS`].
    pub fn known(&self) -> impl Iterator<Item = HostValue<'_>> {
        self.known.iter().map(|slot| match *slot {
            Slot::Absent => HostValue::Absent,
            Slot::Text(place) => HostValue::Text(self.texts.get(place)),
            Slot::Date(ms) => HostValue::Date(ms),
            Slot::Json(place) => HostValue::Json(self.texts.get(place)),
        })
    }

    /// JSON text of an object with all other fields, if there are any.
    pub fn rest(&self) -> Option<HostText<'_>> {
        self.rest.map(|place| self.texts.get(place))
    }

    /// Memory that the decoded values take, in bytes.
    pub fn size(&self) -> usize {
        self.texts.size()
    }
}

#[cfg(test)]
mod tests;
