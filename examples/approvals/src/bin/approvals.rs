//! The approval service. `approvals --help` says how to run it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use axum::Router;
use clap::Parser;
use deputy_example_approvals::config::Config;
use deputy_example_approvals::{Service, unix_seconds};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Asks humans whether an agent may do exactly one thing, and signs what they say.
#[derive(Parser)]
struct Options {
    /// The configuration, a JSON file.
    #[arg(long, default_value = "approvals.json")]
    config: PathBuf,
    /// Says whether the configuration is right, and ends.
    #[arg(long)]
    check: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("approvals: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<(), String> {
    let config = Config::read(&options.config)?;
    if options.check {
        println!("{} is right", options.config.display());
        return Ok(());
    }
    let (people, gateway) = (config.listen, config.gateway_listen);
    let (address, callback) = (config.address.clone(), config.callback());
    let service = Service::open(config, Arc::new(unix_seconds))?;
    let people = serve(people, service.people()).await?;
    let gateway = serve(gateway, service.gateway()).await?;
    eprintln!("people:    {address} (back from the identity provider: {callback})");
    eprintln!("listening");
    tokio::select! {
        done = async { tokio::try_join!(people, gateway) } => done.map(|_| ()),
        Err(problem) = service.tell_webhook() => Err(problem),
    }
}

/// Until the process is told to end; then what is being answered is answered.
async fn serve(
    listen: SocketAddr,
    router: Router,
) -> Result<impl Future<Output = Result<(), String>>, String> {
    let listener =
        TcpListener::bind(listen).await.map_err(|e| format!("can't listen on {listen}: {e}"))?;
    let (told, mut ended) = watch::channel(());
    tokio::spawn(async move {
        told_to_end().await;
        drop(told);
    });
    let server = axum::serve(listener, router).with_graceful_shutdown(async move {
        let _closed = ended.changed().await;
    });
    Ok(async move { server.await.map_err(|e| e.to_string()) })
}

async fn told_to_end() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
