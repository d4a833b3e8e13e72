//! Which pinned tools have drifted, as all workers know it: whichever of them saw the list, each of them
//! refuses the calls (threats M13).

use crate::config::Configuration;
use crate::model::sorted;
use crate::protocol::Drift;
use crate::recall::{Changes, Joined, name_of};

/// The pinned tools of a configuration.
pub(super) struct Pinned {
    name: String,
    tools: Vec<([u8; 16], Drift)>,
}

impl Pinned {
    pub(super) fn of(configuration: &Configuration) -> Self {
        let tool = |(server, tool, pin, drift): (&str, &str, &str, &Drift)| {
            let parts = [server, tool, pin].map(str::as_bytes);
            (Changes::of("tool", &parts), drift.clone())
        };
        Self {
            name: name_of("drifted", &[configuration.audience().as_bytes()]),
            tools: configuration.surface.pinned().map(tool).collect(),
        }
    }

    /// Those of the next configuration: what was known of the same tools still is.
    pub(super) fn renewed(&self, configuration: &Configuration) -> Self {
        let next = Self::of(configuration);
        let known = sorted::map(self.tools.iter().map(|(digest, drift)| (digest, drift)));
        for (digest, drift) in &next.tools {
            if let Some(before) = known.get(digest) {
                drift.raise(before.changes());
            }
        }
        next
    }

    /// Under which name all workers keep it; none: nothing is pinned.
    pub(super) fn name(&self) -> Option<&str> {
        (!self.tools.is_empty()).then_some(self.name.as_str())
    }

    /// Joins what the store has with what this worker has seen.
    pub(super) fn join(&self, held: Option<&[u8]>) -> Joined {
        let known = held.map_or(Ok(Changes::default()), Changes::decode);
        let foreign = known.is_err();
        let mut known = known.unwrap_or_default();
        known.make_room(|digest| self.tools.iter().any(|(own, _)| own == digest));
        // What is foreign is replaced even by nothing, so that it is said once.
        let mut write = foreign;
        for (digest, drift) in &self.tools {
            drift.raise(known.get(digest));
            write |= known.raise(*digest, drift.changes());
        }
        Joined { write: write.then(|| known.encode()), foreign }
    }
}
