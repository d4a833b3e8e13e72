//! Who may act at all, and within what.

#![allow(clippy::arithmetic_side_effects, reason = "a test may panic")]

use std::collections::BTreeSet;

use super::*;
use crate::model::{
    ActionName, Asked, CallerClass, IssuerId, ProtocolName, ResourceId, ResourceKind, Typing,
};

fn id(subject: &str) -> PrincipalId {
    PrincipalId::parse(&format!("https://i#{subject}")).unwrap()
}

fn workload(name: &str) -> PrincipalId {
    PrincipalId::parse(&format!("spiffe://td/{name}")).unwrap()
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_millis(seconds * 1000)
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn agent() -> Agent {
    Agent {
        name: None,
        class: CallerClass::Agent,
        owner: Some("team".to_owned()),
        sponsor: None,
        status: Status::Active,
        valid: Period::default(),
        spiffe: None,
        delegators: None,
        limits: Rc::default(),
    }
}

fn registry(agent: Agent, teams: Option<&[(&str, bool)]>) -> Registry {
    let human = |disabled| Human { disabled, teams: set(&["support"]), ..Human::default() };
    let humans = BTreeMap::from([(id("dana"), human(false)), (id("gone"), human(true))]);
    let teams = teams.map(|t| t.iter().map(|(name, off)| ((*name).to_owned(), *off)).collect());
    let groups = ActionGroups::from([
        ("s/look".to_owned(), set(&["tools/call", "read"])),
        ("tools/list".to_owned(), set(&["mcp/connect"])),
    ]);
    let people = Rc::new(People::new(humans, teams));
    Registry::new(Few::of([(id("bot"), agent)]), people, groups, BTreeMap::new())
}

/// Agents in a map.
struct Few(BTreeMap<PrincipalId, Rc<Agent>>, BTreeSet<PrincipalId>);

impl Few {
    fn of(agents: impl IntoIterator<Item = (PrincipalId, Agent)>) -> Rc<Self> {
        let agents: BTreeMap<_, _> =
            agents.into_iter().map(|(id, agent)| (id, Rc::new(agent))).collect();
        let retired = agents.iter().filter(|(_, agent)| agent.status == Status::Retired);
        let retired = retired.map(|(id, _)| id.clone()).collect();
        Rc::new(Self(agents, retired))
    }
}

impl Agents for Few {
    fn find(&self, id: &PrincipalId) -> Option<Rc<Agent>> {
        self.0.get(id).cloned()
    }

    fn retired(&self) -> &BTreeSet<PrincipalId> {
        &self.1
    }
}

fn admitted(registry: &Registry, agent: &str, delegator: Option<&str>) -> &'static str {
    let delegation = delegator.map(|d| Delegation { delegator: id(d), prior: Vec::new() });
    let actor = Actor { agent: id(agent), delegation };
    registry.admit(&actor, at(100)).map_or_else(Reason::code, |_| "yes")
}

fn alone(agent: Agent) -> &'static str {
    admitted(&registry(agent, None), "bot", None)
}

#[test]
fn only_a_registered_active_and_owned_agent_may_act() {
    assert_eq!(alone(agent()), "yes");
    assert_eq!(admitted(&registry(agent(), None), "other", None), "agent_unknown");
    assert_eq!(alone(Agent { owner: None, ..agent() }), "agent_without_owner");
    assert_eq!(alone(Agent { status: Status::Suspended, ..agent() }), "agent_suspended");
    assert_eq!(alone(Agent { status: Status::Retired, ..agent() }), "agent_retired");
}

#[test]
fn what_ended_an_agent_comes_before_what_it_lacks() {
    let gone = Agent { status: Status::Retired, owner: None, ..agent() };
    assert_eq!(alone(gone), "agent_retired");
}

#[test]
fn an_agent_acts_only_in_its_time() {
    let valid = |from: Option<u64>, until: Option<u64>| Agent {
        valid: Period { from: from.map(at), until: until.map(at) },
        ..agent()
    };
    assert_eq!(alone(valid(Some(100), Some(101))), "yes");
    assert_eq!(alone(valid(Some(101), None)), "agent_not_yet_valid");
    assert_eq!(alone(valid(None, Some(100))), "agent_expired");
}

