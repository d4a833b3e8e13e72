//! The groups of figures. A new one is a line here and a file beside.

use anyhow::Result;

use super::figure::Figure;
use super::{approval, authority, core, identity, protocols};

/// Takes the rounds to measure.
pub(super) type Measure = fn(u32) -> Result<Vec<Figure>>;

/// Figures that belong together.
pub(super) struct Group {
    pub(super) name: &'static str,
    /// Completes the heading.
    pub(super) about: &'static str,
    /// Measures all of them in that many rounds. None: there is nothing to measure yet.
    pub(super) measure: Option<Measure>,
}

/// Every group.
pub(super) const GROUPS: &[Group] = &[
    Group { name: "core", about: "what a decision costs", measure: Some(core::measure) },
    Group {
        name: "identity",
        about: "what it costs to know who asks",
        measure: Some(identity::measure),
    },
    Group { name: "authority", about: "what an agent may do", measure: Some(authority::measure) },
    Group {
        name: "protocols",
        about: "what it costs to know what is asked",
        measure: Some(protocols::measure),
    },
    Group {
        name: "approval",
        about: "humans in the loop, and what agents do over time",
        measure: Some(approval::measure),
    },
    Group { name: "audit", about: "records", measure: None },
    Group { name: "web", about: "JavaScript hosts", measure: None },
];

pub(super) fn names() -> Vec<&'static str> {
    GROUPS.iter().map(|group| group.name).collect()
}
