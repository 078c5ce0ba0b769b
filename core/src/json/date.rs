//! Dates as JS reads them, for filters and retention.
//!
//! The text itself always reaches JS unchanged; what is read here only orders records. Whatever V8's
//! `Date.parse` reads is read alike: the date-time format of ECMAScript
//! (<https://tc39.es/ecma262/#sec-date-time-string-format>) here, everything else by `legacy`.
//! chrono ends at the year 262,142, JS at 275,760, so the calendar is computed here and chrono is asked
//! for time zones alone.

mod legacy;
mod token;

use std::sync::OnceLock;

use chrono::{DateTime, Local, Offset, TimeZone};

use self::token::Numeral;

const DAY: i64 = 86_400_000;
/// The largest distance from 1970 that a JS `Date` holds, in milliseconds.
const MAX: i64 = 100_000_000 * DAY;
/// After this many days the Gregorian calendar repeats, weekdays included.
const CYCLE: i64 = 146_097 * DAY;

/// What a text says, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Utc(i64),
    /// By the local clock.
    Local(i64),
}

/// Milliseconds since 1970, or `None` where the text is no date. It may be WTF-8, as JS strings are.
pub fn parse(text: impl AsRef<[u8]>) -> Option<i64> {
    let utc = match read(text.as_ref())? {
        Reading::Utc(ms) => ms,
        Reading::Local(ms) => from_local(ms, local_offset)?,
    };
    Some(utc).filter(|ms| ms.abs() <= MAX)
}

/// Whether `text` is what `toISOString` writes, so that its milliseconds are all there is to it.
pub fn is_canonical(text: &str) -> bool {
    let bytes = text.as_bytes();
    let year = if matches!(bytes.first(), Some(b'+' | b'-')) { 7 } else { 4 };
    let form = b"-00-00T00:00:00.000Z";
    let Some(rest) = bytes.get(year..).filter(|rest| rest.len() == form.len()) else { return false };
    let formed = rest.iter().zip(form).all(|(&byte, &wanted)| match wanted {
        b'0' => byte.is_ascii_digit(),
        mark => byte == mark,
    });
    let date = date(&mut Cursor(bytes));
    let exists = date.is_some_and(|(year, month, day)| {
        days_from_civil(year, month, day) < days_from_civil(year, month + 1, 1)
    });
    formed && exists && !bytes.starts_with(b"+00") && &rest[7..9] < b"24".as_slice()
}

fn read(text: &[u8]) -> Option<Reading> {
    // V8 takes a NUL for the end.
    let text = text.split(|&byte| byte == 0).next()?;
    iso(text).or_else(|| legacy::read(text))
}

struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn take(&mut self, wanted: &[u8]) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        wanted.contains(&first).then(|| {
            self.0 = rest;
            first
        })
    }

    fn number(&mut self, digits: usize) -> Option<i64> {
        let (number, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        number
            .iter()
            .try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
    }

    fn number_after(&mut self, mark: &[u8], digits: usize) -> Option<Option<i64>> {
        match self.take(mark) {
            Some(_) => self.number(digits).map(Some),
            None => Some(None),
        }
    }

    fn numeral(&mut self) -> Option<Numeral> {
        let (numeral, rest) = Numeral::split(self.0)?;
        self.0 = rest;
        Some(numeral)
    }
}

/// Year, month and day, where the latter two may be missing.
fn date(rest: &mut Cursor) -> Option<(i64, i64, i64)> {
    let year = match rest.take(b"+-") {
        Some(b'-') => Some(-rest.number(6)?).filter(|&year| year != 0)?,
        Some(_) => rest.number(6)?,
        None => rest.number(4)?,
    };
    let month = rest.number_after(b"-", 2)?;
    let day = if month.is_some() { rest.number_after(b"-", 2)? } else { None };
    Some((year, month.unwrap_or(1), day.unwrap_or(1)))
}

