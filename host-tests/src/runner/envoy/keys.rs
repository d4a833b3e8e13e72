//! The key endpoint of a case: what it answers when, and whether every VM has asked it.

use std::time::{Duration, Instant};

use crate::cases::{Exchange, FetchAnswer, Resolved, plain};
use crate::envoy::{Answer, Reply, Server, wait};

/// One server behind all clusters of a configuration.
pub(super) struct Keys {
    server: Server,
    /// Fetches that every VM together makes of all issuers.
    round: usize,
    answer: String,
    is_up: bool,
    is_good: bool,
}

impl Keys {
    /// With the answer of the first exchange, before anybody asks.
    pub(super) fn of(case: &Resolved) -> Self {
        let server = Server::start(Reply::Reset);
        let round = VMS * case.clusters.len();
        let mut keys = Self { server, round, answer: String::new(), is_up: true, is_good: false };
        if let Some(first) = case.exchanges.first() {
            keys.answer(first);
        }
        keys
    }

    pub(super) fn server(&self) -> &Server {
        &self.server
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
        let before = self.server.seen().len();
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
        let wanted = exchange.fetches.last();
        let up = !matches!(wanted, Some(FetchAnswer::Refused));
        self.is_good = matches!(wanted, Some(FetchAnswer::Answered { status: 200, .. }));
        match wanted {
            Some(FetchAnswer::Answered { status, headers, body }) => {
                let mut answer = Answer::ok("application/json", body.0.clone()).status(*status);
                answer.headers.extend(plain(headers));
                self.server.answers(answer);
            }
            Some(FetchAnswer::Timeout) => self.server.answers(Reply::Silence),
            Some(FetchAnswer::Reset) | None => self.server.answers(Reply::Reset),
            Some(FetchAnswer::Refused) if self.is_up => self.server.down(),
            Some(FetchAnswer::Refused) => {}
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
        wait::until("every VM to fetch keys", wait::PATIENCE, String::new, || {
            let all = self.server.seen().len() >= before + self.round;
            (all || begun.elapsed() > LONGEST_BACKOFF).then_some(())
        });
    }
}

fn shown(exchange: &Exchange) -> String {
    format!("{:?}", exchange.fetches)
}

/// Two workers and the main thread.
const VMS: usize = 3;
/// The engine's five seconds, a tick, and a busy machine.
const LONGEST_BACKOFF: Duration = Duration::from_secs(9);
