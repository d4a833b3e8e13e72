//! What one request costs the memory of a VM for as long as it is held.
//!
//! It is seen in linear memory only in pages, and whatever was free before is used first: so there are some
//! requests that fill that, and a VM that holds only them is held against one that holds many more. Not here: how much
//! may be.

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::{Order, ProxyWasm, Replies, reply};
use crate::cases::{self, Case, Exchange, plain};
use crate::vm::{Exchange as Stream, Gateway, LogSink, Options};

/// What a request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// The last byte of its body; the host holds the others.
    Body,
    /// Keys; its whole body is with the host.
    Keys,
    /// The answer of the approval service; its body has been read. Which was there first, body or keys?
    Approval(Order),
}

impl Wait {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Body,
        Self::Keys,
        Self::Approval(Order::BodyFirst),
        Self::Approval(Order::ReplyFirst),
    ];

    /// Bodies of a call to measure it with, in bytes, up to the longest that may be: where the host has them, only that.
    pub fn bodies(self) -> &'static [usize] {
        match self {
            Self::Body | Self::Keys => &[LONGEST],
            Self::Approval(_) => &[1 << 10, 64 << 10, LONGEST],
        }
    }

    /// For programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::Keys => "keys",
            Self::Approval(_) => "approval",
        }
    }

    /// Which call is under way meanwhile.
    fn cluster(self) -> Option<&'static str> {
        match self {
            Self::Body => None,
            Self::Keys => Some(KEYS),
            Self::Approval(_) => Some(APPROVALS),
        }
    }
}

impl ProxyWasm {
    /// Bytes of linear memory for each of many requests that wait for that, with bodies of that length. Of the body
    /// itself, once it has been read, only what is kept beyond one copy.
    ///
    /// # Errors
    /// A request that was not held, or not decided afterwards.
    pub fn held(&self, wait: Wait, body: usize) -> Result<f64> {
        let case = call(body)?;
        let exchange = case.resolved.exchanges.first().context("a case has an exchange")?;
        let pages = |count| {
            self.pages_for(&case, exchange, wait, count)
                .with_context(|| format!("{count} requests, {wait:?}, {body} bytes"))
        };
        let more = pages(FEW + MORE)?.saturating_sub(pages(FEW)?);
        let in_vm = match wait {
            Wait::Body | Wait::Keys => 0,
            Wait::Approval(_) => exchange.whole_body().len(),
        };
        Ok((more * PAGE) as f64 / MORE as f64 - in_vm as f64)
    }

    fn pages_for(&self, case: &Case, exchange: &Exchange, wait: Wait, count: usize) -> Result<u64> {
        // One callback wakes all of them, and nobody reads the log.
        let options = Options {
            fuel: u64::MAX,
            log: LogSink::Each(std::sync::Arc::new(|_| ())),
            ..Self::options(&case.resolved)
        };
        let gateway = self.start_with(options)?;
        let configured = gateway.memory_pages(0);
        let keys_first = matches!(wait, Wait::Body | Wait::Approval(Order::ReplyFirst));
        if keys_first {
            give_keys(&gateway, exchange)?;
        }
        let begin = |n| begin(&gateway, exchange, (wait, n < LONG));
        let streams: Vec<_> = (0..count).map(begin).collect();
        if wait == Wait::Approval(Order::BodyFirst) {
            give_keys(&gateway, exchange)?;
        }
        let pages = gateway.memory_pages(0);
        ensure!(pages > configured, "what was free before is not filled");
        ensure!(streams.iter().all(Stream::is_held), "not all of them are held");
        let calls: Vec<_> = gateway.callouts().into_iter().map(|call| call.cluster).collect();
        ensure!(calls.iter().eq(wait.cluster().iter()), "they wait for {calls:?}");
        // And then each is decided with its body, as if it had never waited.
        if wait == Wait::Body {
            let last = exchange.whole_body().split_off(body_but_last(exchange));
            streams.iter().for_each(|stream| stream.data(last.clone(), true));
        }
        Replies::of(exchange).give(&gateway);
        let status = |stream: &Stream| stream.received().status();
        let undecided = streams.iter().find(|stream| status(stream) != Some(NEEDS_APPROVAL));
        if let Some(undecided) = undecided {
            anyhow::bail!("not decided as it should be: {:?}", undecided.received());
        }
        ensure!(gateway.death(0).is_none(), "the VM died");
        Ok(pages)
    }
}

fn begin(gateway: &Gateway, exchange: &Exchange, (wait, long): (Wait, bool)) -> Stream {
    let (stream, mut body) = (gateway.exchange(0), exchange.whole_body());
    let more = (0..if long { 150 } else { 0 }).map(|n| (format!("x-{n}").into(), vec![b'x'; 500]));
    stream.headers(plain(&exchange.headers).into_iter().chain(more), false);
    if wait == Wait::Body {
        body.truncate(body_but_last(exchange));
    }
    stream.data(body, wait != Wait::Body);
    stream
}

fn body_but_last(exchange: &Exchange) -> usize {
    exchange.whole_body().len().saturating_sub(1)
}

fn give_keys(gateway: &Gateway, exchange: &Exchange) -> Result<()> {
    let keys = exchange.fetches.first().context("the case has keys")?;
    let mut calls = gateway.callouts().into_iter();
    let call = calls.find(|call| call.cluster == KEYS).context("nobody asks for keys")?;
    gateway.reply(call.id, reply(keys));
    Ok(())
}

/// A call that needs an approval, with a body of that length: as much of it as may be are arguments, which a human is
/// shown, and the rest something beside them.
fn call(bytes: usize) -> Result<Case> {
    let case = cases::all().iter().find(|case| case.name() == CASE);
    let case = case.with_context(|| format!("there is no {CASE}"))?;
    let filled = |note: usize, beside: usize| {
        let arguments = json!({"id": 1042, "amount": 400, "note": "n".repeat(note)});
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "example.com/beside": "b".repeat(beside),
        });
        case.with(&json!({
            "config": {"limits": {"body_bytes": LONGEST}},
            "request": {
                "call": ["refund", arguments],
                "mcp": {"params": {"name": "refund", "arguments": arguments, "_meta": meta}},
            },
        }))
    };
    let bare = filled(0, 0).resolved.exchanges.first().map(|exchange| exchange.whole_body().len());
    let left = bytes.checked_sub(bare.context("a case has an exchange")?);
    let left = left.context("a body can't be that short")?;
    let note = left.min(LONGEST_NOTE);
    let case = filled(note, left - note);
    let made = case.resolved.exchanges.first().map(|exchange| exchange.whole_body().len());
    ensure!(made == Some(bytes), "a body of {made:?} bytes, not {bytes}");
    Ok(case)
}

/// The body limit of most gateways: the default.
const LONGEST: usize = 256 << 10;
/// What a human is shown at most is 64 KiB of arguments; a little of it is others.
const LONGEST_NOTE: usize = (64 << 10) - 64;
const CASE: &str = "approval/a_client_that_can_show_a_page_is_led_there/nothing";
const NEEDS_APPROVAL: u16 = 403;
/// Clusters.
const KEYS: &str = "idp";
const APPROVALS: &str = "approvals";
/// As many as fill what was free before, the first of them with long heads.
const FEW: usize = 96;
const LONG: usize = 32;
/// A page is half a kilobyte of each of so many.
const MORE: usize = 128;
const PAGE: u64 = 64 << 10;
