//! What is still whole in a damaged text.
//!
//! Records are looked for from left to right. Once something is damaged it is no longer plain which braces open a
//! record and which an object inside of one: the tags of a workspace have ids too, and the output of a tool may
//! hold entries of this very file. Given back as records they would be ones that nobody has added, or old copies
//! that hide the real ones. But a record that is whole must not be taken for a part of the damaged one before it,
//! of which the rest is lost. Three things tell them apart, the surest first:
//!
//! 1. *The margin.* Whatever a store writes begins each record on a line of its own, two spaces in, and everything
//!    inside of a record further in. Who stands at the margin is a record.
//! 2. *What was read.* A damaged record is valid JSON up to a point. The objects that it has up to there are its
//!    own. Its last string is not to be trusted: where a piece of the file is missing, a string may have run on
//!    into the next record.
//! 3. *What follows.* Behind a record come others, and then the end of the file. Where an array ends and more is
//!    to come, the array was a part of something.
//!
//! Where a piece is missing, a damaged record may read on as valid JSON until the file ends, with the records behind
//! it in one of its arrays. The bracket that ends the file then seems to be the array's. A file that was cut off
//! behind an array of its last record looks the same, but for what a record of its kind may well hold.
//!
//! Where none of them tells, an object that is a record in all respects is taken for one, unless it stands further
//! in than the margin.

use std::sync::Arc;

use serde::de::IgnoredAny;

use crate::error::{Flaw, Unread};
use crate::json::fields;
use crate::json::input::white_space;
use crate::json::layout::{self, string_end};
use crate::memory::{self, NoMemory};
use crate::records::Record;
use crate::records::content::Content;

/// A place where something was not a whole record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Line in the copy of the damaged file, from 1.
    pub line: usize,
    /// Column, from 1, in bytes.
    pub column: usize,
    /// How many bytes from there on were left out.
    pub bytes: usize,
    /// What was expected there.
    pub expected: String,
}

const EXPECTED: &str = "expected a record";

