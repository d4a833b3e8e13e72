//! Who may approve: a known and active human, who is nobody that asks, and is what every policy asks for.

use super::Service;
use crate::model::{Actor, PrincipalId};
use crate::registry::Registry;

impl Service {
    /// Whether that human may approve what `actor` wants, as every one of `asked_for` has it (APP-6,
    /// APP-24).
    pub(crate) fn may_approve(
        &self,
        human: &PrincipalId,
        actor: &Actor,
        asked_for: &[String],
        registry: &Registry,
    ) -> bool {
        !self.is_party(human, actor) && asked_for.iter().all(|who| is(human, who, registry))
    }

    /// Whether they would approve what is done by or for themselves.
    fn is_party(&self, human: &PrincipalId, actor: &Actor) -> bool {
        let delegation = actor.delegation.as_ref();
        let in_chain = delegation.is_some_and(|d| d.prior.contains(human));
        let asks = delegation.is_some_and(|d| d.delegator == *human);
        actor.agent == *human || in_chain || asks && !self.delegator_may_approve
    }
}

/// `role:NAME`: a role or a team of that name; `team:NAME`: a team; `issuer#subject`: that human. Nobody is
/// anything else.
fn is(human: &PrincipalId, who: &str, registry: &Registry) -> bool {
    if let Some(name) = who.strip_prefix("role:") {
        return registry.has_role(human, name) || registry.is_in_team(human, name);
    }
    match who.strip_prefix("team:") {
        Some(name) => registry.is_in_team(human, name),
        None => human.as_str() == who && registry.is_active(human),
    }
}
