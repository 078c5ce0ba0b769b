//! Strings in the three forms that they take: JSON tokens in the file, WTF-8 in the index, and
//! Latin-1 or UTF-16 for the host.
//!
//! JS strings are any sequence of UTF-16 units, so half of a surrogate pair is ordinary data. Rust's
//! `String` can't hold one; WTF-8 (<https://simonsapin.github.io/wtf-8/>) can, and is UTF-8 otherwise.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer;
use serde::de::Visitor;

/// The content of a JSON string token as WTF-8, or `None` where the token is no string.
pub fn decode(token: &str) -> Option<Cow<'_, [u8]>> {
    let inner = token.strip_prefix('"')?.strip_suffix('"')?.as_bytes();
    if memchr::memchr(b'\\', inner).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    // serde_json's byte strings are specified to hold lone surrogates as WTF-8.
    serde_json::Deserializer::from_str(token).deserialize_bytes(Bytes).ok().map(Cow::Owned)
}

struct Bytes;

impl Visitor<'_> for Bytes {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        Ok(bytes.to_vec())
    }
}

/// A string as the host wants it: one byte a unit where that is enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostText {
    /// Units up to 0xFF, one byte each.
    Latin1(Box<[u8]>),
    /// UTF-16 units, lone surrogates included.
    Utf16(Box<[u16]>),
}

impl HostText {
    /// From WTF-8.
    pub fn new(wtf8: Cow<'_, [u8]>) -> Self {
        if wtf8.is_ascii() {
            return HostText::Latin1(wtf8.into_owned().into_boxed_slice());
        }
        // The lead bytes C2 and C3 encode U+0080 to U+00FF; any higher lead byte needs UTF-16.
        if wtf8.iter().all(|&byte| byte < 0xc4) {
            let mut units = Vec::with_capacity(wtf8.len());
            let mut bytes = wtf8.iter();
            while let Some(&byte) = bytes.next() {
                units.push(if byte < 0x80 {
                    byte
                } else {
                    (byte << 6) | (bytes.next().copied().unwrap_or(0x80) & 0x3f)
                });
            }
            return HostText::Latin1(units.into_boxed_slice());
        }
        HostText::Utf16(to_utf16(&wtf8).into_boxed_slice())
    }

    /// Memory that the text takes, in bytes.
    pub fn size(&self) -> usize {
        match self {
            HostText::Latin1(bytes) => bytes.len(),
            HostText::Utf16(units) => units.len() * 2,
        }
    }
}

/// WTF-8 as UTF-16 units.
pub fn to_utf16(wtf8: &[u8]) -> Vec<u16> {
    if let Ok(text) = std::str::from_utf8(wtf8) {
        return text.encode_utf16().collect();
    }
    let mut units = Vec::with_capacity(wtf8.len());
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
    units
}

/// UTF-16 units as WTF-8.
pub fn from_utf16(units: &[u16]) -> Vec<u8> {
    let mut wtf8 = Vec::with_capacity(units.len());
    for unit in char::decode_utf16(units.iter().copied()) {
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
    wtf8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(token: &str) -> HostText {
        HostText::new(decode(token).unwrap())
    }

    #[test]
    fn escapes_and_pairs_are_decoded() {
        assert_eq!(decode(r#""a\"\n\u00e9""#).unwrap().as_ref(), "a\"\n\u{e9}".as_bytes());
        assert_eq!(decode(r#""\ud83d\ude00""#).unwrap().as_ref(), "\u{1f600}".as_bytes());
        assert_eq!(decode("12"), None);
        assert_eq!(decode("null"), None);
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
            assert_eq!(decode(&token).unwrap().as_ref(), wtf8, "{token}");
            assert_eq!(host(&token), HostText::Utf16(units.into()));
        }
    }

    #[test]
    fn the_host_gets_one_byte_a_unit_where_that_is_enough() {
        assert_eq!(host("\"abc\""), HostText::Latin1((*b"abc").into()));
        assert_eq!(host("\"a\u{80}\u{e9}\u{ff}\""), HostText::Latin1([0x61, 0x80, 0xe9, 0xff].into()));
        assert_eq!(host("\"\u{100}\""), HostText::Utf16([0x100].into()));
        assert_eq!(host("\"\u{1f600}\""), HostText::Utf16([0xd83d, 0xde00].into()));
    }
}
