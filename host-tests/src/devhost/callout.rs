//! Makes the plugin's HTTP calls, and turns their ends into what Envoy would tell the plugin.

use std::collections::BTreeMap;
use std::sync::mpsc::Sender;
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use http_body_util::{BodyExt, Full, Limited};
use tokio::runtime::Handle;

use crate::vm::{Callout, CalloutReply, Pair};

use super::seat::Command;
use super::wire::{self, Client};

/// Knows where clusters are.
#[derive(Clone)]
pub(super) struct Caller {
    client: Client,
    clusters: BTreeMap<String, Uri>,
    runtime: Handle,
}

impl Caller {
    /// Must be called inside the runtime that will make the calls.
    pub(super) fn new(client: Client, clusters: BTreeMap<String, Uri>) -> Self {
        Self { client, clusters, runtime: Handle::current() }
    }

    /// Starts a call; its reply goes to the worker that made it.
    pub(super) fn make(&self, callout: Callout, back: Sender<Command>) {
        let caller = self.clone();
        self.runtime.spawn(async move {
            let (timeout, id) = (callout.timeout_ms, callout.id);
            let call = caller.call(callout);
            let reply = match timeout {
                0 => call.await,
                timeout => tokio::time::timeout(Duration::from_millis(timeout.into()), call)
                    .await
                    .unwrap_or(CalloutReply::Timeout504),
            };
            let _ = back.send(Command::Reply { callout: id, reply });
        });
    }

    async fn call(&self, callout: Callout) -> CalloutReply {
        let Some(base) = self.clusters.get(&callout.cluster) else {
            return CalloutReply::Refused503;
        };
        let body =
            Full::new(Bytes::from(callout.body)).map_err(|never| match never {}).boxed_unsync();
        let Ok(request) = wire::request(base, &callout.headers, body) else {
            return CalloutReply::Reset;
        };
        let response = match self.client.request(request).await {
            Ok(response) => response,
            Err(error) if error.is_connect() => return CalloutReply::Refused503,
            Err(_) => return CalloutReply::Reset,
        };
        let (head, body) = response.into_parts();
        let headers: Vec<Pair> = wire::end_to_end(&head.headers).collect();
        match Limited::new(body, REPLY_LIMIT).collect().await {
            Ok(body) => {
                let body = body.to_bytes().to_vec();
                CalloutReply::Answered { status: head.status.as_u16(), headers, body }
            }
            Err(_) => CalloutReply::Failed,
        }
    }
}

/// More than this is no reply, so that a cluster cannot fill the memory.
const REPLY_LIMIT: usize = 16 << 20;