/// The date-time format. As in V8, every month has 31 days (the last ones are days of the next month),
/// any number of digits may follow the point, and the colon in an offset may be missing.
fn iso(text: &[u8]) -> Option<Reading> {
    let mut rest = Cursor(text);
    let (year, month, day) = date(&mut rest)?;
    let midnight = midnight(year, month, day)?;
    if rest.take(b"Tt").is_none() {
        return rest.0.is_empty().then_some(Reading::Utc(midnight));
    }
    let hour = rest.number(2)?;
    let minute = rest.number_after(b":", 2)??;
    let second = rest.number_after(b":", 2)?;
    let fraction = match second {
        Some(_) if rest.take(b".").is_some() => rest.numeral()?,
        _ => Numeral::default(),
    };
    let second = second.unwrap_or(0);
    let last_instant = hour == 24 && minute == 0 && second == 0 && fraction.value == 0;
    if (hour > 23 && !last_instant) || minute > 59 || second > 59 {
        return None;
    }
    let clock = midnight + hour * 3_600_000 + minute * 60_000 + second * 1000 + fraction.milliseconds();
    let reading = match rest.take(b"Zz+-") {
        None => Reading::Local(clock),
        Some(b'Z' | b'z') => Reading::Utc(clock),
        Some(sign) => {
            let hours = rest.number(2)?;
            rest.take(b":");
            let minutes = rest.number(2)?;
            if hours > 23 || minutes > 59 {
                return None;
            }
            let offset = (hours * 60 + minutes) * 60_000;
            Reading::Utc(if sign == b'-' { clock + offset } else { clock - offset })
        }
    };
    rest.0.is_empty().then_some(reading)
}

/// From the local clock to UTC. Where the clock jumps, JS takes the offset before the jump, and of the two
/// offsets around it, the larger one tells whether the jump is over. No zone jumps twice within two days.
fn from_local(local: i64, offset_at: impl Fn(i64) -> Option<i64>) -> Option<i64> {
    let larger = offset_at(local - DAY)?.max(offset_at(local + DAY)?);
    Some(local - offset_at(local - larger)?)
}

/// The local time zone as the host knows it; see [`set_local_offsets`].
static OFFSETS: OnceLock<Vec<(i64, i64)>> = OnceLock::new();

/// Takes the local time zone from the host, whose idea of it may be another than the system's: on Windows, JavaScript
/// heeds the variable `TZ`, and the system does not. Instants with the offset that counts from then on, both in
/// milliseconds, in order. The first call counts.
pub fn set_local_offsets(offsets: Vec<(i64, i64)>) {
    let _ = OFFSETS.set(offsets);
}

fn offset_at(offsets: &[(i64, i64)], utc: i64) -> Option<i64> {
    let later = offsets.partition_point(|(from, _)| *from <= utc);
    offsets.get(later.saturating_sub(1)).map(|(_, offset)| *offset)
}

/// The offset of the local time zone at an instant, both in milliseconds. Far beyond all known rules, and
/// what chrono can hold, the rules repeat with the calendar; before them, nothing changes.
fn local_offset(utc: i64) -> Option<i64> {
    let known = if utc > 2 * CYCLE { CYCLE + utc % CYCLE } else { utc.max(-CYCLE) };
    if let Some(offsets) = OFFSETS.get() {
        return offset_at(offsets, known);
    }
    let instant = DateTime::from_timestamp_millis(known)?.naive_utc();
    Some(i64::from(Local.offset_from_utc_datetime(&instant).fix().local_minus_utc()) * 1000)
}

