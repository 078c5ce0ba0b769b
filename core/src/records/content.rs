//! The records of a data file, in order, and how its text is read and written.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::{Flaw, Unread};
use crate::json::input::Input;
use crate::json::layout;
use crate::memory;
use crate::records::Record;

/// Records in file order, and where each id stands.
#[derive(Debug)]
pub struct Content<R> {
    records: Vec<Arc<R>>,
    /// The first record of each id.
    places: Arc<HashMap<Arc<[u8]>, usize>>,
}

impl<R: Record> Content<R> {
    /// A file without records, or no file.
    pub fn empty() -> Self {
        Content { records: Vec::new(), places: Arc::default() }
    }

    /// These records, in this order.
    pub fn of(records: Vec<Arc<R>>) -> Self {
        let mut places = HashMap::with_capacity(records.len());
        for (place, record) in records.iter().enumerate() {
            places.entry(record.id().clone()).or_insert(place);
        }
        Content { records, places: Arc::new(places) }
    }

    /// Content whose records have the ids of `like`, in the same places.
    pub(crate) fn with_places_of(like: &Self, records: Vec<Arc<R>>) -> Self {
        Content { records, places: like.places.clone() }
    }

    /// All records, in file order.
    pub fn records(&self) -> &[Arc<R>] {
        &self.records
    }

    /// Where the first record with this id stands.
    pub fn place(&self, id: &[u8]) -> Option<usize> {
        self.places.get(id).copied()
    }

    /// Whether some id is held twice, as plain stores make it happen.
    pub fn has_twins(&self) -> bool {
        self.places.len() < self.records.len()
    }

    /// Reads a file's text. Records that stand in `before` with the same bytes are taken from there, and
    /// if all of them do, `before` itself is returned.
    pub(crate) fn read(input: &mut Input, before: &Arc<Self>) -> Result<Arc<Self>, Unread> {
        // Editors on Windows put it there. It stays until the next write.
        if input.begins_with(layout::BYTE_ORDER_MARK)? {
            input.pass(layout::BYTE_ORDER_MARK.len());
        }
        input.pass_white_space()?;
        match input.next()? {
            Some(b'[') => input.pass(1),
            found => {
                let but = if found.is_none() { ", found the end of the file" } else { "" };
                return Err(Flaw::new(input.offset(), format!("expected an array of records{but}")).into());
            }
        }
        input.pass_white_space()?;
        let mut records: Vec<Arc<R>> = Vec::with_capacity(before.records.len() + 1);
        let mut kept = 0;
        if input.next()? == Some(b']') {
            input.pass(1);
        } else {
            // The place of the record that would come next if nothing had changed.
            let mut next = 0;
            loop {
                let known = match before.records.get(next) {
                    Some(known) if input.begins_with(known.text())? => Some(known),
                    _ => None,
                };
                if let Some(record) = known {
                    input.pass(record.text().len());
                    kept += usize::from(next == records.len());
                    next += 1;
                    memory::push(&mut records, record.clone())?;
                } else {
                    let record: R = read_record(input)?;
                    next = before.place(record.id()).map_or(next, |place| place + 1);
                    memory::push(&mut records, Arc::new(record))?;
                }
                input.pass_white_space()?;
                match input.next()? {
                    Some(b',') => input.pass(1),
                    Some(b']') => break input.pass(1),
                    found => {
                        let but =
                            if found.is_some() { " after a record" } else { ", found the end of the file" };
                        return Err(Flaw::new(input.offset(), format!("expected ',' or ']'{but}")).into());
                    }
                }
                input.pass_white_space()?;
            }
        }
        input.pass_white_space()?;
        if input.next()?.is_some() {
            return Err(Flaw::new(input.offset(), "expected the end of the file after the array").into());
        }
        if kept == records.len() && kept == before.records.len() {
            return Ok(before.clone());
        }
        Ok(Arc::new(Content::of(records)))
    }

    /// Reads a whole text.
    pub(crate) fn read_all(mut text: &[u8]) -> Result<Self, Unread> {
        let size = text.len() as u64;
        let content = Content::read(&mut Input::new(&mut text, size), &Arc::new(Content::empty()))?;
        Ok(Arc::into_inner(content).unwrap_or_else(Content::empty))
    }

    /// The pieces of the file's text, in order.
    pub fn parts(&self) -> Vec<&[u8]> {
        if self.records.is_empty() {
            return vec![layout::EMPTY];
        }
        let mut parts = Vec::with_capacity(2 * self.records.len() + 1);
        for (place, record) in self.records.iter().enumerate() {
            parts.push(if place == 0 { layout::OPEN } else { layout::BETWEEN });
            parts.push(record.text());
        }
        parts.push(layout::CLOSE);
        parts
    }

    /// The length of the file's text, in bytes.
    pub fn size(&self) -> u64 {
        let texts: usize = self.records.iter().map(|record| record.text().len()).sum();
        let rest = match self.records.len() {
            0 => layout::EMPTY.len(),
            more => layout::OPEN.len() + layout::BETWEEN.len() * (more - 1) + layout::CLOSE.len(),
        };
        (texts + rest) as u64
    }
}

/// The record that comes next. Of what has been read of it, only the end of the text can tell whether it is damaged.
fn read_record<R: Record>(input: &mut Input) -> Result<R, Unread> {
    loop {
        match R::read(input.rest()) {
            Ok((record, length)) => {
                input.pass(length);
                return Ok(record);
            }
            Err(Unread::Flaw(flaw)) => {
                if !input.read_more()? {
                    return Err(flaw.shifted(input.offset()).into());
                }
            }
            Err(refused) => return Err(refused),
        }
    }
}

#[cfg(test)]
impl<R: Record> Content<R> {
    /// Reads a text at once and in crumbs, which makes no difference.
    pub(crate) fn parse(text: &[u8], before: &Arc<Self>) -> Result<Arc<Self>, Flaw> {
        let read = |most| {
            let mut crumbs = crate::json::input::tests::Crumbs { text, most };
            Content::read(&mut Input::new(&mut crumbs, text.len() as u64), before).map_err(|unread| {
                match unread {
                    Unread::Flaw(flaw) => flaw,
                    Unread::System(error) => panic!("{error}"),
                }
            })
        };
        let (whole, pieced) = (read(usize::MAX), read(7));
        match (&whole, &pieced) {
            (Ok(whole), Ok(pieced)) => assert_eq!(whole.parts().concat(), pieced.parts().concat()),
            (Err(whole), Err(pieced)) => assert_eq!(whole, pieced),
            _ => panic!("at once: {whole:?}, in crumbs: {pieced:?}"),
        }
        whole
    }
}

#[cfg(test)]
mod tests;
