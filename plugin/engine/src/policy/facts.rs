//! The facts of one request, as Cedar's context.
//!
//! Made of Cedar's values, each typed by construction. Expressions, the public way, would be
//! evaluated anew for each request, and `datetime` be parsed as a name each time: that cost more
//! than a decision does.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use cedar_policy::EntityUid;
use cedar_policy_core::ast::Value;

use super::reach::LookedUp;
use super::reads::{Group, Member, Reads};
use super::value::{self, Clock};
use super::vocabulary;
use crate::behavior::{self, Counted, Window};
use crate::decision::Reason;
use crate::model::sorted;
use crate::model::{
    Actor, Asked, CallerClass, Delegation, IssuerId, PrincipalId, ProtocolName, Timestamp,
};

/// What is true of a request besides what it asks: all of it verified.
#[derive(Clone, Copy)]
pub(crate) struct Situation<'a> {
    pub(crate) now: Timestamp,
    pub(crate) actor: &'a Actor,
    /// The agent, if the registry lists none of that id and it was looked up.
    pub(crate) looked_up: Option<&'a Rc<LookedUp>>,
    /// What the registry says the actor is.
    pub(crate) class: CallerClass,
    pub(crate) credential_kind: &'a str,
    /// What proved that the credential is the sender's own; none of a bearer token.
    pub(crate) bound: Option<&'a str>,
    /// Whether another has presented its key, or the credential itself, before.
    pub(crate) shared: bool,
    pub(crate) issuer: &'a IssuerId,
    /// Kinds of all proofs, that one among them.
    pub(crate) proofs: &'a [&'static str],
    pub(crate) authenticated: Authenticated<'a>,
    pub(crate) transaction: Option<Transacted<'a>>,
    pub(crate) scopes: &'a BTreeSet<String>,
    /// Types of the authorization details that cover the request.
    pub(crate) details: &'a BTreeSet<String>,
    /// Names of the grants that are in force and cover the request.
    pub(crate) grants: &'a BTreeSet<String>,
    /// That a human has approved exactly this.
    pub(crate) approved: Option<Approved<'a>>,
    /// What its agent has done, where that was asked for.
    pub(crate) counted: Option<&'a Counted>,
    /// What fits the request, where that is known already.
    pub(crate) fitting: Option<&'a super::Fitting>,
}

/// Somebody's yes to exactly this action.
#[derive(Clone, Copy)]
pub(crate) struct Approved<'a> {
    pub(crate) id: &'a str,
    pub(crate) approver: &'a PrincipalId,
    pub(crate) at: Timestamp,
    pub(crate) acr: Option<&'a str>,
}

/// How the subject of a token authenticated, as far as its issuer says.
#[derive(Clone, Copy)]
pub(crate) struct Authenticated<'a> {
    pub(crate) acr: Option<&'a str>,
    pub(crate) at: Option<Timestamp>,
    pub(crate) methods: &'a BTreeSet<String>,
}

/// What a request is a part of.
#[derive(Clone, Copy)]
pub(crate) struct Transacted<'a> {
    pub(crate) id: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) workload: &'a str,
    pub(crate) scopes: &'a BTreeSet<String>,
}

/// Who asks, as Cedar names them.
pub(super) struct Principals {
    pub(super) agent: EntityUid,
    pub(super) delegator: Option<EntityUid>,
}

pub(super) use cedar_policy_core::ast::Context;

