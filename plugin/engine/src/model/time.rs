//! Instants and the id of an evaluation. Both come from the host: the engine reads no clock and no
//! random source.

use std::fmt;

use time::{Date, OffsetDateTime, Time};

/// An instant: milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(u64);

impl Timestamp {
    /// From milliseconds since the Unix epoch; later than the year 9999 counts as its last second.
    #[must_use]
    pub fn from_unix_millis(millis: u64) -> Self {
        Self(millis.min(LAST_MILLISECOND))
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub fn unix_millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the Unix epoch.
    #[must_use]
    pub fn unix_seconds(self) -> u64 {
        self.0 / 1000
    }

    /// Reads what a person wrote: RFC 3339 in UTC to the second, `2026-11-23T18:17:50Z`. Nothing
    /// else: an offset or a fraction is one more way to be misread.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let number = |range: std::ops::Range<usize>| -> Option<u16> {
            let digits = text.get(range)?;
            digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
        };
        let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'Z')];
        let marked = marks.iter().all(|(at, mark)| text.as_bytes().get(*at) == Some(mark));
        if text.len() != 20 || !marked {
            return None;
        }
        let small = |range| number(range).and_then(|n| u8::try_from(n).ok());
        let (month, day) = (time::Month::try_from(small(5..7)?).ok()?, small(8..10)?);
        let date = Date::from_calendar_date(i32::from(number(0..4)?), month, day).ok()?;
        let time = Time::from_hms(small(11..13)?, small(14..16)?, small(17..19)?).ok()?;
        let seconds = OffsetDateTime::new_utc(date, time).unix_timestamp();
        let millis = u64::try_from(seconds).ok()?.checked_mul(1000)?;
        Some(Self::from_unix_millis(millis))
    }

    /// As it is displayed. Digit by digit: each receipt has two of these, and `write!` takes as long as the
    /// rest of it.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        let (seconds, milli) = (i64::try_from(self.0 / 1000), self.0 % 1000);
        // Never fails: the constructor keeps to the years it can write.
        let at = seconds.ok().and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
        let at = at.unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let (year, month, day) = at.to_calendar_date();
        let (hour, minute, second) = at.to_hms();
        let mut text = String::with_capacity("9999-12-31T23:59:59.999Z".len());
        const FOUR: &[u32] = &[1000, 100, 10, 1];
        let (three, two) = (FOUR.get(1..).unwrap_or_default(), FOUR.get(2..).unwrap_or_default());
        let parts = [
            (year.unsigned_abs(), FOUR, '-'),
            (u8::from(month).into(), two, '-'),
            (day.into(), two, 'T'),
            (hour.into(), two, ':'),
            (minute.into(), two, ':'),
            (second.into(), two, '.'),
            (u32::try_from(milli).unwrap_or_default(), three, 'Z'),
        ];
        for (number, digits, then) in parts {
            push_digits(&mut text, number, digits);
            text.push(then);
        }
        text
    }

    /// Milliseconds from `earlier` to `self`; none if the clock went backwards.
    #[must_use]
    pub fn since(self, earlier: Self) -> Option<u64> {
        self.0.checked_sub(earlier.0)
    }
}

/// A stretch of time: from its first instant to before its last. Either end may be open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Period {
    /// Its first instant.
    pub from: Option<Timestamp>,
    /// The first instant after it.
    pub until: Option<Timestamp>,
}

impl Period {
    /// Whether it has not begun.
    #[must_use]
    pub fn is_before(&self, now: Timestamp) -> bool {
        self.from.is_some_and(|from| now < from)
    }

    /// Whether it is over.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| now >= until)
    }
}

/// RFC 3339 in UTC, always with milliseconds: the form receipts print and Cedar's `datetime` reads.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

/// The last digits of a number, one for each place value.
fn push_digits(text: &mut String, number: u32, places: &[u32]) {
    for place in places {
        let digit = number.checked_div(*place).unwrap_or_default() % 10;
        text.extend(char::from_digit(digit, 10));
    }
}

/// Names one evaluation: a UUID of version 7 (RFC 9562 §5.7), sortable by time. Returned to the
/// caller and written into the receipt, so that the two can be joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EvaluationId(uuid::Uuid);

impl EvaluationId {
    /// Makes the id from the time and 80 bits of the host's entropy.
    #[must_use]
    pub fn new(now: Timestamp, entropy: [u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(now.0, &entropy).into_uuid())
    }
}

impl fmt::Display for EvaluationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// 9999-12-31T23:59:59.999Z: the last instant RFC 3339 can write.
const LAST_MILLISECOND: u64 = 253_402_300_799_999;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_prints_as_rfc_3339() {
        let at = Timestamp::from_unix_millis(1_795_457_870_204);
        assert_eq!(at.to_string(), "2026-11-23T18:17:50.204Z");
        let round = Timestamp::from_unix_millis(1_795_457_870_000);
        assert_eq!(round.to_string(), "2026-11-23T18:17:50.000Z");
        let last = Timestamp::from_unix_millis(u64::MAX);
        assert_eq!(last.to_string(), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn an_instant_is_read_in_one_form_only() {
        let at = Timestamp::parse("2026-11-23T18:17:50Z").unwrap();
        assert_eq!(at.unix_millis(), 1_795_457_870_000);
        assert_eq!(Timestamp::parse("1970-01-01T00:00:00Z").unwrap().unix_millis(), 0);
        assert!(Timestamp::parse("2024-02-29T00:00:00Z").is_some());
        for bad in [
            "",
            "2026-11-23",
            "2026-11-23T18:17:50",
            "2026-11-23T18:17:50+00:00",
            "2026-11-23T18:17:50.0Z",
            "2026-11-23t18:17:50z",
            "2026-11-23 18:17:50Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-11-23T24:00:00Z",
            "2026-11-23T18:17:60Z",
            "1969-12-31T23:59:59Z",
            "+026-11-23T18:17:50Z",
            "2026-11-23T18:17:5éZ",
        ] {
            assert_eq!(Timestamp::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_period_ends_at_its_last_instant() {
        let at = Timestamp::from_unix_millis;
        let period = Period { from: Some(at(10)), until: Some(at(20)) };
        assert!(period.is_before(at(9)) && !period.is_before(at(10)));
        assert!(!period.is_over(at(19)) && period.is_over(at(20)));
        let always = Period::default();
        assert!(!always.is_before(at(0)) && !always.is_over(at(u64::MAX)));
    }

    #[test]
    fn an_evaluation_id_starts_with_the_time_and_ends_with_the_entropy() {
        let id = |millis, byte| {
            EvaluationId::new(Timestamp::from_unix_millis(millis), [byte; 10]).to_string()
        };
        assert_eq!(id(0, 0), "00000000-0000-7000-8000-000000000000");
        assert_eq!(id(1_795_457_870_204, 255), "01a209a0-e97c-7fff-bfff-ffffffffffff");
        assert!(id(1, 255) < id(2, 0));
        assert_ne!(id(1, 1), id(1, 2));
    }
}
