//! The real module under the harness's proxy-wasm host.

mod at_once;
mod held;

use anyhow::Context as _;

pub use at_once::AtOnce;
pub use held::Wait;

use super::{Answer, Host, Message, Observed, Seen, artifact, wrapped};
use crate::cases::{Exchange, FetchAnswer, Resolved, Response, approvals, plain};
use crate::vm::Exchange as Stream;
use crate::vm::{
    Callout, CalloutReply, Clock, Entropy, Gateway, Module, Observed as Sent, Options, Profile,
};

/// Which comes first: the request's body, or the reply to a callout made for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The body is there before the keys are.
    BodyFirst,
    /// The keys are there before the body is.
    ReplyFirst,
}

/// The module in a VM of its own for each case.
pub struct ProxyWasm {
    module: Module,
    order: Order,
}

impl ProxyWasm {
    /// Loads the module that `DEPUTY_WASM` names.
    ///
    /// # Panics
    /// When it is not there or no module.
    pub fn load(order: Order) -> Self {
        let path = artifact::path("DEPUTY_WASM", "the plugin module");
        let bytes = std::fs::read(&path).with_context(|| path.display().to_string());
        let module = bytes.and_then(|bytes| Module::load(&bytes));
        Self { module: module.unwrap_or_else(|e| panic!("{e:#}")), order }
    }

    /// Starts a gateway for a configuration; the error is what the plugin said about it.
    pub fn start(&self, case: &Resolved) -> anyhow::Result<Gateway> {
        self.start_with(Self::options(case))
    }

    /// Starts a gateway in other circumstances than a case's.
    pub fn start_with(&self, options: Options) -> anyhow::Result<Gateway> {
        Gateway::start(&self.module, options)
    }

    /// The circumstances of a case.
    pub fn options(case: &Resolved) -> Options {
        let first = case.exchanges.first().map_or(crate::cases::NOW, |exchange| exchange.arrives);
        Options {
            profile: Profile::EnvoyHold,
            clusters: case.clusters.iter().cloned().collect(),
            clock: Clock::Virtual(first * NANOS_PER_MILLI),
            entropy: Entropy::Fixed(case.entropy.0.clone()),
            ..Options::configured(case.configuration.0.clone())
        }
    }

    /// One exchange on a gateway that runs.
    pub fn exchange(&self, gateway: &Gateway, exchange: &Exchange) -> (Seen, Vec<String>) {
        self.exchange_on(gateway, 0, exchange)
    }

    /// The same on one of its workers.
    pub fn exchange_on(
        &self,
        gateway: &Gateway,
        worker: usize,
        exchange: &Exchange,
    ) -> (Seen, Vec<String>) {
        let counted = Counters::read(gateway);
        gateway.take_logs();
        gateway.set_now(exchange.arrives * NANOS_PER_MILLI);
        gateway.tick();
        let stream = gateway.exchange(worker);
        self.request(gateway, &stream, exchange);
        if stream.local_reply().is_none() && !stream.forwarded().is_empty() {
            gateway.set_now(exchange.answered * NANOS_PER_MILLI);
            respond(&stream, &exchange.upstream, || {
                if !exchange.meanwhile.is_empty() {
                    gateway.tick();
                    Replies::meanwhile(exchange).give(gateway);
                }
            });
        }
        let lines = gateway.take_logs().into_iter().map(|line| line.message).collect();
        let seen = seen(lines, &stream);
        let mut faults = Vec::new();
        faults.extend(gateway.death(worker).map(|death| format!("the VM died: {death}")));
        faults.extend(gateway.crashed().map(|crash| format!("the proxy crashed: {crash}")));
        if stream.is_held() {
            faults.push("the request is held for good: neither forwarded nor answered".to_owned());
        }
        faults.extend(filter_state_differs(&stream, &seen));
        faults.extend(counted.differ(&Counters::read(gateway), &seen));
        (seen, faults)
    }