#[test]
fn somebody_who_still_can_answers_for_an_agent() {
    let owned = |owner: &str, teams: Option<&[(&str, bool)]>| {
        let agent = Agent { owner: Some(owner.to_owned()), ..agent() };
        admitted(&registry(agent, teams), "bot", None)
    };
    assert_eq!(owned("team", Some(&[("team", false)])), "yes");
    assert_eq!(owned("team", Some(&[("team", true)])), "owner_disabled");
    assert_eq!(owned("team", Some(&[("another", false)])), "agent_without_owner");
    assert_eq!(owned("https://i#dana", None), "yes");
    assert_eq!(owned("https://i#gone", None), "owner_disabled");
    assert_eq!(owned("https://i#stranger", None), "agent_without_owner");
}

#[test]
fn an_agent_acts_only_for_whom_it_is_registered_to() {
    let by = |humans: &[&str], teams: &[&str]| Agent {
        delegators: Some(Delegators {
            humans: humans.iter().map(|h| id(h)).collect(),
            teams: set(teams),
        }),
        ..agent()
    };
    let for_dana = |agent: Agent| admitted(&registry(agent, None), "bot", Some("dana"));
    assert_eq!(for_dana(agent()), "yes");
    assert_eq!(for_dana(by(&["dana"], &[])), "yes");
    assert_eq!(for_dana(by(&[], &["support"])), "yes");
    assert_eq!(for_dana(by(&["lee"], &["finance"])), "delegator_not_accepted");
    assert_eq!(for_dana(by(&[], &[])), "delegator_not_accepted");
    let registry = registry(by(&["gone", "bot"], &["support"]), None);
    assert_eq!(admitted(&registry, "bot", Some("gone")), "delegator_disabled");
    assert_eq!(admitted(&registry, "bot", Some("stranger")), "delegator_not_accepted");
    assert_eq!(admitted(&registry, "bot", Some("bot")), "delegation_inverted");
}

fn asked(kind: ResourceKind, action: &str, resource: &str) -> Asked {
    Asked {
        protocol: ProtocolName::Mcp,
        action: ActionName(action.to_owned()),
        resource: ResourceId { kind, id: resource.to_owned() },
        input: None,
        typing: Typing::Opaque,
    }
}

fn within(limits: Limits, kind: ResourceKind, action: &str, resource: &str) -> bool {
    let registry = registry(Agent { limits: Rc::new(limits), ..agent() }, None);
    let actor = Actor { agent: id("bot"), delegation: None };
    let bounds = registry.admit(&actor, at(100)).unwrap();
    bounds.hold(&asked(kind, action, resource)).is_ok()
}

#[test]
fn a_limit_on_actions_names_actions_or_their_groups() {
    let limit = |names: &[&str]| Limits { actions: Some(set(names)), ..Limits::default() };
    let look = |names| within(limit(names), ResourceKind::Tool, "s/look", "s/look");
    assert!(look(&["s/look"]) && look(&["read"]) && look(&["tools/call"]));
    assert!(!look(&[]) && !look(&["s"]) && !look(&["s/looks", "write"]));
    assert!(!within(limit(&["read"]), ResourceKind::Tool, "s/pay", "s/pay"));
    assert!(within(limit(&[]), ResourceKind::Server, "tools/list", "s"));
}