/// The start of a day in a year of up to six digits; no others are dates.
fn midnight(year: i64, month: i64, day: i64) -> Option<i64> {
    let exists = year.abs() < 1_000_000 && (1..=12).contains(&month) && (1..=31).contains(&day);
    exists.then(|| days_from_civil(year, month, day) * DAY)
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar, by Howard Hinnant's `days_from_civil`
/// (<https://howardhinnant.github.io/date_algorithms.html>).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_span_the_range_of_js() {
        assert_eq!(parse("1970-01-01T00:00:00.000Z"), Some(0));
        assert_eq!(parse("2024-02-29T12:34:56.789Z"), Some(1_709_210_096_789));
        assert_eq!(parse("+275760-09-13T00:00:00.000Z"), Some(MAX));
        assert_eq!(parse("-271821-04-20T00:00:00.000Z"), Some(-MAX));
        assert_eq!(parse("+275760-09-13T00:00:00.001Z"), None);
        assert_eq!(parse("0000-01-01"), Some(-62_167_219_200_000));
    }

    #[test]
    fn every_form_of_the_standard_is_read() {
        assert_eq!(parse("2024"), parse("2024-01-01T00:00Z"));
        assert_eq!(parse("2024-03"), parse("2024-03-01T00:00:00Z"));
        assert_eq!(parse("2024-03-02T24:00Z"), parse("2024-03-03"));
        assert_eq!(parse("2024-03-02T01:00:00.5+01:30"), parse("2024-03-01T23:30:00.500Z"));
        assert_eq!(parse("2024-03-02T01:00:00.123456-0100"), parse("2024-03-02T02:00:00.123Z"));
        assert_eq!(parse("2024-02-30t00:00z"), parse("2024-03-01"));
        assert_eq!(parse("2024-03-01\0, or so"), parse("2024-03-01"));
        assert_eq!(parse("Fri, 01 Mar 2024 10:00:00 GMT"), parse("2024-03-01T10:00:00Z"));
        assert_eq!(parse(b"2024-03-01 (\xed\xa0\xbd) Z"), parse("2024-03-01"));
        assert!(parse("2024-03-01T10:00:00").is_some());
    }

    #[test]
    fn a_time_without_a_zone_is_local() {
        let noon = 1_709_294_400_000;
        for text in ["2024-03-01T12:00", "2024-03-01 12:00", "12:00 Mar 1, 2024"] {
            assert_eq!(read(text.as_bytes()), Some(Reading::Local(noon)), "{text}");
        }
        for text in ["2024-03-01T12:00Z", "2024-03-01 12:00 UTC", "7:00 EST Mar 1, 2024"] {
            assert_eq!(read(text.as_bytes()), Some(Reading::Utc(noon)), "{text}");
        }
    }

    #[test]
    fn where_the_clock_jumps_the_offset_before_the_jump_counts() {
        let at = |before: i64, after: i64| {
            move |local| from_local(local, |utc| Some(if utc < 0 { before } else { after } * 1000))
        };
        let forward = at(1, 3);
        assert_eq!([999, 1000, 2999, 3000].map(forward).map(Option::unwrap), [-1, 0, 1999, 0]);
        let back = at(3, 1);
        assert_eq!([999, 1000, 2999, 3000].map(back).map(Option::unwrap), [-2001, -2000, -1, 2000]);
    }

    #[test]
    fn local_times_reach_as_far_as_dates() {
        for text in ["+275760-09-11T12:00", "-271821-04-22T12:00", "9/11/275760"] {
            assert!(parse(text).is_some(), "{text}");
        }
        assert_eq!(parse("+275760-09-14T12:00"), None);
        assert_eq!(parse("999999999 jan 1"), None);
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "yesterday",
            "2024-13-01",
            "2024-01-32",
            "2024-01-01T25:00Z",
            "-000000-01-01T00:00Z",
            "2024-01-01-",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        for text in [
            "2024-01-01T10:00:00.Z",
            "2024-01-01T10Z",
            "2024-01-01T10:60Z",
            "2024-01-01T10:00:00,5Z",
            "2024-01-01T24:00:00.0001Z",
            "2024-01-01T10:00Zx",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn only_what_to_iso_string_writes_is_canonical() {
        assert!(is_canonical("2024-02-29T12:34:56.789Z"));
        assert!(is_canonical("+275760-09-13T00:00:00.000Z"));
        assert!(!is_canonical("2024-02-29T12:34:56Z"));
        assert!(!is_canonical("2024-02-29"));
        for day in ["2024-01-31", "2024-12-31", "2023-02-28", "-000001-04-30"] {
            assert!(is_canonical(&format!("{day}T23:59:59.999Z")), "{day}");
        }
        for day in ["2023-02-29", "2024-02-30", "2024-04-31", "2024-1-31", "+002024-01-01", "-000000-01-01"] {
            assert!(!is_canonical(&format!("{day}T00:00:00.000Z")), "{day}");
        }
        for time in
            ["T24:00:00.000Z", "t00:00:00.000Z", "T00:00:00,000Z", "T00:00:00.000z", "\u{e9}T00:00:00.000Z"]
        {
            assert!(!is_canonical(&format!("2024-01-01{time}")), "{time}");
        }
    }
}
