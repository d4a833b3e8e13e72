//! A case as every host gets it: bytes and instants, nothing left to interpret.
//!
//! Serialised for hosts outside this process, with bytes as base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes that serialise as base64.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

/// A header: name and value.
pub type Pair = (Bytes, Bytes);

/// One case: a configuration, and exchanges made one after the other on the same engine.
#[derive(Clone, Debug, Serialize)]
pub struct Resolved {
    /// `subject/name` or `subject/name/variant`.
    pub name: String,
    /// The plugin configuration.
    pub configuration: Bytes,
    /// Bytes for every evaluation id.
    pub entropy: Bytes,
    /// The names of all clusters in the configuration.
    pub clusters: Vec<String>,
    /// In order; the last one is the probe.
    pub exchanges: Vec<Exchange>,
}

/// One request and everything that answers it.
#[derive(Clone, Debug, Serialize)]
pub struct Exchange {
    /// Unix milliseconds when the request arrives, and when a fetch and the body have.
    pub arrives: u64,
    /// See `arrives`.
    pub fetched: u64,
    /// See `arrives`.
    pub complete: u64,
    /// When the upstream answers, in milliseconds since the Unix epoch.
    pub answered: u64,
    /// All pairs, pseudo-headers first.
    pub headers: Vec<Pair>,
    /// What the host knows of the connection: the names of attributes as Envoy has them, joined by dots,
    /// and their bytes.
    pub attributes: Vec<Pair>,
    /// The body in the pieces it comes in; `None`: the headers end the request.
    pub body: Option<Vec<Bytes>>,
    /// Trailers end the body if there are any.
    pub trailers: Vec<Pair>,
    /// What fetches come back with, in order; the last one again and again.
    pub fetches: Vec<FetchAnswer>,
    /// What certain clusters answer instead, always.
    pub documents: BTreeMap<String, FetchAnswer>,
    /// What they answer once the upstream has begun to answer: if there is any, the host looks for what is
    /// due after the first piece of its body.
    pub meanwhile: BTreeMap<String, FetchAnswer>,
    /// What the upstream answers, should it be asked.
    pub upstream: Response,
}

/// What comes of a fetch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FetchAnswer {
    /// An HTTP response.
    Answered {
        /// Its status.
        status: u16,
        /// Its headers.
        headers: Vec<Pair>,
        /// Its body.
        body: Bytes,
    },
    /// Connection refused.
    Refused,
    /// No answer in time.
    Timeout,
    /// Connection lost.
    Reset,
}

/// An HTTP response of the upstream.
#[derive(Clone, Debug, Serialize)]
pub struct Response {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: Vec<Pair>,
    /// Its body in the pieces it comes in; none: the headers end it.
    pub body: Vec<Bytes>,
    /// Trailers end the body if there are any.
    pub trailers: Vec<Pair>,
}

impl Exchange {
    /// The whole body; empty without one.
    pub fn whole_body(&self) -> Vec<u8> {
        self.body.iter().flatten().flat_map(|piece| piece.0.iter().copied()).collect()
    }

    /// An attribute of the connection, by its name with dots.
    pub fn attribute(&self, name: &str) -> Option<&[u8]> {
        let found = self.attributes.iter().find(|(n, _)| n.0 == name.as_bytes());
        found.map(|(_, value)| value.0.as_slice())
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let found = self.headers.iter().find(|(n, _)| n.0.eq_ignore_ascii_case(name.as_bytes()));
        found.map(|(_, value)| value.0.as_slice())
    }
}

/// Pairs without their wrapping.
pub fn plain(pairs: &[Pair]) -> Vec<(Vec<u8>, Vec<u8>)> {
    pairs.iter().map(|(name, value)| (name.0.clone(), value.0.clone())).collect()
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        STANDARD.decode(text).map(Self).map_err(serde::de::Error::custom)
    }
}
