//! What reached the upstream: one JSON line per request.
//!
//! The demo and the tests read it to see that a refused request never got here, that the gateway's
//! headers did, and that the client's token and forged headers did not. Values of tokens are never
//! written, only whether there was one.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value, json};

use crate::clock;

/// The same limit as the MCP SDK's own.
const MAX_BODY: usize = 4 * 1024 * 1024;

/// Where the lines go.
pub struct Witness(Mutex<Box<dyn std::io::Write + Send>>);

impl Witness {
    /// Appends to a file.
    ///
    /// # Errors
    /// If the file can't be opened.
    pub fn to_file(path: &Path) -> std::io::Result<Self> {
        let file: File = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self(Mutex::new(Box::new(file))))
    }

    /// Writes to standard output.
    #[must_use]
    pub fn to_stdout() -> Self {
        Self(Mutex::new(Box::new(std::io::stdout())))
    }

    fn write(&self, line: &Value) {
        let mut out = self.0.lock().expect("no holder panics");
        if let Err(error) = writeln!(out, "{line}").and_then(|()| out.flush()) {
            eprintln!("orders-mcp: the witness line could not be written: {error}");
        }
    }
}

/// Writes the line, before anything else is done with the request.
pub(super) async fn observe(
    State(witness): State<Arc<Witness>>,
    request: Request,
    next: Next,
) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    witness.write(&json!({
        "time_ms": u64::try_from(clock::unix_millis()).unwrap_or(u64::MAX),
        "http": format!("{} {}", head.method, head.uri),
        "version": text(&head.headers, "mcp-protocol-version"),
        "method": message.get("method"),
        "tool": message.pointer("/params/name"),
        "arguments": message.pointer("/params/arguments"),
        "identity": identity(&head.headers),
        "authorization": head.headers.contains_key("authorization"),
    }));
    next.run(Request::from_parts(head, Body::from(body))).await
}

/// Every header that could be taken for a statement of the gateway, in any spelling; a list, so that
/// one that came twice shows.
fn identity(headers: &HeaderMap) -> Value {
    let mut found = Map::new();
    for (name, value) in headers {
        if name.as_str().replace('_', "-").starts_with("x-deputy-") {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            if let Value::Array(values) = found.entry(name.as_str()).or_insert_with(|| json!([])) {
                values.push(value.into());
            }
        }
    }
    Value::Object(found)
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}
