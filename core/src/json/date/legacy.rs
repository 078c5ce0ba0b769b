//! Dates in all the other forms that V8 reads: `May 1, 2024 10:00 (a note)`, `1/5/24 5:00 PM`, `2024-5-1`,
//! and what `toString` and `toUTCString` write.
//!
//! V8 has no grammar for them, but takes a text apart and gives each piece a meaning by what came before:
//!
//! - A number before `:` or, if a time is open, before `.` belongs to the time of day. So does the first
//!   number thereafter that fits; it ends the time. Any other number belongs to the date.
//! - A word is a month by its first three letters, or exactly a zone (`Z`, `UT`, `UTC`, `GMT` and those of
//!   the USA) or `AM` or `PM`. Any other word is skipped, but only before the first number, and not right
//!   before it.
//! - A sign after a time, or after a zone that is UTC, starts an offset (`+h`, `+hh`, `+hmm`, `+hhmm`,
//!   `+h:mm`). Any other sign is skipped, but only before the first number, or as the `-` right after a
//!   part of the date.
//! - Parentheses with their content are skipped, and so is all other punctuation.
//! - A start in the form of ECMAScript is taken as such, so that `2024-05-01 10:00` begins with a year.
//!
//! The date is month, day, year, or it is year, month, day if the first number can't be a day. With a
//! month's name, it is day and year, or year and day. A missing day is 1, a missing year is 2001.

use std::iter::Peekable;

use super::token::{Numeral, Token, Tokens, Word};
use super::{Reading, midnight};

pub(super) fn read(text: &[u8]) -> Option<Reading> {
    let mut parser = Parser { tokens: Tokens(text).peekable(), parts: Parts::default() };
    parser.start();
    parser.rest()?;
    parser.parts.reading()
}

struct Parser<'a> {
    tokens: Peekable<Tokens<'a>>,
    parts: Parts,
}

impl Parser<'_> {
    fn skip(&mut self, token: Token) -> bool {
        self.tokens.next_if_eq(&token).is_some()
    }

    fn number_if(&mut self, wanted: impl Fn(Numeral) -> bool) -> Option<Numeral> {
        match *self.tokens.peek()? {
            Token::Number(number) if wanted(number) => {
                self.tokens.next();
                Some(number)
            }
            _ => None,
        }
    }

    /// As much as there is of year, month and day in the form of ECMAScript; `None` where that ends early.
    fn start(&mut self) -> Option<()> {
        let sign = self.tokens.next_if(|token| matches!(token, Token::Plus | Token::Minus));
        let digits = if sign.is_some() { 6 } else { 4 };
        let year = i64::from(self.number_if(|year| year.digits == digits)?.value);
        self.parts.date.push(match sign {
            Some(Token::Minus) => Some(-year).filter(|&year| year != 0)?,
            _ => year,
        });
        for last in [12, 31] {
            self.tokens.next_if_eq(&Token::Minus)?;
            let part = self.number_if(|part| part.digits == 2 && (1..=last).contains(&part.value))?;
            self.parts.date.push(part.value.into());
        }
        Some(())
    }

    fn rest(&mut self) -> Option<()> {
        let mut numbers = !self.parts.date.is_empty();
        while let Some(token) = self.tokens.next() {
            match token {
                Token::Number(number) => {
                    numbers = true;
                    self.number(number)?;
                }
                Token::Word(Word::Month(month)) => {
                    self.parts.month = Some(month);
                    self.skip(Token::Minus);
                }
                Token::Word(Word::Half(hours)) if !self.parts.time.is_empty() => {
                    self.parts.half = Some(hours);
                }
                Token::Word(Word::Z) if numbers => self.parts.zone = Some(Zone::west(0)),
                Token::Word(Word::Zone(hours)) if numbers => self.parts.zone = Some(Zone::west(hours)),
                Token::Word(_) if numbers || matches!(self.tokens.peek(), Some(Token::Number(_))) => {
                    return None;
                }
                Token::Plus | Token::Minus if !self.parts.time.is_empty() || self.parts.is_utc() => {
                    numbers = true;
                    self.parts.zone = Some(self.offset(token == Token::Minus)?);
                }
                Token::Plus | Token::Minus | Token::Closing if numbers => return None,
                _ => {}
            }
        }
        Some(())
    }

    fn number(&mut self, number: Numeral) -> Option<()> {
        let value = i64::from(number.value);
        let continues_time = match self.parts.time.len() {
            1 | 2 => value < 60,
            3 => value < 1000,
            _ => false,
        };
        if self.skip(Token::Colon) {
            if self.skip(Token::Colon) {
                return self.parts.time.is_empty().then(|| self.parts.time.extend([value, 0]));
            }
            self.skip(Token::Point);
            push(&mut self.parts.time, 4, value)
        } else if self.skip(Token::Point) && continues_time {
            // V8 has the fraction, in milliseconds, be what comes next: `1:02.03` ends in 30 seconds.
            let fraction = self.number_if(|_| true)?.milliseconds();
            self.parts.time.extend([value, fraction]);
            self.parts.time.resize(4, 0);
            Some(())
        } else if self.parts.zone.is_some_and(|zone| zone.minutes.is_none()) && value < 60 {
            self.parts.zone = self.parts.zone.map(|zone| Zone { minutes: Some(number.value), ..zone });
            Some(())
        } else if continues_time {
            self.parts.time.push(value);
            self.parts.time.resize(4, 0);
            match self.tokens.peek() {
                None | Some(Token::Space | Token::Word(Word::Z) | Token::Plus | Token::Minus) => Some(()),
                _ => None,
            }
        } else {
            self.skip(Token::Minus);
            push(&mut self.parts.date, 3, value)
        }
    }

    fn offset(&mut self, west: bool) -> Option<Zone> {
        let Numeral { value, digits } = self.number_if(|_| true).unwrap_or(Numeral { value: 0, digits: 0 });
        let (hours, minutes) = match digits {
            _ if self.tokens.peek() == Some(&Token::Colon) => (value, None),
            1 | 2 => (value, Some(0)),
            3 | 4 => (value / 100, Some(value % 100)),
            _ => return None,
        };
        Some(Zone { west, hours, minutes })
    }
}

