//! A service and an issuer on real sockets, a gateway that asks, and people with browsers.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::Router;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use deputy_example_approvals::config::Config;
use deputy_example_approvals::{Service, unix_seconds};
use deputy_example_envoy_mcp::issuer::Issuer;
use deputy_example_envoy_mcp::jose;
use deputy_example_envoy_mcp::person::{Browser, Page};
use p256::ecdsa::VerifyingKey;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::net::TcpListener;

/// Everything that runs.
pub(crate) struct World {
    pub(crate) people: String,
    pub(crate) gateway: String,
    pub(crate) folder: TempDir,
    pub(crate) service: Arc<Service>,
    ahead: Arc<AtomicI64>,
}

/// An answer to a gateway.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Value)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (people, people_address) = listener().await;
        let (gateway, gateway_address) = listener().await;
        let issuer = found_issuer(&folder, &people_address).await;
        let config = config(&folder, &people_address, &gateway_address, &issuer, change);
        let ahead = Arc::new(AtomicI64::new(0));
        let clock = Arc::clone(&ahead);
        let clock = Arc::new(move || unix_seconds() + clock.load(Ordering::SeqCst));
        let service = Service::open(config, clock).unwrap();
        serve(people, service.people());
        serve(gateway, service.gateway());
        Self { people: people_address, gateway: gateway_address, folder, service, ahead }
    }

    /// The service's clock, and nobody else's, goes forward.
    pub(crate) fn later(&self, seconds: i64) {
        self.ahead.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Asks as a gateway does.
    pub(crate) async fn ask(&self, binding: &Value) -> Answer {
        self.ask_with(binding, json!({})).await
    }

    pub(crate) async fn ask_with(&self, binding: &Value, more: Value) -> Answer {
        let mut body = question(binding);
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        put(&self.gateway, &digest(binding), &body.to_string()).await
    }

    pub(crate) fn page_of(&self, pending: &Answer) -> String {
        assert_eq!(pending.status, 202, "{}", pending.body);
        format!("{}/r/{}", self.people, pending.body["ticket"].as_str().unwrap())
    }

    /// A browser in which somebody has signed in, at the page that was asked for.
    pub(crate) async fn signed_in(&self, name: &str, address: &str) -> (Browser, Page) {
        let mut browser = Browser::open().unwrap();
        let sign_in = browser.go(address).await.unwrap();
        let page = browser.press(&sign_in.form_with("user").unwrap(), "user", name).await.unwrap();
        (browser, page)
    }

    pub(crate) async fn decide(&self, pending: &Answer, name: &str, decision: &str) -> Page {
        let (mut browser, page) = self.signed_in(name, &self.page_of(pending)).await;
        let form = page.form_with("decision").unwrap().with("reason", "looks right");
        browser.press(&form, "decision", decision).await.unwrap()
    }

    /// The claims of an approval, checked by a stranger with the published key.
    pub(crate) async fn verified(&self, approved: &Answer) -> Value {
        assert_eq!((approved.status, &approved.body["status"]), (200, &json!("approved")));
        let keys: Value =
            reqwest::get(format!("{}/jwks", self.gateway)).await.unwrap().json().await.unwrap();
        let coordinate =
            |name: &str| BASE64URL.decode(keys["keys"][0][name].as_str().unwrap()).unwrap();
        let point = [&[4][..], &coordinate("x"), &coordinate("y")].concat();
        let key = VerifyingKey::from_sec1_bytes(&point).unwrap();
        let token = approved.body["approval"].as_str().unwrap();
        jose::verify(token, "agent-approval+jwt", &key).unwrap()
    }

    pub(crate) async fn audit(&self) -> Vec<Value> {
        audit(&self.gateway).await
    }

    pub(crate) async fn events(&self) -> Vec<String> {
        let lines = self.audit().await;
        lines.iter().map(|line| line["event"].as_str().unwrap().to_owned()).collect()
    }
}

/// The audit, read a line at a time, with its chain of hashes checked.
pub(crate) async fn audit(gateway: &str) -> Vec<Value> {
    let text = reqwest::get(format!("{gateway}/audit")).await.unwrap().text().await.unwrap();
    let mut before = Value::Null;
    let mut lines = Vec::new();
    for line in text.lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        assert_eq!(value["prev"], before, "{line}");
        before = BASE64URL.encode(Sha256::digest(line)).into();
        lines.push(value);
    }
    lines
}

pub(crate) fn binding() -> Value {
    json!({
        "v": 1, "gateway": "https://gateway.acme.example",
        "agent": { "id": "https://idp.acme.example#refund-bot", "key": null },
        "actors": [], "delegator": "https://idp.acme.example#dana", "protocol": "mcp",
        "server": "orders", "action": "orders/refund", "resource": "Tool::orders/refund",
        "arguments": { "id": 1042, "amount": 400 }, "tool": null, "revision": "7",
    })
}

pub(crate) fn question(binding: &Value) -> Value {
    json!({
        "binding": binding, "approvers": ["role:finance"],
        "policies": ["refunds-over-100-need-a-human"],
        "evaluation_id": "01a214df-2d0b-7d69-acf2-7c71edb4f25a", "asked_at": "2026-11-27T14:00:00Z",
    })
}

pub(crate) fn digest(binding: &Value) -> String {
    BASE64URL.encode(Sha256::digest(serde_json_canonicalizer::to_vec(binding).unwrap()))
}

pub(crate) async fn put(gateway: &str, digest: &str, body: &str) -> Answer {
    let answer = reqwest::Client::new()
        .put(format!("{gateway}/v1/requests/{digest}"))
        .header("content-type", "application/json")
        .body(body.to_owned())
        .send()
        .await
        .unwrap();
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    Answer { status, body: serde_json::from_str(&text).unwrap_or_default() }
}

pub(crate) async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    (listener, address)
}

pub(crate) fn serve(listener: TcpListener, router: Router) {
    tokio::spawn(async move { axum::serve(listener, router).await });
}

/// A new issuer with a key for the service; where it is.
pub(crate) async fn found_issuer(folder: &TempDir, people: &str) -> String {
    let (listener, address) = listener().await;
    let issuer = Issuer::found(
        "https://idp.acme.example".to_owned(),
        "https://gateway.acme.example".to_owned(),
        &folder.path().join("agents"),
    );
    serve(
        listener,
        issuer.unwrap().with_approvals_callback(format!("{people}/login/callback")).router(),
    );
    address
}

/// The example's configuration, with other addresses.
pub(crate) fn config(
    folder: &TempDir,
    people: &str,
    gateway: &str,
    issuer: &str,
    change: impl FnOnce(&mut Value),
) -> Config {
    let mut config: Value = serde_json::from_str(include_str!("../../approvals.json")).unwrap();
    config["listen"] = people.trim_start_matches("http://").into();
    config["gateway_listen"] = gateway.trim_start_matches("http://").into();
    config["address"] = people.into();
    config["login"]["key_file"] = "agents/approvals.jwk".into();
    for (member, path) in [
        ("authorization_endpoint", "/authorize"),
        ("token_endpoint", "/token"),
        ("jwks_uri", "/jwks"),
    ] {
        config["login"][member] = format!("{issuer}{path}").into();
    }
    change(&mut config);
    let path = folder.path().join("approvals.json");
    std::fs::write(&path, serde_json::to_string_pretty(&config).unwrap()).unwrap();
    Config::read(&path).unwrap()
}

/// A client that follows nothing and keeps nothing.
pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}
