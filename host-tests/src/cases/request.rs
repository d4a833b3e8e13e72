//! A request, from shorthand to bytes.

use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::format::or_default;
use super::resolved::{Bytes, Pair};
use super::text::{self, Placeholders};

/// What a case says of its request. Everything is optional: what is left out is as an honest client
/// of `era` would send it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestSpec {
    /// `["tool", {arguments}]`: a `tools/call`.
    call: Option<(String, Value)>,
    /// Members of the JSON-RPC message, over `{jsonrpc, id}`; `null` stays `null`.
    mcp: Option<Map<String, Value>>,
    /// Members to leave out of the JSON-RPC message.
    #[serde(default, deserialize_with = "or_default")]
    without: Vec<String>,
    /// MCP version.
    #[serde(default = "latest")]
    era: String,
    /// Otherwise `POST` with a body and `GET` without.
    method: Option<String>,
    #[serde(default = "mcp_path")]
    path: Value,
    #[serde(default = "authority")]
    authority: Value,
    /// By name: a text, several `{"all": […], "times": n}`, or `null` for none. A name with `:` is
    /// a pseudo-header.
    #[serde(default, deserialize_with = "or_default")]
    headers: Map<String, Value>,
    /// Instead of the body that `call` or `mcp` make: JSON, with its type …
    json: Option<Value>,
    /// … or as it is.
    body: Option<Value>,
    /// Sizes of the pieces the body comes in, the last one again and again.
    #[serde(default, deserialize_with = "or_default")]
    chunks: Vec<usize>,
    #[serde(default, deserialize_with = "or_default")]
    trailers: Map<String, Value>,
}

/// What a request carries of its own accord.
#[derive(Clone, Copy)]
pub(super) struct Credentials {
    pub(super) token: bool,
    /// A DPoP proof; then the token is presented as bound.
    pub(super) proof: bool,
}

/// A request as bytes.
pub(super) struct Request {
    pub(super) headers: Vec<Pair>,
    pub(super) body: Option<Vec<Bytes>>,
    pub(super) trailers: Vec<Pair>,
}

fn latest() -> String {
    MODERN.to_owned()
}

fn mcp_path() -> Value {
    "/mcp".into()
}

fn authority() -> Value {
    "gateway.acme.example".into()
}

impl RequestSpec {
    pub(super) fn resolve(
        &self,
        credentials: Credentials,
        known: &dyn Placeholders,
    ) -> anyhow::Result<Request> {
        let message = self.message();
        let body = match (&self.body, &self.json, &message) {
            (Some(body), _, _) => Some(text::bytes(body, known).context("body")?),
            (None, Some(json), _) => Some(serde_json::to_vec(json)?),
            (None, None, Some(message)) => Some(serde_json::to_vec(message)?),
            (None, None, None) => None,
        };
        let mut headers = Headers(self.line(body.is_some(), known)?);
        if let Some(message) = &message {
            self.mcp_headers(message, &mut headers);
        }
        if self.json.is_some() {
            headers.add("content-type", "application/json");
        }
        if credentials.token {
            let scheme = if credentials.proof { "DPoP" } else { "Bearer" };
            let value = format!("{scheme} ${{token}}");
            headers.add("authorization", text::bytes(&value.into(), known)?);
        }
        if credentials.proof {
            headers.add("dpop", text::bytes(&"${proof}".into(), known)?);
        }
        for (name, value) in &self.headers {
            headers.patch(name, value, known).with_context(|| format!("header {name}"))?;
        }
        let body = body.map(|body| pieces(&body, &self.chunks));
        let mut trailers = Headers(Vec::new());
        for (name, value) in &self.trailers {
            trailers.patch(name, value, known).with_context(|| format!("trailer {name}"))?;
        }
        if body.is_none() && !(self.chunks.is_empty() && trailers.0.is_empty()) {
            bail!("a request without a body has neither chunks nor trailers");
        }
        Ok(Request { headers: headers.0, body, trailers: trailers.0 })
    }

    /// Method and path, as a client's proof names them.
    pub(super) fn target(&self, known: &dyn Placeholders) -> anyhow::Result<(String, String)> {
        let has_body = self.body.is_some() || self.json.is_some() || self.message().is_some();
        let method = self.method.as_deref().unwrap_or(if has_body { "POST" } else { "GET" });
        let path = String::from_utf8(text::bytes(&self.path, known).context("path")?)?;
        Ok((method.to_owned(), path))
    }

    /// The tool that is called, and with what; nothing of any other request.
    pub(super) fn called(&self) -> (&str, &Value) {
        self.call.as_ref().map_or(("", &Value::Null), |(tool, arguments)| (tool, arguments))
    }

