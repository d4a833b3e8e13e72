//! The MCP server: six tools over a small order book, in both eras of the protocol.
//!
//! It holds no rule about who may do what: that is the gateway's business, and a server that checked
//! too would hide it when the gateway doesn't. It says what it saw (`witness`).

mod book;
mod tools;
mod witness;

use std::sync::{Arc, Mutex};

use axum::Router;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};

pub use book::Book;
pub use witness::Witness;

/// How answers are written on the wire; both are MCP.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Answers {
    /// As server-sent events, with sessions for clients before 2026-07-28.
    Sse,
    /// As one JSON document, without sessions.
    Json,
}

/// The server at `/mcp`, seen by `witness`.
pub fn router(answers: Answers, witness: Witness) -> Router {
    let book = Arc::new(Mutex::new(Book::default()));
    let json = answers == Answers::Json;
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(!json)
        .with_json_response(json)
        // The gateway in front may be reached under any name.
        .disable_allowed_hosts();
    let sessions = Arc::new(LocalSessionManager::default());
    let service =
        StreamableHttpService::new(move || Ok(tools::Orders::new(book.clone())), sessions, config);
    Router::new()
        .nest_service("/mcp", service)
        .layer(axum::middleware::from_fn_with_state(Arc::new(witness), witness::observe))
}
