//! A slice answers like all policies together, whatever the policies, the hierarchy and the request.

use std::collections::{BTreeSet, HashMap};

use cedar_policy::{Authorizer, Entity, EntityId, EntityUid, Policy, PolicyId, PolicySet, Request};
use cedar_policy_core::ast::Value;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::policy::evaluation::Evaluation;
use crate::policy::facts;
use crate::policy::whole::{of_cedar, of_ours};

/// One constraint of a scope, on the `n`th entity.
#[derive(Clone, Copy, Debug)]
enum Scope {
    Any,
    Is(usize),
    Eq(usize),
    In(usize),
    IsIn(usize, usize),
}

#[derive(Clone, Debug)]
struct Written {
    forbid: bool,
    approvable: bool,
    principal: Scope,
    actions: Actions,
    resource: Scope,
    condition: &'static str,
}

#[derive(Clone, Debug)]
enum Actions {
    Any,
    Eq(usize),
    In(Vec<usize>),
}

/// Entities, who is in whom, policies, and requests: principal, action, resource and `context.n`.
#[derive(Clone, Debug)]
struct World {
    parents: Vec<(usize, usize)>,
    action_parents: Vec<(usize, usize)>,
    rules: Vec<Written>,
    requests: Vec<(usize, usize, usize, i64)>,
}

const TYPES: [&str; 3] = ["Agent", "Team", "Tool"];
/// Entities of the types in turn; the last ones are never declared.
const ENTITIES: usize = 12;
const DECLARED: usize = 9;
const ACTIONS: usize = 6;
/// Some hold, some do not, some depend on the request, some fail to evaluate, always or at times.
const CONDITIONS: [&str; 7] = [
    "",
    "when { false }",
    "when { context.n > 2 }",
    "unless { context.n > 2 }",
    "when { context.n + 9223372036854775806 > 0 }",
    "when { context.missing }",
    "when { principal.missing == 1 }",
];

fn uid(kind: &str, number: usize) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.parse().unwrap(), EntityId::new(format!("{number}")))
}

fn entity(number: usize) -> EntityUid {
    uid(TYPES.iter().cycle().nth(number).unwrap(), number)
}

impl Scope {
    fn text(self, variable: &str) -> String {
        match self {
            Self::Any => variable.to_owned(),
            Self::Is(kind) => format!("{variable} is {}", TYPES[kind]),
            Self::Eq(n) => format!("{variable} == {}", entity(n)),
            Self::In(n) => format!("{variable} in {}", entity(n)),
            Self::IsIn(kind, n) => format!("{variable} is {} in {}", TYPES[kind], entity(n)),
        }
    }
}

impl Written {
    fn text(&self, number: usize) -> String {
        let approval = if self.approvable { "@approval(\"a\") " } else { "" };
        let effect = if self.forbid { "forbid" } else { "permit" };
        let (scope, condition) = (self.scope(), self.condition);
        format!("@id(\"p{number}\") {approval}{effect} ({scope}) {condition};")
    }

    fn scope(&self) -> String {
        let action = |n: &usize| uid("Action", *n).to_string();
        let actions = match &self.actions {
            Actions::Any => "action".to_owned(),
            Actions::Eq(n) => format!("action == {}", action(n)),
            Actions::In(some) => {
                format!("action in [{}]", some.iter().map(action).collect::<Vec<_>>().join(", "))
            }
        };
        format!(
            "{}, {actions}, {}",
            self.principal.text("principal"),
            self.resource.text("resource")
        )
    }
}

/// As they are loaded, one file each.
fn slices(policies: &[Policy]) -> Slices {
    let mut slices = Slices::default();
    for policy in policies {
        let text = policy.to_cedar().unwrap();
        let rule = Rule::of(policy, slices.known().1);
        assert!(slices.add(rule, 0..text.len()));
        slices.add_file(text);
    }
    slices
}

fn policy(number: usize, text: &str) -> Policy {
    Policy::parse(Some(PolicyId::new(format!("p{number}"))), text).unwrap()
}

impl World {
    fn policies(&self) -> Vec<Policy> {
        let numbered = self.rules.iter().enumerate();
        numbered.map(|(number, rule)| policy(number, &rule.text(number))).collect()
    }

    /// The same scopes, and nothing else.
    fn scopes(&self) -> PolicySet {
        let numbered = self.rules.iter().enumerate();
        let bare = numbered.map(|(n, rule)| policy(n, &format!("permit ({});", rule.scope())));
        PolicySet::from_policies(bare).unwrap()
    }

