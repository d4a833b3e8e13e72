//! A gateway with the example's configuration, and the judge of what came of a request.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use host_tests::envoy::{
    Access, Answer, Gateway, Issuer, Listener, Plan, Request, Response, Server,
};
use serde_json::{Value, json};

/// A listener, the issuer whose keys it fetches, and where it fetches them.
pub(crate) struct World {
    pub(crate) listener: Listener,
    pub(crate) idp: Server,
    issuer: Issuer,
    tokens: RefCell<BTreeSet<String>>,
    resident: u64,
}

/// How far the traces went at some moment.
pub(crate) struct Mark {
    pub(crate) receipts: usize,
    pub(crate) upstream: usize,
    pub(crate) accesses: usize,
}

impl World {
    /// The example's gateway.
    pub(crate) fn open() -> Self {
        Self::changed(|_| (), |plan| plan)
    }

    /// The same with another plugin configuration or other settings of Envoy.
    pub(crate) fn changed(
        configuration: impl FnOnce(&mut Value),
        plan: impl FnOnce(Plan) -> Plan,
    ) -> Self {
        let issuer = Issuer::named("edge");
        let idp = Server::start(Answer::json(&issuer.jwks()));
        Self::with_idp(issuer, idp, configuration, plan)
    }

    /// The same with an issuer that behaves as it likes.
    pub(crate) fn with_idp(
        issuer: Issuer,
        idp: Server,
        configuration: impl FnOnce(&mut Value),
        plan: impl FnOnce(Plan) -> Plan,
    ) -> Self {
        let gateway = gateway();
        let resident = gateway.process().resident();
        let mut document = example();
        configuration(&mut document);
        let made = plan(Plan::new(document.to_string()).cluster("idp", idp.address()));
        let listener = gateway.open(made).unwrap_or_else(|refused| panic!("{refused}"));
        let nothing = json!({"jsonrpc": "2.0", "id": 1, "result": {"content": []}});
        listener.upstream.answers(Answer::json(&nothing));
        Self { listener, idp, issuer, tokens: RefCell::default(), resident }
    }

    /// The token of an ordinary request.
    pub(crate) fn token(&self) -> String {
        self.note(self.issuer.token("refund-bot", "dana"))
    }

    /// A token with those claims over the usual ones.
    pub(crate) fn token_with(&self, claims: &Value) -> String {
        self.note(self.issuer.sign(claims))
    }

    /// A token of another agent, or of somebody else's making, that may get out no more than ours.
    pub(crate) fn note(&self, token: String) -> String {
        self.tokens.borrow_mut().insert(token.clone());
        token
    }

    /// A call that is allowed.
    pub(crate) fn good(&self) -> Request {
        call("get_order", &json!({"id": 1042}), &self.token())
    }

    /// A call that the agent may make and dana may not.
    pub(crate) fn bad(&self) -> Request {
        call("delete_customer", &json!({"id": 7}), &self.token())
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark {
            receipts: self.listener.receipts().len(),
            upstream: self.listener.upstream.seen().len(),
            accesses: self.listener.accesses().len(),
        }
    }

    /// Sends it, and holds what came of it against the first three of five things.
    pub(crate) fn refuses(&self, request: &Request, status: u16, reason: &str) -> Response {
        let mark = self.mark();
        let response = self.listener.send(request);
        self.refused(&mark, &response, status, reason);
        response
    }

    /// Exactly one refusal since `mark`: its status, an upstream without a trace, one receipt.
    pub(crate) fn refused(&self, mark: &Mark, response: &Response, status: u16, reason: &str) {
        let accesses = self.listener.wait_accesses(mark.accesses + 1);
        let access = &accesses[mark.accesses];
        let seen = format!("{response:?} {access:?}");
        assert_eq!(response.status, status, "status: {seen}");
        assert_eq!(access.status, status, "status in the access log: {seen}");
        self.upstream_saw_nothing(mark);
        let receipts = &self.listener.receipts()[mark.receipts..];
        assert_eq!(receipts.len(), 1, "one receipt: {receipts:?} {seen}");
        assert_eq!(access.receipt.as_ref(), Some(&receipts[0]), "the access log has it: {seen}");
        let receipt: Value = serde_json::from_str(&receipts[0]).unwrap();
        assert_ne!(receipt["verdict"], "allow", "{seen}");
        assert_eq!(receipt["reason"], reason, "{seen}");
        self.keeps_secrets(&response.text());
    }

    /// Envoy itself refused: there was nothing to decide, so there is no receipt.
    pub(crate) fn refused_by_envoy(
        &self,
        mark: &Mark,
        response: &Response,
        details: &str,
    ) -> Access {
        let accesses = self.listener.wait_accesses(mark.accesses + 1);
        let access = accesses[mark.accesses].clone();
        assert_eq!(access.details, details, "{response:?} {access:?}");
        assert_eq!(access.receipt, None, "{access:?}");
        self.upstream_saw_nothing(mark);
        assert_eq!(self.listener.receipts().len(), mark.receipts);
        access
    }

