//! The section `behavior`: how much is remembered of what agents do.

use super::fields::{Members, Problems};
use crate::behavior::Rules;

pub(super) fn read(members: &mut Members<'_>, problems: &mut Problems) -> Rules {
    let Some(mut section) = members.maybe("behavior").and_then(|n| n.members(problems)) else {
        return Rules::default();
    };
    let slots = section.number("slots", SLOTS, problems);
    let rules = Rules {
        slots: u16::try_from(slots).unwrap_or(u16::MAX),
        repeats_within_seconds: section.number("repeats_within_seconds", REPEATS, problems),
        quiet_seconds: section.number("signal_every_seconds", QUIET, problems),
    };
    section.close(problems);
    rules
}

impl Default for Rules {
    fn default() -> Self {
        let ((_, slots, _), (_, repeats, _), (_, quiet, _)) = (SLOTS, REPEATS, QUIET);
        Self {
            slots: u16::try_from(slots).unwrap_or(u16::MAX),
            repeats_within_seconds: repeats,
            quiet_seconds: quiet,
        }
    }
}

/// Least, default and most: of 8 KiB at most each, so by default 32 MiB.
const SLOTS: (u64, u64, u64) = (16, 4096, 32_768);
/// A loop is one that goes on: a model thinks for seconds between two calls, seldom for a minute.
const REPEATS: (u64, u64, u64) = (1, 60, 3600);
/// Whoever is told once an hour that an agent is contained can still act, and is not flooded.
const QUIET: (u64, u64, u64) = (1, 3600, 86_400);
