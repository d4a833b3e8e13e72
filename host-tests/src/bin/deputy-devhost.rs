//! `deputy-devhost`: the plugin in front of an upstream, without an Envoy.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Parser, ValueEnum};
use host_tests::devhost::{Devhost, Settings};
use host_tests::vm::FailurePolicy;
use http::Uri;

/// Runs the Deputy module as a reverse proxy, the way Envoy would run it.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The module, deputy.wasm
    #[arg(long, value_name = "FILE")]
    module: PathBuf,
    /// The plugin configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Where clients connect
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where allowed requests go
    #[arg(long, value_name = "URL")]
    upstream: Uri,
    /// A cluster the plugin may call; repeatable
    #[arg(long, value_name = "NAME=URL", value_parser = cluster)]
    cluster: Vec<(String, Uri)>,
    /// Append each receipt to this file, one JSON object per line
    #[arg(long, value_name = "FILE")]
    receipts: Option<PathBuf>,
    /// How many VMs run the module
    #[arg(long, value_name = "N", default_value_t = 2)]
    workers: usize,
    /// What follows a trap of the module
    #[arg(long, value_name = "POLICY", value_enum, default_value_t = Failure::Reload)]
    failure_policy: Failure,
    /// Bytes of a body that may wait for a decision
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20)]
    buffer_limit: usize,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Failure {
    Closed,
    Open,
    Reload,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("deputy-devhost: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let settings = settings(arguments)?;
    let (upstream, workers) = (settings.upstream.clone(), settings.workers);
    let host = Devhost::start(settings).await?;
    println!("listening on http://{} for {upstream} with {workers} workers", host.address()?);
    tokio::select! {
        served = host.run() => served,
        stopped = tokio::signal::ctrl_c() => Ok(stopped?),
    }
}

fn settings(arguments: Arguments) -> anyhow::Result<Settings> {
    let read = |path: &PathBuf| {
        std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
    };
    let failure = match arguments.failure_policy {
        Failure::Closed => FailurePolicy::Closed,
        Failure::Open => FailurePolicy::Open,
        // Envoy's default back-off.
        Failure::Reload => FailurePolicy::Reload { backoff: Duration::from_secs(1) },
    };
    if arguments.upstream.authority().is_none() {
        bail!("--upstream needs a URL such as http://127.0.0.1:9000");
    }
    Ok(Settings {
        module: read(&arguments.module)?,
        configuration: read(&arguments.config)?,
        listen: arguments.listen,
        upstream: arguments.upstream,
        clusters: arguments.cluster.into_iter().collect::<BTreeMap<_, _>>(),
        receipts: arguments.receipts,
        workers: arguments.workers,
        failure,
        buffer_limit: arguments.buffer_limit,
    })
}

fn cluster(text: &str) -> Result<(String, Uri), String> {
    let (name, url) =
        text.split_once('=').ok_or("write NAME=URL, such as idp=http://127.0.0.1:9400")?;
    let url: Uri = url.parse().map_err(|error| format!("{url} is no URL: {error}"))?;
    match url.authority() {
        Some(_) => Ok((name.to_owned(), url)),
        None => Err(format!("{url} has no host")),
    }
}
