//! The two requests that everything is measured with, as a client sends them and as a gateway
//! presents them to a filter.

use deputy_engine::evidence::Head;
use serde_json::{Value, json};

/// One request.
pub(crate) struct Asking {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    /// Without the token.
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
    /// What policy is asked: action, resource type and id, input.
    pub(crate) action: &'static str,
    pub(crate) resource: (&'static str, &'static str),
    pub(crate) input: Value,
}

impl Asking {
    /// Reads an order through the HTTP route.
    pub(crate) fn http() -> Self {
        Self {
            method: "GET",
            path: "/v1/orders/1042",
            headers: vec![("accept", "application/json".to_owned())],
            body: String::new(),
            action: "orders:read",
            resource: ("Endpoint", "orders"),
            input: json!({"id": "1042"}),
        }
    }

    /// Asks for something that no route names: refused before anybody looks at who asks.
    pub(crate) fn unmapped() -> Self {
        Self { path: "/v1/others/1042", ..Self::http() }
    }

    /// Calls a tool with typed arguments, as a client of the newest MCP writes it.
    pub(crate) fn tools_call() -> Self {
        let arguments =
            json!({"id": 1042, "amount": 40, "note": "arrived broken, see ticket 7781"});
        Self { input: arguments.clone(), ..Self::call("refund", arguments) }
    }

    /// Calls that tool.
    pub(crate) fn call(tool: &str, arguments: Value) -> Self {
        Self::mcp("tools/call", Some(tool), json!({"name": tool, "arguments": arguments}))
    }

    /// Lists the tools.
    pub(crate) fn tools_list() -> Self {
        Self::mcp("tools/list", None, json!({}))
    }

    /// Opens the stream of a session: no body, so a gateway has nothing left to read when it refuses.
    pub(crate) fn mcp_stream() -> Self {
        let version = ("mcp-protocol-version", "2025-11-25".to_owned());
        let headers = vec![("accept", "text/event-stream".to_owned()), version];
        Self { path: "/mcp", headers, ..Self::http() }
    }

    fn mcp(method: &str, name: Option<&str>, mut params: Value) -> Self {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": MCP_VERSION,
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
        });
        params["_meta"] = meta;
        let body = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
        let header = |name, value: &str| (name, value.to_owned());
        let named = name.map(|name| header("mcp-name", name));
        Self {
            method: "POST",
            path: "/mcp",
            headers: vec![
                header("accept", "application/json, text/event-stream"),
                header("content-type", "application/json"),
                header("mcp-protocol-version", MCP_VERSION),
                header("mcp-method", method),
            ]
            .into_iter()
            .chain(named)
            .collect(),
            body: body.to_string(),
            action: "orders/refund",
            resource: ("Tool", "orders/refund"),
            input: Value::Null,
        }
    }

    /// For the load generator's script and whoever wants to see it.
    pub(crate) fn to_json(&self, token: &str) -> Value {
        let mut headers: serde_json::Map<String, Value> = self
            .headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.as_str().into()))
            .collect();
        headers.insert("authorization".to_owned(), format!("Bearer {token}").into());
        json!({"method": self.method, "path": self.path, "headers": headers, "body": self.body})
    }

    /// The pairs that Envoy shows a filter for it.
    pub(crate) fn pairs(&self, token: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.pairs_with(&[("authorization", format!("Bearer {token}"))])
    }

    /// The same, with these credentials.
    pub(crate) fn pairs_with(
        &self,
        credentials: &[(&'static str, String)],
    ) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut pairs = vec![
            (":authority", "127.0.0.1:10000".to_owned()),
            (":path", self.path.to_owned()),
            (":method", self.method.to_owned()),
            (":scheme", "http".to_owned()),
            ("x-forwarded-proto", "http".to_owned()),
            ("x-request-id", "8f6a1c2e-3b4d-4c5e-9f60-718293a4b5c6".to_owned()),
        ];
        pairs.extend(credentials.iter().cloned());
        pairs.extend(self.headers.iter().cloned());
        if !self.body.is_empty() {
            pairs.push(("content-length", self.body.len().to_string()));
        }
        pairs
            .into_iter()
            .map(|(name, value)| (name.as_bytes().to_vec(), value.into_bytes()))
            .collect()
    }
}

/// A head of its own for each decision: the engine takes it.
pub(crate) fn head(pairs: &[(Vec<u8>, Vec<u8>)]) -> Head {
    Head::from_pairs(pairs.to_vec())
}

const MCP_VERSION: &str = "2026-07-28";
