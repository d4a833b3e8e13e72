//! Proofs of possession: made for the request and the token they go with, then spoiled as a case asks.

use std::borrow::Cow;
use std::collections::BTreeMap;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::keys::Key;
use super::token::BaseTokens;
use super::{connection, patch, token};

/// A DPoP proof (RFC 9449 §4.2), good but for what is said here.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DpopSpec {
    /// Whose private key signs.
    #[serde(default = "client")]
    key: String,
    /// Over `{typ, alg, jwk}`; `jwk` is patched, not replaced.
    #[serde(default)]
    header: Value,
    /// Merge patch over `{jti, htm, htu, iat, ath}`.
    #[serde(default)]
    claims: Value,
    /// What a token recipe has.
    #[serde(default)]
    alg: Value,
    #[serde(default)]
    header_more: Value,
    #[serde(default)]
    claims_more: Value,
    #[serde(default)]
    mutate: Value,
}

fn client() -> String {
    "es-client".to_owned()
}

impl DpopSpec {
    /// The proof for a request with that method and path, and this token. `scope`: what its id is made
    /// unique with.
    pub(super) fn make(
        &self,
        (method, path): (&str, &str),
        token: &str,
        (now, scope): (u64, &str),
    ) -> anyhow::Result<String> {
        let mut header = json!({"kid": null, "typ": "dpop+jwt", "jwk": public(&self.key)?});
        for (name, value) in self.header.as_object().into_iter().flatten() {
            match (name.as_str(), value) {
                ("jwk", Value::Object(_)) => patch::merge(&mut header["jwk"], value),
                _ => header[name] = value.clone(),
            }
        }
        let path = path.split('?').next().unwrap_or_default();
        let mut claims = json!({
            "jti": "proof-1", "htm": method, "htu": format!("{ORIGIN}{path}"), "iat": "now",
            "ath": hash(token),
        });
        if !self.claims.is_null() {
            patch::merge(&mut claims, &self.claims);
        }
        if let (Some(id), false) = (claims["jti"].as_str(), scope.is_empty()) {
            claims["jti"] = format!("{id} {}", hash(scope)).into();
        }
        let mut recipe = json!({"key": self.key, "header": header, "claims": claims});
        for (name, value) in [
            ("alg", &self.alg),
            ("header_more", &self.header_more),
            ("claims_more", &self.claims_more),
            ("mutate", &self.mutate),
        ] {
            if !value.is_null() {
                recipe[name] = value.clone();
            }
        }
        let base = BaseTokens::from([("proof".to_owned(), recipe)]);
        token::mint(&"proof".into(), &base, now)?.context("a proof")
    }
}

/// The base tokens, with a Workload Proof Token whose id is unique to `scope` if there is one.
pub(super) fn scoped<'t>(tokens: &'t BaseTokens, scope: &str) -> Cow<'t, BaseTokens> {
    let mut tokens = Cow::Borrowed(tokens);
    if !scope.is_empty()
        && let Some(claims) = tokens.to_mut().get_mut("wpt").and_then(|wpt| wpt.get_mut("claims"))
    {
        claims["jti"] = hash(scope).into();
    }
    tokens
}

/// `"${jkt KEY}"`, `"${x5t CERTIFICATE}"` and `"${nonce SECRET}"`, where they are a whole claim.
pub(super) fn fill(value: &mut Value, now: u64) -> anyhow::Result<()> {
    match value {
        Value::String(text) => {
            let inner = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
            match inner.and_then(|inner| inner.split_once(' ')) {
                Some(("jkt", key)) => *value = thumbprint(key)?.into(),
                Some(("x5t", name)) => *value = encode(&connection::digest(name)).into(),
                Some(("nonce", secret)) => *value = nonce(secret, now)?.into(),
                Some(("ath", token)) => *value = hash(token).into(),
                _ => {}
            }
            Ok(())
        }
        Value::Array(items) => items.iter_mut().try_for_each(|item| fill(item, now)),
        Value::Object(members) => members.values_mut().try_for_each(|member| fill(member, now)),
        _ => Ok(()),
    }
}

/// The public key as a client sends it: what makes it, and nothing about it.
fn public(key: &str) -> anyhow::Result<Value> {
    let mut jwk = Key::named(key)?.jwk();
    for about in ["kid", "use", "alg"] {
        jwk.as_object_mut().context("a key")?.remove(about);
    }
    Ok(jwk)
}

/// RFC 7638.
fn thumbprint(key: &str) -> anyhow::Result<String> {
    let jwk = public(key)?;
    let sorted: BTreeMap<_, _> = jwk.as_object().context("a key")?.iter().collect();
    Ok(encode(&Sha256::digest(serde_json::to_vec(&sorted)?)))
}

/// The engine's nonces, written down a second time: HMAC of the period of five minutes.
fn nonce(secret: &str, now: u64) -> anyhow::Result<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())?;
    mac.update(b"deputy dpop nonce");
    mac.update(&(now / 300).to_le_bytes());
    Ok(encode(&mac.finalize().into_bytes()))
}

fn hash(token: &str) -> String {
    encode(&Sha256::digest(token))
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Where clients of the cases believe they are.
const ORIGIN: &str = "https://gateway.acme.example";
