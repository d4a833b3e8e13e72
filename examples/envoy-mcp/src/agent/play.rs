//! Plays steps against an MCP server and says, one line per step, what the agent saw.

use rmcp::model::{
    CallToolRequestParams, CallToolResult, ClientCapabilities, ClientConfig, Implementation,
    ProtocolVersion,
};
use rmcp::service::{ClientInitializeError, RoleClient, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ClientLifecycleMode, ClientServiceExt as _, ServiceError};
use serde::Serialize;
use serde_json::Value;

use super::step::Step;
use super::wire::{Refusal, Wire};
use crate::jose;

/// Which MCP is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Protocol {
    /// Stateless: `server/discover`, then self-contained requests.
    #[value(name = "2026-07-28")]
    Modern,
    /// With a handshake: `initialize`.
    #[value(name = "2025-11-25")]
    Session,
    /// The same, one version older.
    #[value(name = "2025-06-18")]
    OldSession,
}

/// One run of the agent.
pub struct Play {
    /// Address of the MCP endpoint.
    pub gateway: String,
    /// The access token, if it has one.
    pub token: Option<String>,
    /// Which MCP it speaks.
    pub protocol: Protocol,
}

/// What the agent saw of one step.
#[derive(Debug, Default, Serialize)]
pub struct Line {
    step: String,
    /// `answered`, `refused` (by HTTP status or an error that names an evaluation), or `failed`.
    outcome: &'static str,
    /// The same for people.
    saw: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_scope: Option<Value>,
    /// The tool ran, and says that it did not work.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    tool_failed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    challenge: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evaluation_id: Option<String>,
    /// Hash of the canonical arguments (RFC 8785), made by the agent, to be compared with a record's.
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments: Option<String>,
    /// Hash of the token that was sent, for the same purpose.
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<String>,
}

type Client = RunningService<RoleClient, ClientConfig>;

impl Play {
    /// Connects and plays; `tell` gets a line as soon as there is one. A refused connection ends it.
    pub async fn run(self, steps: &[Step], mut tell: impl FnMut(Line)) {
        let credential = self.token.as_ref().map(|token| jose::digest(token.as_bytes()));
        let mut tell = |line: Line| tell(Line { credential: credential.clone(), ..line });
        let wire = Wire::default();
        let client = match self.connect(&wire).await {
            Ok(client) => client,
            Err(error) => {
                return tell(self.protocol.opening().not_connected(&error, wire.take_refusal()));
            }
        };
        let server =
            client.peer_info().and_then(|info| info.server_info.clone()).map(|server| server.name);
        tell(Line {
            saw: format!("connected to {}", server.as_deref().unwrap_or("a server without a name")),
            outcome: "answered",
            ..self.protocol.opening()
        });
        for step in steps {
            tell(play(&client, &wire, step).await);
        }
        // The session's end, where there are sessions; nothing depends on it.
        let _ended = client.cancel().await;
    }

    async fn connect(&self, wire: &Wire) -> Result<Client, String> {
        let mut config = StreamableHttpClientTransportConfig::with_uri(self.gateway.as_str());
        config.auth_header.clone_from(&self.token);
        let transport = StreamableHttpClientTransport::with_client(wire.clone(), config);
        let me = Implementation::new("demo-agent", env!("CARGO_PKG_VERSION"));
        ClientConfig::new(ClientCapabilities::default(), me)
            .with_protocol_version(self.protocol.version())
            .serve_with_lifecycle(transport, self.protocol.lifecycle())
            .await
            .map_err(|error| match error {
                ClientInitializeError::TransportError { error, .. } => {
                    format!("no answer from {}: {}", self.gateway, root(error.error.as_ref()))
                }
                error => error.to_string(),
            })
    }
}

impl Protocol {
    fn version(self) -> ProtocolVersion {
        match self {
            Self::Modern => ProtocolVersion::V_2026_07_28,
            Self::Session => ProtocolVersion::V_2025_11_25,
            Self::OldSession => ProtocolVersion::V_2025_06_18,
        }
    }

