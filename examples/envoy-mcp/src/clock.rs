//! The time, as tokens and logs write it.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970.
#[must_use]
pub fn unix_seconds() -> u64 {
    since_1970().as_secs()
}

/// Milliseconds since 1970.
#[must_use]
pub fn unix_millis() -> u128 {
    since_1970().as_millis()
}

fn since_1970() -> std::time::Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock stands before 1970")
}