    /// A request that ended while it waited, since `mark`: Envoy, or its client, was faster. One
    /// receipt says so, in the log and in the access log.
    pub(crate) fn abandoned(&self, mark: &Mark) -> Access {
        let accesses = self.listener.wait_accesses(mark.accesses + 1);
        let access = accesses[mark.accesses].clone();
        self.upstream_saw_nothing(mark);
        let receipts = &self.listener.receipts()[mark.receipts..];
        assert_eq!(receipts.len(), 1, "one receipt: {receipts:?} {access:?}");
        assert_eq!(access.receipt.as_ref(), Some(&receipts[0]), "{access:?}");
        let receipt: Value = serde_json::from_str(&receipts[0]).unwrap();
        let said = (&receipt["verdict"], &receipt["reason"]);
        assert_eq!(said, (&json!("deny"), &json!("request_abandoned")), "{access:?}");
        self.keeps_secrets("");
        access
    }

    pub(crate) fn upstream_saw_nothing(&self, mark: &Mark) {
        let seen = self.listener.upstream.seen();
        assert_eq!(seen.len(), mark.upstream, "the upstream saw {:?}", &seen[mark.upstream..]);
    }

    /// A request that is allowed: 200, one receipt that says so, and an upstream that saw who asks
    /// and no token.
    pub(crate) fn allows(&self, request: &Request) -> Response {
        let mark = self.mark();
        let response = self.listener.send(request);
        self.allowed(&mark, &response);
        response
    }

    pub(crate) fn allowed(&self, mark: &Mark, response: &Response) {
        let accesses = self.listener.wait_accesses(mark.accesses + 1);
        let receipts = &self.listener.receipts()[mark.receipts..];
        let seen = format!("{response:?} {:?} {receipts:?}", &accesses[mark.accesses]);
        assert_eq!(response.status, 200, "{seen}");
        assert_eq!(receipts.len(), 1, "{seen}");
        let receipt: Value = serde_json::from_str(&receipts[0]).unwrap();
        assert_eq!(receipt["verdict"], "allow", "{seen}");
        let upstream = &self.listener.upstream.seen()[mark.upstream..];
        assert_eq!(upstream.len(), 1, "the upstream saw {upstream:?}");
        let header = |name: &str| upstream[0].header(name).map(Value::String).unwrap_or_default();
        assert_eq!(header("x-deputy-agent"), receipt["agent"]["id"], "{seen}");
        assert_eq!(header("x-deputy-on-behalf-of"), receipt["on_behalf_of"]["id"], "{seen}");
        assert_eq!(header("x-deputy-evaluation-id"), receipt["id"], "{seen}");
        assert_eq!(header("authorization"), Value::Null, "{upstream:?}");
        self.keeps_secrets("");
    }

    /// The last two of five things: on every worker a good request passes, and memory is bounded.
    pub(crate) fn still_works(&self) {
        self.still_works_by(|| {
            self.allows(&self.good());
        });
    }

    /// The same where an ordinary request is no good one.
    pub(crate) fn still_works_by(&self, good: impl Fn()) {
        self.listener.on_every_worker(2, |_| good());
        let grown = self.listener.gateway().process().resident().saturating_sub(self.resident);
        assert!(grown < MOST_GROWTH, "Envoy grew by {} MiB", grown >> 20);
        // "withheld" alone is what a record of an ended stream says.
        let strange = |line: &&String| {
            line.contains("engine_fault") || line.contains("host answered") && line.contains("held")
        };
        let said = self.listener.said();
        assert_eq!(said.iter().find(strange), None, "the adapter had trouble with its host");
    }

    /// No piece of a token is in anything the plugin logged, or told the caller.
    fn keeps_secrets(&self, told: &str) {
        let said = self.listener.said().join("\n");
        for token in &*self.tokens.borrow() {
            for piece in token.split('.').flat_map(pieces) {
                assert!(!said.contains(piece), "a token is in the log: {piece}");
                assert!(!told.contains(piece), "a token is in the reply: {told}");
            }
        }
    }
}

/// Long enough not to occur by chance, and overlapping by half.
fn pieces(part: &str) -> impl Iterator<Item = &str> {
    let starts = (0..part.len().saturating_sub(19)).step_by(10);
    starts.filter_map(|start| part.get(start..start + 20))
}

/// A `tools/call` as a client of the latest version sends it.
pub(crate) fn call(tool: &str, arguments: &Value, token: &str) -> Request {
    let params = json!({"name": tool, "arguments": arguments, "_meta": meta()});
    message("tools/call", &params, token).header("mcp-name", tool)
}

/// A `tools/list`.
pub(crate) fn list(token: &str) -> Request {
    message("tools/list", &json!({"_meta": meta()}), token)
}

fn message(method: &str, params: &Value, token: &str) -> Request {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    bare(token).header("mcp-method", method).body(body.to_string())
}

/// The head of every MCP request, without what its body says.
pub(crate) fn bare(token: &str) -> Request {
    Request::new("POST", "/mcp")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", VERSION)
        .header("authorization", format!("Bearer {token}"))
}

fn meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": VERSION,
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

/// The one Envoy of all tests here.
pub(crate) fn gateway() -> Arc<Gateway> {
    Gateway::shared(|| {
        let mut stays = example();
        stays["issuers"][0]["keys"] = json!({"inline": Issuer::named("stays").jwks()});
        stays.to_string().into_bytes()
    })
}

/// The example's configuration.
pub(crate) fn example() -> Value {
    let text = std::fs::read_to_string(example_folder().join("deputy.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

pub(crate) fn example_folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/envoy-mcp")
}

const VERSION: &str = "2026-07-28";
/// Many times what one body at the limit costs on every worker; a leak of bodies would be more.
const MOST_GROWTH: u64 = 128 << 20;
