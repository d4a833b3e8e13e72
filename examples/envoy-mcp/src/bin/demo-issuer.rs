//! An OAuth authorization server for the demo. `demo-issuer --help` says how to run it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use deputy_example_envoy_mcp::issuer::{Issuer, published};

/// Issues access tokens to agents that prove themselves with a key of their own. Keys are new with
/// every start.
#[derive(Parser)]
struct Options {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:9400")]
    listen: SocketAddr,
    /// The issuer identifier: `iss` of every token.
    #[arg(long, default_value = "https://idp.acme.example")]
    issuer: String,
    /// Who the tokens are for: `aud` of every token.
    #[arg(long, default_value = "https://gateway.acme.example")]
    gateway: String,
    /// Where the approval service wants people sent back to after they signed in.
    #[arg(long, default_value = "http://127.0.0.1:9402/login/callback")]
    approvals_callback: String,
    /// Folder that gets one private key per client, `NAME.jwk`, readable by you alone.
    #[arg(long)]
    agents_dir: PathBuf,
    /// A file to hand out at `/revocations`, as it is when somebody asks.
    #[arg(long, value_name = "FILE")]
    revocations: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match serve(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("demo-issuer: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(options: Options) -> Result<(), String> {
    let issuer = Issuer::found(options.issuer, options.gateway, &options.agents_dir)
        .map_err(|e| format!("can't write keys into {}: {e}", options.agents_dir.display()))?
        .with_approvals_callback(options.approvals_callback);
    let published = options.revocations.map(published::router).unwrap_or_default();
    deputy_example_envoy_mcp::serve(options.listen, issuer.router().merge(published)).await
}