/// Every whole record of a damaged text, and what lay between them.
pub(crate) fn salvage<R: Record>(text: &[u8]) -> Result<(Content<R>, Vec<Loss>), NoMemory> {
    let margin = margin(text);
    let enveloped = is_envelope::<R>(text);
    let mut records = Vec::new();
    let mut lost: Vec<Loss> = Vec::new();
    let mut at = 0;
    // Where the damage began that is being passed over, and what was missed there.
    let mut damage: Option<Flaw> = None;
    // Up to here, what isn't at the margin is known to be a part of something.
    let mut known = 0;
    // Up to here, what isn't at the margin is known to be records.
    let mut sound = 0;
    // Whether records may be among what seem to be parts of the damaged one.
    let mut mixed = false;
    // How many bytes may be scanned in such parts, so that thousands of levels of nesting don't take minutes.
    let mut patience = 100 * text.len();
    let mut close = |damage: &mut Option<Flaw>, end: usize| {
        let Some(flaw) = damage.take() else { return };
        let (line, column) = flaw.position(text);
        let gap = text[flaw.offset..end].iter().rev().take_while(|byte| b" \t\r\n,".contains(byte)).count();
        lost.push(Loss { line, column, bytes: end - gap - flaw.offset, expected: flaw.expected });
    };
    loop {
        // What belongs between records is no loss.
        if damage.is_none() {
            let gap = text[at..].iter().take_while(|byte| b" \t\r\n,[]".contains(byte)).count();
            damage = (at..at + gap).find(|at| is_inner_bracket(text, *at)).map(|at| Flaw::new(at, EXPECTED));
            at += gap;
        }
        let Some(found) = memchr::memchr(b'{', &text[at..]) else { break };
        let start = at + found;
        if found > 0 {
            damage.get_or_insert_with(|| Flaw::new(at, EXPECTED));
        }
        at = start + 1;
        let own_line = indentation(text, start);
        let at_margin = own_line.is_some() && own_line == margin;
        let is_value = !at_margin && is_value_of_field(text, start);
        let is_doubtful = is_value || damage.is_some() && !at_margin && !enveloped;
        if is_doubtful && start < known || is_value && R::HOLDS_ITS_LIKE {
            continue;
        }
        match read::<R>(text, start) {
            Ok((record, end)) => {
                let is_out_of_place = !enveloped && is_further_in(text, end - 1, margin);
                if is_doubtful || is_out_of_place && start >= sound {
                    match what_follows(text, end) {
                        Follows::End(_) if mixed && is_out_of_place => continue,
                        Follows::End(closing) if !is_further_in(text, closing, margin) => sound = closing,
                        Follows::End(closing) | Follows::Rest(closing) => {
                            damage.get_or_insert_with(|| Flaw::new(start, EXPECTED));
                            known = closing;
                            continue;
                        }
                        // A value of a field is followed by another field or the end of the object.
                        Follows::Unknown if is_value => continue,
                        Follows::Unknown if is_further_in(text, start, margin) => continue,
                        Follows::Unknown => {}
                    }
                }
                close(&mut damage, start);
                mixed = false;
                memory::push(&mut records, Arc::new(record))?;
                at = end;
            }
            // What there was no room for may well be whole.
            Err(Unread::System(_)) => return Err(NoMemory),
            Err(Unread::Flaw(flaw)) => {
                sound = 0;
                if at_margin {
                    close(&mut damage, start);
                    mixed = false;
                }
                damage.get_or_insert(Flaw::new(start, flaw.expected));
                let own = match value_end(text, start) {
                    Ok(end) => end,
                    Err(flaw) => {
                        mixed = mixed || takes_in_others::<R>(text, flaw.offset, margin);
                        patience = patience.saturating_sub(flaw.offset - start);
                        if mixed && patience > 0 { start } else { end_of_own_parts(text, start, flaw.offset) }
                    }
                };
                known = if at_margin { own } else { known.max(own) };
            }
        }
    }
    if at < text.len() {
        damage.get_or_insert_with(|| Flaw::new(at, EXPECTED));
    }
    // The last bracket is not lost; it is the file's.
    let end = text.iter().rposition(|byte| !b" \t\r\n".contains(byte)).map_or(0, |last| last + 1);
    close(&mut damage, if text[..end].ends_with(b"]") { end - 1 } else { end });
    Ok((Content::of(records), lost))
}

fn skip_white_space(text: &[u8], at: usize) -> usize {
    at + white_space(&text[at..])
}

/// The record that begins at `start`, and where it ends.
fn read<R: Record>(text: &[u8], start: usize) -> Result<(R, usize), Unread> {
    if text.get(skip_white_space(text, start + 1)) != Some(&b'"') {
        return Err(Flaw::new(0, EXPECTED).into());
    }
    R::read(&text[start..]).map(|(record, length)| (record, start + length))
}

/// What stands before each record on its line: what stores put there if there is any of that, else what stands
/// before the first brace. `None` where records share lines.
fn margin(text: &[u8]) -> Option<&[u8]> {
    let stored = memchr::memmem::find(text, &[&layout::OPEN[1..], b"{"].concat());
    let first = stored.map(|at| at + layout::OPEN.len() - 1).or_else(|| memchr::memchr(b'{', text))?;
    indentation(text, first)
}

/// What stands before `start` on its line, if that is nothing but white space.
fn indentation(text: &[u8], start: usize) -> Option<&[u8]> {
    let white = text[..start].iter().rev().take_while(|byte| b" \t\r".contains(byte)).count();
    let begin = start - white;
    (begin == 0 || text[begin - 1] == b'\n').then(|| &text[begin..start])
}

/// Whether it stands on a line of its own, at a larger distance from its beginning than records do.
fn is_further_in(text: &[u8], at: usize, margin: Option<&[u8]>) -> bool {
    indentation(text, at).zip(margin).is_some_and(|(found, margin)| found.len() > margin.len())
}

