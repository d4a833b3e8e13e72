//! What a verdict is made of, and when a tool is listed.

use std::collections::BTreeSet;

use super::*;
use crate::json::{Limits, read};
use crate::model::{
    ActionName, Actor, CallerClass, Delegation, IssuerId, PrincipalId, ProtocolName, ResourceId,
    ResourceKind, Timestamp,
};

const AGENT: &str = "https://i#bot";
const HUMAN: &str = "https://i#dana";

fn definition() -> Definition {
    let tool = |name: &str, input: Option<&str>| ToolAction {
        skill: false,
        path: format!("mcp[0].tools[{name}]"),
        server: "s".to_owned(),
        name: name.to_owned(),
        input: input.map(str::to_owned),
        groups: Vec::new(),
        rated: Rated::default(),
        spend: None,
    };
    Definition {
        actors: Some(Rc::new(One)),
        humans: Rc::new(
            [(
                PrincipalId::parse(HUMAN).unwrap(),
                HumanEntity { teams: vec!["support".to_owned()], ..HumanEntity::default() },
            )]
            .into(),
        ),
        servers: vec!["s".to_owned()],
        tools: vec![
            tool("pay", Some("{ amount: Long, note?: String, to?: { name: String } }")),
            tool("look", None),
        ],
        ..Definition::default()
    }
}

struct One;

impl Actors for One {
    fn agent(&self, id: &PrincipalId) -> Option<Rc<AgentEntity>> {
        let agent = AgentEntity {
            owner: "team".to_owned(),
            teams: vec!["support".to_owned()],
            ..AgentEntity::default()
        };
        (id.as_str() == AGENT).then(|| Rc::new(agent))
    }

    fn all(&self) -> Vec<PrincipalId> {
        vec![PrincipalId::parse(AGENT).unwrap()]
    }
}

fn load(text: &str) -> Result<Policy, Vec<Problem>> {
    let file = PolicyFile { name: "t.cedar".to_owned(), text: text.to_owned() };
    Policy::load(&definition(), &[file], 7)
}

fn asked(tool: &str, input: &str) -> Asked {
    let limits = Limits { bytes: 10_000, depth: 16, items: 100 };
    let input = read(input.as_bytes(), &limits).unwrap();
    let id = format!("s/{tool}");
    Asked {
        protocol: ProtocolName::Mcp,
        action: ActionName(id.clone()),
        resource: ResourceId { kind: ResourceKind::Tool, id },
        input: input.as_object().cloned(),
        typing: Typing::declared(tool == "pay"),
    }
}

