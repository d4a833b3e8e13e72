//! A person with a browser, for the demo. `demo-person --help` says what it can do.

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use deputy_example_envoy_mcp::person;

/// Opens the page of a request for approval, signs in at the demo issuer, and decides.
#[derive(Parser)]
struct Options {
    /// What to press.
    #[arg(value_enum)]
    decision: Decision,
    /// The address of the request's page.
    address: String,
    /// Whom to sign in as.
    #[arg(long = "as", value_name = "NAME")]
    name: String,
    /// What to write into the field for the reason.
    #[arg(long, default_value = "")]
    reason: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum Decision {
    Approve,
    Deny,
    Withdraw,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Options { decision, address, name, reason } = Options::parse();
    let button = match decision {
        Decision::Approve => "approve",
        Decision::Deny => "deny",
        Decision::Withdraw => "withdraw",
    };
    match person::decide(&address, &name, button, &reason).await {
        Ok(page) => {
            println!("{}", page.address);
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("demo-person: {problem}");
            ExitCode::FAILURE
        }
    }
}
