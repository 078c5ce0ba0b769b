//! JSON as tokens: what the store must keep, and how it must lay it out.

use proptest::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json {
    /// A number, string or word, exactly as it is spelled.
    Token(String),
    List(Vec<Json>),
    Object(Vec<(Key, Json)>),
}

/// A key, and how it is spelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub name: String,
    pub token: String,
}

pub fn key(name: &str) -> Key {
    Key { name: name.into(), token: format!("\"{name}\"") }
}

pub fn string(text: &str) -> Json {
    Json::Token(format!("\"{text}\""))
}

impl Json {
    /// As `JSON.stringify(value, null, 2)` writes it at a depth.
    pub fn pretty(&self, depth: usize) -> String {
        self.spaced(
            &format!("\n{}", "  ".repeat(depth + 1)),
            &format!("\n{}", "  ".repeat(depth)),
            ": ",
            depth + 1,
        )
    }

    /// As a careless hand may write it.
    pub fn by_hand(&self) -> String {
        self.walk(&mut |list, open, close| format!("{open} {}\t{close}", list.join(" ,\r\n")), " :\n ")
    }

    pub fn compact(&self) -> String {
        self.walk(&mut |list, open, close| format!("{open}{}{close}", list.join(",")), ":")
    }

    fn spaced(&self, before: &str, after: &str, colon: &str, depth: usize) -> String {
        let inside = |parts: Vec<String>, open, close| match parts.is_empty() {
            true => format!("{open}{close}"),
            false => format!("{open}{before}{}{after}{close}", parts.join(&format!(",{before}"))),
        };
        match self {
            Json::Token(token) => token.clone(),
            Json::List(list) => inside(list.iter().map(|value| value.pretty(depth)).collect(), '[', ']'),
            Json::Object(fields) => {
                let field =
                    |(key, value): &(Key, Json)| format!("{}{colon}{}", key.token, value.pretty(depth));
                inside(fields.iter().map(field).collect(), '{', '}')
            }
        }
    }

    fn walk(&self, join: &mut impl FnMut(Vec<String>, char, char) -> String, colon: &str) -> String {
        match self {
            Json::Token(token) => token.clone(),
            Json::List(list) => {
                let parts = list.iter().map(|value| value.walk(join, colon)).collect();
                join(parts, '[', ']')
            }
            Json::Object(fields) => {
                let parts = fields
                    .iter()
                    .map(|(key, value)| format!("{}{colon}{}", key.token, value.walk(join, colon)));
                let parts = parts.collect();
                join(parts, '{', '}')
            }
        }
    }

    /// The text of a string without escapes.
    pub fn text(&self) -> Option<&str> {
        match self {
            Json::Token(token) => token.strip_prefix('"')?.strip_suffix('"'),
            _ => None,
        }
    }
}

/// Of duplicates the last counts.
pub fn get<'a>(fields: &'a [(Key, Json)], name: &str) -> Option<&'a Json> {
    fields.iter().rev().find(|(key, _)| key.name == name).map(|(_, value)| value)
}

/// Any value that JSON has a spelling for, with the spellings that a careless rewrite would change.
pub fn json() -> impl Strategy<Value = Json> {
    let token = prop::sample::select(vec![
        "null",
        "true",
        "0",
        "-0",
        "1.0e2",
        "1E400",
        "0.10",
        "123456789012345678901234567890",
        "\"\"",
        "\"plain\"",
        "\"\u{e9}\u{20ac}\u{1f600}\"",
        r#""\ud83d""#,
        r#""\udE00\u0061\/""#,
        r#""a\"b\\{[,:""#,
        "\"  two  spaces \"",
    ]);
    let leaf = token.prop_map(|token| Json::Token(token.into()));
    leaf.prop_recursive(3, 12, 4, |inner| {
        let field = (any_key(), inner.clone());
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Json::List),
            prop::collection::vec(field, 0..4).prop_map(Json::Object),
        ]
    })
}

fn any_key() -> impl Strategy<Value = Key> {
    let names =
        [("a", "\"a\""), ("b", r#""\u0062""#), ("7", "\"7\""), ("", "\"\""), ("__proto__", "\"__proto__\"")];
    prop::sample::select(names.to_vec())
        .prop_map(|(name, token)| Key { name: name.into(), token: token.into() })
}