/// The members of a context.
pub(super) type Members = Vec<(&'static str, Value)>;

/// The input of a request, if policy may read it.
pub(super) fn input(asked: &Asked) -> Result<Option<Value>, Reason> {
    if !asked.typing.is_typed() {
        return Ok(None);
    }
    let input = asked.input.as_ref().ok_or(Reason::PolicyError)?;
    value::input(input).map(Some).map_err(|_| Reason::ArgumentsInvalid)
}

/// What is true whatever the arguments are, as far as anybody reads it.
pub(super) fn members(
    situation: &Situation<'_>,
    protocol: ProtocolName,
    principals: &Principals,
    clock: &Clock,
    reads: Reads,
) -> Result<Members, Reason> {
    let mut members = Members::new();
    if reads.has(Member::Now) {
        let now = clock.instant(situation.now).map_err(|_| Reason::PolicyError)?;
        members.push(("now", now));
    }
    if reads.has(Member::Protocol) {
        members.push(("protocol", text(protocol.as_str())));
    }
    if reads.has(Member::Caller) {
        let workload = situation.class == CallerClass::Workload;
        let name = if workload { "workload" } else { "agent" };
        members.push((name, entity(&principals.agent)));
    }
    if reads.has(Member::Grant) {
        let grant = [("scopes", texts(situation.scopes)), ("details", texts(situation.details))];
        members.push(("grant", record(grant)));
    }
    if reads.has(Member::Grants) {
        members.push(("grants", texts(situation.grants)));
    }
    if reads.has(Member::Credential) {
        members.push(("credential", record(credential(situation))));
    }
    sometimes(situation, principals, reads, &mut members)?;
    Ok(members)
}

/// The members that not every request has.
fn sometimes(
    situation: &Situation<'_>,
    principals: &Principals,
    reads: Reads,
    members: &mut Members,
) -> Result<(), Reason> {
    if reads.has(Member::Authentication) && situation.authenticated.is_known() {
        members.push(("authentication", record(authentication(situation.authenticated)?)));
    }
    if let Some(transacted) = situation.transaction.filter(|_| reads.has(Member::Transaction)) {
        members.push(("transaction", record(transaction(transacted))));
    }
    if let Some(approved) = situation.approved.filter(|_| reads.has(Member::Approval)) {
        members.push(("approval", record(approval(approved)?)));
    }
    if let Some(counted) = situation.counted.filter(|_| reads.has(Member::Behavior)) {
        members.push(("behavior", activity(counted, situation.now, reads)));
    }
    if let (Some(delegation), Some(delegator)) =
        (&situation.actor.delegation, &principals.delegator)
    {
        if reads.has(Member::OnBehalfOf) {
            members.push(("on_behalf_of", entity(delegator)));
        }
        if reads.has(Member::Delegation) {
            members.push(("delegation", chain(delegation)?));
        }
    }
    Ok(())
}

/// A context of these members.
pub(super) fn context(members: impl IntoIterator<Item = (&'static str, Value)>) -> Context {
    let members = sorted::map(members.into_iter().map(|(name, value)| (name.into(), value)));
    Context::Value(Arc::new(members))
}

impl Authenticated<'_> {
    fn is_known(&self) -> bool {
        self.acr.is_some() || self.at.is_some() || !self.methods.is_empty()
    }
}

fn credential(situation: &Situation<'_>) -> Members {
    let proofs = situation.proofs.iter().map(|kind| text(kind));
    let mut members = vec![
        ("kind", text(situation.credential_kind)),
        ("issuer", text(situation.issuer.as_str())),
        ("proofs", Value::set(proofs, None)),
    ];
    members.extend(situation.bound.map(|bound| ("bound", text(bound))));
    members.extend(situation.shared.then(|| ("shared", Value::from(true))));
    members
}

fn authentication(authenticated: Authenticated<'_>) -> Result<Members, Reason> {
    let mut members = vec![("amr", texts(authenticated.methods))];
    members.extend(authenticated.acr.map(|acr| ("acr", text(acr))));
    if let Some(at) = authenticated.at {
        members.push(("auth_time", instant(at)?));
    }
    Ok(members)
}

fn transaction(Transacted { id, subject, workload, scopes }: Transacted<'_>) -> Members {
    vec![
        ("id", text(id)),
        ("subject", text(subject)),
        ("workload", text(workload)),
        ("scopes", texts(scopes)),
    ]
}

fn approval(approved: Approved<'_>) -> Result<Members, Reason> {
    let mut members = vec![
        ("approver", entity(&vocabulary::human(approved.approver))),
        ("id", text(approved.id)),
        ("at", instant(approved.at)?),
    ];
    members.extend(approved.acr.map(|acr| ("acr", text(acr))));
    Ok(members)
}

fn activity(counted: &Counted, now: Timestamp, reads: Reads) -> Value {
    let mut members = Members::new();
    if reads.has(Member::BehaviorRest) {
        members.extend([
            ("tools", by_window(counted.tools.map(long))),
            ("resources", by_window(counted.resources.map(long))),
            ("repeated", long(counted.repeated)),
            ("new_tool", Value::from(counted.new_tool)),
            ("hour_of_week", long(behavior::hour_of_week(now))),
            ("known", by_window(counted.known.map(Value::from))),
        ]);
    }
    let counts = [
        ("agent", Group::Agent, Some(counted.agent())),
        ("delegation", Group::Delegation, counted.delegation()),
        ("session", Group::Session, counted.session()),
        ("tool", Group::Tool, Some(counted.tool())),
    ];
    for (name, group, sums) in counts {
        let sums = sums.filter(|_| reads.has_window(group, None));
        members.extend(sums.map(|sums| (name, windows(sums, group, reads))));
    }
    record(members)
}

fn windows(sums: [Window; 3], group: Group, reads: Reads) -> Value {
    let all = ["minute", "hour", "day"].into_iter().zip(sums).enumerate();
    let read = all.filter(|(nth, _)| reads.has_window(group, Some(*nth)));
    record(read.map(|(_, (name, Window { calls, denials, bytes, spend }))| {
        let counts = vec![
            ("calls", long(calls)),
            ("denials", long(denials)),
            ("bytes", long(bytes)),
            ("spend", long(spend)),
        ];
        (name, record(counts))
    }))
}

fn by_window([minute, hour, day]: [Value; 3]) -> Value {
    record(vec![("minute", minute), ("hour", hour), ("day", day)])
}

/// What is more than that stays so much (threats S8).
fn long(n: u64) -> Value {
    Value::from(i64::try_from(n).unwrap_or(i64::MAX))
}

fn chain(delegation: &Delegation) -> Result<Value, Reason> {
    let depth = i64::try_from(delegation.depth()).map_err(|_| Reason::PolicyError)?;
    let prior = delegation.prior.iter().map(|prior| text(prior.as_str()));
    Ok(record([("depth", Value::from(depth)), ("prior", Value::set(prior, None))]))
}

fn text(text: &str) -> Value {
    Value::from(text)
}

fn entity(uid: &EntityUid) -> Value {
    Value::from(uid.as_ref().clone())
}

fn texts(texts: &BTreeSet<String>) -> Value {
    Value::set(texts.iter().map(|one| text(one)), None)
}

fn instant(at: Timestamp) -> Result<Value, Reason> {
    value::instant(at).map_err(|_| Reason::PolicyError)
}

fn record(fields: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    Value::record(fields, None)
}
