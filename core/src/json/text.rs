//! Strings in the three forms that they take: JSON tokens in the file, WTF-8 in the index, and
//! Latin-1 or UTF-16 for the host.
//!
//! JS strings are any sequence of UTF-16 units, so half of a surrogate pair is ordinary data. Rust's
//! `String` can't hold one; WTF-8 (<https://simonsapin.github.io/wtf-8/>) can, and is UTF-8 otherwise.

use std::borrow::Cow;

use crate::memory::NoMemory;

/// The content of a JSON string token as WTF-8, or `None` where the token is no string.
pub fn decode(token: &str) -> Result<Option<Cow<'_, [u8]>>, NoMemory> {
    let inner = token.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).map(str::as_bytes);
    match inner {
        Some(inner) if memchr::memchr(b'\\', inner).is_some() => {
            // No escape is shorter than what it stands for.
            let mut wtf8 = Vec::new();
            wtf8.try_reserve_exact(inner.len())?;
            Ok(unescape(inner, &mut wtf8).map(|()| Cow::Owned(wtf8)))
        }
        inner => Ok(inner.map(Cow::Borrowed)),
    }
}

/// Appends what the inside of a string token stands for. serde_json does this too, into a buffer that can't be refused.
fn unescape(mut rest: &[u8], wtf8: &mut Vec<u8>) -> Option<()> {
    while let Some(at) = memchr::memchr(b'\\', rest) {
        wtf8.extend_from_slice(&rest[..at]);
        let escape = *rest.get(at + 1)?;
        rest = &rest[at + 2..];
        let plain = match escape {
            b'"' | b'\\' | b'/' => escape,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let first = unit(rest)?;
                rest = &rest[4..];
                let is_pair = |second: &u16| matches!((first, second), (0xd800..0xdc00, 0xdc00..0xe000));
                let second = rest.strip_prefix(b"\\u").and_then(unit).filter(is_pair);
                if second.is_some() {
                    rest = &rest[6..];
                }
                append_wtf8([Some(first), second].into_iter().flatten(), wtf8);
                continue;
            }
            _ => return None,
        };
        wtf8.push(plain);
    }
    wtf8.extend_from_slice(rest);
    Some(())
}

/// The four hexadecimal digits that a text begins with.
fn unit(text: &[u8]) -> Option<u16> {
    text.get(..4)?.iter().try_fold(0, |unit, &digit| Some(unit << 4 | char::from(digit).to_digit(16)? as u16))
}

/// A JSON string token with this content, given as WTF-8.
pub fn encode(wtf8: &[u8]) -> String {
    let mut token = String::with_capacity(wtf8.len() + 2);
    token.push('"');
    for unit in char::decode_utf16(to_utf16(wtf8)) {
        match unit {
            Ok('"') => token.push_str("\\\""),
            Ok('\\') => token.push_str("\\\\"),
            Ok(control) if control < ' ' => token.push_str(&format!("\\u{:04x}", u32::from(control))),
            Ok(other) => token.push(other),
            Err(lone) => token.push_str(&format!("\\u{:04x}", lone.unpaired_surrogate())),
        }
    }
    token.push('"');
    token
}

/// A string as the host wants it: one byte a unit where that is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostText<'a> {
    /// Units up to 0xFF, one byte each.
    Latin1(&'a [u8]),
    /// UTF-16 units, lone surrogates included.
    Utf16(&'a [u16]),
}

impl HostText<'_> {
    /// Memory that the text takes, in bytes.
    pub fn size(&self) -> usize {
        match self {
            HostText::Latin1(bytes) => bytes.len(),
            HostText::Utf16(units) => units.len() * 2,
        }
    }
}

/// The texts of one record, close together: one allocation for most records, and few cache lines for the short texts.
#[derive(Clone, Debug, Default)]
pub struct HostTexts {
    latin1: Vec<u8>,
    utf16: Vec<u16>,
}

/// Where a text stands among the others.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    is_wide: bool,
    // No record is larger than u32 counts: see `layout::MAX_RECORD`.
    start: u32,
    length: u32,
}

impl HostTexts {
    /// No texts yet, with room for so many bytes.
    pub fn with_room(bytes: usize) -> Result<Self, NoMemory> {
        let mut latin1 = Vec::new();
        latin1.try_reserve_exact(bytes)?;
        Ok(HostTexts { latin1, utf16: Vec::new() })
    }

    /// Adds a text, given as WTF-8.
    pub fn push(&mut self, wtf8: &[u8]) -> Result<Place, NoMemory> {
        // The lead bytes C2 and C3 encode U+0080 to U+00FF; any higher lead byte needs UTF-16.
        let is_wide = wtf8.iter().any(|&byte| byte >= 0xc4);
        let start = if is_wide { self.utf16.len() } else { self.latin1.len() };
        if is_wide {
            // No character takes more units than it takes bytes.
            self.utf16.try_reserve(wtf8.len())?;
            append_utf16(wtf8, &mut self.utf16);
        } else if wtf8.is_ascii() {
            self.latin1.try_reserve(wtf8.len())?;
            self.latin1.extend_from_slice(wtf8);
        } else {
            self.latin1.try_reserve(wtf8.len())?;
            let mut bytes = wtf8.iter();
            while let Some(&byte) = bytes.next() {
                self.latin1.push(if byte < 0x80 {
                    byte
                } else {
                    (byte << 6) | (bytes.next().copied().unwrap_or(0x80) & 0x3f)
                });
            }
        }
        let end = if is_wide { self.utf16.len() } else { self.latin1.len() };
        Ok(Place { is_wide, start: start as u32, length: (end - start) as u32 })
    }

