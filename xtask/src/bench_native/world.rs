//! Who is measured: the example's agents, tools and policies, one HTTP route more, and an issuer
//! whose key is known here.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::asking::Asking;
use crate::clock;
use crate::signing::Signer;

/// A configuration and the key that its tokens are signed with.
pub(crate) struct World {
    pub(crate) configuration: Value,
    key: Signer,
    pub(crate) now: u64,
}

impl World {
    /// The example's `deputy.json`, with the keys inline and a route.
    pub(crate) fn new(repository: &Path) -> Result<Self> {
        let path = repository.join("examples/envoy-mcp/deputy.json");
        let text =
            fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))?;
        let mut configuration: Value = serde_json::from_str(&text)?;
        let key = Signer::es256(ISSUER)?;
        let place = |at: &str| format!("examples/envoy-mcp/deputy.json has no {at}");
        let issuer = configuration.pointer_mut("/issuers/0").with_context(|| place("issuer"))?;
        set(issuer, "keys", json!({"inline": jwks([&key])}))?;
        set(issuer, "max_lifetime_seconds", json!(LIFETIME))?;
        set(&mut configuration, "http", json!([ROUTE.to_json()]))?;
        let files = configuration.pointer_mut("/policy/files").and_then(Value::as_array_mut);
        files
            .with_context(|| place("policies"))?
            .push(json!({"name": "bench.cedar", "text": POLICIES}));
        Ok(Self { configuration, key, now: clock::unix_seconds() })
    }

    /// A token of refund-bot for dana. Different numbers, different tokens.
    pub(crate) fn token(&self, number: usize) -> String {
        token(&self.key, &self.claims(number))
    }

    /// A token of an agent of the example that must not act.
    pub(crate) fn suspended(&self) -> String {
        let mut claims = self.claims(0);
        claims["client_id"] = SUSPENDED.into();
        claims["act"]["sub"] = SUSPENDED.into();
        token(&self.key, &claims)
    }

    /// What such a token says.
    pub(crate) fn claims(&self, number: usize) -> Value {
        json!({
            "iss": ISSUER, "sub": "dana", "aud": AUDIENCE, "client_id": AGENT,
            "iat": self.now, "exp": self.now + LIFETIME, "jti": format!("bench-{number}"),
            "scope": "orders refunds", "act": {"iss": ISSUER, "sub": AGENT},
        })
    }

    /// What the gateways and the load generator are given.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        let token = self.token(0);
        let empty = wat::parse_str(EMPTY)?;
        let files: [(&str, Vec<u8>); 6] = [
            ("deputy.json", self.configuration.to_string().into_bytes()),
            ("jwks.json", jwks([&self.key]).to_string().into_bytes()),
            ("http.json", Asking::http().to_json(&token).to_string().into_bytes()),
            ("tools-call.json", Asking::tools_call().to_json(&token).to_string().into_bytes()),
            ("policies.cedar", self.policies().join("\n").into_bytes()),
            ("empty.wasm", empty),
        ];
        files.iter().try_for_each(|(name, bytes)| write(folder, name, bytes))
    }

    /// The texts of all policies.
    pub(crate) fn policies(&self) -> Vec<&str> {
        let files = self.configuration.pointer("/policy/files").and_then(Value::as_array);
        files.into_iter().flatten().filter_map(|file| file.get("text")?.as_str()).collect()
    }
}

/// An access token of the issuer's, signed with one of its keys.
pub(crate) fn token(key: &Signer, claims: &Value) -> String {
    key.signed(json!({"typ": "at+jwt", "kid": key.algorithm()}), claims)
}

pub(crate) fn jwks<'k>(keys: impl IntoIterator<Item = &'k Signer>) -> Value {
    json!({"keys": keys.into_iter().map(Signer::jwk).collect::<Vec<_>>()})
}

pub(crate) fn set(object: &mut Value, name: &str, value: Value) -> Result<()> {
    let members =
        object.as_object_mut().with_context(|| format!("no object to put `{name}` into"))?;
    members.insert(name.to_owned(), value);
    Ok(())
}

pub(crate) fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let path = folder.join(name);
    fs::write(&path, bytes).with_context(|| format!("can't write {}", path.display()))
}

/// A line of the route table.
struct Route {
    action: &'static str,
    resource: &'static str,
}

impl Route {
    fn to_json(&self) -> Value {
        json!({"method": "GET", "path": "/v1/orders/{id}", "action": self.action, "resource": self.resource})
    }
}

const ROUTE: Route = Route { action: "orders:read", resource: "orders" };

/// What the example's policies don't say, as they know no route.
const POLICIES: &str = r#"
@id("support-agents-read-orders-over-http")
permit (principal is Agent in Team::"support", action == Action::"orders:read", resource == Endpoint::"orders")
when { context.grant.scopes.contains("orders") };

@id("support-staff-read-orders-over-http")
permit (principal is Human in Team::"support", action == Action::"orders:read", resource == Endpoint::"orders");
"#;

/// Those of the example.
pub(crate) const ISSUER: &str = "https://idp.acme.example";
/// The gateway's identifier, and where proofs say that it is.
pub(crate) const AUDIENCE: &str = "https://gateway.acme.example";
const AGENT: &str = "refund-bot";
const SUSPENDED: &str = "old-bot";
/// Longer than any run, and what Deputy allows an issuer by default.
const LIFETIME: u64 = 3600;

/// A filter that does nothing, in as many callbacks as ours: what crossing into a VM costs.
const EMPTY: &str = include_str!("empty.wat");