fn push(parts: &mut Vec<i64>, most: usize, part: i64) -> Option<()> {
    (parts.len() < most).then(|| parts.push(part))
}

#[derive(Clone, Copy)]
struct Zone {
    west: bool,
    hours: u32,
    /// `None` while they may still follow.
    minutes: Option<u32>,
}

impl Zone {
    fn west(hours: u32) -> Self {
        Zone { west: true, hours, minutes: Some(0) }
    }

    fn milliseconds(self) -> Option<i64> {
        // V8 computes with 32 bits, and refuses what has the highest one set.
        let seconds = self.hours.wrapping_mul(3600).wrapping_add(self.minutes.unwrap_or(0) * 60);
        let milliseconds = i64::from(i32::try_from(seconds).ok()?) * 1000;
        Some(if self.west { -milliseconds } else { milliseconds })
    }
}

#[derive(Default)]
struct Parts {
    /// Up to three numbers.
    date: Vec<i64>,
    month: Option<i64>,
    /// Up to four numbers, from hours to milliseconds.
    time: Vec<i64>,
    half: Option<i64>,
    zone: Option<Zone>,
}

impl Parts {
    fn is_utc(&self) -> bool {
        self.zone.is_some_and(|zone| zone.hours == 0 && zone.minutes == Some(0))
    }

    fn reading(self) -> Option<Reading> {
        let clock = self.midnight()? + self.time_of_day()?;
        Some(match self.zone {
            Some(zone) => Reading::Utc(clock - zone.milliseconds()?),
            None => Reading::Local(clock),
        })
    }

    fn midnight(&self) -> Option<i64> {
        let first = *self.date.first()?;
        let second = self.date.get(1).copied().unwrap_or(1);
        let third = self.date.get(2).copied().unwrap_or(1);
        let starts_with_year = !(1..=31).contains(&first);
        let (year, month, day) = match self.month {
            Some(month) if starts_with_year => (first, month, second),
            Some(month) => (second, month, first),
            None if starts_with_year => (first, second, third),
            None => (third, first, second),
        };
        // Two digits are a year from 1950 to 2049.
        let century = match year {
            0..50 => 2000,
            50..100 => 1900,
            _ => 0,
        };
        midnight(century + year, month, day)
    }

