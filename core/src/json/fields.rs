//! A JSON object as its fields, each value still the text that stands in the file.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use crate::error::{Flaw, Unread};
use crate::json::text::decode;
use crate::memory::{self, NoMemory};

/// One field of an object.
#[derive(Clone, Debug)]
pub struct Field<'a> {
    /// The decoded name, as WTF-8.
    pub key: Cow<'a, [u8]>,
    /// The name's token, quotes included.
    pub name: &'a str,
    /// The value's text.
    pub value: &'a str,
}

/// The fields of an object in file order, duplicates included.
#[derive(Clone, Debug, Default)]
pub struct Fields<'a>(pub Vec<Field<'a>>);

impl<'a> Fields<'a> {
    /// Reads the text of one object.
    pub fn parse(text: &'a str) -> Result<Self, Unread> {
        serde_json::from_str(text).map_err(|error| unread(&error, text.as_bytes()))
    }

    /// The value of `key`: of duplicates the last, as `JSON.parse` has it.
    pub fn get(&self, key: &[u8]) -> Option<&'a str> {
        self.0.iter().rev().find(|field| *field.key == *key).map(|field| field.value)
    }

    /// Sets a field in the place of the first that has its key, or at the end.
    pub fn set(&mut self, new: Field<'a>) -> Result<(), NoMemory> {
        match self.0.iter().position(|field| field.key == new.key) {
            Some(place) => {
                let mut index = 0;
                self.0.retain(|field| {
                    index += 1;
                    index <= place + 1 || field.key != new.key
                });
                self.0[place] = new;
            }
            None => memory::push(&mut self.0, new)?,
        }
        Ok(())
    }

    /// Removes every field of that key.
    pub fn remove(&mut self, key: &[u8]) {
        self.0.retain(|field| *field.key != *key);
    }

    /// Appends the object's text, without white space around its tokens.
    pub fn write(&self, out: &mut String) -> Result<(), NoMemory> {
        let size: usize = self.0.iter().map(|field| field.name.len() + field.value.len() + 2).sum();
        out.try_reserve(size + 2)?;
        out.push('{');
        for (index, field) in self.0.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            out.push_str(field.name);
            out.push(':');
            out.push_str(field.value);
        }
        out.push('}');
        Ok(())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut fields = Vec::new();
                while let Some(name) = map.next_key::<&RawValue>()? {
                    let value: &RawValue = map.next_value()?;
                    let key = key(name.get()).map_err(M::Error::custom)?;
                    let field = Field { key, name: name.get(), value: value.get() };
                    memory::push(&mut fields, field).map_err(M::Error::custom)?;
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Collect)
    }
}

/// The decoded name of a field, from its token.
pub fn key(name: &str) -> Result<Cow<'_, [u8]>, NoMemory> {
    decode(name).map(Option::unwrap_or_default)
}

/// What a serde_json error of `text` means.
pub fn unread(error: &serde_json::Error, text: &[u8]) -> Unread {
    if NoMemory::is_told_by(error) { NoMemory.into() } else { flaw(error, text).into() }
}

/// The place and the words of a serde_json error in `text`, of which it knows line and column alone.
pub fn flaw(error: &serde_json::Error, text: &[u8]) -> Flaw {
    let line_start = match error.line() {
        0 | 1 => 0,
        line => memchr::memchr_iter(b'\n', text).nth(line - 2).map_or(text.len(), |at| at + 1),
    };
    let message = error.to_string();
    let words = message.rfind(" at line ").map_or(message.as_str(), |end| &message[..end]);
    let column = line_start + error.column();
    let offset = match error.classify() {
        Category::Eof => text.len(),
        // These it counts from 0, the others from 1.
        Category::Data => column,
        _ if words.starts_with("control character") => column,
        _ => column.saturating_sub(1),
    };
    let offset = offset.min(text.len());
    if words.contains("expected") {
        Flaw::new(offset, words)
    } else {
        Flaw::new(offset, format!("expected valid JSON, found: {words}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(fields: &Fields) -> String {
        let mut out = String::new();
        fields.write(&mut out).unwrap();
        out
    }

    #[test]
    fn tokens_come_out_as_they_went_in() {
        let text =
            r#"{"a":1.0e2,"\u0062":"\ud83d","__proto__":{"x": [ ]},"a":123456789012345678901234567890}"#;
        let fields = Fields::parse(text).unwrap();
        assert_eq!(written(&fields), text);
        assert_eq!(fields.get(b"b"), Some(r#""\ud83d""#));
        assert_eq!(fields.get(b"a"), Some("123456789012345678901234567890"));
    }

    #[test]
    fn setting_a_field_takes_the_first_place_and_drops_duplicates() {
        let mut fields = Fields::parse(r#"{"a":1,"b":2,"a":3,"c":4}"#).unwrap();
        fields.set(Field { key: b"a"[..].into(), name: "\"a\"", value: "9" }).unwrap();
        fields.set(Field { key: b"d"[..].into(), name: "\"d\"", value: "5" }).unwrap();
        assert_eq!(written(&fields), r#"{"a":9,"b":2,"c":4,"d":5}"#);
        fields.remove(b"b");
        assert_eq!(written(&fields), r#"{"a":9,"c":4,"d":5}"#);
    }

    #[test]
    fn a_raw_control_character_in_a_key_is_refused_as_json_parse_does() {
        assert!(Fields::parse("{\"a\nb\":1}").is_err());
        let unread = Fields::parse("{\"a\":1,\n\"b\":}").unwrap_err();
        assert!(matches!(unread, Unread::Flaw(Flaw { offset: 12, .. })), "{unread:?}");
    }
}