fn with_caller<T>(delegated: bool, then: impl FnOnce(&Situation<'_>) -> T) -> T {
    let delegation = delegated
        .then(|| Delegation { delegator: PrincipalId::parse(HUMAN).unwrap(), prior: Vec::new() });
    let actor = Actor { agent: PrincipalId::parse(AGENT).unwrap(), delegation };
    let issuer = IssuerId::parse("https://i").unwrap();
    let scopes = BTreeSet::from(["refunds".to_owned()]);
    then(&Situation {
        class: CallerClass::Agent,
        now: Timestamp::from_unix_millis(1_795_457_870_204),
        actor: &actor,
        looked_up: None,
        credential_kind: "at+jwt",
        bound: None,
        shared: false,
        issuer: &issuer,
        proofs: &["at+jwt"],
        authenticated: Authenticated { acr: None, at: None, methods: &BTreeSet::new() },
        transaction: None,
        scopes: &scopes,
        details: &BTreeSet::new(),
        grants: &BTreeSet::new(),
        approved: None,
        counted: None,
        fitting: None,
    })
}

fn verdict(policies: &str, tool: &str, input: &str) -> String {
    let policy = load(policies).unwrap();
    let decided = with_caller(true, |s| policy.decide(s, &asked(tool, input)));
    match decided.verdict {
        Verdict::Allow(permit) => {
            format!("allow {:?} {:?}", permit.agent_policies(), permit.delegator_policies())
        }
        Verdict::NeedsApproval { approvers } => format!("ask {approvers:?}"),
        Verdict::Deny(reason) => format!("deny {}", reason.code()),
    }
}

const EVERYBODY: &str = r#"@id("all") permit (principal, action, resource);"#;
const AGENTS: &str = r#"@id("agents") permit (principal is Agent, action, resource);"#;
const HUMANS: &str = r#"@id("humans") permit (principal is Human, action, resource);"#;

fn with(base: &str, more: &str) -> String {
    format!("{base}\n{more}")
}

#[test]
fn without_a_policy_nothing_is_permitted() {
    assert_eq!(verdict("", "look", "{}"), "deny agent_not_allowed");
}

#[test]
fn an_agent_never_has_more_authority_than_the_human_behind_it() {
    assert_eq!(verdict(AGENTS, "look", "{}"), "deny delegator_not_allowed");
    assert_eq!(verdict(HUMANS, "look", "{}"), "deny agent_not_allowed");
    let both = with(AGENTS, HUMANS);
    assert_eq!(verdict(&both, "look", "{}"), r#"allow ["agents"] ["humans"]"#);
}

#[test]
fn an_autonomous_agent_needs_only_its_own_right() {
    let policy = load(AGENTS).unwrap();
    let decided = with_caller(false, |s| policy.decide(s, &asked("look", "{}")));
    assert!(matches!(decided.verdict, Verdict::Allow(_)));
}

#[test]
fn a_policy_that_fails_to_evaluate_refuses() {
    // Cedar skips the forbid, whose sum overflows, and would allow.
    let overflow = r#"@id("cap") forbid (principal, action == Action::"s/pay", resource)
        when { context.input.amount + 9223372036854775807 > 5 };"#;
    let policies = with(EVERYBODY, overflow);
    assert_eq!(verdict(&policies, "pay", r#"{"amount":1}"#), "deny policy_error");
}

#[test]
fn arguments_are_typed_values_and_never_an_injection() {
    let owner = r#"@id("dana") permit (principal, action == Action::"s/pay", resource)
        when { context.input has to && context.input.to.name == "dana" };"#;
    let name = r#"{"amount":1,"to":{"name":"dana"}}"#;
    assert!(verdict(owner, "pay", name).starts_with("allow"));
    for wrong in [
        r#"{"amount":"1"}"#,
        r#"{"amount":1.0}"#,
        r#"{"amount":null}"#,
        r#"{}"#,
        r#"{"amount":1,"extra":1}"#,
        r#"{"amount":{"__extn":{"fn":"decimal","arg":"1.0"}}}"#,
        r#"{"amount":1,"to":{"__entity":{"type":"Human","id":"dana"}}}"#,
    ] {
        assert_eq!(verdict(EVERYBODY, "pay", wrong), "deny arguments_invalid", "{wrong}");
    }
}

#[test]
fn a_refusal_is_asked_about_only_if_every_forbid_is_approvable_and_a_yes_would_help() {
    let ask = r#"@id("ask") @approval("role:finance")
        forbid (principal is Agent, action == Action::"s/pay", resource)
        when { context.input.amount > 100 };"#;
    let never = r#"@id("never") forbid (principal is Agent, action == Action::"s/pay", resource)
        when { context.input.amount > 1000 };"#;
    let big = r#"{"amount":500}"#;
    let huge = r#"{"amount":5000}"#;
    let all = with(EVERYBODY, &with(ask, never));
    assert_eq!(verdict(&all, "pay", big), r#"ask ["role:finance"]"#);
    assert_eq!(verdict(&all, "pay", huge), "deny agent_not_allowed");
    // Nothing would permit it even then: nobody is bothered.
    assert_eq!(verdict(&with(HUMANS, ask), "pay", big), "deny agent_not_allowed");
    // A refusal of the delegator beats the agent's question.
    assert_eq!(verdict(&with(AGENTS, ask), "pay", big), "deny delegator_not_allowed");
}

#[test]
fn a_fault_beats_a_question() {
    let ask =
        r#"@id("ask") @approval("role:finance") forbid (principal is Agent, action, resource);"#;
    let fault = r#"@id("f") forbid (principal is Human, action == Action::"s/pay", resource)
        when { context.input.amount * 9223372036854775807 > 5 };"#;
    let all = with(EVERYBODY, &with(ask, fault));
    assert_eq!(verdict(&all, "pay", r#"{"amount":2}"#), "deny policy_error");
}

fn listed(policies: &str, tool: &str) -> bool {
    let policy = load(policies).unwrap();
    with_caller(true, |s| policy.could_permit(&mut Alike::default(), s, &asked(tool, "{}")))
}

#[test]
fn a_tool_is_listed_if_some_arguments_could_be_permitted() {
    let small = r#"@id("small") permit (principal, action == Action::"s/pay", resource)
        when { context.input.amount <= 100 };"#;
    assert!(listed(small, "pay"));
    assert!(!listed(small, "look"));
    let note = r#"@id("n") permit (principal, action == Action::"s/pay", resource)
        when { context.input has note };"#;
    assert!(listed(note, "pay"));
    let shut = r#"@id("shut") forbid (principal is Human, action, resource)
        when { context.grant.scopes.contains("refunds") };"#;
    assert!(!listed(&with(EVERYBODY, shut), "pay"));
    assert!(!listed(AGENTS, "pay"), "the delegator may not");
    let limit = r#"@id("l") forbid (principal, action == Action::"s/pay", resource)
        when { context.input.amount > 3 };"#;
    assert!(listed(&with(EVERYBODY, limit), "pay"));
    let ask = r#"@id("ask") @approval("x") forbid (principal, action, resource);"#;
    assert!(listed(&with(EVERYBODY, ask), "pay"), "an approval could turn it");
}

#[test]
fn a_mistake_in_a_policy_is_named_with_its_place() {
    let wrong = |text: &str| match load(text) {
        Ok(_) => panic!("{text}"),
        Err(problems) => problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    };
    let typo = r#"@id("typo")
permit (principal, action == Action::"s/pay", resource)
when { context.input.ammount > 3 };"#;
    let message = wrong(typo);
    assert!(message.starts_with("t.cedar:3:8: policy `typo`"), "{message}");
    assert!(message.contains("did you mean `amount`"), "{message}");
    assert!(wrong("permit (principal, action, resource);").contains("policy number 1 has no @id"));
    assert!(wrong(&with(EVERYBODY, EVERYBODY)).contains("@id is taken"));
    assert!(wrong("@id(\"x\")\npermit (principal, action resource);").starts_with("t.cedar:2:"));
    assert!(
        wrong(r#"@id("x") permit (principal == ?principal, action, resource);"#)
            .contains("templates")
    );
    let has = r#"@id("x") permit (principal, action == Action::"s/pay", resource) when { context has input };"#;
    assert!(wrong(has).contains("context has input"));
    let prior = r#"@id("x") permit (principal, action, resource)
        when { context has delegation && context.delegation.prior.contains("a") };"#;
    assert!(wrong(prior).contains("earlier actors"));
    assert!(
        wrong(r#"@id("x") @approval("a") permit (principal, action, resource);"#)
            .contains("forbid")
    );
    assert!(
        wrong(&format!(
            "@id(\"x\") permit (principal, action, resource) when {{ {}1 == 1{} }};",
            "(".repeat(60),
            ")".repeat(60)
        ))
        .contains("nested too deeply")
    );
    let two = wrong(
        "@id(\"a\") permit (principal is Agnt, action, resource);\n@id(\"b\") permit (principal, action == Action::\"nope\", resource);",
    );
    assert!(two.contains("`a`") && two.contains("`b`"), "{two}");
}

#[test]
fn a_permit_never_sees_earlier_actors_and_no_policy_the_whole_context() {
    let refused = |condition: &str| {
        let text = format!(
            "@id(\"x\") permit (principal, action == Action::\"s/pay\", resource) when {{ {condition} }};"
        );
        load(&text).is_err()
    };
    assert!(refused("context has delegation && context.delegation.prior.isEmpty()"));
    assert!(refused("(if true then context else context) has input"));
    assert!(refused("[context].contains(context)"));
    // Cedar's short form of two tests; a list is asked without the input, and would be short of a tool.
    assert!(refused("context has input.amount && context.input.amount > 3"));
    assert!(refused("context has delegation.prior"));
    let whole = "context has delegation && context.delegation == {depth: 1, prior: [\"i#x\"]}";
    assert!(refused(whole));
    assert!(refused(
        "context has delegation && (if true then context.delegation else context.delegation).prior.isEmpty()"
    ));
    assert!(!refused("context has delegation.depth && context.delegation.depth > 3"));
    // A tool's argument may have any name.
    let definition = {
        let mut definition = definition();
        definition.tools[0].input = Some("{ amount: Long, prior?: Long }".to_owned());
        definition
    };
    let text = r#"@id("x") permit (principal, action == Action::"s/pay", resource)
        when { context.input has prior && context.input.prior > 1 };"#;
    let file = PolicyFile { name: "t".to_owned(), text: text.to_owned() };
    assert!(Policy::load(&definition, &[file], 1).is_ok());
}

#[test]
fn a_text_that_the_parser_would_not_survive_is_not_parsed() {
    let when = |condition: &str| {
        let text =
            format!("@id(\"x\") permit (principal, action, resource) when {{ {condition} }};");
        load(&text).err().is_some_and(|p| p[0].message.contains("nested too deeply"))
    };
    assert!(when(&format!("{}true", "!".repeat(200))));
    assert!(when(&format!("{}true", "if true then true else ".repeat(60))));
    assert!(when(&format!("true{}", " || true".repeat(101))));
    assert!(when(&format!("{}true{}", "(2 > 1 && ".repeat(60), ")".repeat(60))));
    assert!(!when(&format!("true{}", " || true".repeat(99))));
    let text = format!("{}Long{}", "{ a: ".repeat(60), " }".repeat(60));
    let mut definition = definition();
    definition.tools[0].input = Some(text);
    assert_eq!(Policy::load(&definition, &[], 1).err().unwrap()[0].path, "mcp[0].tools[pay].input");
}

#[test]
fn an_earlier_actor_can_only_narrow() {
    let forbid = r#"@id("x") forbid (principal, action, resource)
        when { context has delegation && context.delegation.prior.contains("https://i#bad") };"#;
    assert!(load(&with(EVERYBODY, forbid)).is_ok());
}

fn problems(text: &str) -> Vec<String> {
    load(text).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_said_of_many_policies_is_bounded() {
    let nameless = "permit (principal, action, resource);\n".repeat(10_000);
    let problems = load(&nameless).err().unwrap();
    assert!(problems.len() <= 200, "{}", problems.len());
    let mistyped: String = (0..2_000)
        .map(|n| {
            format!("@id(\"{n}\") permit (principal is Agent, action, resource) when {{ principal.onwer == \"x\" }};\n")
        })
        .collect();
    let problems = load(&mistyped).err().unwrap();
    assert!(problems.len() <= 200, "{}", problems.len());
}

#[test]
fn every_problem_names_its_line_and_its_policy() {
    let text = "// a comment; with a semicolon\n@id(\"a;b\")\npermit (principal, action, resource);\n\n\
        // another\npermit (principal, action, resource);\n  @id(\"c\") permit (principal, action, resource)\n\
        when { context has input };";
    let found = problems(text);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("t.cedar:6:1: policy number 2 has no @id"), "{found:?}");
    assert!(found[1].starts_with("t.cedar:7:3: policy `c`: `context has input`"), "{found:?}");
}

#[test]
fn what_can_be_read_is_validated_beside_what_cannot() {
    let found = problems(
        r#"permit (principal, action, resource);
@id("b") permit (principal is Agent, action, resource) when { principal.onwer == "x" };"#,
    );
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[1].contains("did you mean `owner`"), "{found:?}");
}

#[test]
fn a_pattern_that_is_slow_on_a_long_text_of_the_callers_is_told() {
    let warnings = |pattern: &str| {
        let text = format!(
            r#"@id("p") forbid (principal, action == Action::"s/pay", resource)
when {{ context.input has note && context.input.note like "{pattern}" }};"#
        );
        load(&text).unwrap().warnings().to_vec()
    };
    assert_eq!(warnings("urgent*"), Vec::<String>::new());
    assert!(warnings("*a*b")[0].starts_with("t.cedar:1:1: policy `p`: `like`"));
}

#[test]
fn a_policy_that_looks_at_behaviour_hides_nothing_and_is_never_blind() {
    let busy = r#"@id("busy") forbid (principal is Agent, action, resource)
        when { context has behavior && context.behavior.repeated > 1 };"#;
    let calm = r#"@id("calm") permit (principal, action, resource)
        when { context has behavior && context.behavior.repeated < 5 };"#;
    assert!(listed(&with(EVERYBODY, busy), "look") && listed(calm, "look"));
    // Nobody has counted, and the policy would take that for nothing.
    assert_eq!(verdict(&with(EVERYBODY, busy), "look", "{}"), "deny state_unavailable");
    assert_eq!(verdict(calm, "look", "{}"), "deny state_unavailable");
    // Of a policy for another action nobody needs to know.
    let elsewhere = busy.replace("action, resource", r#"action == Action::"s/pay", resource"#);
    assert!(verdict(&with(EVERYBODY, &elsewhere), "look", "{}").starts_with("allow"));
    assert_eq!(
        verdict(&with(EVERYBODY, &elsewhere), "pay", r#"{"amount":1}"#),
        "deny state_unavailable"
    );
}

#[test]
fn what_time_lifts_is_said_only_where_nothing_else_stands_in_the_way() {
    let later = |seconds: &str, who: &str| {
        format!(
            r#"@id("later-{seconds}") @retry_after("{seconds}")
            forbid (principal is {who}, action, resource);"#
        )
    };
    let (agent, human) = (later("60", "Agent"), later("90", "Human"));
    let shut = r#"@id("shut") forbid (principal is Agent, action, resource);"#;
    let ask = r#"@id("ask") @approval("role:finance") forbid (principal is Agent, action, resource)
        unless { context has approval };"#;
    let decided = |policies: &str| {
        let policy = load(policies).unwrap();
        let decided = with_caller(true, |s| policy.decide(s, &asked("look", "{}")));
        (decided.verdict.reason().unwrap().code(), decided.turn)
    };
    let limited = |seconds| ("rate_limited", Some(Turn::Time(seconds)));
    assert_eq!(decided(&with(EVERYBODY, &agent)), limited(60));
    assert_eq!(decided(&with(EVERYBODY, &with(&agent, &human))), limited(90));
    assert_eq!(decided(&with(EVERYBODY, &with(&agent, ask))), limited(60));
    assert_eq!(decided(&with(EVERYBODY, &with(&human, ask))), limited(90));
    assert_eq!(decided(&with(EVERYBODY, &with(&agent, shut))), ("agent_not_allowed", None));
    assert_eq!(decided(&with(HUMANS, &agent)), ("agent_not_allowed", None));
    assert_eq!(decided(&with(AGENTS, &agent)), ("delegator_not_allowed", None));
    assert!(listed(&with(EVERYBODY, &agent), "look"), "it will be there again");
}

#[test]
fn many_policies_are_told_apart_however_alike_they_are() {
    let one = |n: usize, team: &str| {
        format!("@id(\"p{n}\") permit (principal in Team::\"{team}\", action, resource);\n")
    };
    let many = |n: usize| (0..n).map(|n| one(n, "support")).collect::<String>();
    // More than are looked at together.
    let mut definition = definition();
    definition.teams.names.insert("support".to_owned());
    let load = |text: &str| {
        let file = PolicyFile { name: "t.cedar".to_owned(), text: text.to_owned() };
        Policy::load(&definition, &[file], 7)
    };
    let policy = load(&with(&many(300), HUMANS)).unwrap();
    let decided = with_caller(true, |s| policy.decide(s, &asked("look", "{}")));
    assert_eq!(decided.agent.map(|ids| ids.len()), Some(300));
    assert!(policy.warnings().is_empty());
    // What is said of one of them is said as of any.
    let first = |policies: &str| {
        let loaded = load(&format!("{}{policies}", many(300)));
        let found = loaded.map(|policy| policy.warnings().to_vec());
        let problems = |found: Vec<Problem>| found.iter().map(ToString::to_string).collect();
        found.unwrap_or_else(problems).first().cloned().unwrap_or_default()
    };
    let last = one(300, "support");
    assert_eq!(first(&last), "");
    let taken = "t.cedar:301:1: policy `p7`: @id is taken by another policy in t.cedar";
    assert_eq!(first(&one(7, "support")), taken);
    let strange = first(&one(300, "suport"));
    assert!(strange.starts_with("t.cedar:301:34: policy `p300`: nobody is in"), "{strange}");
    let long = first(&last.replace("p300", &"x".repeat(200)));
    assert!(long.contains("too long"), "{long}");
    let nameless = first(&last.replace("p300", ""));
    assert!(nameless.contains("policy number 301 has no @id"), "{nameless}");
    // Nor does what is wrong with one of those that are parsed together hide, or move, what is with others.
    let bad = "@id(\"x\") permit (principal, action, resource) when { context.nope };\n";
    let text = format!("{}{bad}permit;\n{bad}", many(20));
    let found: Vec<_> = load(&text).err().unwrap().iter().map(ToString::to_string).collect();
    for start in ["t.cedar:22:7: ", "t.cedar:23:1: policy `x`: @id is taken", "t.cedar:21:54: "] {
        assert!(found.iter().any(|problem| problem.starts_with(start)), "{start}: {found:?}");
    }
}
