//! Finds the policies whose scope fits a request, without looking at the others.
//!
//! A scope is one constraint each on principal, action and resource. It holds or does not; it can't
//! fail to evaluate. A policy whose scope does not hold neither permits nor forbids nor errs, so
//! leaving it out changes nothing. Policies are filed by the three constraints, and a request is
//! looked up by those it meets: what it is, what type it has, and what it is in.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::rc::Rc;

use cedar_policy::{
    ActionConstraint, Entities, EntityId, EntityTypeName, EntityUid, Policy, PrincipalConstraint,
    ResourceConstraint,
};

use super::bits::{Bits, bits};
use super::teams;
use crate::model::sorted;

/// What a policy asks for before its conditions do.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scope {
    principal: Key,
    /// Of a list of actions, any.
    actions: Rc<[Key]>,
    resource: Key,
    /// What principal and resource are held against, as far as they are against something.
    pub(super) named: Vec<Named>,
}

/// An entity, by the number of its type, and its id.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Named {
    kind: Type,
    pub(super) id: String,
    pub(super) is_team: bool,
}

/// Policies by their scopes. A policy is a number.
#[derive(Default)]
pub(super) struct Scopes {
    /// What scopes name. No other entity can be what a policy asks for.
    names: HashMap<EntityUid, Name, BuildHasherDefault<DefaultHasher>>,
    /// By number; they are few.
    types: Vec<EntityTypeName>,
    /// By action, then resource, then principal, what is rarest first: the last that was filed there.
    filed: BTreeMap<Key, BTreeMap<Key, BTreeMap<Key, u32>>>,
    /// A policy, and what was filed in the same place before it: lists of one each would take more room than
    /// what is in them.
    chain: Vec<(u32, Option<u32>)>,
}

type Name = u32;
type Type = u32;

/// One constraint. A list of actions is filed once for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
        let link = |at: u32| self.chain.get(usize::try_from(at).ok()?).copied();
        let before = |(_, before): &(u32, Option<u32>)| link((*before)?);
        let chains = policies.flat_map(|last| std::iter::successors(link(*last), before));
        // Each once: one may be listed for an action and for its group.
        sorted::set(chains.map(|(number, _)| number)).into_iter().collect()
    }

    /// The scope of a policy.
    pub(super) fn scope(&mut self, policy: &Policy) -> Scope {
        let mut named = Vec::new();
        let principal = match policy.principal_constraint() {
            PrincipalConstraint::Any => Key::Any,
            PrincipalConstraint::Is(kind) => Key::Is(self.kind(&kind)),
            PrincipalConstraint::Eq(uid) => Key::Eq(self.noted(&uid, &mut named)),
            PrincipalConstraint::In(uid) => Key::In(self.noted(&uid, &mut named)),
            PrincipalConstraint::IsIn(kind, uid) => {
                Key::IsIn(self.kind(&kind), self.noted(&uid, &mut named))
            }
        };
        let resource = match policy.resource_constraint() {
            ResourceConstraint::Any => Key::Any,
            ResourceConstraint::Is(kind) => Key::Is(self.kind(&kind)),
            ResourceConstraint::Eq(uid) => Key::Eq(self.noted(&uid, &mut named)),
            ResourceConstraint::In(uid) => Key::In(self.noted(&uid, &mut named)),
            ResourceConstraint::IsIn(kind, uid) => {
                Key::IsIn(self.kind(&kind), self.noted(&uid, &mut named))
            }
        };
        let mut actions = Vec::new();
        match policy.action_constraint() {
            ActionConstraint::Any => actions.push(Key::Any),
            ActionConstraint::Eq(uid) => actions.push(Key::Eq(self.name(&uid))),
            ActionConstraint::In(uids) => {
                actions.extend(uids.iter().map(|uid| Key::In(self.name(uid))));
            }
        }
        Scope { principal, actions: actions.into(), resource, named }
    }

    /// The same that names entities of the same types, with these ids.
    pub(super) fn like(&mut self, scope: &Scope, ids: &[&str]) -> Option<Scope> {
        if scope.named.len() != ids.len() {
            return None;
        }
        let mut next = scope.clone();
        let mut names = Vec::new();
        for (named, id) in next.named.iter_mut().zip(ids) {
            (*id).clone_into(&mut named.id);
            let kind = self.types.get(usize::try_from(named.kind).ok()?)?.clone();
            names.push(self.name(&EntityUid::from_type_name_and_id(kind, EntityId::new(id))));
        }
        let mut names = names.into_iter();
        for key in [&mut next.principal, &mut next.resource] {
            match key {
                Key::Any | Key::Is(_) => {}
                Key::Eq(name) | Key::In(name) | Key::IsIn(_, name) => *name = names.next()?,
            }
        }
        Some(next)
    }

    /// Files a policy under its number.
    pub(super) fn file(&mut self, number: u32, scope: &Scope) {
        for action in &*scope.actions {
            let by_resource = self.filed.entry(*action).or_default();
            let by_principal = by_resource.entry(scope.resource).or_default();
            let next = u32::try_from(self.chain.len()).unwrap_or(u32::MAX);
            let before = by_principal.insert(scope.principal, next);
            self.chain.push((number, before));
        }
    }

    pub(super) fn into_bits(self) -> Bits {
        bits(self.names)
    }

    /// Every constraint that an entity meets, as far as some policy makes it.
    fn met_by(&self, entity: &EntityUid, entities: &Entities) -> Vec<Key> {
        let kind = self.known(entity.type_name());
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

    fn name(&mut self, uid: &EntityUid) -> Name {
        if let Some(name) = self.names.get(uid) {
            return *name;
        }
        let next = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        // Without its place in a text, which would be kept with it.
        let kind = usize::try_from(self.kind(uid.type_name())).ok();
        let kind = kind.and_then(|kind| self.types.get(kind)).unwrap_or(uid.type_name()).clone();
        self.names.insert(EntityUid::from_type_name_and_id(kind, uid.id().clone()), next);
        next
    }

    fn noted(&mut self, uid: &EntityUid, named: &mut Vec<Named>) -> Name {
        let (kind, id) = (self.kind(uid.type_name()), uid.id().unescaped().to_owned());
        named.push(Named { kind, id, is_team: teams::name(uid).is_some() });
        self.name(uid)
    }

    fn kind(&mut self, kind: &EntityTypeName) -> Type {
        self.known(kind).unwrap_or_else(|| {
            self.types.push(kind.clone());
            u32::try_from(self.types.len().saturating_sub(1)).unwrap_or(u32::MAX)
        })
    }

    fn known(&self, kind: &EntityTypeName) -> Option<Type> {
        let at = self.types.iter().position(|known| known == kind)?;
        u32::try_from(at).ok()
    }
}
