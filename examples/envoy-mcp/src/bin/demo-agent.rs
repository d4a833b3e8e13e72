//! An agent for the demo. `demo-agent --help` says what it can do.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use deputy_example_envoy_mcp::agent::{Line, Login, Play, Protocol, Step};

/// An agent: gets itself a token with its own key, and calls tools over MCP.
#[derive(Parser)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Prints an access token of an agent, or of an agent for a human.
    Token {
        #[command(flatten)]
        issuer: At,
        /// The agent's private key, a JWK that the issuer wrote.
        #[arg(long)]
        key: PathBuf,
        /// The human it acts for; without one it acts on its own account.
        #[arg(long)]
        on_behalf_of: Option<String>,
    },
    /// Prints a human's own token, as their application holds it after they signed in.
    Login {
        #[command(flatten)]
        issuer: At,
        /// The human.
        user: String,
    },
    /// Plays steps against an MCP endpoint; prints one JSON line per step. The token comes from the
    /// environment variable `ACCESS_TOKEN`.
    Play {
        /// The MCP endpoint.
        #[arg(long, default_value = "http://127.0.0.1:10000/mcp")]
        gateway: String,
        /// Which MCP to speak.
        #[arg(long, value_enum, default_value = "2026-07-28")]
        protocol: Protocol,
        /// `tools/list`, or `tools/call NAME {"argument": …}`.
        #[arg(required = true)]
        steps: Vec<Step>,
    },
}

#[derive(Args)]
struct At {
    /// Where the issuer can be reached.
    #[arg(long, default_value = "http://127.0.0.1:9400")]
    address: String,
    /// What the issuer calls itself.
    #[arg(long, default_value = "https://idp.acme.example")]
    issuer: String,
}

impl From<At> for Login {
    fn from(at: At) -> Self {
        Self { address: at.address, issuer: at.issuer }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let token = match Options::parse().command {
        Command::Token { issuer, key, on_behalf_of } => {
            Login::from(issuer).agent(&key, on_behalf_of.as_deref()).await
        }
        Command::Login { issuer, user } => Login::from(issuer).human(&user).await,
        Command::Play { gateway, protocol, steps } => return play(gateway, protocol, &steps).await,
    };
    match token {
        Ok(token) => {
            println!("{token}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("demo-agent: {problem}");
            ExitCode::FAILURE
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a token in the arguments could be read by others on the machine"
)]
async fn play(gateway: String, protocol: Protocol, steps: &[Step]) -> ExitCode {
    let token = std::env::var("ACCESS_TOKEN").ok().filter(|token| !token.is_empty());
    Play { gateway, token, protocol }.run(steps, print).await;
    ExitCode::SUCCESS
}

fn print(line: Line) {
    let text = serde_json::to_string(&line).unwrap_or_default();
    let mut out = std::io::stdout().lock();
    // A reader that has gone away wants no more lines.
    let _gone = writeln!(out, "{text}").and_then(|()| out.flush());
}
