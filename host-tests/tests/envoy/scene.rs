//! One guest and one course of events, played in the harness and in Envoy.

use host_tests::vm::{
    CalloutOwner, CalloutReply, Exchange, FailurePolicy, Gateway, Options, Profile, StreamEvent,
    pairs,
};

use crate::gateway::Envoy;
use crate::guest::Guest;

/// What the client, or the cluster `idp`, does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Headers,
    HeadersAndEnd,
    Data(&'static str),
    End,
    Trailers,
    Abort,
    /// `idp` answers 200 `keys`.
    Reply,
    /// A slow upstream sends the second half of its body.
    Rest,
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) said: Vec<String>,
    /// Status and body the client got; no status if it got none in time.
    pub(crate) answers: Vec<(Option<u16>, String)>,
    /// Method, path, header `x` and body of every complete request at the upstream.
    pub(crate) upstream: Vec<String>,
}

pub(crate) struct Scene {
    guest: Guest,
    options: Options,
    slow: bool,
    fields: Vec<(&'static str, &'static str)>,
}

impl Scene {
    pub(crate) fn new(guest: Guest) -> Self {
        Self {
            guest,
            options: Options::configured("{}").cluster("idp"),
            slow: false,
            fields: Vec::new(),
        }
    }

    /// The upstream answers with half of its body and waits for [`Step::Rest`].
    pub(crate) fn slow(mut self) -> Self {
        self.slow = true;
        self
    }

    /// The client sends these headers too.
    pub(crate) fn fields(mut self, fields: Vec<(&'static str, &'static str)>) -> Self {
        self.fields = fields;
        self
    }

    pub(crate) fn profile(mut self, profile: Profile) -> Self {
        self.options.profile = profile;
        self
    }

    pub(crate) fn failure(mut self, failure: FailurePolicy) -> Self {
        self.options.failure = failure;
        self
    }

    pub(crate) fn limit(mut self, limit: usize) -> Self {
        self.options.buffer_limit = limit;
        self
    }

    pub(crate) fn callouts_of_the_root(mut self) -> Self {
        self.options.callout_owner = CalloutOwner::Root;
        self
    }

    pub(crate) fn play(&self, steps: &[Step]) {
        self.compare(&[steps]);
    }

    pub(crate) fn play_twice(&self, first: &[Step], second: &[Step]) {
        self.compare(&[first, second]);
    }

    fn compare(&self, requests: &[&[Step]]) {
        let program = host_tests::envoy::Program::envoy();
        let mut envoy =
            Envoy::start(program.as_os_str(), &self.guest.bytes(), &self.options, self.slow);
        envoy.fields =
            self.fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let real = envoy.play(requests);
        assert_eq!(self.modelled(requests), real, "left: the harness, right: Envoy");
    }

    fn modelled(&self, requests: &[&[Step]]) -> Seen {
        let gateway = self.guest.start(self.options.clone());
        let mut seen = Seen::default();
        gateway.take_logs();
        for steps in requests {
            let exchange = gateway.exchange(0);
            steps.iter().for_each(|step| self.act(&gateway, &exchange, *step));
            note(&exchange, steps.contains(&Step::Abort), &mut seen);
        }
        let logs = gateway.take_logs().into_iter().map(|line| line.message);
        seen.said = logs
            .filter(|line| !line.starts_with("the VM died") && !line.starts_with("a paused body"))
            .collect();
        seen
    }

    fn act(&self, gateway: &Gateway, exchange: &Exchange, step: Step) {
        let head = || {
            let head = [
                (":method", "POST"),
                (":path", "/p?q=1"),
                (":authority", "a.example"),
                (":scheme", "http"),
                ("x", "old"),
            ];
            pairs(head.into_iter().chain(self.fields.iter().copied()))
        };
        match step {
            Step::Headers => exchange.headers(head(), false),
            Step::HeadersAndEnd => exchange.headers(head(), true),
            Step::Data(bytes) => exchange.data(bytes, false),
            Step::End => exchange.data("", true),
            Step::Trailers => exchange.trailers(pairs([("t", "1")])),
            Step::Abort => exchange.abort(),
            Step::Rest => answer_rest(exchange, "ly"),
            Step::Reply => {
                for callout in gateway.callouts() {
                    let headers = pairs([("content-length", "4")]);
                    gateway.reply(
                        callout.id,
                        CalloutReply::Answered { status: 200, headers, body: b"keys".to_vec() },
                    );
                }
            }
        }
        if exchange.forwarded().is_complete()
            && exchange.received().is_empty()
            && !exchange.is_answering()
        {
            exchange.response_headers(
                pairs([(":status", "200"), ("x", "up"), ("content-length", "5")]),
                false,
            );
            if self.slow {
                exchange.response_data("rep", false)
            } else {
                answer_rest(exchange, "reply")
            }
        }
    }
}

fn answer_rest(exchange: &Exchange, rest: &str) {
    exchange.response_data(rest, false);
    exchange.response_data("", true);
}

fn note(exchange: &Exchange, aborted: bool, seen: &mut Seen) {
    let (forwarded, received) = (exchange.forwarded(), exchange.received());
    if forwarded.is_complete() {
        let text =
            |name| String::from_utf8_lossy(forwarded.header(name).unwrap_or_default()).into_owned();
        let body = String::from_utf8_lossy(&forwarded.body()).into_owned();
        seen.upstream.push(format!("{} {} {} {body}", text(":method"), text(":path"), text("x")));
    }
    let reset = received.events.first() == Some(&StreamEvent::Reset);
    let status = received.status().filter(|_| !aborted && !reset);
    let body = if status.is_some() {
        String::from_utf8_lossy(&received.body()).into_owned()
    } else {
        String::new()
    };
    seen.answers.push((status, body));
}
