//! The key endpoint of a case: what it answers when, and whether every VM has asked it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::cases::{
    Exchange, FetchAnswer, Resolved, approvals, directory, plain, security_events, status_list,
};
use crate::envoy::{Answer, Reply, Seen, Server, wait, wire};

/// One server behind all clusters of a configuration, but for those that have documents of their own.
pub(super) struct Keys {
    server: Server,
    documents: BTreeMap<String, Server>,
    /// Fetches that every VM together makes of all issuers.
    round: usize,
    answer: String,
    is_up: bool,
    is_good: bool,
    /// Paths, in the order in which they were asked for first.
    asked: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Keys {
    /// With the answer of the first exchange, before anybody asks.
    pub(super) fn of(case: &Resolved) -> Self {
        let server = Server::start(Reply::Reset);
        // Before there is a request nobody is asked to approve anything, nor about a token or an agent.
        let later = [
            approvals::CLUSTER,
            directory::CLUSTER,
            status_list::CLUSTER,
            security_events::CLUSTER,
        ];
        let asked_at_once = case.clusters.iter().filter(|name| !later.contains(&name.as_str()));
        let round = VMS * asked_at_once.count();
        let (answer, asked) = (String::new(), Arc::default());
        let named = case.exchanges.iter().flat_map(|exchange| exchange.documents.keys());
        let documents = named.map(|name| (name.clone(), Server::start(Reply::Reset))).collect();
        let mut keys =
            Self { server, documents, round, answer, is_up: true, is_good: false, asked };
        if let Some(first) = case.exchanges.first() {
            keys.answer(first);
        }
        keys
    }

    /// Where a cluster is.
    pub(super) fn address(&self, cluster: &str) -> SocketAddr {
        self.documents.get(cluster).unwrap_or(&self.server).address()
    }

    /// Requests so far.
    fn seen(&self) -> usize {
        let all = std::iter::once(&self.server).chain(self.documents.values());
        all.map(|server| server.seen().len()).sum()
    }

    /// Waits until every VM has asked for the first time.
    pub(super) fn asked(&self) {
        if self.is_up {
            self.wait(0);
        }
    }

    /// Answers as that exchange wants it. `starving`: nobody has keys, so everybody will ask soon, and
    /// is waited for.
    pub(super) fn turn_to(&mut self, exchange: &Exchange, starving: bool) {
        if shown(exchange) == self.answer {
            return;
        }
        let before = self.seen();
        self.answer(exchange);
        if starving && self.is_up {
            self.wait(before);
        }
    }

    /// Whether the endpoint answers at all; whoever got nothing from it asks again soon.
    pub(super) fn are_to_be_had(&self) -> bool {
        self.is_good
    }

    fn answer(&mut self, exchange: &Exchange) {
        self.answer = shown(exchange);
        for (name, server) in &self.documents {
            let (name, documents) = (name.clone(), exchange.documents.clone());
            server.answers_by(move |seen| {
                let asked = approvals::Asked {
                    method: &seen.head.word(0),
                    path: &seen.head.word(1),
                    media_type: wire::value(&seen.head.headers, "content-type"),
                    body: &seen.body,
                };
                let answer = approvals::document(&documents, &name, asked);
                answer.map_or(Reply::Reset, |answer| reply(&answer))
            });
        }
        let wanted = exchange.fetches.last();
        let refused = |answer: &FetchAnswer| *answer == FetchAnswer::Refused;
        let up = !exchange.fetches.iter().all(refused);
        self.is_good = matches!(wanted, Some(FetchAnswer::Answered { status: 200, .. }));
        match (up, self.is_up) {
            (false, true) => self.server.down(),
            (false, false) => {}
            (true, _) => self.server.answers_by(script(&exchange.fetches, Arc::clone(&self.asked))),
        }
        if up && !self.is_up {
            self.server.up();
        }
        self.is_up = up;
    }

    /// Until every VM has asked once more. One that asked just before the answer changed and got the
    /// new one asks no more, and nobody can tell: it is enough then to have waited long enough.
    fn wait(&self, before: usize) {
        let begun = Instant::now();
        let (mut seen, mut since) = (before, begun);
        wait::until("every VM to fetch keys", wait::PATIENCE, String::new, || {
            let now = self.seen();
            if now > seen {
                (seen, since) = (now, Instant::now());
            }
            // What one answer says may be where the next is to be had.
            let all = seen >= before + self.round && since.elapsed() > QUIET;
            (all || begun.elapsed() > LONGEST_BACKOFF).then_some(())
        });
    }
}

/// Answers in their order: the first to the path that was asked for first, and so on, the last one to
/// all that come after. Every VM asks in the same order.
fn script(
    answers: &[FetchAnswer],
    asked: Arc<Mutex<Vec<Vec<u8>>>>,
) -> impl Fn(&Seen) -> Reply + Send + Sync + 'static {
    let replies: Vec<Reply> = answers.iter().map(reply).collect();
    move |seen| {
        let wanted = seen.head.word(1);
        let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
        let known = asked.iter().position(|path| *path == wanted);
        let place = known.unwrap_or_else(|| {
            asked.push(wanted);
            asked.len() - 1
        });
        replies.get(place).or(replies.last()).cloned().unwrap_or(Reply::Reset)
    }
}

fn reply(answer: &FetchAnswer) -> Reply {
    match answer {
        FetchAnswer::Answered { status, headers, body } => {
            let mut answer = Answer::ok("application/json", body.0.clone()).status(*status);
            answer.headers.extend(plain(headers));
            answer.into()
        }
        FetchAnswer::Timeout => Reply::Silence,
        // Nobody can be refused and answered at one address.
        FetchAnswer::Reset | FetchAnswer::Refused => Reply::Reset,
    }
}

fn shown(exchange: &Exchange) -> String {
    format!("{:?} {:?}", exchange.fetches, exchange.documents)
}

/// So long after the last request nobody asks for more.
const QUIET: Duration = Duration::from_millis(200);
/// One worker and the main thread.
const VMS: usize = 2;
/// The engine's five seconds, a tick, and a busy machine.
const LONGEST_BACKOFF: Duration = Duration::from_secs(9);
