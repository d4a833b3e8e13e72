//! A small OAuth authorization server: keys, metadata and a token endpoint.
//!
//! It authenticates clients by a key of their own (`private_key_jwt`), so no secret is shared with
//! anyone, and it writes `act` when an agent acts for a human (RFC 8693). People sign in to the approval
//! service with OpenID Connect (`authorize`). Deliberately not here: passwords. The sign-in page asks only
//! who one is, and `GET /demo/login` stands in for an application in which the human has just signed in.

mod authorize;
mod client_assertion;
mod directory;
mod grant;
pub mod published;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use p256::ecdsa::VerifyingKey;
use serde_json::{Value, json};

use crate::clock;
use crate::jose::Signatory;
use grant::{Granted, Refused};

/// The issuer's keys, its clients' keys, and what has been used once.
pub struct Issuer {
    identifier: String,
    gateway: String,
    key: Signatory,
    client_keys: HashMap<&'static str, VerifyingKey>,
    used_assertions: Mutex<HashMap<String, u64>>,
    /// Where people are sent back to after they signed in to the approval service.
    approvals_callback: String,
    codes: Mutex<HashMap<String, authorize::Code>>,
}

impl Issuer {
    /// A new issuer with new keys; each client's private key goes into `agents_dir`.
    ///
    /// # Errors
    /// If a key file can't be written.
    pub fn found(identifier: String, gateway: String, agents_dir: &Path) -> std::io::Result<Self> {
        create_private_dir(agents_dir)?;
        let mut issuer = Self::without_clients(identifier, gateway);
        for client in directory::clients() {
            let key = Signatory::generate();
            write_private(&agents_dir.join(format!("{client}.jwk")), &key, client)?;
            issuer.client_keys.insert(client, key.verifying_key());
        }
        Ok(issuer)
    }

    /// Where the approval service wants people sent back to: compared exactly (RFC 9700 §4.1.3).
    #[must_use]
    pub fn with_approvals_callback(mut self, address: String) -> Self {
        self.approvals_callback = address;
        self
    }

    fn without_clients(identifier: String, gateway: String) -> Self {
        Self {
            identifier,
            gateway,
            key: Signatory::generate(),
            client_keys: HashMap::new(),
            used_assertions: Mutex::default(),
            approvals_callback: String::new(),
            codes: Mutex::default(),
        }
    }

    /// Its endpoints.
    pub fn router(self) -> Router {
        Router::new()
            .route("/jwks", get(keys))
            .route("/.well-known/oauth-authorization-server", get(metadata))
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/authorize", get(authorize::page).post(authorize::answer))
            .route("/token", post(token))
            .route("/demo/login", get(login))
            .with_state(Arc::new(self))
    }
}

async fn keys(State(issuer): State<Arc<Issuer>>) -> Json<Value> {
    Json(json!({ "keys": [issuer.key.public_jwk()] }))
}

/// RFC 8414 §2, OpenID Connect Discovery 1.0 §3. The addresses are the issuer's public ones; the demo reaches them on loopback.
async fn metadata(State(issuer): State<Arc<Issuer>>) -> Json<Value> {
    let id = &issuer.identifier;
    Json(json!({
        "issuer": id,
        "jwks_uri": format!("{id}/jwks"),
        "authorization_endpoint": format!("{id}/authorize"),
        "token_endpoint": format!("{id}/token"),
        "grant_types_supported": grant::TYPES,
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "scopes_supported": directory::scopes(),
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["ES256"],
    }))
}

async fn token(
    State(issuer): State<Arc<Issuer>>,
    Form(form): Form<Vec<(String, String)>>,
) -> Response {
    match issuer.grant(&form, clock::unix_seconds()) {
        Ok(granted) => granted.into_response(),
        Err(refused) => refused.into_response(),
    }
}

async fn login(
    State(issuer): State<Arc<Issuer>>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let user = query.get("user").map_or("", String::as_str);
    match issuer.sign_in(user, clock::unix_seconds()) {
        Ok(granted) => granted.into_response(),
        Err(refused) => refused.into_response(),
    }
}

impl IntoResponse for Granted {
    fn into_response(self) -> Response {
        // RFC 6749 §5.1: a token is never stored on its way.
        ([("cache-control", "no-store")], Json(self.body())).into_response()
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status()).unwrap_or(StatusCode::BAD_REQUEST);
        let body = Json(json!({ "error": self.code(), "error_description": self.to_string() }));
        (status, [("cache-control", "no-store")], body).into_response()
    }
}

fn create_private_dir(dir: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(dir)
}

/// Readable by its owner alone from the moment it exists.
fn write_private(path: &Path, key: &Signatory, client_id: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    if path.exists() {
        std::fs::remove_file(path)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let text = serde_json::to_string_pretty(&key.private_jwk(client_id))?;
    options.open(path)?.write_all(text.as_bytes())
}
