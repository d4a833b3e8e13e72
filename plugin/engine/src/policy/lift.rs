//! What a policy's annotations say besides its text: what may lift a `forbid`, and what a permit is tied to.
//!
//! | annotation | on | |
//! |---|---|---|
//! | `@approval("role:finance")` | `forbid` | a human's approval lifts it |
//! | `@step_up("acr1 acr2")`, `@max_age("300")` | `forbid` | whoever the agent acts for lifts it by logging in again (RFC 9470) |
//! | `@scope("orders.write")` | `forbid` | a token with these scopes lifts it: the refusal says which (RFC 6750 §3.1) |
//! | `@retry_after("60")` | `forbid` | time lifts it: the refusal is 429, and says when to come back (RFC 9110 §10.2.3) |
//! | `@signal("high")` | `forbid` | whoever watches is told, once in a while (CAEP 1.0) |
//! | `@obligation("…")` | any | something that has to be done along with it; none is understood, so it permits nothing (V14) |

use cedar_policy::{Effect, Policy};

use super::reads::{Member, Reads};
use crate::decision::Reason;

/// The annotation of a forbid that a human may lift; its value names who.
pub(super) const APPROVAL: &str = "approval";
const STEP_UP: &str = "step_up";
const MAX_AGE: &str = "max_age";
const SCOPE: &str = "scope";
const RETRY_AFTER: &str = "retry_after";
const SIGNAL: &str = "signal";
const OBLIGATION: &str = "obligation";

/// What may lift a forbid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lift {
    /// The approval of whom this names.
    Approval(String),
    StepUp(StepUp),
    /// That so many seconds pass.
    Time(u64),
}

/// What another token would have to say: how its subject has authenticated, and what it grants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StepUp {
    /// Any of these, in order of preference; none: it is only about when.
    pub(crate) acr_values: Vec<String>,
    /// Seconds ago at most.
    pub(crate) max_age: Option<u64>,
    /// All of these.
    pub(crate) scopes: Vec<String>,
}

impl StepUp {
    /// Why it is refused until then: whoever has to log in again gets the scopes with that.
    pub(crate) fn reason(&self) -> Reason {
        match self.acr_values.is_empty() && self.max_age.is_none() {
            true => Reason::ScopeMissing,
            false => Reason::StepUpRequired,
        }
    }

    /// What satisfies both: the first one's ways, the shorter time, the scopes of both (MCP-42).
    pub(super) fn and(self, other: Self) -> Self {
        let acr_values =
            if self.acr_values.is_empty() { other.acr_values } else { self.acr_values };
        let max_age = match (self.max_age, other.max_age) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        let mut scopes = self.scopes;
        let more = other.scopes.into_iter().filter(|scope| !scopes.contains(scope));
        let more: Vec<_> = more.collect();
        scopes.extend(more);
        Self { acr_values, max_age, scopes }
    }

    fn of(policy: &Policy) -> Option<Self> {
        let (values, scopes) = (annotation(policy, STEP_UP), annotation(policy, SCOPE));
        if values.is_none() && scopes.is_none() {
            return None;
        }
        let max_age = annotation(policy, MAX_AGE).and_then(seconds);
        Some(Self { acr_values: words(values), max_age, scopes: words(scopes) })
    }
}

impl Lift {
    /// Of a forbid.
    pub(super) fn of(policy: &Policy) -> Option<Self> {
        if policy.effect() != Effect::Forbid {
            return None;
        }
        let approval = annotation(policy, APPROVAL).map(|who| Self::Approval(who.to_owned()));
        let time = || annotation(policy, RETRY_AFTER).and_then(wait).map(Self::Time);
        approval.or_else(|| StepUp::of(policy).map(Self::StepUp)).or_else(time)
    }
}

/// What an annotation says. Cedar's own look-up parses the name of the annotation each time, with a lexer made for
/// it, which takes longer than to parse a policy.
pub(super) fn annotation<'p>(policy: &'p Policy, name: &str) -> Option<&'p str> {
    policy.annotations().find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// Whether a policy is tied to something that has to be done along with it.
