//! Which members of the context some policy reads.
//!
//! Only those are made: most policies read two or three, and making all of them for each request cost as
//! much as evaluating. `misuse` sees to it that `context` stands only left of `.` and `has`, so
//! that what is read of it is known when policies are loaded. Builds with debug assertions hold every
//! answer against one with all of them (`whole`).

use cedar_policy::Policy;

use super::misuse;

/// A member of the context, or two of which a request has one. `input` is not among them: it is held
/// against its schema whoever reads it. What is in `behavior` is told apart, as it is many numbers.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(super) enum Member {
    Now = 1,
    Protocol = 1 << 1,
    /// `agent` or `workload`.
    Caller = 1 << 2,
    Grant = 1 << 3,
    Grants = 1 << 4,
    Credential = 1 << 5,
    Authentication = 1 << 6,
    Transaction = 1 << 7,
    Approval = 1 << 8,
    OnBehalfOf = 1 << 9,
    Delegation = 1 << 10,
    Behavior = 1 << 11,
    /// Everything in it but what is counted in windows.
    BehaviorRest = 1 << 12,
}

/// What is counted in windows: one bit each for minute, hour and day, from this one on.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(super) enum Group {
    Agent = 13,
    Delegation = 16,
    Session = 19,
    Tool = 22,
}

/// A set of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reads(u32);

impl Reads {
    pub(super) const ALL: Self = Self(u32::MAX);

    /// What the conditions of a policy read.
    pub(super) fn of(policy: &Policy) -> Self {
        let read = misuse::members_read(policy).into_iter();
        read.map(|(path, tested)| Self::named(&path, tested)).fold(Self::default(), Self::and)
    }

    pub(super) fn and(self, more: Self) -> Self {
        Self(self.0 | more.0)
    }

    pub(super) fn has(self, member: Member) -> bool {
        self.0 & member as u32 != 0
    }

    /// Whether anything in one of the groups of `behavior` is read, or one of its windows.
    pub(super) fn has_window(self, group: Group, window: Option<usize>) -> bool {
        let all = group.all();
        self.0 & window.map_or(all, |nth| all & WINDOW << nth) != 0
    }

    /// A name that is not known here could mean any of them.
    fn named(path: &[&str], tested: bool) -> Self {
        let (name, within) = match path {
            [] => return Self::default(),
            [name, within @ ..] => (*name, within),
        };
        let member = match name {
            "input" => return Self::default(),
            "now" => Member::Now,
            "protocol" => Member::Protocol,
            "agent" | "workload" => Member::Caller,
            "grant" => Member::Grant,
            "grants" => Member::Grants,
            "credential" => Member::Credential,
            "authentication" => Member::Authentication,
            "transaction" => Member::Transaction,
            "approval" => Member::Approval,
            "on_behalf_of" => Member::OnBehalfOf,
            "delegation" => Member::Delegation,
            "behavior" => {
                return Self(Member::Behavior as u32).and(Self::of_behavior(within, tested));
            }
            _ => return Self::ALL,
        };
        Self(member as u32)
    }

    fn of_behavior(within: &[&str], tested: bool) -> Self {
        let (group, within) = match within {
            [] if tested => return Self::default(),
            [] => return Self::ALL,
            ["agent", within @ ..] => (Group::Agent, within),
            ["delegation", within @ ..] => (Group::Delegation, within),
            ["session", within @ ..] => (Group::Session, within),
            ["tool", within @ ..] => (Group::Tool, within),
            _ => return Self(Member::BehaviorRest as u32),
        };
        let nth = match within {
            ["minute", ..] => 0,
            ["hour", ..] => 1,
            ["day", ..] => 2,
            _ => return Self(group.all()),
        };
        Self(group.all() & WINDOW << nth)
    }
}

impl Group {
    /// Its windows, all of them.
    fn all(self) -> u32 {
        0b111 << self as u32
    }
}

/// The first window of every group.
const WINDOW: u32 = 0b001_001_001_001 << Group::Agent as u32;

#[cfg(test)]
mod tests {
    use cedar_policy::{Policy, PolicyId};

    use super::{Member, Reads};

    fn reads(condition: &str) -> Reads {
        let text = format!("permit (principal, action, resource) {condition};");
        Reads::of(&Policy::parse(Some(PolicyId::new("p")), text).unwrap())
    }

    #[test]
    fn what_conditions_reach_into_is_read_and_nothing_else() {
        let none = Reads::default();
        let one = |member: Member| Reads(member as u32);
        for (condition, expected) in [
            ("", none),
            ("when { principal.now == 1 && resource has grant }", none),
            ("when { context.input.now > 1 }", none),
            ("when { context.now > datetime(\"2026-01-01\") }", one(Member::Now)),
            ("unless { context has approval }", one(Member::Approval)),
            ("unless { context has approval.acr }", one(Member::Approval)),
            ("when { context has workload }", one(Member::Caller)),
            ("when { context.agent in Team::\"a\" }", one(Member::Caller)),
            ("when { [context.protocol].contains(\"mcp\") }", one(Member::Protocol)),
            ("when { if false then context.grant.scopes.isEmpty() else true }", one(Member::Grant)),
            (
                "when { context.credential.kind == \"at+jwt\" } unless { context.delegation.depth > 1 }",
                one(Member::Credential).and(one(Member::Delegation)),
            ),
            ("unless { context has behavior }", one(Member::Behavior)),
            ("when { context.behavior has agent }", one(Member::Behavior).and(Reads(0b111 << 13))),
            (
                "unless { context has behavior.known }",
                one(Member::Behavior).and(one(Member::BehaviorRest)),
            ),
            (
                "when { context.behavior.agent.minute.calls > context.behavior.repeated }",
                one(Member::Behavior).and(Reads(1 << 13)).and(one(Member::BehaviorRest)),
            ),
            (
                "when { context.behavior.tool has hour && context.behavior has session.day }",
                one(Member::Behavior).and(Reads(1 << 23)).and(Reads(1 << 21)),
            ),
            ("when { [context.behavior].contains(context.behavior) }", Reads::ALL),
            ("when { context.another == 1 }", Reads::ALL),
        ] {
            assert_eq!(reads(condition), expected, "{condition}");
        }
    }
}