#[test]
fn a_limit_on_resources_names_servers_tools_or_routes() {
    let limit = |names: &[&str]| Limits { resources: Some(set(names)), ..Limits::default() };
    let look = |names| within(limit(names), ResourceKind::Tool, "s/look", "s/look");
    assert!(look(&["s"]) && look(&["s/look"]));
    assert!(!look(&[]) && !look(&["s/pay"]) && !look(&["look"]));
    assert!(within(limit(&["s"]), ResourceKind::Server, "tools/list", "s"));
    assert!(within(limit(&["s/look"]), ResourceKind::Server, "tools/list", "s"));
    assert!(!within(limit(&["s/look"]), ResourceKind::Server, "tasks/list", "s"));
    assert!(!within(limit(&["t"]), ResourceKind::Server, "tools/list", "s"));
    assert!(!within(limit(&["t/look"]), ResourceKind::Server, "tools/list", "s"));
    for kind in [ResourceKind::Resource, ResourceKind::Prompt] {
        assert!(
            within(limit(&["s"]), kind, "x", "s/a") && within(limit(&["s/a"]), kind, "x", "s/a")
        );
        assert!(
            !within(limit(&["t"]), kind, "x", "s/a") && !within(limit(&["s/b"]), kind, "x", "s/a")
        );
    }
    assert!(within(limit(&["orders/x"]), ResourceKind::Endpoint, "orders:read", "orders/x"));
    assert!(!within(limit(&["orders"]), ResourceKind::Endpoint, "orders:read", "orders/x"));
}

#[test]
fn a_limit_on_scopes_never_adds_one() {
    let limits = Limits { scopes: Some(set(&["read", "refunds"])), ..Limits::default() };
    let registry = registry(Agent { limits: Rc::new(limits), ..agent() }, None);
    let actor = Actor { agent: id("bot"), delegation: None };
    let bounds = registry.admit(&actor, at(100)).unwrap();
    assert_eq!(bounds.narrowed(&set(&["refunds", "admin"])), Some(set(&["refunds"])));
    assert_eq!(bounds.narrowed(&set(&[])), Some(set(&[])));
}

fn grant(by: &str, delegator: Option<&str>) -> Rc<Grant> {
    Rc::new(Grant {
        id: "g1".to_owned(),
        name: "incident".to_owned(),
        delegator: delegator.map(id),
        actions: set(&["read"]),
        resources: Some(set(&["s"])),
        valid: Period { from: Some(at(100)), until: Some(at(200)) },
        by: id(by),
    })
}

fn granted(grant: Rc<Grant>, action: &str, resource: &str, seconds: u64) -> Granted {
    let mut registry = registry(agent(), None);
    registry.grants = Rc::new([(id("bot"), vec![grant])].into());
    let delegation = Delegation { delegator: id("dana"), prior: Vec::new() };
    let actor = Actor { agent: id("bot"), delegation: Some(delegation) };
    let bounds = registry.admit(&actor, at(100)).unwrap();
    bounds.granted(&asked(ResourceKind::Tool, action, resource), at(seconds))
}

#[test]
fn a_grant_is_in_force_for_its_time_and_then_no_more() {
    let at = |seconds| granted(grant("dana", None), "s/look", "s/look", seconds);
    assert_eq!((at(99).names, at(99).out_of_time), (set(&[]), set(&["incident"])));
    assert_eq!((at(100).names, at(100).ids), (set(&["incident"]), vec!["g1".to_owned()]));
    assert_eq!(at(199).names, set(&["incident"]));
    assert_eq!((at(200).names, at(200).ids.len()), (set(&[]), 0));
    assert_eq!(at(200).out_of_time, set(&["incident"]));
}

#[test]
fn a_grant_covers_what_it_names_and_nothing_else() {
    let names = |grant, action, resource| granted(grant, action, resource, 100).names.len();
    assert_eq!(names(grant("dana", None), "s/look", "s/look"), 1);
    assert_eq!(names(grant("dana", None), "s/pay", "s/pay"), 0);
    assert_eq!(names(grant("dana", None), "s/look", "t/look"), 0);
    assert_eq!(names(grant("dana", Some("dana")), "s/look", "s/look"), 1);
    assert_eq!(names(grant("dana", Some("lee")), "s/look", "s/look"), 0);
}

#[test]
fn a_grant_ends_with_whoever_gave_it() {
    let names = |by| granted(grant(by, None), "s/look", "s/look", 100).names.len();
    assert_eq!(names("gone"), 0);
    assert_eq!(names("stranger"), 0);
}

