//! What the demo programs share: an issuer, an MCP server, an MCP client, and a person with a browser.
//!
//! They are real programs that speak real protocols, so that the gateway between them is tested by
//! strangers and not by its own friends. Deliberately not here: anything of the plugin. No crate of
//! Deputy is a dependency, so nothing here can agree with it by accident.

#![allow(
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    reason = "demo programs on loopback: they have clocks, and a poisoned lock may end them"
)]

pub mod agent;
pub mod clock;
pub mod issuer;
pub mod jose;
pub mod orders;
pub mod person;

/// Serves until the process is told to end.
///
/// # Errors
/// In plain words, if the address can't be had.
pub async fn serve(listen: std::net::SocketAddr, router: axum::Router) -> Result<(), String> {
    let listener = tokio::net::TcpListener::bind(listen)
        .await
        .map_err(|e| format!("can't listen on {listen}: {e}"))?;
    let address = listener.local_addr().map_err(|e| e.to_string())?;
    eprintln!("listening on {address}");
    axum::serve(listener, router).await.map_err(|e| e.to_string())
}
