//! The lines of a journal: their text and their checksums. docs/journal.md describes the format.
//!
//! A journal is a head and groups behind it. A group is one commit, or a note; its last line ends in a checksum of the
//! group's text, seeded by the journal's name and the group's place in it. So a group is whole or counts for nothing, and
//! counts only where it was written: nothing that an older journal has left on the disk is taken for one of this.

use std::borrow::Cow;
use std::io::Read;

use xxhash_rust::xxh3::{Xxh3, xxh3_64_with_seed};

use crate::error::{Error, Flaw, Unread};
use crate::json::fields::Fields;
use crate::json::layout;
use crate::json::text::{decode, encode};
use crate::memory::{self, NoMemory};
use crate::records::draft::{Change, Mutation};
use crate::records::{Patch, Record};

/// What stands before the checksum at the end of a group, and its length with the checksum and what is behind it.
const SUM: &str = ",\"sum\":\"";
const SUM_LENGTH: usize = SUM.len() + 16 + 2;
/// Room for what stands around a record in its line, ids aside.
const MARGIN: usize = 256;
/// The version of the format that this is.
const VERSION: &str = "1";

/// Which content a data file has: its size in bytes, and a hash (XXH3, 128 bits, <https://xxhash.com>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub size: u64,
    pub hash: u128,
}

impl Identity {
    /// Of a text in these parts.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut hasher = Xxh3::new();
        parts.iter().for_each(|part| hasher.update(part));
        Identity { size: parts.iter().map(|part| part.len() as u64).sum(), hash: hasher.digest128() }
    }

    fn write(self, out: &mut String) {
        out.push_str(&format!("{{\"size\":{},\"hash\":\"{:032x}\"", self.size, self.hash));
    }

    fn read(fields: &Fields) -> Option<Self> {
        let hash = fields.get(b"hash")?.strip_prefix('"')?.strip_suffix('"')?;
        Some(Identity {
            size: fields.get(b"size")?.parse().ok()?,
            hash: u128::from_str_radix(hash, 16).ok().filter(|_| hash.len() == 32)?,
        })
    }
}

/// A text that is read, and its identity once it has been.
pub(crate) struct Hashing<'a> {
    source: &'a mut dyn Read,
    /// `None` where nobody will ask.
    hasher: Option<Xxh3>,
    size: u64,
}

impl<'a> Hashing<'a> {
    /// Nothing is hashed unless it is `wanted`.
    pub fn new(source: &'a mut dyn Read, wanted: bool) -> Self {
        Hashing { source, hasher: wanted.then(Xxh3::new), size: 0 }
    }

    /// That of what has been read.
    pub fn identity(&self) -> Option<Identity> {
        let hash = self.hasher.as_ref()?.digest128();
        Some(Identity { size: self.size, hash })
    }
}

impl Read for Hashing<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.source.read(into)?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&into[..read]);
            self.size += read as u64;
        }
        Ok(read)
    }
}

/// What a group says.
pub(crate) enum Group<R> {
    /// These changes, in order.
    Changes(Vec<Mutation<R>>),
    /// What stands before `upto` in this journal is in a data file with this content.
    Checkpoint { file: Identity, upto: u64 },
    /// A sync of this journal has failed: nothing is to be appended any more.
    Sealed,
}

/// A group of whatever kind, as it stands in the journal.
pub(crate) struct Found {
    /// Where it ends, its checksum included; a line break follows if it was told.
    pub end: usize,
    pub is_told: bool,
}

/// The seed of the checksum of what begins at a place in the journal with this name.
pub(crate) fn seed(name: u64, offset: u64) -> u64 {
    name.wrapping_add(offset)
}

/// The line that a journal begins with, with its line break.
pub(crate) fn head(name: u64, base: Identity) -> String {
    let mut line = format!("{{\"journal\":{VERSION},\"name\":\"{name:016x}\",\"base\":");
    base.write(&mut line);
    line.push_str("}}");
    seal(&mut line, 0);
    line.push('\n');
    line
}

