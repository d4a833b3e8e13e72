//! The facts of one request, as Cedar's context.

use std::collections::BTreeSet;

use cedar_policy::{Context, RestrictedExpression};

use super::{value, vocabulary};
use crate::decision::Reason;
use crate::model::{Actor, Asked, Delegation, IssuerId, ProtocolName, Timestamp};

/// What is true of a request besides what it asks: all of it verified.
#[derive(Clone, Copy)]
pub(crate) struct Situation<'a> {
    pub(crate) now: Timestamp,
    pub(crate) actor: &'a Actor,
    pub(crate) credential_kind: &'a str,
    pub(crate) issuer: &'a IssuerId,
    pub(crate) scopes: &'a BTreeSet<String>,
    /// Names of the grants that are in force and cover the request.
    pub(crate) grants: &'a BTreeSet<String>,
}

/// The context of a request, with its input if policy may read it.
pub(super) fn context(situation: &Situation<'_>, asked: &Asked) -> Result<Context, Reason> {
    let mut pairs = pairs(situation, asked.protocol)?;
    if asked.typed_input {
        let input = asked.input.as_ref().ok_or(Reason::PolicyError)?;
        let input = value::input(input).map_err(|_| Reason::ArgumentsInvalid)?;
        pairs.push(("input".to_owned(), input));
    }
    Context::from_pairs(pairs).map_err(|_| Reason::PolicyError)
}

/// The context without any input: what is true whatever the arguments will be.
pub(super) fn pairs(
    situation: &Situation<'_>,
    protocol: ProtocolName,
) -> Result<Vec<(String, RestrictedExpression)>, Reason> {
    let actor = situation.actor;
    let mut pairs = vec![
        ("now".to_owned(), instant(situation.now)),
        ("protocol".to_owned(), text(protocol.as_str())),
        ("agent".to_owned(), RestrictedExpression::new_entity_uid(vocabulary::agent(&actor.agent))),
        (
            "grant".to_owned(),
            record([("scopes", set(situation.scopes.iter().map(String::as_str)))])?,
        ),
        ("grants".to_owned(), set(situation.grants.iter().map(String::as_str))),
        (
            "credential".to_owned(),
            record([
                ("kind", text(situation.credential_kind)),
                ("issuer", text(situation.issuer.as_str())),
            ])?,
        ),
    ];
    if let Some(delegation) = &actor.delegation {
        let human = vocabulary::human(&delegation.delegator);
        pairs.push(("on_behalf_of".to_owned(), RestrictedExpression::new_entity_uid(human)));
        pairs.push(("delegation".to_owned(), chain(delegation)?));
    }
    Ok(pairs)
}

fn chain(delegation: &Delegation) -> Result<RestrictedExpression, Reason> {
    let depth = i64::try_from(delegation.depth()).map_err(|_| Reason::PolicyError)?;
    let prior = delegation.prior.iter().map(|p| p.as_str());
    record([("depth", RestrictedExpression::new_long(depth)), ("prior", set(prior))])
}

fn text(text: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(text.to_owned())
}

fn instant(at: Timestamp) -> RestrictedExpression {
    RestrictedExpression::new_datetime(at.to_string())
}

fn set<'a>(texts: impl Iterator<Item = &'a str>) -> RestrictedExpression {
    RestrictedExpression::new_set(texts.map(text))
}

fn record<const N: usize>(
    fields: [(&str, RestrictedExpression); N],
) -> Result<RestrictedExpression, Reason> {
    let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value));
    RestrictedExpression::new_record(fields).map_err(|_| Reason::PolicyError)
}