    fn request(&self, gateway: &Gateway, stream: &Stream, exchange: &Exchange) {
        tell(stream, exchange);
        stream.headers(plain(&exchange.headers), exchange.body.is_none());
        let mut replies = Replies::of(exchange);
        if self.order == Order::ReplyFirst || exchange.body.is_none() {
            gateway.set_now(exchange.fetched * NANOS_PER_MILLI);
            replies.give(gateway);
        }
        for piece in exchange.body.iter().flatten() {
            stream.data(piece.0.clone(), false);
        }
        gateway.set_now(exchange.complete * NANOS_PER_MILLI);
        match (&exchange.body, exchange.trailers.is_empty()) {
            (None, _) => {}
            (Some(_), true) => stream.data([], true),
            (Some(_), false) => stream.trailers(plain(&exchange.trailers)),
        }
        replies.give(gateway);
    }
}

impl Host for ProxyWasm {
    fn name(&self) -> String {
        match self.order {
            Order::BodyFirst => "proxy-wasm, body first".to_owned(),
            Order::ReplyFirst => "proxy-wasm, reply first".to_owned(),
        }
    }

    fn run(&mut self, case: &Resolved) -> Observed {
        let mut observed = Observed::default();
        let gateway = match self.start(case) {
            Ok(gateway) => gateway,
            Err(error) => {
                return Observed { refused: Some(format!("{error:#}")), ..observed };
            }
        };
        let configured = gateway.memory_pages(0);
        for exchange in &case.exchanges {
            let (seen, faults) = self.exchange(&gateway, exchange);
            observed.exchanges.push(seen);
            observed.faults.extend(faults);
        }
        observed.pages = Some((configured, gateway.memory_pages(0)));
        observed
    }
}

/// What is left of the answers to fetches; the last one is given again and again.
struct Replies<'e> {
    exchange: &'e Exchange,
    meanwhile: bool,
    answers: &'e [FetchAnswer],
}

impl<'e> Replies<'e> {
    fn of(exchange: &'e Exchange) -> Self {
        Self { exchange, meanwhile: false, answers: &exchange.fetches }
    }

    /// Those of a tick while the answer is on its way.
    fn meanwhile(exchange: &'e Exchange) -> Self {
        Self { meanwhile: true, ..Self::of(exchange) }
    }

    fn next(&mut self, call: &Callout) -> CalloutReply {
        let asked = approvals::Asked {
            method: call.headers.first(b":method").unwrap_or_default(),
            path: call.headers.first(b":path").unwrap_or_default(),
            media_type: call.headers.first(b"content-type"),
            body: &call.body,
        };
        let later = self.exchange.meanwhile.get(&call.cluster).filter(|_| self.meanwhile);
        if let Some(answer) = later {
            return reply(answer);
        }
        let documents = &self.exchange.documents;
        if let Some(answer) = approvals::document(documents, &call.cluster, asked) {
            return reply(&answer);
        }
        let Some((first, rest)) = self.answers.split_first() else {
            return CalloutReply::Failed;
        };
        if !rest.is_empty() {
            self.answers = rest;
        }
        reply(first)
    }

    /// Answers every call until none is left.
    fn give(&mut self, gateway: &Gateway) {
        for _ in 0..MOST_CALLS {
            let Some(call) = gateway.callouts().into_iter().next() else {
                return;
            };
            gateway.reply(call.id, self.next(&call));
        }
        panic!("the plugin makes one call after the other");
    }
}

fn reply(answer: &FetchAnswer) -> CalloutReply {
    match answer {
        FetchAnswer::Answered { status, headers, body } => {
            CalloutReply::answer(*status, body.0.clone()).with_headers(plain(headers))
        }
        FetchAnswer::Refused => CalloutReply::Refused503,
        FetchAnswer::Timeout => CalloutReply::Timeout504,
        FetchAnswer::Reset => CalloutReply::Reset,
    }
}