/// The name and the base of the journal that begins with this text, and how long the head is.
pub(crate) fn read_head(text: &[u8]) -> Result<(u64, Identity, usize), Unread> {
    let flaw = || Flaw::new(0, "expected the head of a journal");
    let length = memchr::memchr(b'\n', text).ok_or_else(flaw)?;
    find(&text[..=length], 0, 0).ok_or_else(flaw)?;
    let line = std::str::from_utf8(&text[..length]).map_err(|_| flaw())?;
    let fields = Fields::parse(line)?;
    if fields.get(b"journal") != Some(VERSION) {
        let found = fields.get(b"journal").unwrap_or("none");
        let expected = format!("expected a journal of version {VERSION}, found version {found}");
        return Err(Flaw::new(0, expected).into());
    }
    let name = fields.get(b"name").and_then(|name| u64::from_str_radix(name.trim_matches('"'), 16).ok());
    let base = Fields::parse(fields.get(b"base").ok_or_else(flaw)?)?;
    let base = Identity::read(&base).ok_or_else(flaw)?;
    Ok((name.ok_or_else(flaw)?, base, length + 1))
}

/// A group of changes, without a line break at its end.
pub(crate) fn group<R: Record>(changes: &[Change<R>], seed: u64) -> Result<String, NoMemory> {
    let mut out = String::new();
    for (place, change) in changes.iter().enumerate() {
        if place > 0 {
            out.push('\n');
        }
        match change {
            Change::Put(record) => {
                out.push_str("{\"put\":");
                compact(record.text(), &mut out)?;
                out.push('}');
            }
            Change::Set(record, patch) => {
                out.push_str("{\"set\":");
                out.push_str(&encode(record.id()));
                out.push_str(",\"fields\":");
                compact(patch.text.as_bytes(), &mut out)?;
                let fields = match Fields::parse(&patch.text) {
                    Err(Unread::System(_)) => return Err(NoMemory),
                    fields => fields.unwrap_or_default(),
                };
                let gone = patch.names.iter().filter(|name| fields.get(name).is_none());
                let gone: Vec<String> = gone.map(|name| encode(name)).collect();
                if !gone.is_empty() {
                    out.push_str(&format!(",\"gone\":[{}]", gone.join(",")));
                }
                out.push('}');
            }
            Change::Remove(record) => {
                out.push_str(&format!("{{\"remove\":{}}}", encode(record.id())));
            }
        }
    }
    seal(&mut out, seed);
    Ok(out)
}

/// The note that is made before a data file is replaced by one with everything up to a place in the journal.
pub(crate) fn checkpoint(file: Identity, upto: u64, seed: u64) -> String {
    let mut line = String::from("{\"checkpoint\":");
    file.write(&mut line);
    line.push_str(&format!(",\"upto\":{upto}}}}}"));
    seal(&mut line, seed);
    line
}

/// The note that a sync of the journal has failed.
pub(crate) fn sealed(seed: u64) -> String {
    let mut line = String::from("{\"sealed\":true}");
    seal(&mut line, seed);
    line
}

/// Puts the checksum of the text into the object that it ends with.
fn seal(text: &mut String, seed: u64) {
    text.pop();
    let sum = xxh3_64_with_seed(text.as_bytes(), seed);
    text.push_str(&format!("{SUM}{sum:016x}\"}}"));
}

/// A group in another place: what it says stays.
pub(crate) fn moved(group: &[u8], seed: u64) -> String {
    let mut text = String::from_utf8_lossy(&group[..group.len() - SUM_LENGTH]).into_owned();
    text.push('}');
    seal(&mut text, seed);
    text
}

/// The whole group that begins at `start`, if there is one.
pub(crate) fn find(text: &[u8], start: usize, seed: u64) -> Option<Found> {
    let (end, is_told) = group_end(text, start)?;
    let sum = written_sum(&text[start..end])?;
    let is_whole = xxh3_64_with_seed(&text[start..end - SUM_LENGTH], seed) == sum;
    is_whole.then_some(Found { end, is_told })
}

