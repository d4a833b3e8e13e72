//! The approval service of a case: what it answers, and whether it was asked as `docs/approvals.md` says.
//!
//! What an approval is bound to is written down here a second time, from the case, not from the engine.

use std::collections::BTreeMap;

use anyhow::Context as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::resolved::{Bytes, FetchAnswer};
use super::{keys, moment, patch, token};

/// Where the service of the cases is.
pub const CLUSTER: &str = "approvals";
/// What it answers to whoever says that an approval was used.
const USED: &str = "approvals used";
/// What it answers to whoever is about to use one; that they may, if the case does not say.
const USE: &str = "approvals use";

/// What a request looks like to the service.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// `:method`.
    pub method: &'a [u8],
    /// `:path`.
    pub path: &'a [u8],
    /// `content-type`.
    pub media_type: Option<&'a [u8]>,
    /// The body.
    pub body: &'a [u8],
}

/// What that cluster answers, if it serves one document, or one at that path; the approval service only to those
/// who ask for what they say they ask for.
pub fn document<'d>(
    documents: &'d BTreeMap<String, FetchAnswer>,
    cluster: &str,
    asked: Asked<'_>,
) -> Option<std::borrow::Cow<'d, FetchAnswer>> {
    use std::borrow::Cow;
    if cluster != CLUSTER {
        let at = format!("{cluster} {}", String::from_utf8_lossy(asked.path));
        return documents.get(&at).or(documents.get(cluster)).map(Cow::Borrowed);
    }
    documents.get(CLUSTER)?;
    let Some(question) = question(asked) else {
        let body = Bytes(format!("not as specified: {asked:?}").into_bytes());
        return Some(Cow::Owned(FetchAnswer::Answered { status: 422, headers: Vec::new(), body }));
    };
    if question["use"].is_string() && !documents.contains_key(USE) {
        let body = Bytes(br#"{"status":"used"}"#.to_vec());
        return Some(Cow::Owned(FetchAnswer::Answered { status: 200, headers: Vec::new(), body }));
    }
    let told = [("use", USE), ("used", USED)].into_iter().find(|(is, _)| question[*is].is_string());
    let name = told.map_or(CLUSTER, |(_, name)| name);
    documents.get(name).or(documents.get(CLUSTER)).map(Cow::Borrowed)
}

/// The question, if it is one.
fn question(asked: Asked<'_>) -> Option<Value> {
    let digest_in_path = asked.path.strip_prefix(b"/v1/requests/")?;
    let question: Value = serde_json::from_slice(asked.body).ok()?;
    let good = asked.method == b"PUT"
        && asked.media_type == Some(b"application/json")
        && digest(&question["binding"]).ok()?.as_bytes() == digest_in_path
        && question["approvers"].as_array().is_some_and(|approvers| !approvers.is_empty())
        && question["policies"].as_array().is_some_and(|policies| !policies.is_empty())
        && question["evaluation_id"].as_str().is_some_and(|id| id.len() == 36)
        && question["asked_at"].as_str().is_some_and(|at| at.ends_with('Z'));
    good.then_some(question)
}

/// base64url of SHA-256 over RFC 8785.
pub fn digest(binding: &Value) -> anyhow::Result<String> {
    Ok(keys::encode(&Sha256::digest(serde_json_canonicalizer::to_vec(binding)?)))
}

/// An answer of the service. `arguments`: what the case's own request calls its tool with.
pub(super) fn answer(
    spec: &Value,
    (tool, arguments): (&str, &Value),
    (now, scope): (u64, &str),
) -> anyhow::Result<Option<FetchAnswer>> {
    // In a further exchange `null` takes away what was answered before.
    let members = spec.as_object().into_iter().flatten().filter(|(_, what)| !what.is_null());
    let members = members.collect::<Vec<_>>();
    let [(kind, what)] = members.as_slice() else { return Ok(None) };
    let (status, body) = match kind.as_str() {
        "pending" => (202, json!({"status": "pending", "ticket": what})),
        "denied" => (200, json!({"status": "denied"})),
        "approved" => {
            let text = approval(what, binding(tool, arguments), (now, scope))?;
            (200, json!({"status": "approved", "approval": text}))
        }
        _ => return Ok(None),
    };
    let body = Bytes(serde_json::to_vec(&body)?);
    Ok(Some(FetchAnswer::Answered { status, headers: Vec::new(), body }))
}

/// What a call of refund-bot for dana is bound by.
fn binding(tool: &str, arguments: &Value) -> Value {
    json!({
        "v": 1,
        "gateway": "https://gateway.acme.example",
        "agent": {"id": "https://idp.acme.example#refund-bot", "key": null},
        "actors": [],
        "delegator": "https://idp.acme.example#dana",
        "protocol": "mcp",
        "server": "orders",
        "action": format!("orders/{tool}"),
        "resource": format!("Tool::orders/{tool}"),
        "arguments": arguments,
        "tool": null,
        "revision": "7",
    })
}

/// An approval by lee: a recipe as for a token, with `binding`, a patch over what it is of.
fn approval(spec: &Value, mut bound: Value, (now, scope): (u64, &str)) -> anyhow::Result<String> {
    let mut recipe = spec.as_object().cloned().context("an approval is described by an object")?;
    if let Some(change) = recipe.remove("binding") {
        patch::overlay(&mut bound, &change);
        super::proof::fill(&mut bound, now)?;
    }
    let mut claims = json!({
        "iss": "https://approvals.acme.example",
        "aud": "https://gateway.acme.example",
        "jti": "approval-1",
        "iat": "now-5",
        "exp": "now+60",
        "sub": "https://idp.acme.example#lee",
        "approver": {
            "iss": "https://idp.acme.example", "sub": "lee", "acr": "phr", "auth_time": "now-30",
        },
        "digest": digest(&bound)?,
        "uses": 1,
    });
    if let Some(change) = recipe.remove("claims") {
        patch::merge(&mut claims, &change);
    }
    moment::fill(&mut claims, now);
    if let (Some(id), false) = (claims["jti"].as_str(), scope.is_empty()) {
        claims["jti"] = format!("{id} {}", keys::encode(&Sha256::digest(scope))).into();
    }
    recipe.insert("claims".to_owned(), claims);
    recipe.entry("key").or_insert_with(|| KEY.into());
    recipe.entry("header").or_insert_with(|| json!({"typ": "agent-approval+jwt"}));
    token::sign(&Value::Object(recipe))
}

/// Whose signature the configuration of the cases accepts.
const KEY: &str = "es-8";
