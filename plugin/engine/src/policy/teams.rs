//! Teams that policies name, held against those there are: a misspelt one fits nobody, and a `forbid` on
//! it forbids nothing.

use std::collections::BTreeSet;

use cedar_policy::{EntityUid, Policy};

use crate::model::sorted;

/// The teams there are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Teams {
    /// Whether these are all there can be (`teams` is there), or only those that anybody is in.
    pub(crate) listed: bool,
    pub(crate) names: BTreeSet<String>,
}

impl Teams {
    /// What is wrong with naming this one, if anything.
    pub(super) fn unknown(&self, name: &str) -> Option<String> {
        if self.names.contains(name) {
            return None;
        }
        let name = name.escape_debug();
        Some(match self.listed {
            true => {
                format!("Team::\"{name}\" is not in `teams`; list it there, or correct the name")
            }
            false => format!(
                "nobody is in Team::\"{name}\", so this fits nobody, and a `forbid` forbids nothing; \
                 correct the name, or list the teams there are in `teams`"
            ),
        })
    }
}

/// The teams a policy names, in its scope and its conditions, each once.
pub(super) fn named(policy: &Policy) -> BTreeSet<String> {
    let literals = policy.entity_literals();
    sorted::set(literals.iter().filter_map(name).map(str::to_owned))
}

/// The name of a team, of what is one.
pub(super) fn name(uid: &EntityUid) -> Option<&str> {
    (uid.type_name().to_string() == "Team").then(|| uid.id().unescaped())
}
