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
//! Where none of them tells, an object that is a record in all respects is taken for one, unless it stands further
//! in than the margin.

use std::sync::Arc;

use serde::de::IgnoredAny;

use crate::error::Flaw;
use crate::fields;
use crate::layout::{self, string_end};
use crate::record::Record;
use crate::snapshot::{Content, skip_white_space};

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
pub(crate) fn salvage<R: Record>(text: &[u8]) -> (Content<R>, Vec<Loss>) {
    let margin = margin(text);
    let enveloped = is_envelope::<R>(text);
    let mut records = Vec::new();
    let mut lost: Vec<Loss> = Vec::new();
    let mut at = 0;
    // Where the damage began that is being passed over, and what was missed there.
    let mut damage: Option<Flaw> = None;
    // Up to here, what isn't at the margin is known to be a part of something.
    let mut known = 0;
    let mut close = |damage: &mut Option<Flaw>, end: usize| {
        let Some(flaw) = damage.take() else { return };
        let (line, column) = flaw.position(text);
        let gap = text[flaw.offset..end].iter().rev().take_while(|byte| b" \t\r\n,".contains(byte)).count();
        lost.push(Loss { line, column, bytes: end - gap - flaw.offset, expected: flaw.expected });
    };
    loop {
        // What belongs between records is no loss.
        if damage.is_none() {
            at += text[at..].iter().take_while(|byte| b" \t\r\n,[]".contains(byte)).count();
        }
        let Some(found) = memchr::memchr(b'{', &text[at..]) else { break };
        let start = at + found;
        if found > 0 {
            damage.get_or_insert_with(|| Flaw::new(at, EXPECTED));
        }
        at = start + 1;
        let own_line = indentation(text, start);
        let at_margin = own_line.is_some() && own_line == margin;
        let is_doubtful = damage.is_some() && !at_margin && !enveloped;
        if is_doubtful && start < known || !at_margin && is_value_of_field(text, start) {
            continue;
        }
        match read::<R>(text, start) {
            Ok((record, end)) => {
                if is_doubtful {
                    match what_follows(text, end) {
                        Follows::End(closing) if !is_further_in(text, closing, margin) => {}
                        Follows::End(closing) | Follows::Rest(closing) => {
                            known = closing;
                            continue;
                        }
                        Follows::Unknown if is_further_in(text, start, margin) => continue,
                        Follows::Unknown => {}
                    }
                }
                close(&mut damage, start);
                records.push(Arc::new(record));
                at = end;
            }
            Err(flaw) => {
                if at_margin {
                    close(&mut damage, start);
                }
                damage.get_or_insert(Flaw::new(start, flaw.expected));
                let own = end_of_own_parts(text, start);
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
    (Content::of(records), lost)
}

/// The record that begins at `start`, and where it ends.
fn read<R: Record>(text: &[u8], start: usize) -> Result<(R, usize), Flaw> {
    if text.get(skip_white_space(text, start + 1)) != Some(&b'"') {
        return Err(Flaw::new(0, EXPECTED));
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
        && read::<R>(text, start).is_err()
}

fn is_value_of_field(text: &[u8], start: usize) -> bool {
    text[..start].iter().rfind(|byte| !b" \t\r\n".contains(byte)) == Some(&b':')
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

/// How far the text from `start` on belongs to the object that begins there, beyond doubt.
fn end_of_own_parts(text: &[u8], start: usize) -> usize {
    let flaw = match value_end(text, start) {
        Ok(end) => return end,
        Err(flaw) => flaw.offset,
    };
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
