//! What the engine asks of a host when it lacks something that is not in the request.

use crate::model::IssuerId;

/// Something to get with one `GET`. Equal fetches may share one call: the answer is learned once,
/// for everybody who waits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fetch {
    issuer: IssuerId,
    endpoint: Endpoint,
}

/// Where to get it. From the configuration and from nowhere else: a token never names an address
/// (JWT-8, JWKS-1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// The host's name for the upstream (in Envoy: the cluster).
    pub cluster: String,
    /// `:authority` of the request.
    pub authority: String,
    /// `:path` of the request.
    pub path: String,
    /// When to give up.
    pub timeout_ms: u32,
    /// Longest body to take; a longer one is [`FetchReply::Failed`].
    pub max_bytes: usize,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchReply {
    /// An HTTP response, of whatever status. A host follows no redirect (JWKS-5).
    Answered {
        /// Its status.
        status: u16,
        /// Its body.
        body: Vec<u8>,
    },
    /// No complete response: timeout, reset, too long, no such cluster.
    Failed,
}

impl Fetch {
    pub(crate) fn keys(issuer: IssuerId, endpoint: Endpoint) -> Self {
        Self { issuer, endpoint }
    }

    /// Where to get it.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Whose keys these will be.
    #[must_use]
    pub fn issuer(&self) -> &IssuerId {
        &self.issuer
    }
}

impl Endpoint {
    /// The endpoint of a JWK Set, with the limits that go for all of them.
    pub(crate) fn of_keys(cluster: String, authority: String, path: String) -> Self {
        let (timeout_ms, max_bytes) = (TIMEOUT_MS, super::key_set::MAX_BYTES);
        Self { cluster, authority, path, timeout_ms, max_bytes }
    }
}

/// Requests may wait for the first set of keys, so not longer than a caller would.
const TIMEOUT_MS: u32 = 2_000;
