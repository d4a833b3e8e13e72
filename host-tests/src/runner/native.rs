//! The engine itself, with this process as host: the reference for all others.

use deputy_engine::decision::Reply;
use deputy_engine::engine::Engine;
use deputy_engine::evidence::{Attribute, Head};
use deputy_engine::model::Timestamp;
use deputy_engine::response::ResponseFilter;
use deputy_engine::step::{
    Arrival, Disposition, Fetch, FetchReply, Forward, Held, NeedFetch, NeedRecall, NeedRemember,
    Outcome, Step,
};

use super::{Answer, Host, Message, Observed, Seen, wrapped};
use crate::cases::{Bytes, Exchange, FetchAnswer, Resolved, approvals, plain};
use crate::vm::{SharedStore, Status};

/// Drives `deputy_engine` without anything in between.
#[derive(Debug, Default)]
pub struct Native;

impl Host for Native {
    fn name(&self) -> String {
        "native".to_owned()
    }

    fn run(&mut self, case: &Resolved) -> Observed {
        let mut observed = Observed::default();
        let mut engine = match Engine::new(&case.configuration.0) {
            Ok(engine) => engine,
            Err(problems) => {
                return Observed { refused: Some(problems.to_string()), ..observed };
            }
        };
        let store = SharedStore::default();
        for exchange in &case.exchanges {
            let entropy = case.entropy.0.as_slice().try_into().expect("ten bytes");
            // As every host does, at the start and on every tick.
            let under_way = engine.due(Timestamp::from_unix_millis(exchange.arrives));
            let answers = &exchange.fetches;
            let (engine, store) = (&mut engine, &store);
            let run = Run { engine, store, exchange, answers, steps: Vec::new() };
            observed.exchanges.push(run.whole(entropy, under_way));
        }
        observed
    }
}

/// One exchange under way.
struct Run<'r> {
    engine: &'r mut Engine,
    store: &'r SharedStore,
    exchange: &'r Exchange,
    answers: &'r [FetchAnswer],
    steps: Vec<String>,
}

impl Run<'_> {
    fn whole(mut self, entropy: [u8; 10], under_way: Vec<Fetch>) -> Seen {
        let attributes = wanted(self.engine.attributes(), self.exchange);
        let head = Head::from_pairs(plain(&self.exchange.headers)).with_attributes(attributes);
        let head = head.ending(self.exchange.body.is_none());
        let now = Timestamp::from_unix_millis(self.exchange.arrives);
        let mut step = self.engine.begin(head, Arrival { now, entropy });
        // Fetches that nobody waits for come back all the same.
        let wanted = match &step {
            Step::Fetch(need) => Some(need.fetch().clone()),
            Step::Body(_)
            | Step::Recall(_)
            | Step::Remember(_)
            | Step::Decided(_)
            | Step::Publish(_) => None,
        };
        for fetch in under_way.into_iter().filter(|fetch| Some(fetch) != wanted.as_ref()) {
            let answer = self.answer(&fetch);
            self.engine.absorb(fetch, answer, self.fetched());
            self.engine.finish_work(self.fetched());
        }
        let outcome = loop {
            step = match step {
                Step::Fetch(need) => self.fetch(need),
                Step::Body(need) => {
                    self.steps.push("body".to_owned());
                    let mut body = self.exchange.whole_body();
                    body.truncate(need.limit() + 1);
                    need.provide(
                        self.engine,
                        body,
                        Timestamp::from_unix_millis(self.exchange.complete),
                    )
                }
                Step::Recall(need) => self.recall(need),
                Step::Remember(need) => self.remember(need),
                Step::Decided(outcome) => break *outcome,
                Step::Publish(reply) => {
                    let client = Some(replied(reply));
                    return Seen { client, steps: Some(self.steps), ..Seen::default() };
                }
            };
        };
        self.carry_out(outcome)
    }

    fn recall(&mut self, need: NeedRecall) -> Step {
        self.steps.push("recall".to_owned());
        let held = self.store.data(need.name().as_bytes());
        let held = held.map(|(value, version)| Held { value, version });
        need.provide(self.engine, held, self.fetched())
    }

    fn remember(&mut self, need: NeedRemember) -> Step {
        self.steps.push("remember".to_owned());
        let cas = need.version().unwrap_or(u32::MAX);
        match self.store.set(need.name().as_bytes(), need.value(), cas) {
            Status::Ok => need.stored(self.engine, self.fetched()),
            _ => need.lost(self.fetched()),
        }
    }

    fn fetch(&mut self, need: NeedFetch) -> Step {
        self.steps.push("fetch".to_owned());
        let answer = self.answer(need.fetch());
        let now = self.fetched();
        let absorbed = self.engine.absorb(need.fetch().clone(), answer, now);
        self.engine.finish_work(now);
        need.resume(self.engine, &absorbed, now)
    }

    fn fetched(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.exchange.fetched)
    }

    fn answer(&mut self, fetch: &Fetch) -> FetchReply {
        let body = fetch.body();
        let header = |wanted| fetch.headers().find(|(name, _)| *name == wanted);
        let asked = approvals::Asked {
            method: fetch.method().as_bytes(),
            path: fetch.endpoint().path.as_bytes(),
            media_type: header("content-type").map(|(_, value)| value.as_bytes()),
            body: body.as_bytes(),
        };
        let documents = &self.exchange.documents;
        if let Some(answer) = approvals::document(documents, &fetch.endpoint().cluster, asked) {
            return reply(&answer);
        }
        let Some((first, rest)) = self.answers.split_first() else {
            return FetchReply::Failed;
        };
        if !rest.is_empty() {
            self.answers = rest;
        }
        reply(first)
    }

    fn carry_out(mut self, outcome: Outcome) -> Seen {
        let mut seen = Seen {
            receipts: vec![outcome.receipt.to_json()],
            steps: Some(std::mem::take(&mut self.steps)),
            logs: outcome.signal.iter().map(|signal| format!("deputy-signal {signal}")).collect(),
            ..Seen::default()
        };
        match outcome.disposition {
            Disposition::Reply(reply) => seen.client = Some(replied(reply)),
            Disposition::Forward(forward) => {
                seen.upstream = Some(forwarded(self.exchange, &forward));
                let (answer, logs) = self.answered(forward.into_response());
                seen.client = Some(answer);
                seen.logs.extend(logs);
            }
        }
        seen
    }

    /// The background fetches of a tick while an answer is on its way.
    fn meanwhile(&mut self) {
        let (exchange, now) = (self.exchange, Timestamp::from_unix_millis(self.exchange.answered));
        if exchange.meanwhile.is_empty() {
            return;
        }
        for fetch in self.engine.due(now) {
            let answer = exchange.meanwhile.get(&fetch.endpoint().cluster).map(reply);
            let answer = answer.unwrap_or_else(|| self.answer(&fetch));
            self.engine.absorb(fetch, answer, now);
            self.engine.finish_work(now);
        }
    }

    /// What the client gets, and what is logged about it.
    fn answered(&mut self, filter: Option<ResponseFilter>) -> (Answer, Vec<String>) {
        let sent = &self.exchange.upstream;
        let mut headers = plain(&sent.headers);
        let Some(mut filter) = filter else {
            let body = sent.body.iter().flat_map(|piece| piece.0.iter().copied()).collect();
            let headers = wrapped(headers);
            return (Answer { status: sent.status, headers, body: Bytes(body) }, Vec::new());
        };
        let edits = filter.head(sent.status, &headers);
        let named = |ours: &str, name: &[u8]| name.eq_ignore_ascii_case(ours.as_bytes());
        headers.retain(|(name, _)| {
            let replaced = edits.set.iter().any(|(ours, _)| named(ours, name));
            !(replaced || edits.remove.iter().any(|gone| named(gone, name)))
        });
        let set = edits.set.iter();
        headers.extend(set.map(|(n, value)| (n.as_bytes().to_vec(), value.as_bytes().to_vec())));
        let now = Timestamp::from_unix_millis(self.exchange.answered);
        let mut body = Vec::new();
        for (number, piece) in sent.body.iter().enumerate() {
            if number == 1 {
                self.meanwhile();
            }
            body.extend(filter.push(&piece.0, false, now));
        }
        if !(sent.body.is_empty() && sent.trailers.is_empty()) {
            body.extend(filter.push(&[], true, now));
        }
        let logs = filter.take_records().into_iter().map(|line| format!("deputy-response {line}"));
        (
            Answer { status: sent.status, headers: wrapped(headers), body: Bytes(body) },
            logs.collect(),
        )
    }
}