    /// The text at a place.
    pub fn get(&self, Place { is_wide, start, length }: Place) -> HostText<'_> {
        let range = start as usize..(start + length) as usize;
        if is_wide { HostText::Utf16(&self.utf16[range]) } else { HostText::Latin1(&self.latin1[range]) }
    }

    /// Gives back room that no text needed.
    pub fn shrink(&mut self) {
        self.latin1.shrink_to_fit();
        self.utf16.shrink_to_fit();
    }

    /// Memory that the texts take, in bytes.
    pub fn size(&self) -> usize {
        self.latin1.len() + self.utf16.len() * 2
    }
}

/// WTF-8 as UTF-16 units.
pub fn to_utf16(wtf8: &[u8]) -> Vec<u16> {
    let mut units = Vec::new();
    append_utf16(wtf8, &mut units);
    units
}

fn append_utf16(wtf8: &[u8], units: &mut Vec<u16>) {
    if let Ok(text) = std::str::from_utf8(wtf8) {
        return units.extend(text.encode_utf16());
    }
    for part in wtf8.utf8_chunks() {
        units.extend(part.valid().encode_utf16());
        // utf8_chunks cuts a surrogate's three bytes (ED A0..BF 80..BF) into pieces of one byte.
        match *part.invalid() {
            [0xed] => units.push(0xd000),
            [byte] if byte >= 0xa0 && units.last() == Some(&0xd000) => {
                if let Some(last) = units.last_mut() {
                    *last |= u16::from(byte & 0x3f) << 6;
                }
            }
            [byte] => {
                if let Some(last) = units.last_mut() {
                    *last |= u16::from(byte & 0x3f);
                }
            }
            _ => {}
        }
    }
}

/// UTF-16 units as WTF-8.
pub fn from_utf16(units: &[u16]) -> Vec<u8> {
    let mut wtf8 = Vec::with_capacity(units.len());
    append_wtf8(units.iter().copied(), &mut wtf8);
    wtf8
}

fn append_wtf8(units: impl Iterator<Item = u16>, wtf8: &mut Vec<u8>) {
    for unit in char::decode_utf16(units) {
        match unit {
            Ok(character) => wtf8.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            Err(lone) => {
                let unit = lone.unpaired_surrogate();
                wtf8.extend_from_slice(&[
                    0xe0 | (unit >> 12) as u8,
                    0x80 | (unit >> 6 & 0x3f) as u8,
                    0x80 | (unit & 0x3f) as u8,
                ]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(token: &str) -> Option<Vec<u8>> {
        decode(token).unwrap().map(Cow::into_owned)
    }

    #[track_caller]
    fn assert_host(token: &str, expected: HostText) {
        let mut texts = HostTexts::default();
        // Each finds its own among others.
        texts.push("before \u{e9} \u{20ac}".as_bytes()).unwrap();
        texts.push("before \u{e9}".as_bytes()).unwrap();
        let place = texts.push(&decoded(token).unwrap()).unwrap();
        texts.push("behind \u{20ac}".as_bytes()).unwrap();
        texts.push(b"behind").unwrap();
        texts.shrink();
        assert_eq!(texts.get(place), expected);
    }

    #[test]
    fn escapes_and_pairs_are_decoded() {
        for (token, text) in [
            (r#""a\"\n\u00e9""#, "a\"\n\u{e9}"),
            (r#""\ud83d\ude00""#, "\u{1f600}"),
            (r#""\\\/\b\f\n\r\t\u20AC""#, "\\/\u{8}\u{c}\n\r\t\u{20ac}"),
            (r#""\\u0061\\""#, "\\u0061\\"),
            (r#""\u0000\u0061b""#, "\0ab"),
        ] {
            assert_eq!(decoded(token).unwrap(), text.as_bytes(), "{token}");
            assert_eq!(serde_json::from_str::<String>(token).unwrap(), text, "{token}");
        }
        for other in ["12", "null", r#""\x""#, r#""\u12""#, r#""\u12g4""#, r#""\u+123""#, r#""\""#] {
            assert_eq!(decoded(other), None, "{other}");
        }
    }

    #[test]
    fn half_a_surrogate_pair_survives_both_ways() {
        for units in [
            vec![0xd83d],
            vec![0xde00],
            vec![0x61, 0xd83d, 0x62],
            vec![0xde00, 0xd83d],
            vec![0xd83d, 0xd83d, 0xde00, 0xdfff],
            vec![0xd800, 0x20ac, 0xdbff, 0xfffd],
        ] {
            let wtf8 = from_utf16(&units);
            assert_eq!(to_utf16(&wtf8), units, "{units:x?}");
            let token: String =
                format!("\"{}\"", units.iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>());
            assert_eq!(decoded(&token).unwrap(), wtf8, "{token}");
            assert_host(&token, HostText::Utf16(&units));
        }
    }

    #[test]
    fn the_host_gets_one_byte_a_unit_where_that_is_enough() {
        assert_host("\"abc\"", HostText::Latin1(b"abc"));
        assert_host("\"a\u{80}\u{e9}\u{ff}\"", HostText::Latin1(&[0x61, 0x80, 0xe9, 0xff]));
        assert_host("\"\u{100}\"", HostText::Utf16(&[0x100]));
        assert_host("\"\u{1f600}\"", HostText::Utf16(&[0xd83d, 0xde00]));
    }
}
