//! What is listed is what can be called.
//!
//! Policies, teams, scopes and limits are generated, and a gateway is asked both: what it leaves of
//! the lists of a server that shows everything, and what comes of the calls. Its answers have to fit
//! in three ways:
//!
//! 1. what can be called with some arguments is listed, whatever the policies say;
//! 2. a list is exactly what could be called if each policy that reads the input said, from there on,
//!    what is best for the caller (`docs/configuration.md`, "What is listed"); a resource is decided
//!    exactly, its URI being all there is to a read of it;
//! 3. where policies agree on what good arguments are, what is listed can be called with them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    reason = "tests"
)]

#[path = "listing/gateway.rs"]
mod gateway;
#[path = "listing/rules.rs"]
mod rules;

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

use gateway::Gateway;
use rules::{Rule, Target};

/// Worlds for each property: each is a gateway or two, and some fifty decisions.
const WORLDS: u32 = 150;

/// Who asks, and within what.
#[derive(Clone, Debug)]
struct World {
    rules: Vec<Rule>,
    scopes: BTreeSet<&'static str>,
    autonomous: bool,
    limits: Option<Value>,
}

/// Everything that is offered, by what lists it: a name, the target of policies about it, and the
/// calls that it stands for, the one that policies agree on last.
fn offered() -> Vec<(&'static str, &'static str, Target, Vec<Value>)> {
    let call = |name: &str, arguments: Value| json!({"name": name, "arguments": arguments});
    let pay = (0..3).flat_map(|amount| {
        [json!({"amount": amount}), json!({"amount": amount, "note": "n"})].map(|a| call("pay", a))
    });
    let flag = [false, true].map(|on| call("flag", json!({"on": on}))).to_vec();
    let read = |uri: &str| vec![json!({"uri": uri})];
    let below = ["s://f/1", "s://f/2"].map(|uri| json!({"uri": uri})).to_vec();
    vec![
        ("tools", "pay", Target::Pay, pay.collect()),
        ("tools", "flag", Target::Flag, flag),
        ("tools", "look", Target::Look, vec![call("look", json!({"at": null}))]),
        ("resources", "s://a", Target::Read, read("s://a")),
        ("resources", "s://f/1", Target::Read, read("s://f/1")),
        ("resources", "s://f/2", Target::Read, read("s://f/2")),
        ("resourceTemplates", "s://f/{id}", Target::Read, below),
        ("prompts", "ask", Target::Prompt, vec![call("ask", json!({}))]),
    ]
}

#[test]
fn what_can_be_called_is_listed_and_nothing_else_but_what_the_input_could_change() {
    let worlds = world(rules::any());
    property(&worlds, |world| {
        let (real, best) = (Gateway::new(world, false), Gateway::new(world, true));
        let (mut real, mut best) = (real, best);
        for (list, name, target, calls) in offered() {
            let listed = real.lists(list).contains(name);
            let callable = calls.iter().any(|call| real.takes(target, call));
            prop_assert!(listed || !callable, "{name} can be called, and is not listed");
            let could = match list {
                "resources" => callable,
                _ => best.takes(target, calls.last().unwrap()),
            };
            prop_assert_eq!(listed, could, "{}", name);
        }
        Ok(())
    });
}

#[test]
fn what_is_listed_can_be_called_where_policies_agree_on_good_arguments() {
    let worlds = world(rules::agreeing());
    property(&worlds, |world| {
        let mut gateway = Gateway::new(world, false);
        for (list, name, target, calls) in offered() {
            let listed = gateway.lists(list).contains(name);
            let callable = gateway.takes(target, calls.last().unwrap());
            prop_assert_eq!(listed, callable, "{}", name);
        }
        Ok(())
    });
}

fn world(rules: impl Strategy<Value = Rule>) -> impl Strategy<Value = World> {
    let limits = prop_oneof![
        3 => Just(None),
        1 => Just(Some(json!({"actions": ["tools/call"]}))),
        1 => Just(Some(json!({"resources": ["s/pay", "s/look"]}))),
        1 => Just(Some(json!({"scopes": ["x"]}))),
    ];
    let scopes = prop::collection::btree_set(prop::sample::select(vec!["x", "y"]), 0..3);
    let rules = prop::collection::vec(rules, 1..9);
    (rules, scopes, prop::bool::weighted(0.2), limits)
        .prop_map(|(rules, scopes, autonomous, limits)| World { rules, scopes, autonomous, limits })
}

/// The same worlds on every run.
fn property(
    worlds: &impl Strategy<Value = World>,
    holds: impl Fn(&World) -> Result<(), TestCaseError>,
) {
    let config = Config { cases: WORLDS, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    if let Err(e) = runner.run(worlds, |world| holds(&world)) {
        panic!("{e}");
    }
}
