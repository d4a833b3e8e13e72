//! One worker on its own thread: a VM is used by one thread at a time, so everything for it comes
//! through a channel, and what it forwards or answers leaves through channels.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use crate::vm::{
    CalloutId, CalloutReply, Exchange, Gateway, HeaderMap, Module, Options, StreamEvent,
};

use super::callout::Caller;

/// Where the two sides of an exchange listen.
pub(super) struct Sides {
    pub(super) upstream: UnboundedSender<StreamEvent>,
    pub(super) client: UnboundedSender<StreamEvent>,
}

/// Which peer an event comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    Client,
    Upstream,
}

/// What a worker thread is told.
pub(super) enum Command {
    /// A request begins. Answers with the number of its exchange.
    Open { headers: HeaderMap, end: bool, sides: Sides, number: oneshot::Sender<u64> },
    /// A peer sent something. The sender reads on after `done`.
    Event { exchange: u64, peer: Peer, event: StreamEvent, done: oneshot::Sender<()> },
    /// Nobody listens to the exchange any more.
    Close { exchange: u64 },
    /// The last handle is gone.
    Leave,
    /// A callout ended.
    Reply { callout: CalloutId, reply: CalloutReply },
}

/// A handle to a worker thread; the thread ends with its last handle.
#[derive(Clone)]
pub(super) struct Seat {
    commands: Sender<Command>,
    _last: Arc<Last>,
}

/// Dropped with the last handle; the thread itself keeps a sender for replies, so its inbox never
/// closes.
struct Last {
    commands: Sender<Command>,
}

impl Drop for Last {
    fn drop(&mut self) {
        let _ = self.commands.send(Command::Leave);
    }
}

impl Seat {
    /// Starts the thread and the plugin in it.
    pub(super) fn take(
        number: usize,
        module: Module,
        options: Options,
        caller: Caller,
    ) -> anyhow::Result<Self> {
        let (commands, inbox) = channel();
        let (started, outcome) = channel();
        let back = commands.clone();
        let run = move || match Gateway::start(&module, options) {
            Ok(gateway) => {
                let _ = started.send(Ok(()));
                Occupant::new(gateway, caller, back).run(&inbox);
            }
            Err(error) => {
                let _ = started.send(Err(error));
            }
        };
        thread::Builder::new().name(format!("worker {number}")).spawn(run)?;
        outcome.recv().context("the worker thread ended")??;
        let last = Arc::new(Last { commands: commands.clone() });
        Ok(Self { commands, _last: last })
    }

    pub(super) fn tell(&self, command: Command) {
        // A thread that is gone cannot be helped: its exchanges end when their channels close.
        let _ = self.commands.send(command);
    }
}

/// What lives on the thread.
struct Occupant {
    gateway: Gateway,
    caller: Caller,
    back: Sender<Command>,
    exchanges: BTreeMap<u64, (Exchange, Sides)>,
    last_exchange: u64,
    last_callout: CalloutId,
    last_tick: Instant,
}

impl Occupant {
    fn new(gateway: Gateway, caller: Caller, back: Sender<Command>) -> Self {
        let (exchanges, last_tick) = (BTreeMap::new(), Instant::now());
        Self {
            gateway,
            caller,
            back,
            exchanges,
            last_exchange: 0,
            last_callout: CalloutId(0),
            last_tick,
        }
    }

    fn run(&mut self, inbox: &Receiver<Command>) {
        loop {
            self.settle();
            match inbox.recv_timeout(self.until_tick()) {
                Ok(Command::Leave) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(command) => self.obey(command),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.until_tick().is_zero() {
                self.last_tick = Instant::now();
                self.gateway.tick();
            }
        }
    }

    fn until_tick(&self) -> Duration {
        match self.gateway.tick_period_ms(0) {
            0 => IDLE,
            period => Duration::from_millis(period.into()).saturating_sub(self.last_tick.elapsed()),
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Open { headers, end, sides, number } => self.open(headers, end, sides, number),
            Command::Event { exchange, peer, event, done } => {
                if let Some((exchange, _)) = self.exchanges.get(&exchange) {
                    apply(exchange, peer, event);
                }
                let _ = done.send(());
            }
            Command::Close { exchange } => {
                self.exchanges.remove(&exchange);
            }
            Command::Leave => {}
            Command::Reply { callout, reply } => {
                self.gateway.reply(callout, reply);
            }
        }
    }

    fn open(&mut self, headers: HeaderMap, end: bool, sides: Sides, number: oneshot::Sender<u64>) {
        self.last_exchange += 1;
        let exchange = self.gateway.exchange(0);
        exchange.headers(headers.pairs().iter().cloned(), end);
        self.exchanges.insert(self.last_exchange, (exchange, sides));
        // A client that is gone already never learns the number, so nobody would close it.
        if number.send(self.last_exchange).is_err() {
            self.exchanges.remove(&self.last_exchange);
        }
    }

    /// Hands out what the last command caused: things to forward, to answer, to call.
    fn settle(&mut self) {
        self.gateway.announce_queues();
        for (exchange, sides) in self.exchanges.values() {
            for event in exchange.take_forwarded() {
                let _ = sides.upstream.send(event);
            }
            for event in exchange.take_received() {
                let _ = sides.client.send(event);
            }
        }
        for callout in self.gateway.callouts() {
            if callout.id > self.last_callout {
                self.last_callout = callout.id;
                self.caller.make(callout, self.back.clone());
            }
        }
        // Nobody reads the book of costs here.
        self.gateway.take_fuel();
    }
}

/// How long a thread without ticks sleeps at most.
const IDLE: Duration = Duration::from_secs(60);

fn apply(exchange: &Exchange, peer: Peer, event: StreamEvent) {
    let pairs = |headers: HeaderMap| headers.pairs().to_vec();
    match (peer, event) {
        (Peer::Client, StreamEvent::Headers { .. }) => {}
        (Peer::Client, StreamEvent::Data { bytes, end }) => exchange.data(bytes, end),
        (Peer::Client, StreamEvent::Trailers(trailers)) => exchange.trailers(pairs(trailers)),
        (Peer::Client, StreamEvent::Reset) => exchange.abort(),
        (Peer::Upstream, StreamEvent::Headers { headers, end }) => {
            exchange.response_headers(pairs(headers), end)
        }
        (Peer::Upstream, StreamEvent::Data { bytes, end }) => exchange.response_data(bytes, end),
        (Peer::Upstream, StreamEvent::Trailers(trailers)) => {
            exchange.response_trailers(pairs(trailers))
        }
        (Peer::Upstream, StreamEvent::Reset) => exchange.upstream_fails(),
    }
}
