//! An issuer's settings, as the configuration has checked them.

use super::algorithm::Algorithms;
use super::key_set::{KeySet, MAX_BYTES};
use crate::fetch::Endpoint;
use crate::model::IssuerId;

/// Who may say who somebody is, and how far that goes.
#[derive(Clone, Debug)]
pub(crate) struct Issuer {
    pub(crate) id: IssuerId,
    pub(crate) algorithms: Algorithms,
    pub(crate) keys: Keys,
    /// Allowed clock difference, at most 60.
    pub(crate) leeway_seconds: u64,
    pub(crate) max_lifetime_seconds: u64,
    /// Number of nested `act`, 1 to 8.
    pub(crate) max_delegation_depth: usize,
    pub(crate) may_delegate: bool,
    pub(crate) actor_issuer: ActorIssuer,
    pub(crate) foreign_audiences: bool,
}

/// Where an issuer's keys come from.
#[derive(Clone, Debug)]
pub(crate) enum Keys {
    /// Part of the configuration: trusted as long as it is.
    Inline(KeySet),
    Fetch(Endpoint),
}

/// How an `act` says whose namespace its subject belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ActorIssuer {
    /// Every `act` names its `iss` (OAuth Actor Profile, ACT-1).
    Required,
    /// An `act` without `iss` belongs to the token's issuer, as in RFC 8693 figure 6.
    Same,
}

/// The endpoint of a JWK Set, with the limits that go for all of them.
pub(crate) fn keys_endpoint(cluster: String, authority: String, path: String) -> Endpoint {
    Endpoint { cluster, authority, path, timeout_ms: TIMEOUT_MS, max_bytes: MAX_BYTES }
}

/// Requests may wait for the first set of keys, so not longer than a caller would.
const TIMEOUT_MS: u32 = 2_000;