/// What the engine asks to be told of the connection, where there is something to tell.
fn wanted(asked: Vec<Attribute>, exchange: &Exchange) -> Vec<(Attribute, Vec<u8>)> {
    let tell = |attribute: Attribute| {
        let value = exchange.attribute(&attribute.path().join("."))?.to_vec();
        Some((attribute, value))
    };
    asked.into_iter().filter_map(tell).collect()
}

fn replied(reply: Reply) -> Answer {
    let headers = reply.headers.into_iter().map(|(name, value)| (name.into(), value.into()));
    Answer { status: reply.status, headers: wrapped(headers), body: Bytes(reply.body) }
}

fn reply(answer: &FetchAnswer) -> FetchReply {
    match answer {
        FetchAnswer::Answered { status, headers, body } => {
            let header = |name: &str| {
                let found = headers.iter().find(|(n, _)| n.0 == name.as_bytes());
                found.map(|(_, value)| value.0.clone())
            };
            let headers = Fetch::reply_headers(header);
            FetchReply::Answered { status: *status, headers, body: body.0.clone() }
        }
        FetchAnswer::Refused | FetchAnswer::Timeout | FetchAnswer::Reset => FetchReply::Failed,
    }
}

/// The request with the engine's edits. What a host does about trailers is its own.
fn forwarded(exchange: &Exchange, forward: &Forward) -> Message {
    let edits = forward.edits();
    let set = |name: &[u8]| edits.set.iter().any(|(ours, _)| ours.as_bytes() == name);
    let gone = |name: &[u8]| edits.remove.iter().any(|gone| gone == name) || set(name);
    let mut headers = plain(&exchange.headers);
    headers.iter_mut().for_each(|(name, _)| name.make_ascii_lowercase());
    headers.retain(|(name, _)| !gone(name));
    headers.extend(
        edits
            .set
            .iter()
            .map(|(name, value)| (name.as_bytes().to_vec(), value.clone().into_bytes())),
    );
    let body = forward.body().map_or_else(|| exchange.whole_body(), <[u8]>::to_vec);
    Message { headers: wrapped(headers), body: Bytes(body), trailers: Vec::new() }
}
