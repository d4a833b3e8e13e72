//! The facts of one request, as Cedar's context.
//!
//! Made of Cedar's values, each typed by construction. Expressions, the public way, would be
//! evaluated anew for each request, and `datetime` be parsed as a name each time: that cost more
//! than a decision does.

use std::collections::BTreeSet;
use std::sync::Arc;

use cedar_policy::{Context, EntityUid};
use cedar_policy_core::ast::{Context as CoreContext, Value};

use super::value;
use crate::decision::Reason;
use crate::model::{Actor, Asked, Delegation, IssuerId, ProtocolName, Timestamp};

/// What is true of a request besides what it asks: all of it verified.
#[derive(Clone, Copy)]
pub(crate) struct Situation<'a> {
    pub(crate) now: Timestamp,
    pub(crate) actor: &'a Actor,
    pub(crate) credential_kind: &'a str,
    /// What proved that the credential is the sender's own; none of a bearer token.
    pub(crate) bound: Option<&'a str>,
    pub(crate) issuer: &'a IssuerId,
    pub(crate) scopes: &'a BTreeSet<String>,
    /// Names of the grants that are in force and cover the request.
    pub(crate) grants: &'a BTreeSet<String>,
}

/// Who asks, as Cedar names them.
pub(super) struct Principals {
    pub(super) agent: EntityUid,
    pub(super) delegator: Option<EntityUid>,
}

/// The members of a context.
pub(super) type Members = Vec<(&'static str, Value)>;

/// The input of a request, if policy may read it.
pub(super) fn input(asked: &Asked) -> Result<Option<Value>, Reason> {
    if !asked.typed_input {
        return Ok(None);
    }
    let input = asked.input.as_ref().ok_or(Reason::PolicyError)?;
    value::input(input).map(Some).map_err(|_| Reason::ArgumentsInvalid)
}

/// What is true whatever the arguments are.
pub(super) fn members(
    situation: &Situation<'_>,
    protocol: ProtocolName,
    principals: &Principals,
) -> Result<Members, Reason> {
    let scopes = situation.scopes.iter().map(|scope| text(scope));
    let mut credential = vec![
        ("kind", text(situation.credential_kind)),
        ("issuer", text(situation.issuer.as_str())),
    ];
    credential.extend(situation.bound.map(|bound| ("bound", text(bound))));
    let mut members = vec![
        ("now", value::instant(situation.now).map_err(|_| Reason::PolicyError)?),
        ("protocol", text(protocol.as_str())),
        ("agent", entity(&principals.agent)),
        ("grant", record([("scopes", Value::set(scopes, None))])),
        ("grants", Value::set(situation.grants.iter().map(|name| text(name)), None)),
        ("credential", record(credential)),
    ];
    if let (Some(delegation), Some(delegator)) =
        (&situation.actor.delegation, &principals.delegator)
    {
        members.push(("on_behalf_of", entity(delegator)));
        members.push(("delegation", chain(delegation)?));
    }
    Ok(members)
}

/// A context of these members.
pub(super) fn context(members: impl IntoIterator<Item = (&'static str, Value)>) -> Context {
    let members = members.into_iter().map(|(name, value)| (name.into(), value)).collect();
    Context::from(CoreContext::Value(Arc::new(members)))
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

fn record(fields: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    Value::record(fields, None)
}
