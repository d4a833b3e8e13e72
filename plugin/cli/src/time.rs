//! Instants and durations as people write them.

use anyhow::{Context as _, bail};
use deputy_engine::model::Timestamp;

/// The time, to the second.
#[expect(clippy::disallowed_methods, reason = "this is a host: a person's own machine")]
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    seconds(since.map_or(0, |elapsed| elapsed.as_secs()))
}

/// `2026-11-23T18:17:50Z`.
pub(crate) fn instant(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| "an instant is written 2026-11-23T18:17:50Z".to_owned())
}

/// A number of `d`ays, `h`ours or `m`inutes, in seconds.
pub(crate) fn duration(text: &str) -> Result<u64, String> {
    let wrong = || "a duration is written 7d, 12h or 30m".to_owned();
    let unit = match text.chars().last() {
        Some('d') => 86_400,
        Some('h') => 3_600,
        Some('m') => 60,
        _ => return Err(wrong()),
    };
    let number: u64 = text.trim_end_matches(['d', 'h', 'm']).parse().map_err(|_| wrong())?;
    number.checked_mul(unit).filter(|n| *n > 0).ok_or_else(wrong)
}

/// The end of a term.
pub(crate) fn later(from: Timestamp, by: u64) -> anyhow::Result<Timestamp> {
    let end = from.unix_seconds().checked_add(by).context("that is too long")?;
    if end > LAST_SECOND {
        bail!("that is too long");
    }
    Ok(seconds(end))
}

/// As a bundle writes it.
pub(crate) fn text(at: Timestamp) -> String {
    at.to_string().replace(".000Z", "Z")
}

fn seconds(seconds: u64) -> Timestamp {
    Timestamp::from_unix_millis(seconds.saturating_mul(1000))
}

/// 9999-12-31T23:59:59Z.
const LAST_SECOND: u64 = 253_402_300_799;
