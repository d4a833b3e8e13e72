//! An MCP server with six tools, for the demo. `orders-mcp --help` says how to run it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use deputy_example_envoy_mcp::orders::{self, Answers, Witness};

/// A real MCP server with an order book in memory. It says on standard output what reached it.
#[derive(Parser)]
struct Options {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:9401")]
    listen: SocketAddr,
    /// How answers are written.
    #[arg(long, value_enum, default_value = "sse")]
    answers: Answers,
    /// A file for the lines that say what reached the server, instead of standard output.
    #[arg(long)]
    witness: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match serve(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("orders-mcp: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(options: Options) -> Result<(), String> {
    let witness = match &options.witness {
        None => Witness::to_stdout(),
        Some(path) => {
            Witness::to_file(path).map_err(|e| format!("can't open {}: {e}", path.display()))?
        }
    };
    let router = orders::router(options.answers, witness);
    deputy_example_envoy_mcp::serve(options.listen, router).await
}
