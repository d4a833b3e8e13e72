//! Rich authorization: the claim `authorization_details` (RFC 9396 §2, §9.1).
//!
//! Objects are kept apart and never joined: each says what may be done together. A request is within
//! one of them or it is refused (RAR-1), whatever policy says; objects of types that the configuration
//! does not know grant nothing and take nothing away. Every comparison is exact (RAR-2).

use std::collections::BTreeSet;

use crate::decision::Reason;
use crate::json::{Object, Value};
use crate::model::sorted;
use crate::model::{Asked, ResourceKind};

/// One object of a known type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Detail {
    pub(crate) kind: String,
    /// None: not limited in this respect.
    locations: Option<BTreeSet<String>>,
    actions: Option<BTreeSet<String>>,
    identifier: Option<String>,
    /// It has members whose limits nobody here can hold it to, so it covers nothing.
    other: bool,
}

/// `None`: the token has none of a known type.
pub(super) fn read(
    claims: &Object,
    known: &BTreeSet<String>,
) -> Result<Option<Vec<Detail>>, Reason> {
    let Some(value) = claims.get("authorization_details") else { return Ok(None) };
    let items = value.as_array().filter(|items| items.len() <= MAX_DETAILS);
    let details: Option<Vec<Detail>> = items.and_then(|items| items.iter().map(detail).collect());
    let mut details = details.ok_or(Reason::TokenMalformed)?;
    details.retain(|detail| known.contains(&detail.kind));
    Ok(if details.is_empty() { None } else { Some(details) })
}

/// The types of the objects that cover a request. What a client needs before it can call anything is
/// covered by any.
pub(crate) fn covering(
    details: &[Detail],
    asked: &Asked,
    audiences: &[String],
) -> Result<BTreeSet<String>, Reason> {
    let covers = |detail: &&Detail| {
        asked.resource.kind == ResourceKind::Server || detail.covers(asked, audiences)
    };
    let kinds = sorted::set(details.iter().filter(covers).map(|detail| detail.kind.clone()));
    if kinds.is_empty() { Err(Reason::DetailsNotGranted) } else { Ok(kinds) }
}

impl Detail {
    fn covers(&self, asked: &Asked, audiences: &[String]) -> bool {
        let here = |places: &BTreeSet<String>| audiences.iter().any(|a| places.contains(a));
        !self.other
            && self.locations.as_ref().is_none_or(here)
            && self.actions.as_ref().is_none_or(|actions| actions.contains(asked.action.as_str()))
            && self.identifier.as_ref().is_none_or(|id| *id == asked.resource.id)
    }
}

fn detail(value: &Value) -> Option<Detail> {
    let mut detail = Detail::default();
    for (name, value) in value.as_object()?.iter() {
        match name {
            "type" => detail.kind = text(value)?,
            "identifier" => detail.identifier = Some(text(value)?),
            "locations" => detail.locations = Some(texts(value)?),
            "actions" => detail.actions = Some(texts(value)?),
            _ => detail.other = true,
        }
    }
    (!detail.kind.is_empty()).then_some(detail)
}

fn texts(value: &Value) -> Option<BTreeSet<String>> {
    value.as_array()?.iter().map(text).collect()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.contains(char::is_control)).map(str::to_owned)
}

/// Each is compared with every request.
const MAX_DETAILS: usize = 64;
