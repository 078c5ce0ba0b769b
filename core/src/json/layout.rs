//! The file's white space: that of `JSON.stringify(value, null, 2)`, with no newline at the end.

use crate::memory::NoMemory;

/// What stands before the first record, between two, and after the last.
pub const OPEN: &[u8] = b"[\n  ";
/// Between two records.
pub const BETWEEN: &[u8] = b",\n  ";
/// After the last record.
pub const CLOSE: &[u8] = b"\n]";
/// A file without records.
pub const EMPTY: &[u8] = b"[]";

/// What a UTF-8 file may begin with.
pub const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// How large one record may get, in bytes. It stays below the longest string that a JS engine holds
/// (V8: 2^29 - 24 units), so that whatever is accepted can be read again.
pub const MAX_RECORD: usize = (1 << 29) - 4096;

/// The text of a JSON value, laid out as at `depth` levels of nesting: tokens are kept, white space
/// between them is not. `None` where the result would be larger than [`MAX_RECORD`].
///
/// The input must be valid JSON.
pub fn pretty(value: &str, depth: usize) -> Result<Option<Vec<u8>>, NoMemory> {
    pretty_within(value, depth, MAX_RECORD)
}

fn pretty_within(value: &str, mut depth: usize, most: usize) -> Result<Option<Vec<u8>>, NoMemory> {
    let bytes = value.as_bytes();
    let mut out = Vec::new();
    // At each token there is room for the rest as it stands; what is put in between asks for more.
    out.try_reserve(bytes.len() + bytes.len() / 8)?;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b' ' | b'\n' | b'\r' | b'\t' => {}
            b'"' => {
                let end = string_end(bytes, at);
                out.extend_from_slice(&bytes[at - 1..end]);
                at = end;
            }
            b'{' | b'[' => {
                out.push(byte);
                while matches!(bytes.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
                    at += 1;
                }
                if let Some(&close @ (b'}' | b']')) = bytes.get(at) {
                    out.push(close);
                    at += 1;
                } else {
                    depth += 1;
                    if !new_line(&mut out, depth, most, bytes.len() - at)? {
                        return Ok(None);
                    }
                }
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if !new_line(&mut out, depth, most, bytes.len() - at + 1)? {
                    return Ok(None);
                }
                out.push(byte);
            }
            b',' => {
                out.push(byte);
                if !new_line(&mut out, depth, most, bytes.len() - at)? {
                    return Ok(None);
                }
            }
            b':' => {
                out.try_reserve(2 + bytes.len() - at)?;
                out.extend_from_slice(b": ");
            }
            _ => out.push(byte),
        }
    }
    Ok((out.len() <= most).then_some(out))
}

/// A line break with the indentation behind it, if that fits, and room for so many bytes more.
fn new_line(out: &mut Vec<u8>, depth: usize, most: usize, more: usize) -> Result<bool, NoMemory> {
    // Deep nesting makes indentation grow with the square of the depth: see that it fits first.
    let Some(indented) = out.len().checked_add(1 + 2 * depth).filter(|&len| len <= most) else {
        return Ok(false);
    };
    out.try_reserve(indented - out.len() + more)?;
    out.push(b'\n');
    out.resize(indented, b' ');
    Ok(true)
}

/// Whether two valid JSON texts differ in nothing but the white space between their tokens.
pub fn has_same_tokens(one: &[u8], other: &[u8]) -> bool {
    let is_space = |byte: Option<&u8>| matches!(byte, None | Some(b' ' | b'\n' | b'\r' | b'\t'));
    let same = one.iter().zip(other).take_while(|(one, other)| one == other).count();
    if same == one.len() && same == other.len() {
        return true;
    }
    // Most texts that differ do so in a token, and no more has to be looked at.
    if !is_space(one.get(same)) && !is_space(other.get(same)) {
        return false;
    }
    tokens(one).eq(tokens(other))
}

/// The tokens of valid JSON, in pieces: all that stands between two blanks or strings is one.
pub fn tokens(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut at = 0;
    std::iter::from_fn(move || {
        at += text[at..].iter().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')).count();
        let start = at;
        at = match *text.get(at)? {
            b'"' => string_end(text, at + 1),
            b'{' | b'}' | b'[' | b']' | b',' | b':' => at + 1,
            _ => {
                let is_scalar =
                    |byte: &&u8| !matches!(byte, b' ' | b'\n' | b'\r' | b'\t' | b',' | b':' | b'}' | b']');
                at + text[at..].iter().take_while(is_scalar).count()
            }
        };
        Some(&text[start..at])
    })
}

/// The offset behind the closing quote of the string whose content begins at `at`.
pub fn string_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(found) = memchr::memchr2(b'"', b'\\', &bytes[at..]) {
        at += found + 1;
        if bytes[at - 1] == b'"' {
            return at;
        }
        at = (at + 1).min(bytes.len());
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid_out(value: &str, depth: usize) -> String {
        String::from_utf8(pretty(value, depth).unwrap().unwrap()).unwrap()
    }

    #[test]
    fn values_are_laid_out_as_json_stringify_does() {
        assert_eq!(
            laid_out(r#"{"a":[1,{"b":{}},[ ]],"c\"[":"d, {: \\"}"#, 0),
            "{\n  \"a\": [\n    1,\n    {\n      \"b\": {}\n    },\n    []\n  ],\n  \"c\\\"[\": \"d, {: \\\\\"\n}"
        );
        assert_eq!(laid_out("[1]", 2), "[\n      1\n    ]");
        assert_eq!(laid_out(" 1.50e+3 ", 7), "1.50e+3");
    }

    #[test]
    fn laying_out_twice_changes_nothing() {
        let once = laid_out(r#"{"a":{"b":[[],{},"x",null,true,-0]}}"#, 1);
        assert_eq!(laid_out(&once, 1), once);
    }

    #[test]
    fn texts_that_differ_in_white_space_alone_have_the_same_tokens() {
        let same = |one: &str, other: &str| has_same_tokens(one.as_bytes(), other.as_bytes());
        assert!(same(r#"{"a":[1,true,"x y"]}"#, "{ \"a\" :\n[1 ,\ttrue, \"x y\" ] }"));
        for other in [r#"{"a":"xy"}"#, r#"{"a":"x  y"}"#, r#"{"a":"x y","b":1}"#, r#"{"a":"x y"} "#] {
            assert_eq!(same(r#"{"a":"x y"}"#, other), other.ends_with(' '), "{other}");
        }
        assert!(!same("[1,23]", "[12,3]") && !same("[1, 2]", "[12]"));
    }

    #[test]
    fn nesting_that_would_blow_up_the_file_is_refused() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        // Each level is indented twice, by two more than the one around it: 2 * levels² bytes in all.
        let size = |levels: usize| pretty_within(&nested(levels), 0, 1 << 20).unwrap().map(|text| text.len());
        assert_eq!(size(700), Some(980_000));
        assert_eq!(size(800), None);
        // A single line that is longer than all that is allowed is not even begun.
        assert_eq!(pretty("[1]", MAX_RECORD), Ok(None));
        assert_eq!(pretty_within("\"four\"", 0, 5), Ok(None));
        assert_eq!(pretty_within("\"four\"", 0, 6), Ok(Some(b"\"four\"".to_vec())));
    }
}
