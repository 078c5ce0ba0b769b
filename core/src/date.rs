//! Dates as JS reads them, for filters and retention.
//!
//! The text itself always reaches JS unchanged; what is read here only orders records. Texts in the
//! date-time format of ECMAScript (<https://tc39.es/ecma262/#sec-date-time-string-format>) and those
//! that JS itself writes (`toUTCString`, `toString`) are understood. chrono ends at the year 262,142,
//! JS at 275,760, so the calendar is computed here and chrono is asked for time zones alone.

use chrono::{DateTime, Local, Offset, TimeDelta, TimeZone};

const DAY: i64 = 86_400_000;
/// The largest distance from 1970 that a JS `Date` holds, in milliseconds.
const MAX: i64 = 100_000_000 * DAY;

/// Milliseconds since 1970, or `None` where the text is no date.
pub fn parse(text: &str) -> Option<i64> {
    iso(text).or_else(|| written_by_js(text)).filter(|ms| ms.abs() <= MAX)
}

/// Whether `text` is what `toISOString` writes, so that its milliseconds are all there is to it.
pub fn is_canonical(text: &str) -> bool {
    let bytes = text.as_bytes();
    let rest = match bytes.first() {
        Some(b'+' | b'-') => bytes.get(7..),
        _ => bytes.get(4..),
    };
    rest.is_some_and(|rest| {
        rest.len() == 20 && rest.ends_with(b"Z") && rest[3..4] == *b"-" && rest[15] == b'.'
    })
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
}

fn iso(text: &str) -> Option<i64> {
    let mut rest = Cursor(text.as_bytes());
    let year = match rest.take(b"+-") {
        Some(b'-') => Some(-rest.number(6)?).filter(|&year| year != 0)?,
        Some(_) => rest.number(6)?,
        None => rest.number(4)?,
    };
    let month = rest.number_after(b"-", 2)?;
    let day = if month.is_some() { rest.number_after(b"-", 2)? } else { None };
    let (month, day) = (month.unwrap_or(1), day.unwrap_or(1));
    if !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    let midnight = days_from_civil(year, month, day) * DAY;
    if rest.take(b"Tt ").is_none() {
        return rest.0.is_empty().then_some(midnight);
    }
    let hour = rest.number(2)?;
    let minute = rest.number_after(b":", 2)??;
    let second = rest.number_after(b":", 2)?;
    let mut fraction = 0;
    if second.is_some() && rest.take(b".,").is_some() {
        let digits = rest.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let known = digits.min(3);
        fraction = rest.number(known).filter(|_| digits > 0)? * 10_i64.pow(3 - known as u32);
        rest.number(0)?;
        rest.0 = &rest.0[digits - known..];
    }
    let second = second.unwrap_or(0);
    let last_instant = hour == 24 && minute == 0 && second == 0 && fraction == 0;
    if (hour > 23 && !last_instant) || minute > 59 || second > 59 {
        return None;
    }
    let local = midnight + hour * 3_600_000 + minute * 60_000 + second * 1000 + fraction;
    let utc = match rest.take(b"Zz+-") {
        None => from_local(local)?,
        Some(b'Z' | b'z') => local,
        Some(sign) => {
            let (hours, minutes) = (rest.number(2)?, rest.number_after(b":", 2)??);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let offset = (hours * 60 + minutes) * 60_000;
            if sign == b'-' { local + offset } else { local - offset }
        }
    };
    rest.0.is_empty().then_some(utc)
}

/// A time of day without a zone is local time. Where the clock jumps, JS takes the offset before the jump.
fn from_local(local: i64) -> Option<i64> {
    let naive = DateTime::from_timestamp_millis(local)?.naive_utc();
    let offset = Local
        .offset_from_local_datetime(&naive)
        .earliest()
        .or_else(|| Local.offset_from_local_datetime(&(naive - TimeDelta::hours(3))).earliest())?;
    Some(local - i64::from(offset.fix().local_minus_utc()) * 1000)
}

fn written_by_js(text: &str) -> Option<i64> {
    let text = text.split(" (").next().unwrap_or(text);
    DateTime::parse_from_rfc2822(text)
        .or_else(|_| DateTime::parse_from_str(text, "%a %b %d %Y %H:%M:%S GMT%z"))
        .ok()
        .map(|date| date.timestamp_millis())
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
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
        assert_eq!(parse("2024-03-02T01:00:00.123456-01:00"), parse("2024-03-02T02:00:00.123Z"));
        assert_eq!(parse("Fri, 01 Mar 2024 10:00:00 GMT"), parse("2024-03-01T10:00:00Z"));
        assert_eq!(
            parse("Fri Mar 01 2024 11:00:00 GMT+0100 (Central European Standard Time)"),
            parse("2024-03-01T10:00:00Z")
        );
        assert!(parse("2024-03-01T10:00:00").is_some());
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in
            ["", "yesterday", "2024-13-01", "2023-02-29", "2024-01-01T25:00Z", "-000000-01-01", "2024-1-1"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
        for text in [
            "2024-01-01T10:00:00.Z",
            "2024-01-01T10Z",
            "2024-01-01T10:60Z",
            "2024-01-01Z",
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
    }
}
