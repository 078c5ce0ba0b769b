//! What is still whole in a damaged journal.
//!
//! The checksum of a group takes nothing from the groups before it but their length, so each can be judged alone. Where
//! the head is damaged and with it the journal's name, no checksum can be judged: then a group counts if each of its lines
//! says something that can be done.

use super::lines::{self, Group, Identity};
use crate::error::{Flaw, Unread};
use crate::memory::NoMemory;
use crate::records::Record;
use crate::records::draft::Mutation;

/// What can be kept of a journal.
pub(crate) struct Kept<R> {
    /// The changes that are not in the data file, in order.
    pub mutations: Vec<Mutation<R>>,
    /// What could not be read, and how many bytes it takes.
    pub lost: Vec<(Flaw, usize)>,
}

/// Every whole change of a journal whose data file has this content.
pub(crate) fn salvage<R: Record>(text: &[u8], file: Identity) -> Result<Kept<R>, NoMemory> {
    let mut lost = Vec::new();
    let first_line = memchr::memchr(b'\n', text).map_or(text.len(), |length| length + 1);
    let head = lines::read_head(text);
    let (name, base, mut at) = match head {
        Ok((name, base, length)) => (Some(name), Some(base), length),
        Err(Unread::System(_)) => return Err(NoMemory),
        Err(Unread::Flaw(flaw)) => {
            lost.push((flaw, first_line.saturating_sub(1)));
            (None, None, first_line)
        }
    };
    let mut changes: Vec<(usize, Mutation<R>)> = Vec::new();
    let mut noted = None;
    while let Some((end, is_told)) = lines::group_end(text, at) {
        // Damage may have taken the end of a group: then the whole one is the last part of what seems to be one.
        let starts = std::iter::once(at)
            .chain(memchr::memchr_iter(b'\n', &text[at..end]).map(|line_break| at + line_break + 1));
        let is_whole = |start: &usize| {
            let seed = name.map_or(0, |name| lines::seed(name, *start as u64));
            name.is_none() || lines::find(text, *start, seed).is_some_and(|found| found.end == end)
        };
        let mut whole = None;
        for start in starts.filter(is_whole) {
            match lines::read_group::<R>(&text[start..end]) {
                Ok(group) => {
                    whole = Some((start, group));
                    break;
                }
                // What there was no room for may well be whole.
                Err(Unread::System(_)) => return Err(NoMemory),
                Err(Unread::Flaw(_)) => {}
            }
        }
        let start = whole.as_ref().map_or(end, |(start, _)| *start);
        if start > at {
            let expected = "expected a group of lines with the checksum that stands at its end";
            lost.push((Flaw::new(at, expected), (start - at).saturating_sub(usize::from(whole.is_some()))));
        }
        match whole {
            Some((start, Group::Changes(some))) => {
                changes.extend(some.into_iter().map(|change| (start, change)));
            }
            Some((_, Group::Checkpoint { file: noted_file, upto })) if noted_file == file => {
                noted = Some(upto)
            }
            _ => {}
        }
        at = end + usize::from(is_told);
    }
    if let Some(upto) = noted.filter(|_| base != Some(file)) {
        changes.retain(|(start, _)| *start as u64 >= upto);
    }
    Ok(Kept { mutations: changes.into_iter().map(|(_, change)| change).collect(), lost })
}
