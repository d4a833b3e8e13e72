//! What the gateway knows of the connection a request came on: the client's certificate.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::format::or_default;
use super::resolved::{Bytes, Pair};

/// A connection without TLS unless it says otherwise.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConnectionSpec {
    /// The name of a certificate; its digest follows from that.
    certificate: Option<String>,
    /// The URIs among its alternative names.
    #[serde(default, deserialize_with = "or_default")]
    uris: Vec<String>,
    /// Objects of the filter state, by key.
    #[serde(default, deserialize_with = "or_default")]
    filter_state: BTreeMap<String, String>,
    /// Any attribute as it is, over the others; `null` takes it away.
    #[serde(default, deserialize_with = "or_default")]
    attributes: BTreeMap<String, Option<String>>,
}

impl ConnectionSpec {
    /// As Envoy 1.40 has them.
    pub(super) fn attributes(&self) -> Vec<Pair> {
        let mut all = BTreeMap::new();
        let mut add = |name: &str, value: &[u8]| all.insert(name.to_owned(), value.to_vec());
        add("connection.mtls", &[u8::from(self.certificate.is_some())]);
        if let Some(name) = &self.certificate {
            add("connection.sha256_peer_certificate_digest", digest_hex(name).as_bytes());
            // Only the first one is to be had.
            for uri in self.uris.iter().take(1) {
                add("connection.uri_san_peer_certificate", uri.as_bytes());
            }
        }
        for (key, value) in &self.filter_state {
            add(&format!("filter_state.{key}"), value.as_bytes());
        }
        for (name, value) in &self.attributes {
            match value {
                Some(value) => all.insert(name.clone(), value.clone().into_bytes()),
                None => all.remove(name),
            };
        }
        all.into_iter().map(|(name, value)| (Bytes(name.into_bytes()), Bytes(value))).collect()
    }
}

/// SHA-256 of the certificate of that name.
pub(super) fn digest(name: &str) -> [u8; 32] {
    Sha256::digest(format!("deputy test certificate {name}")).into()
}

/// As Envoy writes it.
pub(super) fn digest_hex(name: &str) -> String {
    digest(name).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
