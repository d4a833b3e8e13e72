//! Validation against the part of the schema that a policy's scope leaves.
//!
//! Cedar's validator types a policy once for each action and type of principal and resource that there are.
//! Where the scope names actions it types it as false for all others, and looks no further; with a hundred
//! tools that is most of what loading costs. So a policy is validated against its own actions first. Only if
//! that finds anything to say is it validated against all of them, and what is said is Cedar's of the whole.
//! Builds with debug assertions ask both ways each time.

use std::sync::Arc;

use cedar_policy_core::ast::{ActionConstraint, EntityUID, Policy};
use cedar_policy_core::validator::{Validator, ValidatorActionId, ValidatorSchema};

/// Validators by the actions of a scope.
#[derive(Default)]
pub(super) struct Narrow {
    /// Oldest first.
    made: Vec<(Vec<Arc<EntityUID>>, Validator)>,
}

impl Narrow {
    /// The validator for a policy; none: its scope leaves all actions.
    pub(super) fn validator(
        &mut self,
        schema: &ValidatorSchema,
        policy: &Policy,
    ) -> Option<&Validator> {
        let actions = match policy.action_constraint() {
            ActionConstraint::Any => return None,
            ActionConstraint::Eq(uid) => vec![Arc::clone(uid)],
            ActionConstraint::In(uids) => uids.clone(),
        };
        let known = self.made.iter().position(|(known, _)| *known == actions);
        let at = known.unwrap_or_else(|| {
            if self.made.len() >= MOST {
                self.made.remove(0);
            }
            let validator = Validator::new(left(schema, &actions));
            self.made.push((actions, validator));
            self.made.len().saturating_sub(1)
        });
        self.made.get(at).map(|(_, validator)| validator)
    }
}

/// The schema with those actions, and what is in them, alone.
fn left(schema: &ValidatorSchema, actions: &[Arc<EntityUID>]) -> ValidatorSchema {
    let named = |action: &&ValidatorActionId| actions.iter().any(|uid| **uid == *action.name());
    let within: Vec<_> = schema.action_ids().filter(named).collect();
    let is_left = |action: &&ValidatorActionId| {
        named(action)
            || within.iter().any(|above| above.descendants().any(|uid| uid == action.name()))
    };
    let actions = schema.action_ids().filter(is_left).cloned();
    ValidatorSchema::new(schema.entity_types().cloned(), actions)
}

/// Validators that are kept: policies of one action mostly stand together.
const MOST: usize = 64;
