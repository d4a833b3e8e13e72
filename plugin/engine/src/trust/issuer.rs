//! An issuer's settings, as the configuration has checked them.

use std::collections::BTreeSet;

use super::algorithm::Algorithms;
use super::key_set::{KeySet, MAX_BYTES};
use super::metadata;
use super::statuses::StatusSource;
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
    /// Its access tokens carry no `typ`, or `JWT` (JWT-22).
    pub(crate) legacy: bool,
    /// Where it writes scopes (JWT-28).
    pub(crate) scope_claim: ScopeClaim,
    /// Its tokens must be bound in one of these ways; none: they may be bearer tokens.
    pub(crate) require_binding: Option<BTreeSet<BindingMethod>>,
    /// Where the statuses of its tokens are; none: a token with a status is refused.
    pub(crate) status_lists: Vec<StatusSource>,
}

/// Keys that vouch for something else than access tokens: of a trust domain, of a transaction token
/// service.
#[derive(Clone, Debug)]
pub(crate) struct Anchor {
    /// Never an issuer of access tokens.
    pub(crate) id: IssuerId,
    pub(crate) algorithms: Algorithms,
    pub(crate) keys: Keys,
}

/// Where and how an issuer writes what a token grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScopeClaim {
    /// `scope`, one text (RFC 8693 §4.2).
    Scope,
    /// `scp`, a text or a list of texts, as Entra ID and Okta write it.
    Scp,
}

/// Ways to prove that the sender of a credential is the one it was issued to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum BindingMethod {
    /// RFC 9449.
    Dpop,
    /// A token bound to a certificate (RFC 8705 §3).
    Mtls,
    /// A WIMSE Workload Proof Token.
    Wpt,
    /// The credential is the certificate of the connection itself.
    Tls,
}

impl BindingMethod {
    /// As configuration, receipts and policies write it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Dpop => "dpop",
            Self::Mtls => "mtls",
            Self::Wpt => "wpt",
            Self::Tls => "tls",
        }
    }
}

/// Where an issuer's keys come from.
#[derive(Clone, Debug)]
pub(crate) enum Keys {
    /// Part of the configuration: trusted as long as it is.
    Inline(KeySet),
    Fetch(Endpoint),
    /// From where the issuer's metadata says they are.
    Discover(Discovery),
}

/// Where an issuer's metadata is, and which hosts it may send us to.
#[derive(Clone, Debug)]
pub(crate) struct Discovery {
    first: Endpoint,
    others: Vec<Endpoint>,
    hosts: Vec<Host>,
}

/// A host that keys may be on, and how it is reached.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    pub(crate) authority: String,
    pub(crate) cluster: String,
}

/// How the path of an issuer's metadata is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// RFC 8414 §3.1: `/.well-known/oauth-authorization-server`, then the issuer's own path.
    OAuth,
    /// OpenID Connect Discovery §4.1: the issuer's own path, then
    /// `/.well-known/openid-configuration`.
    OpenId,
}

impl Discovery {
    /// `main` answers for the metadata and may hold the keys; `more` may hold the keys as well.
    /// Nothing without a form, or for an issuer that is not a URL whose path can be asked for.
    pub(crate) fn new(
        issuer: &IssuerId,
        main: Host,
        more: Vec<Host>,
        forms: &[Form],
    ) -> Option<Self> {
        let (scheme, _) = metadata::split_scheme(issuer.as_str())?;
        let endpoint = |form: &Form| {
            let (cluster, authority) = (main.cluster.clone(), main.authority.clone());
            let path = metadata::path(issuer, *form)?;
            let (timeout_ms, max_bytes) = (TIMEOUT_MS, metadata::MAX_BYTES);
            Some(Endpoint { cluster, authority, path, timeout_ms, max_bytes })
        };
        let mut endpoints = forms.iter().map(endpoint).collect::<Option<Vec<_>>>()?.into_iter();
        let first = endpoints.next()?;
        let canonical = |host: Host| {
            let authority = metadata::canonical_authority(&host.authority, scheme);
            Host { authority, ..host }
        };
        let hosts = std::iter::once(main.clone()).chain(more).map(canonical).collect();
        Some(Self { first, others: endpoints.collect(), hosts })
    }

    pub(super) fn first(&self) -> &Endpoint {
        &self.first
    }

    /// The endpoint of the n-th form.
    pub(super) fn form(&self, n: usize) -> Option<&Endpoint> {
        std::iter::once(&self.first).chain(&self.others).nth(n)
    }

    /// How that (canonical) authority is reached, if keys may be there.
    pub(super) fn cluster_of(&self, authority: &str) -> Option<&str> {
        let host = self.hosts.iter().find(|host| host.authority == authority)?;
        Some(&host.cluster)
    }
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
