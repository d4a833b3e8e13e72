//! Where agents are kept. There may be a million of them, so the registry asks for one at a time.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::Agent;
use crate::model::PrincipalId;

/// All agents.
pub(crate) trait Agents {
    /// What is known of one, fit or not.
    fn find(&self, id: &PrincipalId) -> Option<Rc<Agent>>;

    /// Those that are retired: they stay listed.
    fn retired(&self) -> &BTreeSet<PrincipalId>;
}
