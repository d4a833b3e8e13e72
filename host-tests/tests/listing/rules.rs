//! Generated policies, as text.

use proptest::prelude::*;

/// What a policy, and a call, is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Each of the three tools.
    Tools,
    Pay,
    Flag,
    Look,
    Read,
    Prompt,
}

/// One policy.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    permit: bool,
    approval: bool,
    principal: &'static str,
    target: Target,
    when: bool,
    /// Joined by `&&` or `||`.
    all: bool,
    parts: Vec<Part>,
}

#[derive(Clone, Copy, Debug)]
struct Part {
    text: &'static str,
    input: bool,
}

/// True or false whatever the arguments are.
const PLAIN: &[&str] = &[
    "context.grant.scopes.contains(\"x\")",
    "context.grant.scopes.contains(\"y\")",
    "context has on_behalf_of",
    "principal in Team::\"a\"",
    // What is alike but for these is remembered for a list.
    "resource.name == \"pay\"",
    "(resource.name like \"*a*\" && resource.risk == \"unrated\")",
    "true",
    "false",
];

/// By target: what is true of the last of its calls, and what is not.
fn about_input(target: Target) -> (&'static [&'static str], &'static [&'static str]) {
    match target {
        Target::Pay => (
            &[
                "context.input.amount > 1",
                "context.input.amount == 2",
                "context.input has note",
                "(context.input has note && context.input.note == \"n\")",
            ],
            &["context.input.amount < 2", "context.input.amount == 0", "!(context.input has note)"],
        ),
        Target::Flag => (&["context.input.on"], &["!context.input.on"]),
        Target::Read => (
            &["context.input.uri like \"s://*\"", "context.input.uri != \"s://f/1\""],
            &["context.input.uri == \"s://f/1\"", "context.input.uri like \"*/1\""],
        ),
        Target::Tools | Target::Look | Target::Prompt => (&[], &[]),
    }
}

/// Any policy.
pub(crate) fn any() -> impl Strategy<Value = Rule> {
    shape().prop_flat_map(|rule| {
        let (yes, no) = about_input(rule.target);
        let input = [yes, no].concat();
        let texts = PLAIN.iter().map(|text| Part { text, input: false });
        let texts = texts.chain(
            input.iter().cycle().take(input.len() * 2).map(|text| Part { text, input: true }),
        );
        let parts = prop::collection::vec(prop::sample::select(texts.collect::<Vec<_>>()), 0..4);
        parts.prop_map(move |parts| Rule { parts, ..rule.clone() })
    })
}

/// A policy that reads the input last, and is favourable to the last call of its target.
pub(crate) fn agreeing() -> impl Strategy<Value = Rule> {
    shape().prop_flat_map(|rule| {
        let (yes, no) = about_input(rule.target);
        let good = if rule.permit == rule.when { yes } else { no };
        let part = |input| move |text| Part { text, input };
        let plain = prop::collection::vec(prop::sample::select(PLAIN).prop_map(part(false)), 0..3);
        let good: Vec<_> = good.iter().copied().map(part(true)).collect();
        let input = match good.is_empty() {
            true => Just(Vec::new()).boxed(),
            false => prop::collection::vec(prop::sample::select(good), 0..3).boxed(),
        };
        (plain, input)
            .prop_map(move |(plain, input)| Rule { parts: [plain, input].concat(), ..rule.clone() })
    })
}

/// Everything but the condition.
fn shape() -> impl Strategy<Value = Rule> {
    let principals =
        vec!["principal", "principal is Agent", "principal is Human", "principal in Team::\"b\""];
    let targets = vec![
        Target::Tools,
        Target::Pay,
        Target::Pay,
        Target::Flag,
        Target::Look,
        Target::Read,
        Target::Read,
        Target::Prompt,
    ];
    let flags = (prop::bool::weighted(0.75), any_bool(), any_bool(), any_bool());
    (flags, prop::sample::select(principals), prop::sample::select(targets)).prop_map(
        |((permit, approval, when, all), principal, target)| Rule {
            permit,
            approval: approval && !permit,
            principal,
            target,
            when,
            all,
            parts: Vec::new(),
        },
    )
}

fn any_bool() -> impl Strategy<Value = bool> {
    prop::bool::ANY
}

impl Rule {
    /// As a policy. `best`: from where it reads the input, it says what is best for the caller.
    pub(crate) fn text(&self, number: usize, best: bool) -> String {
        let effect = if self.permit { "permit" } else { "forbid" };
        let approval = if self.approval { "@approval(\"role:boss\") " } else { "" };
        let action = match self.target {
            Target::Tools => "action in Action::\"tools/call\"",
            Target::Pay => "action == Action::\"s/pay\"",
            Target::Flag => "action == Action::\"s/flag\"",
            Target::Look => "action == Action::\"s/look\"",
            Target::Read => "action == Action::\"resources/read\"",
            Target::Prompt => "action == Action::\"prompts/get\"",
        };
        let condition = self.condition(best);
        let principal = self.principal;
        format!(
            "@id(\"{number}\") {approval}{effect} ({principal}, {action}, resource){condition};\n"
        )
    }

    fn condition(&self, best: bool) -> String {
        if self.parts.is_empty() {
            return String::new();
        }
        let settled = self.parts.iter().take_while(|part| !part.input || !best);
        let mut texts: Vec<_> = settled.map(|part| part.text).collect();
        if texts.len() < self.parts.len() {
            // A permit is best if it holds, a forbid if it does not.
            texts.push(if self.permit == self.when { "true" } else { "false" });
        }
        let word = if self.when { "when" } else { "unless" };
        let operator = if self.all { " && " } else { " || " };
        format!(" {word} {{ {} }}", texts.join(operator))
    }
}