pub(super) fn obliges(policy: &Policy) -> bool {
    annotation(policy, OBLIGATION).is_some()
}

/// The risk that a forbid tells of, as CAEP writes it.
pub(super) fn signal(policy: &Policy) -> Option<&'static str> {
    let said = annotation(policy, SIGNAL)?;
    LEVELS.into_iter().find(|level| level.eq_ignore_ascii_case(said))
}

/// What is wrong with the annotations of a policy, each once.
pub(super) fn misused(policy: &Policy) -> Vec<&'static str> {
    let is_permit = policy.effect() == Effect::Permit;
    let (approval, step_up) = (annotation(policy, APPROVAL), annotation(policy, STEP_UP));
    let (max_age, scope) = (annotation(policy, MAX_AGE), annotation(policy, SCOPE));
    let login = step_up.is_some() || scope.is_some();
    let retry_after = annotation(policy, RETRY_AFTER);
    let signals = annotation(policy, SIGNAL).is_some();
    let checks = [
        (
            approval.is_some() && is_permit,
            "@approval belongs on a forbid; on a permit it means nothing",
        ),
        (approval == Some(""), "@approval names who may approve, such as \"role:finance\""),
        (
            step_up.is_some() && is_permit,
            "@step_up belongs on a forbid; on a permit it means nothing",
        ),
        (
            step_up.is_some() && approval.is_some(),
            "@step_up and @approval are two ways to lift it; write two policies",
        ),
        (
            step_up == Some("") && max_age.is_none(),
            "@step_up names the `acr` values that will do, or has a @max_age beside it",
        ),
        (
            step_up.is_some_and(|values| !values.bytes().all(is_plain)),
            "@step_up holds `acr` values of visible ASCII without \" and \\, and spaces between",
        ),
        (max_age.is_some() && step_up.is_none(), "@max_age belongs beside @step_up"),
        (
            max_age.is_some_and(|text| seconds(text).is_none()),
            "@max_age is a number of seconds, at most a day",
        ),
        (
            retry_after.is_some() && is_permit,
            "@retry_after belongs on a forbid; on a permit it means nothing",
        ),
        (scope.is_some() && is_permit, "@scope belongs on a forbid; on a permit it means nothing"),
        (
            scope.is_some_and(|text| words(Some(text)).is_empty() || !text.bytes().all(is_plain)),
            "@scope names scopes (RFC 6749 §3.3), with spaces between",
        ),
        (
            scope.is_some() && approval.is_some(),
            "@scope and @approval are two ways to lift it; write two policies",
        ),
        (
            retry_after.is_some() && (approval.is_some() || login),
            "@retry_after beside @approval, @step_up or @scope are two ways to lift it; write two policies",
        ),
        (
            retry_after.is_some_and(|text| wait(text).is_none()),
            "@retry_after is a number of seconds, from 1 to a day",
        ),
        (signals && signal(policy).is_none(), "@signal is low, medium or high"),
        (
            signals && (is_permit || !Reads::of(policy).has(Member::Behavior)),
            "@signal belongs on a forbid that looks at `context.behavior`: how often it is told is kept there",
        ),
    ];
    checks.into_iter().filter_map(|(wrong, why)| wrong.then_some(why)).collect()
}

fn words(text: Option<&str>) -> Vec<String> {
    let words = text.unwrap_or_default().split(' ').filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

/// It becomes part of a challenge (RFC 9470 §3).
fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')
}

fn seconds(text: &str) -> Option<u64> {
    text.parse().ok().filter(|seconds| *seconds <= A_DAY)
}

fn wait(text: &str) -> Option<u64> {
    seconds(text).filter(|seconds| *seconds > 0)
}

/// CAEP 1.0 §3.8.1.
const LEVELS: [&str; 3] = ["LOW", "MEDIUM", "HIGH"];
const A_DAY: u64 = 86_400;
