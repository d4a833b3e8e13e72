//! What is approved: the binding, its digest, and the request of a gateway that carries it.
//!
//! The digest is base64url without padding of SHA-256 over RFC 8785 of the binding, so two parties that
//! hold the same binding hold the same digest. Not here: storage, and anything a page adds.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::strict_json;

/// A digest of 32 bytes in base64url.
const DIGEST_LENGTH: usize = 43;
/// Roles and people that one action can ask for.
const MAX_APPROVERS: usize = 16;
const MAX_POLICIES: usize = 256;
/// Names of roles, policies and the like.
const MAX_NAME: usize = 512;

/// Everything that an approval binds, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    /// The version of this shape.
    pub v: Version,
    /// The audience of the gateway that asks.
    pub gateway: String,
    /// Who acts.
    pub agent: Agent,
    /// Every further actor of the chain, outermost first.
    pub actors: Vec<String>,
    /// On whose behalf.
    #[serde(deserialize_with = "nullable")]
    pub delegator: Option<String>,
    /// `mcp` or `http`.
    pub protocol: String,
    /// The server, where the protocol has one.
    #[serde(deserialize_with = "nullable")]
    pub server: Option<String>,
    /// The action.
    pub action: String,
    /// The resource.
    pub resource: String,
    /// Everything the action is given; null where there is nothing.
    #[serde(deserialize_with = "any_value")]
    pub arguments: Value,
    /// The digest of the tool's declaration that the gateway pinned.
    #[serde(deserialize_with = "nullable")]
    pub tool: Option<String>,
    /// The revision of the policies that asked.
    pub revision: Revision,
}

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// `issuer#subject`, or a SPIFFE id.
    pub id: String,
    /// The thumbprint of the key its credential is bound to.
    #[serde(deserialize_with = "nullable")]
    pub key: Option<String>,
}

/// The only version there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u64")]
pub struct Version(u64);

impl TryFrom<u64> for Version {
    type Error = &'static str;

    fn try_from(v: u64) -> Result<Self, Self::Error> {
        if v == 1 { Ok(Self(v)) } else { Err("`v` must be 1") }
    }
}

impl Version {
    /// As the binding writes it.
    #[must_use]
    pub fn number(self) -> u64 {
        self.0
    }
}

/// As the gateway's receipts write it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Revision {
    /// A number that grows.
    Number(u64),
    /// A name.
    Name(String),
}

impl std::fmt::Display for Revision {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(out),
            Self::Name(name) => name.fmt(out),
        }
    }
}

/// A gateway's question, with a digest that is its binding's own.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) digest: String,
    pub(crate) binding: Binding,
    /// RFC 8785: the bytes that the digest is made of.
    pub(crate) canonical: String,
    pub(crate) approvers: Vec<String>,
    pub(crate) policies: Vec<String>,
    pub(crate) evaluation_id: String,
    pub(crate) asked_at: String,
    /// The `jti` of an approval that the gateway has seen used.
    pub(crate) used: Option<String>,
    /// The `jti` of an approval that the gateway is about to use, if it is the first one to.
    pub(crate) to_use: Option<String>,
}

/// Why a question is none.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// Not JSON, not strict, or not of this shape.
    Malformed(String),
    /// The digest in the path is not the binding's.
    OtherDigest,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    binding: Value,
    approvers: Vec<String>,
    policies: Vec<String>,
    evaluation_id: String,
    asked_at: String,
    #[serde(default)]
    used: Option<String>,
    #[serde(default, rename = "use")]
    to_use: Option<String>,
}

impl Asked {
    /// Reads the body of `PUT …/{digest}`.
    pub(crate) fn read(digest: &str, body: &[u8]) -> Result<Self, Unfit> {
        let body = strict_json::read(body).map_err(Unfit::Malformed)?;
        let body: Body = shape(body)?;
        check_names(&body)?;
        let canonical = canonical(&body.binding)?;
        if digest.len() != DIGEST_LENGTH || digest != digest_of(&canonical) {
            return Err(Unfit::OtherDigest);
        }
        Ok(Self {
            digest: digest.to_owned(),
            binding: shape(body.binding)?,
            canonical,
            approvers: body.approvers,
            policies: body.policies,
            evaluation_id: body.evaluation_id,
            asked_at: body.asked_at,
            used: body.used,
            to_use: body.to_use,
        })
    }
}

impl Binding {
    /// Reads what [`Asked::read`] has checked before it was stored.
    pub(crate) fn stored(canonical: &str) -> Result<Self, Unfit> {
        shape(strict_json::read(canonical.as_bytes()).map_err(Unfit::Malformed)?)
    }
}

/// Of the canonical bytes.
pub(crate) fn digest_of(canonical: &str) -> String {
    BASE64URL.encode(Sha256::digest(canonical))
}

