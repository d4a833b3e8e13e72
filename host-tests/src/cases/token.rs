//! Tokens: minted from a description, then spoiled as a case asks.
//!
//! Everything but `mutate` happens before signing, so the signature is good over the strange
//! content and only the rule under test can refuse it.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::keys::{self, Key};
use super::mutate::{Mutation, Parts};
use super::text::{self, Placeholders};
use super::{moment, patch, proof};

/// The named tokens of `tokens.json`, to start from.
pub(super) type BaseTokens = BTreeMap<String, Value>;

/// How to mint a token.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Recipe {
    /// Whose private key signs.
    key: String,
    /// What it signs with: the key's own algorithm, `PS256`, or the confusions `HS256` and `none`.
    alg: Option<String>,
    /// For `HS256`: the form in which the public key serves as secret.
    #[serde(default = "pem")]
    secret: String,
    /// Merge patch over `{alg, kid, typ}`.
    #[serde(default)]
    header: Value,
    claims: Value,
    /// Raw members, put before the closing brace: what no JSON writer would write.
    header_more: Option<Value>,
    claims_more: Option<Value>,
    /// The whole part, raw.
    header_raw: Option<Value>,
    claims_raw: Option<Value>,
    #[serde(default)]
    mutate: Vec<Mutation>,
}

fn pem() -> String {
    "pem".to_owned()
}

/// Mints what `spec` describes: `null`, a name, or `{base, …}`.
pub(super) fn mint(spec: &Value, base: &BaseTokens, now: u64) -> anyhow::Result<Option<String>> {
    if spec.is_null() {
        return Ok(None);
    }
    let mut described = described(spec, base)?;
    if let Some(claims) = described.get_mut("claims") {
        moment::fill(claims, now);
        proof::fill(claims, now)?;
    }
    let recipe: Recipe = serde_json::from_value(described).context("token")?;
    recipe.mint(&Inside { base, now }).context("token").map(Some)
}

/// Signs something that is no token, by a recipe without a base.
pub(super) fn sign(recipe: &Value) -> anyhow::Result<String> {
    let (base, now) = (&BaseTokens::new(), 0);
    serde_json::from_value::<Recipe>(recipe.clone())?.mint(&Inside { base, now })
}

fn described(spec: &Value, base: &BaseTokens) -> anyhow::Result<Value> {
    let find =
        |name: &str| base.get(name).cloned().with_context(|| format!("no base token {name:?}"));
    if let Some(name) = spec.as_str() {
        return find(name);
    }
    let mut patch = spec.clone();
    let members = patch.as_object_mut().context("a token is null, a name or an object")?;
    let name = members.remove("base").unwrap_or_else(|| DEFAULT_BASE.into());
    let mut described = find(name.as_str().context("`base` is a name")?)?;
    // A member that is patched away in the header has to stay `null` until the header is made.
    let header = members.remove("header");
    patch::merge(&mut described, &patch);
    if let Some(header) = header {
        described["header"] = header;
    }
    Ok(described)
}

impl Recipe {
    fn mint(&self, inside: &Inside<'_>) -> anyhow::Result<String> {
        let key = Key::named(&self.key)?;
        let algorithm = self.alg.as_deref().unwrap_or_else(|| key.algorithm());
        let mut header = json!({"alg": algorithm, "kid": key.name(), "typ": "at+jwt"});
        if !self.header.is_null() {
            patch::merge(&mut header, &self.header);
        }
        let header = part(&header, (self.header_more.as_ref(), self.header_raw.as_ref()), inside)?;
        let claims =
            part(&self.claims, (self.claims_more.as_ref(), self.claims_raw.as_ref()), inside)?;
        let message = format!("{}.{}", keys::encode(&header), keys::encode(&claims));
        let signature = match algorithm {
            "none" => Vec::new(),
            "HS256" => keys::hs256(&key.public_as_secret(&self.secret)?, message.as_bytes()),
            _ => key.sign(algorithm, message.as_bytes())?,
        };
        let mut parts = Parts { header, claims, signature, text: None };
        self.mutate.iter().try_for_each(|mutation| mutation.apply(&mut parts))?;
        Ok(parts.into_text())
    }
}

fn part(
    value: &Value,
    (more, raw): (Option<&Value>, Option<&Value>),
    inside: &Inside<'_>,
) -> anyhow::Result<Vec<u8>> {
    if let Some(raw) = raw {
        return text::bytes(raw, inside);
    }
    let mut bytes = serde_json::to_vec(value)?;
    if let Some(more) = more {
        if bytes.pop() != Some(b'}') || bytes == b"{" {
            bail!("raw members go into an object that has some");
        }
        bytes.push(b',');
        bytes.extend(text::bytes(more, inside)?);
        bytes.push(b'}');
    }
    Ok(bytes)
}

/// Inside a token: `${jwk KEY}`, and `${hash TOKEN}` of another one.
struct Inside<'b> {
    base: &'b BaseTokens,
    now: u64,
}

impl Placeholders for Inside<'_> {
    fn fill(&self, name: &str, arguments: &[&str]) -> anyhow::Result<Option<Vec<u8>>> {
        Ok(match (name, arguments) {
            ("jwk", [key]) => Some(serde_json::to_vec(&Key::named(key)?.jwk())?),
            ("hash", [token]) => {
                let token = mint(&Value::from(*token), self.base, self.now)?;
                Some(keys::encode(&Sha256::digest(token.unwrap_or_default())).into_bytes())
            }
            _ => None,
        })
    }
}

/// The token of an ordinary request: refund-bot for dana.
pub(super) const DEFAULT_BASE: &str = "dana";
