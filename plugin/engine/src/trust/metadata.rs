//! Where an issuer's keys are, by its own metadata (RFC 8414, OpenID Connect Discovery 1.0).
//!
//! The document is believed in one thing: the path of the key set. Which hosts may be asked at all
//! is the configuration's word; a document that names another is refused, so that whoever can write
//! it can't make the gateway call elsewhere (SSRF), or take keys from elsewhere.

use std::fmt;

use super::issuer::{Discovery, Form, keys_endpoint};
use crate::fetch::Endpoint;
use crate::json::{self, Limits, Malformed, Value};
use crate::model::IssuerId;

/// Why a metadata document is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MetadataError {
    Json(Malformed),
    /// `issuer` is missing, or not the configured one byte for byte (RFC 8414 §3.3).
    Issuer,
    /// `jwks_uri` is missing or not a URL of the issuer's own scheme.
    Location,
    /// `jwks_uri` is on a host that the configuration does not name.
    Host(String),
}

/// Reads hostile bytes: the endpoint of the issuer's key set.
pub(super) fn read(
    bytes: &[u8],
    issuer: &IssuerId,
    discovery: &Discovery,
) -> Result<Endpoint, MetadataError> {
    let document = json::read(bytes, &LIMITS).map_err(MetadataError::Json)?;
    let member = |name| document.as_object().and_then(|o| o.get(name)).and_then(Value::as_str);
    if member("issuer") != Some(issuer.as_str()) {
        return Err(MetadataError::Issuer);
    }
    let location = member("jwks_uri").and_then(|uri| Location::read(uri, issuer));
    let location = location.ok_or(MetadataError::Location)?;
    let cluster = discovery.cluster_of(&location.authority);
    let cluster = cluster.ok_or_else(|| MetadataError::Host(location.authority.clone()))?;
    Ok(keys_endpoint(cluster.to_owned(), location.authority, location.path))
}

/// `:path` of the metadata in that form; nothing for an issuer that is no URL of the web.
pub(super) fn path(issuer: &IssuerId, form: Form) -> Option<String> {
    let (_, rest) = split_scheme(issuer.as_str())?;
    let path = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default();
    // RFC 8414 §3.1, Discovery §4.1: a slash at the end goes before the suffix is added.
    let path = path.strip_suffix('/').unwrap_or(path);
    let good = |b: u8| matches!(b, b'!'..=b'~') && !matches!(b, b'?' | b'#');
    path.bytes().all(good).then(|| match form {
        Form::OAuth => format!("/.well-known/oauth-authorization-server{path}"),
        Form::OpenId => format!("{path}/.well-known/openid-configuration"),
    })
}

/// A URL taken apart.
struct Location {
    /// Lower case, without a default port.
    authority: String,
    path: String,
}

impl Location {
    /// Of the issuer's own scheme: a document fetched over TLS must not lead out of it.
    fn read(uri: &str, issuer: &IssuerId) -> Option<Self> {
        let (scheme, rest) = split_scheme(uri)?;
        if split_scheme(issuer.as_str())?.0 != scheme || uri.len() > MAX_URI_BYTES {
            return None;
        }
        let visible = |b: u8| matches!(b, b'!'..=b'~') && !matches!(b, b'#' | b'\\');
        if !rest.bytes().all(visible) {
            return None;
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end)?;
        if authority.is_empty() || authority.contains('@') {
            return None;
        }
        let slash = if path.starts_with('/') { "" } else { "/" };
        let authority = canonical_authority(authority, scheme);
        Some(Self { authority, path: format!("{slash}{path}") })
    }
}

/// `https` or `http`, and what follows `://`.
pub(super) fn split_scheme(url: &str) -> Option<(&'static str, &str)> {
    ["https", "http"].into_iter().find_map(|scheme| {
        let rest = url.strip_prefix(scheme)?.strip_prefix("://")?;
        Some((scheme, rest))
    })
}

/// Lower case, without the scheme's default port (RFC 3986 §6.2.2.1, §6.2.3).
pub(super) fn canonical_authority(authority: &str, scheme: &str) -> String {
    let port = if scheme == "https" { ":443" } else { ":80" };
    let lower = authority.to_ascii_lowercase();
    lower.strip_suffix(port).map(str::to_owned).unwrap_or(lower)
}

impl fmt::Display for MetadataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(malformed) => write!(f, "the metadata {malformed}"),
            Self::Issuer => f.write_str("the metadata is not of this issuer, byte for byte"),
            Self::Location => {
                f.write_str("the metadata has no `jwks_uri` that is a URL of the issuer's scheme")
            }
            Self::Host(host) => write!(
                f,
                "`jwks_uri` is on {host:?}; fix: if the issuer's keys are there, name it in \
                 keys.discover.hosts"
            ),
        }
    }
}

/// The largest of the well-known providers' is 4 KiB; theirs grow with every extension.
pub(super) const MAX_BYTES: usize = 64 * 1024;
const LIMITS: Limits = Limits { bytes: MAX_BYTES, depth: 16, items: 4_096 };
/// A path that a request line can carry anywhere.
const MAX_URI_BYTES: usize = 2_048;

#[cfg(test)]
mod tests;
