//! Finds the policies whose scope fits a request, without looking at the others.
//!
//! A scope is one constraint each on principal, action and resource. It holds or does not; it can't
//! fail to evaluate. A policy whose scope does not hold neither permits nor forbids nor errs, so
//! leaving it out changes nothing. Policies are filed by the three constraints, and a request is
//! looked up by those it meets: what it is, what type it has, and what it is in.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, DefaultHasher};

use cedar_policy::{
    ActionConstraint, Entities, EntityTypeName, EntityUid, Policy, PrincipalConstraint,
    ResourceConstraint,
};

use crate::model::sorted;

/// Policies by their scopes. A policy is a number.
#[derive(Default)]
pub(super) struct Scopes {
    /// What scopes name. No other entity can be what a policy asks for.
    names: HashMap<EntityUid, Name, BuildHasherDefault<DefaultHasher>>,
    types: BTreeMap<EntityTypeName, Type>,
    /// By action, then resource, then principal: what is rarest first.
    filed: BTreeMap<Key, BTreeMap<Key, BTreeMap<Key, Vec<u32>>>>,
}

type Name = u32;
type Type = u32;

/// One constraint. A list of actions is filed once for each.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Any,
    Is(Type),
    Eq(Name),
    In(Name),
    IsIn(Type, Name),
}

impl Scopes {
    /// The numbers of the policies whose scope fits, in order, each once.
    pub(super) fn fitting(
        &self,
        principal: &EntityUid,
        action: &EntityUid,
        resource: &EntityUid,
        entities: &Entities,
    ) -> Vec<u32> {
        let [actions, resources, principals] =
            [action, resource, principal].map(|entity| self.met_by(entity, entities));
        let by_resource = actions.iter().filter_map(|key| self.filed.get(key));
        let by_principal =
            by_resource.flat_map(|filed| resources.iter().filter_map(|key| filed.get(key)));
        let policies =
            by_principal.flat_map(|filed| principals.iter().filter_map(|key| filed.get(key)));
        // Each once: one may be listed for an action and for its group.
        sorted::set(policies.flatten().copied()).into_iter().collect()
    }

    /// Files a policy under its number.
    pub(super) fn file(&mut self, number: u32, policy: &Policy) {
        let principal = match policy.principal_constraint() {
            PrincipalConstraint::Any => Key::Any,
            PrincipalConstraint::Is(kind) => Key::Is(self.kind(kind)),
            PrincipalConstraint::Eq(uid) => Key::Eq(self.name(uid)),
            PrincipalConstraint::In(uid) => Key::In(self.name(uid)),
            PrincipalConstraint::IsIn(kind, uid) => Key::IsIn(self.kind(kind), self.name(uid)),
        };
        let resource = match policy.resource_constraint() {
            ResourceConstraint::Any => Key::Any,
            ResourceConstraint::Is(kind) => Key::Is(self.kind(kind)),
            ResourceConstraint::Eq(uid) => Key::Eq(self.name(uid)),
            ResourceConstraint::In(uid) => Key::In(self.name(uid)),
            ResourceConstraint::IsIn(kind, uid) => Key::IsIn(self.kind(kind), self.name(uid)),
        };
        let actions = match policy.action_constraint() {
            ActionConstraint::Any => vec![Key::Any],
            ActionConstraint::Eq(uid) => vec![Key::Eq(self.name(uid))],
            ActionConstraint::In(uids) => {
                uids.into_iter().map(|uid| Key::In(self.name(uid))).collect()
            }
        };
        for action in actions {
            let by_resource = self.filed.entry(action).or_default();
            let by_principal = by_resource.entry(resource).or_default();
            by_principal.entry(principal).or_default().push(number);
        }
    }

    /// Every constraint that an entity meets, as far as some policy makes it.
    fn met_by(&self, entity: &EntityUid, entities: &Entities) -> Vec<Key> {
        let kind = self.types.get(entity.type_name()).copied();
        let name = self.names.get(entity).copied();
        let mut keys = vec![Key::Any];
        keys.extend(kind.map(Key::Is));
        keys.extend(name.map(Key::Eq));
        // Everything is in itself, also what nobody has heard of.
        let above = entities.ancestors(entity).into_iter().flatten();
        for name in above.filter_map(|entity| self.names.get(entity).copied()).chain(name) {
            keys.push(Key::In(name));
            keys.extend(kind.map(|kind| Key::IsIn(kind, name)));
        }
        keys
    }

    fn name(&mut self, uid: EntityUid) -> Name {
        let next = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        *self.names.entry(uid).or_insert(next)
    }

    fn kind(&mut self, kind: EntityTypeName) -> Type {
        let next = u32::try_from(self.types.len()).unwrap_or(u32::MAX);
        *self.types.entry(kind).or_insert(next)
    }
}