    fn is_modern(&self) -> bool {
        self.era.as_str() >= MODERN
    }

    /// The JSON-RPC message of `call` or `mcp`.
    fn message(&self) -> Option<Value> {
        let mut message = json!({"jsonrpc": "2.0", "id": 1});
        if let Some((tool, arguments)) = &self.call {
            message["method"] = "tools/call".into();
            message["params"] = json!({"name": tool, "arguments": arguments});
        }
        for (name, value) in self.mcp.iter().flatten() {
            message[name] = value.clone();
        }
        if self.call.is_none() && self.mcp.is_none() {
            return None;
        }
        if self.is_modern() {
            self.add_meta(&mut message);
        }
        let members = message.as_object_mut()?;
        members.retain(|name, _| !self.without.contains(name));
        Some(message)
    }

    /// What 2026-07-28 wants in every request (MCP-1).
    fn add_meta(&self, message: &mut Value) {
        let params = &mut message["params"];
        if params.is_null() {
            *params = json!({});
        }
        let Some(params) = params.as_object_mut() else {
            return;
        };
        params.entry("_meta").or_insert_with(|| {
            json!({
                "io.modelcontextprotocol/protocolVersion": self.era,
                "io.modelcontextprotocol/clientCapabilities": {},
            })
        });
    }

    fn line(&self, has_body: bool, known: &dyn Placeholders) -> anyhow::Result<Vec<Pair>> {
        let method = self.method.as_deref().unwrap_or(if has_body { "POST" } else { "GET" });
        let pair = |name: &str, value: Vec<u8>| (Bytes(name.into()), Bytes(value));
        Ok(vec![
            pair(":method", method.into()),
            pair(":scheme", "https".into()),
            pair(":authority", text::bytes(&self.authority, known).context("authority")?),
            pair(":path", text::bytes(&self.path, known).context("path")?),
        ])
    }

    fn mcp_headers(&self, message: &Value, headers: &mut Headers) {
        headers.add("content-type", "application/json");
        headers.add("accept", "application/json, text/event-stream");
        headers.add("mcp-protocol-version", self.era.as_str());
        if !self.is_modern() {
            return;
        }
        if let Some(method) = message["method"].as_str() {
            headers.add("mcp-method", method);
        }
        // MCP 2026-07-28 and its tasks extension: what the message is about, once more.
        let named = match message["method"].as_str() {
            Some("tools/call" | "prompts/get") => "name",
            Some("resources/read") => "uri",
            Some("tasks/get" | "tasks/update" | "tasks/cancel") => "taskId",
            _ => return,
        };
        if let Some(name) = message["params"][named].as_str() {
            headers.add("mcp-name", name);
        }
    }
}

/// Pairs under construction.
pub(super) struct Headers(pub(super) Vec<Pair>);

impl Headers {
    fn add(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        self.0.push((Bytes(name.into()), Bytes(value.into())));
    }

    /// Sets, doubles or removes; the first value takes the place of the one that was there.
    pub(super) fn patch(
        &mut self,
        name: &str,
        value: &Value,
        known: &dyn Placeholders,
    ) -> anyhow::Result<()> {
        let values = match value {
            Value::Null => Vec::new(),
            Value::Object(members) if members.contains_key("all") => {
                let all = members["all"].as_array().context("`all` is a list")?;
                let all = all.iter().map(|value| text::bytes(value, known));
                let all: Vec<_> = all.collect::<Result<_, _>>()?;
                let times = members.get("times").and_then(Value::as_u64).unwrap_or(1);
                std::iter::repeat_n(all, times as usize).flatten().collect()
            }
            one => vec![text::bytes(one, known)?],
        };
        let place = self.0.iter().position(|(n, _)| n.0 == name.as_bytes());
        self.0.retain(|(n, _)| n.0 != name.as_bytes());
        let place = place.unwrap_or(if name.starts_with(':') { 0 } else { self.0.len() });
        for (i, value) in values.into_iter().enumerate() {
            self.0.insert(place + i, (Bytes(name.into()), Bytes(value)));
        }
        Ok(())
    }
}

/// Cuts bytes into pieces of those sizes, the last size again and again.
pub(super) fn pieces(bytes: &[u8], sizes: &[usize]) -> Vec<Bytes> {
    let mut pieces = Vec::new();
    let mut rest = bytes;
    let mut sizes = sizes.iter().copied();
    let mut size = usize::MAX;
    while !rest.is_empty() {
        size = sizes.next().unwrap_or(size).max(1);
        let (piece, after) = rest.split_at(size.min(rest.len()));
        pieces.push(Bytes(piece.to_vec()));
        rest = after;
    }
    pieces
}

const MODERN: &str = "2026-07-28";
