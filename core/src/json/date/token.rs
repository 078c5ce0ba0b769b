//! The pieces that a date is made of, as V8 tells them apart.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Number(Numeral),
    Word(Word),
    Plus,
    Minus,
    Colon,
    Point,
    Closing,
    Space,
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Month(i64),
    /// With the hours that it adds.
    Half(i64),
    Z,
    /// With its hours west of Greenwich.
    Zone(u32),
    Unknown,
}

impl Word {
    fn new(word: &[u8]) -> Self {
        let word = word[..word.len().min(4)].to_ascii_lowercase();
        let months: [&[u8]; 12] =
            [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];
        if let Some(index) = months.iter().position(|name| word.starts_with(name)) {
            return Word::Month(index as i64 + 1);
        }
        match &word[..] {
            b"am" => Word::Half(0),
            b"pm" => Word::Half(12),
            b"z" => Word::Z,
            b"ut" | b"utc" | b"gmt" => Word::Zone(0),
            b"edt" => Word::Zone(4),
            b"est" | b"cdt" => Word::Zone(5),
            b"cst" | b"mdt" => Word::Zone(6),
            b"mst" | b"pdt" => Word::Zone(7),
            b"pst" => Word::Zone(8),
            _ => Word::Unknown,
        }
    }
}

pub(super) struct Tokens<'a>(pub &'a [u8]);

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let bytes = self.0;
        let (token, length) = match *bytes.first()? {
            b'+' => (Token::Plus, 1),
            b'-' => (Token::Minus, 1),
            b':' => (Token::Colon, 1),
            b'.' => (Token::Point, 1),
            b')' => (Token::Closing, 1),
            b'(' => (Token::Other, parenthesised(bytes)),
            b'0'..=b'9' => Numeral::split(bytes).map(|(number, _)| (Token::Number(number), number.digits))?,
            first => match (space(bytes), first) {
                (0, b'A'..) => {
                    let end = (1..bytes.len()).find(|&at| bytes[at] < b'A' || space(&bytes[at..]) > 0);
                    let length = end.unwrap_or(bytes.len());
                    (Token::Word(Word::new(&bytes[..length])), length)
                }
                (0, _) => (Token::Other, 1),
                (length, _) => (Token::Space, length),
            },
        };
        self.0 = &bytes[length..];
        Some(token)
    }
}

/// How many bytes of white space, as ECMAScript has it, the first character is. Without U+2028 and U+2029:
/// V8 takes them for letters here.
fn space(bytes: &[u8]) -> usize {
    match *bytes {
        [b'\t'..=b'\r' | b' ', ..] => 1,
        [0xc2, 0xa0, ..] => 2,
        [0xe1, 0x9a, 0x80, ..] | [0xe3, 0x80, 0x80, ..] | [0xef, 0xbb, 0xbf, ..] => 3,
        [0xe2, 0x80, 0x80..=0x8a | 0xaf, ..] | [0xe2, 0x81, 0x9f, ..] => 3,
        _ => 0,
    }
}

/// The length up to the parenthesis that closes the first one.
fn parenthesised(bytes: &[u8]) -> usize {
    let mut depth = 0_usize;
    let end = bytes.iter().position(|byte| {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    end.map_or(bytes.len(), |end| end + 1)
}

/// Digits in a row, of any length. V8 keeps the first nine after the leading zeros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Numeral {
    pub value: u32,
    pub digits: usize,
}

impl Numeral {
    pub fn split(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (number, rest) = bytes.split_at(digits);
        let known = number.iter().skip_while(|&&byte| byte == b'0').take(9);
        let value = known.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
        (digits > 0).then_some((Numeral { value, digits }, rest))
    }

    /// As the digits behind a second's point. Nine or more digits are read as nine, as V8 does.
    pub fn milliseconds(self) -> i64 {
        i64::from(match self.digits {
            1 => self.value * 100,
            2 => self.value * 10,
            digits => self.value / 10_u32.pow(digits.clamp(3, 9) as u32 - 3),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &[u8]) -> Vec<Token> {
        Tokens(text).collect()
    }

    #[test]
    fn a_word_ends_at_white_space_of_any_script() {
        let two = [Token::Word(Word::Month(5)), Token::Space, Token::Word(Word::Unknown)];
        for space in
            ["\t", " ", "\u{a0}", "\u{1680}", "\u{200a}", "\u{202f}", "\u{205f}", "\u{3000}", "\u{feff}"]
        {
            assert_eq!(tokens(format!("may\u{e9}{space}x").as_bytes()), two, "{space:?}");
        }
        for letter in ["\u{85}", "\u{2028}", "\u{2029}", "\u{200b}"] {
            assert_eq!(tokens(format!("may{letter}x").as_bytes()), two[..1], "{letter:?}");
        }
    }

    #[test]
    fn half_a_surrogate_pair_is_a_letter() {
        assert_eq!(tokens(b"\xed\xa0\xbd"), [Token::Word(Word::Unknown)]);
    }

    #[test]
    fn only_months_may_go_on_after_three_letters() {
        let words = [
            ("decem", Word::Month(12)),
            ("UTC", Word::Zone(0)),
            ("utcx", Word::Unknown),
            ("zz", Word::Unknown),
        ];
        for (text, word) in words {
            assert_eq!(tokens(text.as_bytes()), [Token::Word(word)]);
        }
    }

    #[test]
    fn long_numbers_keep_nine_digits() {
        let number = |text: &str| Numeral::split(text.as_bytes()).map(|(number, _)| number);
        assert_eq!(number("0001234567899"), Some(Numeral { value: 123_456_789, digits: 13 }));
        assert_eq!(number("00000000000999999999").map(Numeral::milliseconds), Some(999));
        assert_eq!(number("07").map(Numeral::milliseconds), Some(70));
        assert_eq!(number("x"), None);
    }
}