/// Where the first line at or behind `start` that ends in a checksum has its end, and whether a line break follows. It may
/// have been lost in a crash, or have become something else.
pub(crate) fn group_end(text: &[u8], start: usize) -> Option<(usize, bool)> {
    let mut line = start;
    while line < text.len() {
        let Some(length) = memchr::memchr(b'\n', &text[line..]) else { break };
        let end = line + length;
        if written_sum(&text[line..end]).is_some() {
            return Some((end, true));
        }
        line = end + 1;
    }
    let last = text.get(line..)?;
    let end = memchr::memmem::rfind(last, SUM.as_bytes())? + SUM_LENGTH;
    written_sum(last.get(..end)?).map(|_| (line + end, false))
}

/// The checksum that a line ends in.
pub(crate) fn written_sum(line: &[u8]) -> Option<u64> {
    let end = line.get(line.len().checked_sub(SUM_LENGTH)?..)?;
    let digits = end.strip_prefix(SUM.as_bytes())?.strip_suffix(b"\"}")?;
    let is_hex = digits.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok().filter(|_| is_hex)
}

/// What a whole group says. Flaws are told by their offset in the group.
pub(crate) fn read_group<R: Record>(group: &[u8]) -> Result<Group<R>, Unread> {
    let mut changes = Vec::new();
    let mut offset = 0;
    for line in group.split(|&byte| byte == b'\n') {
        let text = std::str::from_utf8(line).map_err(|_| Flaw::new(offset, "expected UTF-8"))?;
        let fields = Fields::parse(text).map_err(|unread| unread.shifted(offset))?;
        let unknown = || Flaw::new(offset, "expected a line of a kind that this version knows");
        let Some(kind) = fields.0.first() else { return Err(unknown().into()) };
        match &*kind.key {
            b"put" => {
                let text = layout::pretty(kind.value, 1)?.ok_or_else(unknown)?;
                let (record, _) = R::read(&text).map_err(|unread| unread.at(offset))?;
                changes.push(Mutation::Put { record: Ok(record.into()), cap: None });
            }
            b"set" => {
                let id = decode(kind.value)?.ok_or_else(unknown)?.into_owned();
                let text = fields.get(b"fields").ok_or_else(unknown)?;
                let set = Fields::parse(text).map_err(|unread| unread.at(offset))?;
                let mut copy = String::new();
                memory::append(&mut copy, text)?;
                let mut names: Vec<Vec<u8>> = set.0.iter().map(|field| field.key.to_vec()).collect();
                if let Some(gone) = fields.get(b"gone") {
                    let gone: Vec<&serde_json::value::RawValue> =
                        serde_json::from_str(gone).map_err(|_| unknown())?;
                    for name in gone {
                        names.extend(decode(name.get())?.map(Cow::into_owned));
                    }
                }
                changes.push(Mutation::Merge { id, patch: Patch { text: copy, names } });
            }
            b"remove" => {
                changes.push(Mutation::Remove { id: decode(kind.value)?.ok_or_else(unknown)?.into() })
            }
            b"checkpoint" => {
                let note = Fields::parse(kind.value).map_err(|unread| unread.at(offset))?;
                let upto = note.get(b"upto").and_then(|upto| upto.parse().ok()).ok_or_else(unknown)?;
                return Ok(Group::Checkpoint { file: Identity::read(&note).ok_or_else(unknown)?, upto });
            }
            b"sealed" => return Ok(Group::Sealed),
            _ => return Err(unknown().into()),
        }
        offset += line.len() + 1;
    }
    Ok(Group::Changes(changes))
}

/// The error of a mutation that a journal holds but that can't be applied.
pub(crate) fn unusable(offset: usize, error: &Error) -> Unread {
    match error {
        Error::System { .. } => NoMemory.into(),
        _ => Flaw::new(offset, format!("expected a change that can be made, found: {error}")).into(),
    }
}

/// Valid JSON without the white space between its tokens.
fn compact(text: &[u8], out: &mut String) -> Result<(), NoMemory> {
    out.try_reserve(text.len() + MARGIN)?;
    layout::tokens(text).for_each(|token| out.push_str(std::str::from_utf8(token).unwrap_or_default()));
    Ok(())
}