    fn time_of_day(&self) -> Option<i64> {
        let part = |index| self.time.get(index).copied().unwrap_or(0);
        let (minute, second, millisecond) = (part(1), part(2), part(3));
        let hour = match (part(0), self.half) {
            (hour, None) => hour,
            (hour @ 0..=12, Some(half)) => hour % 12 + half,
            _ => return None,
        };
        let within_hour = minute * 60_000 + second * 1000 + millisecond;
        let exists = hour < 24 && minute < 60 && second < 60 && millisecond < 1000;
        (exists || (hour == 24 && within_hour == 0)).then_some(hour * 3_600_000 + within_hour)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read_as_v8_reads_it() {
        let dates = [
            ("May 1, 2024 10:00 (a note)", 1_714_557_600_000),
            ("Wed, 01 May 2024 10:00:00 GMT", 1_714_557_600_000),
            ("Wed May 01 2024 12:00:00 GMT+0200 (CEST)", 1_714_557_600_000),
            ("5/1/2024, 10:00:00\u{202f}AM", 1_714_557_600_000),
            ("1 may 2024 5:00 am EST", 1_714_557_600_000),
            ("2024-05-01 10:00 Z", 1_714_557_600_000),
            (" 2024-05-01", 1_714_521_600_000),
            ("2024-5-1", 1_714_521_600_000),
            ("5/1/24", 1_714_521_600_000),
            ("1-may-2024", 1_714_521_600_000),
            ("on or about: mayor 1 2024", 1_714_521_600_000),
            ("32 1", 1_956_528_000_000),
            ("12", 1_007_164_800_000),
            ("1/5/49", 2_493_417_600_000),
            ("1/5/50", -630_806_400_000),
            ("2/30/2020", 1_583_020_800_000),
            ("-000000-01-01", 978_307_200_000),
            ("-000044-03-15 12:00", -63_549_316_800_000),
            ("0001-02-03 04:05", 1_041_480_300_000),
            ("9/13/275760", 8_640_000_000_000_000),
            ("0000000002020-1-2", 1_577_923_200_000),
            ("((1) x) ) - 1/2/2020", 1_577_923_200_000),
            ("\u{3000}\u{feff}1/2/2020", 1_577_923_200_000),
            ("1/2/2020 0:00 pm", 1_577_966_400_000),
            ("1/2/2020 12:30 am", 1_577_925_000_000),
            ("1/2/2020 24:00", 1_578_009_600_000),
            ("1/2/2020 3::4", 1_577_934_004_000),
            ("1/2/2020 3:4:.5", 1_577_934_245_000),
            ("1/2/2020 1:02.03", 1_577_926_950_000),
            ("1/2/2020 1:02:03.04", 1_577_926_923_040),
            ("1/2/2020 1:02:03:4.5", 1_577_926_923_004),
            ("1/2/2020 10:00+2", 1_577_952_000_000),
            ("1/2/2020 10:00 -0330", 1_577_971_800_000),
            ("1/2/2020 GMT+5:45", 1_577_902_500_000),
            ("1/2/2020 10:00 GMT+1193047:", 1_577_957_296_000),
            ("1/2/2020 10:00 GMT+999999999:", 760_556_848_000),
        ];
        for (text, ms) in dates {
            let found = read(text.as_bytes()).map(|(Reading::Utc(ms) | Reading::Local(ms))| ms);
            assert_eq!(found, Some(ms), "{text}");
        }
    }

    #[test]
    fn what_v8_cannot_read_is_none() {
        let texts = "|may|13/1|1/32|1/2/3/4|5/2024|1 pm|z1|x1/2/2020|1/2/2020 x|1/2/2020 -|1/2/2020)\
            |((1/2/2020|1/2/2020\u{2028}|1/2/2020 24:00:01|1/2/2020 1:2:3:4:5|1/2/2020 10:00x\
            |1/2/2020 EST+5|1/2/2020 10:00 GMT+12345|1/2/2020 10:00 GMT+596524:|999999999/1/1\
            |1/2/2020 13:00 pm|20200000000001/1/1|2024-05-01-|2024-05-01T|2024-05-01T10:00 Z";
        for text in texts.split('|') {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
    }
}