/// `meanwhile`: what happens once the first piece of the body is on its way.
fn respond(stream: &Stream, response: &Response, meanwhile: impl Fn()) {
    let status = (b":status".to_vec(), response.status.to_string().into_bytes());
    let headers = std::iter::once(status).chain(plain(&response.headers));
    let bare = response.body.is_empty() && response.trailers.is_empty();
    stream.response_headers(headers, bare);
    for (number, piece) in response.body.iter().enumerate() {
        if number == 1 {
            meanwhile();
        }
        stream.response_data(piece.0.clone(), false);
    }
    if !response.trailers.is_empty() {
        stream.response_trailers(plain(&response.trailers));
    } else if !bare {
        stream.response_data([], true);
    }
}

/// What the host knows of the connection: `connection.mtls`, `filter_state.any.key`.
fn tell(stream: &Stream, exchange: &Exchange) {
    for (name, value) in &exchange.attributes {
        let name = std::str::from_utf8(&name.0).expect("attributes have names");
        stream.property(&name.splitn(2, '.').collect::<Vec<_>>(), value.0.clone());
    }
}

/// What both sides of a stream saw, and what of the log lines are receipts.
fn seen(lines: Vec<String>, stream: &Stream) -> Seen {
    let sent = stream.forwarded();
    let upstream = (!sent.is_empty()).then(|| Message {
        headers: sent_headers(&sent),
        body: crate::cases::Bytes(sent.body()),
        trailers: wrapped(sent.trailers().unwrap_or_default().iter().cloned()),
    });
    let received = stream.received();
    let client = received.status().map(|status| Answer {
        status,
        headers: sent_headers(&received)
            .into_iter()
            .filter(|pair| pair.0.0 != b":status")
            .collect(),
        body: crate::cases::Bytes(received.body()),
    });
    let (receipts, logs): (Vec<_>, Vec<_>) =
        lines.into_iter().partition(|line| line.starts_with(RECEIPT));
    let receipts =
        receipts.iter().filter_map(|line| line.strip_prefix(RECEIPT)).map(str::to_owned).collect();
    Seen { upstream, client, receipts, logs, steps: None }
}

fn sent_headers(sent: &Sent) -> Vec<crate::cases::Pair> {
    wrapped(sent.headers().map(|headers| headers.pairs().to_vec()).unwrap_or_default())
}

/// The access log prints what the log line says.
fn filter_state_differs(stream: &Stream, seen: &Seen) -> Option<String> {
    let state =
        stream.filter_state(&["deputy"]).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let differs = state.as_deref() != seen.receipts.last().map(String::as_str);
    differs.then(|| format!("filter state and receipt differ: {state:?}"))
}

/// `deputy.decision.*` and `deputy.reason.*`.
struct Counters(std::collections::BTreeMap<String, u64>);

impl Counters {
    fn read(gateway: &Gateway) -> Self {
        let ours = |name: &String| {
            name.starts_with("deputy.decision.") || name.starts_with("deputy.reason.")
        };
        let names = gateway.shared().metrics().into_keys().filter(ours);
        Self(
            names
                .map(|name| (name.clone(), gateway.shared().metric(&name).unwrap_or_default()))
                .collect(),
        )
    }

    /// One exchange counts its verdict and its reason once, and nothing else.
    fn differ(&self, after: &Self, seen: &Seen) -> Option<String> {
        let before = |name: &String| self.0.get(name).copied().unwrap_or_default();
        let grown = after.0.iter().filter(|(name, value)| before(name) != **value);
        let grown: Vec<_> =
            grown.map(|(name, value)| (name.clone(), value - before(name))).collect();
        let receipt: serde_json::Value = serde_json::from_str(seen.receipts.first()?).ok()?;
        let verdict = receipt["verdict"].as_str()?;
        let mut expected = vec![(format!("deputy.decision.{verdict}"), 1)];
        expected.extend(
            receipt["reason"].as_str().map(|reason| (format!("deputy.reason.{reason}"), 1)),
        );
        (grown != expected).then(|| format!("the counters say {grown:?}, not {expected:?}"))
    }
}

const RECEIPT: &str = "deputy-receipt ";
const NANOS_PER_MILLI: u64 = 1_000_000;
const MOST_CALLS: usize = 32;