    /// An entity is only in later ones, so that nothing is in itself by way of another.
    fn entities(&self) -> Entities {
        let within = |pairs: &[(usize, usize)], of: usize, uid: fn(usize) -> EntityUid| {
            let above = pairs.iter().filter(|(child, parent)| *child == of && parent > child);
            above.map(|(_, parent)| uid(*parent)).collect::<BTreeSet<_>>().into_iter().collect()
        };
        let action: fn(usize) -> EntityUid = |number| uid("Action", number);
        let declared = |uid, parents| Entity::new(uid, HashMap::new(), parents).unwrap();
        let all = (0..DECLARED).map(|n| declared(entity(n), within(&self.parents, n, entity)));
        let actions =
            (0..ACTIONS).map(|n| declared(action(n), within(&self.action_parents, n, action)));
        Entities::from_entities(all.chain(actions), None).unwrap()
    }
}

fn scopes() -> impl Strategy<Value = Scope> {
    let (kind, number) = (0..TYPES.len(), 0..ENTITIES);
    prop_oneof![
        Just(Scope::Any),
        kind.clone().prop_map(Scope::Is),
        number.clone().prop_map(Scope::Eq),
        number.clone().prop_map(Scope::In),
        (kind, number).prop_map(|(kind, number)| Scope::IsIn(kind, number)),
    ]
}

fn rules() -> impl Strategy<Value = Written> {
    let actions = prop_oneof![
        Just(Actions::Any),
        (0..ACTIONS).prop_map(Actions::Eq),
        prop::collection::vec(0..ACTIONS, 1..4).prop_map(Actions::In),
    ];
    let effect = (any::<bool>(), any::<bool>());
    (effect, scopes(), actions, scopes(), select(&CONDITIONS)).prop_map(
        |((forbid, ask), principal, actions, resource, condition)| Written {
            forbid,
            approvable: forbid && ask,
            principal,
            actions,
            resource,
            condition,
        },
    )
}

fn worlds() -> impl Strategy<Value = World> {
    let request = (0..ENTITIES, 0..ACTIONS, 0..ENTITIES, 0..6_i64);
    let pairs = |count| prop::collection::vec((0..count, 0..count), 0..10);
    let rules = prop::collection::vec(rules(), 0..16);
    (pairs(DECLARED), pairs(ACTIONS), rules, prop::collection::vec(request, REQUESTS)).prop_map(
        |(parents, action_parents, rules, requests)| World {
            parents,
            action_parents,
            rules,
            requests,
        },
    )
}

const REQUESTS: usize = 20;

proptest! {
    // With their requests, 12,000 cases.
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn a_slice_answers_like_all_policies_together(world in worlds()) {
        let (entities, authorizer) = (world.entities(), Authorizer::new());
        let policies = world.policies();
        let all = PolicySet::from_policies(policies.clone()).unwrap();
        let scopes = world.scopes();
        let slices = slices(&policies);
        for (principal, action, resource, n) in &world.requests {
            let [principal, resource] = [principal, resource].map(|number| entity(*number));
            let action = uid("Action", *action);
            let uids = [&principal, &action, &resource];
            let context = facts::context([("n", Value::from(*n))]);
            let request = {
                let [principal, action, resource] = uids.map(Clone::clone);
                Request::new(principal, action, resource, context.clone().into(), None).unwrap()
            };
            let ask = |set: &PolicySet| of_cedar(&authorizer.is_authorized(&request, set, &entities));
            // Found twice: anew, and as it was kept.
            for _ in 0..2 {
                let slice = slices.find(uids, &entities).unwrap();
                let clauses = slice.iter().map(|clause| &**clause);
                let ours = Evaluation::of(clauses, uids, &context, &entities);
                prop_assert_eq!(of_ours(&ours), ask(&all));
                // Neither more nor less than what fits.
                let fitting: Vec<_> = slice.iter().map(|clause| clause.id.clone()).collect();
                let mut sorted = fitting.clone();
                sorted.sort_unstable();
                prop_assert_eq!(sorted, ask(&scopes).1);
            }
        }
    }
}

#[test]
fn a_policy_that_was_forgotten_is_parsed_again() {
    let numbers = 0..MOST * 3;
    let text = |n: &usize| {
        format!(
            "@id(\"p{n}\") forbid (principal == Agent::\"{n}\", action, resource) when {{ context.n == {n} }};"
        )
    };
    let policies: Vec<_> = numbers.clone().map(|n| policy(n, &text(&n))).collect();
    let slices = slices(&policies);
    let (action, resource) = (uid("Action", 0), uid("Tool", 0));
    let find =
        |n| slices.find([&uid("Agent", n), &action, &resource], &Entities::empty()).ok().unwrap();
    for number in numbers.step_by(97) {
        let [found] = &*find(number) else { panic!("one policy fits") };
        assert_eq!(found.id, format!("p{number}"));
        assert!(!found.permits());
        let agent = uid("Agent", number);
        let uids = [&agent, &action, &resource];
        let context = facts::context([("n", Value::from(i64::try_from(number).unwrap()))]);
        let clauses = [&**found].into_iter();
        assert_eq!(Evaluation::of(clauses, uids, &context, &Entities::empty()).forbids.len(), 1);
    }
}