/// Whether all is whole, but an object where an array belongs: then records may be anywhere in it.
fn is_envelope<R: Record>(text: &[u8]) -> bool {
    let start = skip_white_space(text, 0);
    text.get(start) == Some(&b'{')
        && value_end(text, start).is_ok_and(|end| skip_white_space(text, end) == text.len())
        && matches!(read::<R>(text, start), Err(Unread::Flaw(_)))
}

/// Whether an array begins there where a record belongs.
fn is_inner_bracket(text: &[u8], at: usize) -> bool {
    text[at] == b'[' && {
        let before = text[..at].trim_ascii_end();
        !before.is_empty() && !before.ends_with(b"]")
    }
}

fn is_value_of_field(text: &[u8], start: usize) -> bool {
    let name = text[..start].trim_ascii_end().strip_suffix(b":").map(<[u8]>::trim_ascii_end);
    // In a text that was cut short, the quotes before a colon are escaped.
    name.is_some_and(|name| name.ends_with(b"\"") && !name.ends_with(b"\\\""))
}

/// Whether records that were behind a damaged one can be read as parts of it, up to the flaw.
fn takes_in_others<R: Record>(text: &[u8], flaw: usize, margin: Option<&[u8]>) -> bool {
    let before = text[..flaw].trim_ascii_end();
    if flaw < text.len() {
        // Another object where the name of a field belongs, or the end of the file: the one before was no value.
        let is_misplaced = text[flaw] == b'{' && before.ends_with(b",") || text[flaw] == b']';
        return is_misplaced && !R::HOLDS_ITS_LIKE;
    }
    let Some(rest) = before.strip_suffix(b"]") else { return false };
    let own_line = indentation(text, rest.len());
    !R::HOLDS_ITS_LIKE || own_line.zip(margin).is_some_and(|(found, margin)| found.len() < margin.len())
}

/// Where the JSON value ends that begins at `start`.
fn value_end(text: &[u8], start: usize) -> Result<usize, Flaw> {
    let mut values = serde_json::Deserializer::from_slice(&text[start..]).into_iter::<IgnoredAny>();
    match values.next() {
        Some(Ok(_)) => Ok(start + values.byte_offset()),
        Some(Err(error)) => Err(fields::flaw(&error, &text[start..]).shifted(start)),
        None => Err(Flaw::new(text.len(), EXPECTED)),
    }
}

/// How far the text from `start` on belongs to the object that begins there and has a flaw, beyond doubt.
fn end_of_own_parts(text: &[u8], start: usize, flaw: usize) -> usize {
    let mut at = start;
    let mut last_string = flaw;
    while let Some(quote) = memchr::memchr(b'"', &text[at..flaw]) {
        last_string = at + quote;
        at = string_end(text, last_string + 1);
        if at >= flaw {
            break;
        }
    }
    last_string
}

enum Follows {
    /// Others, if any, and a bracket with which the file ends.
    End(usize),
    /// The rest of what the value is a part of, from this bracket on.
    Rest(usize),
    /// More damage.
    Unknown,
}

/// What comes behind a value that ends at `at`, and behind those that follow it in the same array.
fn what_follows(text: &[u8], mut at: usize) -> Follows {
    loop {
        at = skip_white_space(text, at);
        match text.get(at) {
            Some(b',') => match value_end(text, skip_white_space(text, at + 1)) {
                Ok(end) => at = end,
                Err(_) => return Follows::Unknown,
            },
            Some(b'}' | b':') => return Follows::Rest(at),
            Some(b']') => {
                let brackets = text[at..].iter().take_while(|byte| b" \t\r\n]".contains(byte)).count();
                return match text.get(at + brackets) {
                    None => Follows::End(at),
                    Some(b',' | b'}') => Follows::Rest(at),
                    Some(_) => Follows::Unknown,
                };
            }
            _ => return Follows::Unknown,
        }
    }
}

#[cfg(test)]
mod tests;
