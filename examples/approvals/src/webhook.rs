//! Tells a webhook of every new request, so that somebody comes even if the agent says nothing.
//!
//! It is told that something waits, who asks and where to look; never what the action is called with. What
//! has still to be told is in the database, so a crash loses nothing; after the last attempt the audit says so.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::config::Config;
use crate::service::Service;
use crate::store::{Due, Request};
use crate::time::rfc3339;

/// How often the database is looked at.
const PAUSE: Duration = Duration::from_secs(1);
/// For one attempt.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) async fn run(service: &Arc<Service>) -> Result<(), String> {
    let Some(webhook) = &service.config.webhook else { return Ok(()) };
    let client = reqwest::Client::builder()
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .map_err(|e| e.to_string())?;
    loop {
        let due = service.stored(|service| service.store.due(service.now())).await;
        for due in due.unwrap_or_else(|trouble| {
            eprintln!("approvals: webhook: {trouble}");
            Vec::new()
        }) {
            let body = message(&service.config, &due.request);
            let sent = client.post(&webhook.url).json(&body).send().await;
            let problem = match sent {
                Ok(answer) if answer.status().is_success() => None,
                Ok(answer) => Some(format!("status {}", answer.status().as_u16())),
                Err(error) => Some(error.without_url().to_string()),
            };
            written_down(service, due, webhook.attempts, problem).await;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn written_down(service: &Arc<Service>, due: Due, most: u32, problem: Option<String>) {
    let written = service.stored(move |service| match &problem {
        None => service.store.told(&due, service.now()),
        Some(why) => service.store.not_told(&due, most, why, service.now()),
    });
    if let Err(trouble) = written.await {
        eprintln!("approvals: webhook: {trouble}");
    }
}

fn message(config: &Config, request: &Request) -> Value {
    json!({
        "type": "approval.requested",
        "url": format!("{}/r/{}", config.address, request.ticket),
        "digest": request.digest,
        "agent": request.binding.agent.id,
        "on_behalf_of": request.binding.delegator,
        "action": request.binding.action,
        "approvers": request.approvers,
        "opened": rfc3339(request.opened),
    })
}
