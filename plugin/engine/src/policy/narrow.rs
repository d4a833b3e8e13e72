//! Validation against the part of the schema that a policy's scope leaves.
//!
//! Cedar's validator types a policy once for each action and type of principal and resource that there are.
//! Where the scope names actions it types it as false for all others, and looks no further; with a hundred
//! tools that is most of what loading costs. So a policy is validated against its own actions first. Only if
//! that finds anything to say is it validated against all of them, and what is said is Cedar's of the whole.
//! Builds with debug assertions ask both ways each time.

use cedar_policy::{ActionConstraint, EntityUid, Policy, Schema, Validator};
use cedar_policy_core::validator::ValidatorSchema;

/// Validators by the actions of a scope.
pub(super) struct Narrow {
    schema: Schema,
    /// Oldest first.
    made: Vec<(Vec<EntityUid>, Validator)>,
}

impl Narrow {
    pub(super) fn of(schema: &Schema) -> Self {
        Self { schema: schema.clone(), made: Vec::new() }
    }

    /// The validator for a policy; none: its scope leaves all actions.
    pub(super) fn validator(&mut self, policy: &Policy) -> Option<&Validator> {
        let actions = match policy.action_constraint() {
            ActionConstraint::Any => return None,
            ActionConstraint::Eq(uid) => vec![uid],
            ActionConstraint::In(uids) => uids,
        };
        let known = self.made.iter().position(|(known, _)| *known == actions);
        let at = known.unwrap_or_else(|| {
            if self.made.len() >= MOST {
                self.made.remove(0);
            }
            let validator = Validator::new(left(&self.schema, &actions));
            self.made.push((actions, validator));
            self.made.len().saturating_sub(1)
        });
        self.made.get(at).map(|(_, validator)| validator)
    }
}

/// The schema with those actions, and what is in them, alone.
fn left(schema: &Schema, actions: &[EntityUid]) -> Schema {
    let schema: &ValidatorSchema = schema.as_ref();
    let named = |action: &&cedar_policy_core::validator::ValidatorActionId| {
        actions.iter().any(|uid| uid.as_ref() == action.name())
    };
    let within: Vec<_> = schema.action_ids().filter(named).collect();
    let is_left = |action: &&cedar_policy_core::validator::ValidatorActionId| {
        named(action)
            || within.iter().any(|above| above.descendants().any(|uid| uid == action.name()))
    };
    let actions = schema.action_ids().filter(is_left).cloned();
    ValidatorSchema::new(schema.entity_types().cloned(), actions).into()
}

/// Validators that are kept: policies of one action mostly stand together.
const MOST: usize = 64;
