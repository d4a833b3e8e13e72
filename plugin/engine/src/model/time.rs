//! Instants and the id of an evaluation. Both come from the host: the engine reads no clock and no
//! random source.

use std::fmt;

use time::OffsetDateTime;

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

    /// Milliseconds from `earlier` to `self`; none if the clock went backwards.
    #[must_use]
    pub fn since(self, earlier: Self) -> Option<u64> {
        self.0.checked_sub(earlier.0)
    }
}

/// RFC 3339 in UTC, always with milliseconds: the form receipts print and Cedar's `datetime` reads.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = i128::from(self.0).saturating_mul(1_000_000);
        // Never fails: the constructor keeps to the years it can write.
        let at = OffsetDateTime::from_unix_timestamp_nanos(nanos).map_err(|_| fmt::Error)?;
        let (year, month, day) = at.to_calendar_date();
        let (hour, minute, second, milli) = at.to_hms_milli();
        let month = u8::from(month);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
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