    fn lifecycle(self) -> ClientLifecycleMode {
        match self {
            Self::Modern => {
                ClientLifecycleMode::Discover { preferred_versions: vec![self.version()] }
            }
            Self::Session | Self::OldSession => ClientLifecycleMode::Initialize,
        }
    }

    /// A line about the first request of a connection.
    fn opening(self) -> Line {
        let step = match self {
            Self::Modern => "server/discover",
            Self::Session | Self::OldSession => "initialize",
        };
        Line { step: step.to_owned(), ..Line::default() }
    }
}

async fn play(client: &Client, wire: &Wire, step: &Step) -> Line {
    let line = Line { step: step.to_string(), ..Line::default() };
    match step {
        Step::List => match client.list_tools(None).await {
            Ok(list) => {
                let tools: Vec<_> = list.tools.iter().map(|tool| tool.name.to_string()).collect();
                let scope = list.cache_scope.and_then(|scope| serde_json::to_value(scope).ok());
                let saw = format!("{} tools: {}", tools.len(), tools.join(", "));
                Line { outcome: "answered", saw, tools: Some(tools), cache_scope: scope, ..line }
            }
            Err(error) => line.refused_or_failed(&error, wire.take_refusal()),
        },
        Step::Call { tool, arguments } => {
            let canonical = serde_json_canonicalizer::to_vec(arguments).unwrap_or_default();
            let line = Line { arguments: Some(jose::digest(&canonical)), ..line };
            let call = CallToolRequestParams::new(tool.clone()).with_arguments(arguments.clone());
            match client.call_tool(call).await {
                Ok(result) => line.result(&result),
                Err(error) => line.refused_or_failed(&error, wire.take_refusal()),
            }
        }
    }
}

impl Line {
    fn result(self, result: &CallToolResult) -> Self {
        let text: Vec<_> =
            result.content.iter().filter_map(|c| Some(c.as_text()?.text.as_str())).collect();
        let prefix = if result.is_error == Some(true) { "the tool says: " } else { "" };
        let saw = format!("{prefix}{}", text.join(" "));
        Self { outcome: "answered", saw, tool_failed: result.is_error == Some(true), ..self }
    }

    fn not_connected(self, error: &str, refusal: Option<Refusal>) -> Self {
        match refusal {
            Some(refusal) => self.refused(refusal),
            None => Self { outcome: "failed", saw: error.to_owned(), ..self },
        }
    }

    fn refused_or_failed(self, error: &ServiceError, refusal: Option<Refusal>) -> Self {
        match (refusal, error) {
            (Some(refusal), _) => self.refused(refusal),
            (None, ServiceError::McpError(error)) => {
                let saw = format!("JSON-RPC error {}: {}", error.code.0, error.message);
                let error = serde_json::to_value(error).ok();
                Self { outcome: "failed", saw, error, ..self }
            }
            (None, ServiceError::TransportSend(error)) => {
                Self { outcome: "failed", saw: root(error.error.as_ref()), ..self }
            }
            (None, error) => Self { outcome: "failed", saw: error.to_string(), ..self },
        }
    }

    fn refused(self, refusal: Refusal) -> Self {
        let error = refusal.error();
        let text = |pointer: &str| error.as_ref()?.pointer(pointer)?.as_str().map(str::to_owned);
        let evaluation_id = text("/data/evaluation_id");
        let message = text("/message").unwrap_or_else(|| refusal.body.trim().to_owned());
        let mut saw = format!("HTTP {} {message}", refusal.status);
        if let Some(id) = &evaluation_id {
            saw.push_str(&format!(" (evaluation {id})"));
        }
        let (http, challenge) = (Some(refusal.status), refusal.challenge);
        Self { outcome: "refused", saw, http, challenge, error, evaluation_id, ..self }
    }
}

/// What is at the bottom of an error; the layers above only say that something failed.
fn root(error: &(dyn std::error::Error + 'static)) -> String {
    let mut bottom = error;
    while let Some(cause) = bottom.source() {
        bottom = cause;
    }
    bottom.to_string()
}