/// RFC 8785.
pub(crate) fn canonical(value: &Value) -> Result<String, Unfit> {
    serde_json_canonicalizer::to_string(value).map_err(|e| Unfit::Malformed(e.to_string()))
}

fn check_names(body: &Body) -> Result<(), Unfit> {
    let malformed = |why: &str| Err(Unfit::Malformed(why.to_owned()));
    if body.approvers.is_empty() {
        return malformed("`approvers` is empty: then anybody could approve");
    }
    if body.approvers.len() > MAX_APPROVERS || body.policies.len() > MAX_POLICIES {
        return malformed("too many `approvers` or `policies`");
    }
    let more =
        [&body.evaluation_id, &body.asked_at].into_iter().chain(&body.used).chain(&body.to_use);
    let mut names = body.approvers.iter().chain(&body.policies).chain(more);
    if names.any(|name| name.is_empty() || name.len() > MAX_NAME) {
        return malformed("a name is empty or longer than 512 bytes");
    }
    Ok(())
}

fn shape<T: for<'de> Deserialize<'de>>(value: Value) -> Result<T, Unfit> {
    serde_json::from_value(value).map_err(|e| Unfit::Malformed(e.to_string()))
}

/// May be null, but must be there: absent and null have different digests.
fn any_value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    Value::deserialize(deserializer)
}

/// As [`any_value`], for texts.
fn nullable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Option::deserialize(deserializer)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn binding() -> Value {
        json!({
            "v": 1, "gateway": "https://gateway.acme.example",
            "agent": { "id": "https://idp.acme.example#refund-bot", "key": null },
            "actors": [], "delegator": "https://idp.acme.example#dana", "protocol": "mcp",
            "server": "orders", "action": "orders/refund", "resource": "Tool::orders/refund",
            "arguments": { "id": 1042, "amount": 400 }, "tool": null, "revision": 7,
        })
    }

    fn body(binding: &Value) -> Value {
        json!({
            "binding": binding, "approvers": ["role:finance"], "policies": ["p"],
            "evaluation_id": "01J", "asked_at": "2026-11-27T13:00:00Z",
        })
    }

    fn read(body: &Value) -> Result<Asked, Unfit> {
        let canonical = canonical(&body["binding"]).unwrap();
        Asked::read(&digest_of(&canonical), body.to_string().as_bytes())
    }

    #[test]
    fn the_digest_is_of_the_canonical_binding_whatever_its_order() {
        let asked = read(&body(&binding())).unwrap();
        let reordered = r#"{"revision":7,"tool":null,"v":1,"gateway":"https://gateway.acme.example","agent":{"key":null,"id":"https://idp.acme.example#refund-bot"},"actors":[],"delegator":"https://idp.acme.example#dana","protocol":"mcp","server":"orders","action":"orders/refund","resource":"Tool::orders/refund","arguments":{"amount":400,"id":1042}}"#;
        let body = format!(
            r#"{{"binding":{reordered},"approvers":["role:finance"],"policies":["p"],"evaluation_id":"01J","asked_at":"now"}}"#
        );
        assert!(Asked::read(&asked.digest, body.as_bytes()).is_ok());
        // SHA-256 over RFC 8785, made by another implementation.
        assert_eq!(asked.digest, "VWLHxw1eNxZaZNwHLwdsqxrjktyc2nK3_Ta7rNsa5qc");
    }

    #[test]
    fn another_digest_is_refused() {
        let body = body(&binding()).to_string();
        let other = digest_of("{}");
        assert_eq!(Asked::read(&other, body.as_bytes()).unwrap_err(), Unfit::OtherDigest);
        assert_eq!(Asked::read("x", body.as_bytes()).unwrap_err(), Unfit::OtherDigest);
    }

    #[test]
    fn every_member_must_be_there_and_no_other() {
        for name in binding().as_object().unwrap().keys() {
            let mut without = binding();
            without.as_object_mut().unwrap().remove(name);
            assert!(matches!(read(&body(&without)), Err(Unfit::Malformed(_))), "{name}");
        }
        let mut more = binding();
        more["note"] = json!("not shown anywhere");
        assert!(matches!(read(&body(&more)), Err(Unfit::Malformed(_))));
        let mut other = binding();
        other["v"] = json!(2);
        assert!(matches!(read(&body(&other)), Err(Unfit::Malformed(_))));
    }

    #[test]
    fn a_question_that_anybody_could_answer_is_refused() {
        let mut body = body(&binding());
        body["approvers"] = json!([]);
        assert!(matches!(read(&body), Err(Unfit::Malformed(_))));
        body["approvers"] = json!([""]);
        assert!(matches!(read(&body), Err(Unfit::Malformed(_))));
    }
}