#[test]
fn a_retired_id_never_comes_back() {
    let with = |status| registry(Agent { status, ..agent() }, None);
    let (retired, active) = (with(Status::Retired), with(Status::Active));
    let gone = Registry::new(Few::of([]), Rc::default(), ActionGroups::new(), BTreeMap::new());
    assert_eq!(retired.revived(&active), Some(&id("bot")));
    assert_eq!(retired.revived(&with(Status::Suspended)), Some(&id("bot")));
    assert_eq!(retired.revived(&gone), Some(&id("bot")));
    assert_eq!(retired.revived(&retired), None);
    assert_eq!(active.revived(&gone), None);
}

fn struck(revocations: &Revocations, prior: &[&str]) -> &'static str {
    let prior = prior.iter().map(|p| id(p)).collect();
    let delegation = Delegation { delegator: id("dana"), prior };
    let actor = Actor { agent: id("bot"), delegation: Some(delegation) };
    let issuer = IssuerId::parse("https://i").unwrap();
    let (owner, key, jti) = (Some("team"), Some("k"), Some("j"));
    let presented = Presented { actor: &actor, owner, issuer: &issuer, key, jti };
    let bot = Agent { spiffe: Some(workload("bot")), ..agent() };
    revocations.check(presented, &registry(bot, None)).err().map_or("", Reason::code)
}

#[test]
fn whatever_is_revoked_refuses_and_nothing_else_does() {
    let none = Revocations::default;
    let pair = |a: &str, d: &str| BTreeSet::from([(id(a), id(d))]);
    let of = |a: &str, d: &str| BTreeSet::from([(workload(a), id(d))]);
    let token = |i: &str, j: &str| BTreeSet::from([(i.to_owned(), j.to_owned())]);
    let cases = [
        (none(), ""),
        (Revocations { agents: [id("bot")].into(), ..none() }, "agent_revoked"),
        (Revocations { agents: [id("early")].into(), ..none() }, "agent_revoked"),
        (Revocations { agents: [id("dana")].into(), ..none() }, ""),
        (Revocations { delegators: [id("dana")].into(), ..none() }, "delegator_revoked"),
        (Revocations { delegators: [id("bot")].into(), ..none() }, ""),
        (Revocations { owners: set(&["team"]), ..none() }, "owner_revoked"),
        (Revocations { owners: set(&["teams"]), ..none() }, ""),
        (Revocations { delegations: pair("bot", "dana"), ..none() }, "delegation_revoked"),
        (Revocations { delegations: pair("bot", "lee"), ..none() }, ""),
        (Revocations { agents: [workload("bot")].into(), ..none() }, "agent_revoked"),
        (Revocations { agents: [workload("early")].into(), ..none() }, ""),
        (Revocations { delegations: of("bot", "dana"), ..none() }, "delegation_revoked"),
        (Revocations { delegations: of("bot", "lee"), ..none() }, ""),
        (Revocations { tokens: token("https://i", "j"), ..none() }, "token_revoked"),
        (Revocations { tokens: token("https://other", "j"), ..none() }, ""),
        (Revocations { keys: set(&["k"]), ..none() }, "key_revoked"),
        (Revocations { keys: set(&["K"]), ..none() }, ""),
        (Revocations { issuers: set(&["https://i"]), ..none() }, "issuer_revoked"),
        (Revocations { issuers: set(&["https://i/"]), ..none() }, ""),
    ];
    for (revocations, reason) in cases {
        assert_eq!(struck(&revocations, &["early"]), reason, "{revocations:?}");
    }
}

#[test]
fn a_tool_that_names_the_group_of_connecting_is_limited_all_the_same() {
    let groups: ActionGroups =
        ["s/look", "tools/list"].map(|action| (action.to_owned(), set(&["mcp/connect"]))).into();
    let limits = Limits { actions: Some(set(&[])), ..Limits::default() };
    assert!(!limits.hold(&asked(ResourceKind::Tool, "s/look", "s/look"), &groups));
    assert!(limits.hold(&asked(ResourceKind::Server, "tools/list", "s"), &groups));
}
