//! Many requests at once on one VM: heads first, then the bodies in turn, piece by piece, and the
//! keys they all wait for last.

use super::{ProxyWasm, RECEIPT, Replies, respond, seen, tell};
use crate::cases::{Exchange, plain};
use crate::runner::Seen;
use crate::vm::{Exchange as Stream, Gateway};

/// What came of one of them.
pub enum AtOnce {
    /// It ran to its end.
    Done(Seen),
    /// Its client went away before the keys came.
    Aborted(Seen),
}

impl ProxyWasm {
    /// Runs the exchanges together. Every tenth client goes away while its request waits.
    pub fn at_once(&self, gateway: &Gateway, exchanges: &[&Exchange]) -> Vec<AtOnce> {
        gateway.take_logs();
        let streams: Vec<Stream> = exchanges.iter().map(|_| gateway.exchange(0)).collect();
        for (stream, exchange) in streams.iter().zip(exchanges) {
            tell(stream, exchange);
            stream.headers(plain(&exchange.headers), exchange.body.is_none());
        }
        bodies(&streams, exchanges);
        streams.iter().skip(9).step_by(10).for_each(Stream::abort);
        if let Some(first) = exchanges.first() {
            Replies::of(first).give(gateway);
        }
        for (stream, exchange) in streams.iter().zip(exchanges) {
            if stream.local_reply().is_none() && !stream.forwarded().is_empty() {
                respond(stream, &exchange.upstream, || ());
            }
        }
        let seen = streams.iter().map(with_own_receipt).enumerate();
        seen.map(|(i, seen)| if i % 10 == 9 { AtOnce::Aborted(seen) } else { AtOnce::Done(seen) })
            .collect()
    }

    /// How many receipts a gateway has written since its log was last taken.
    pub fn receipts(gateway: &Gateway) -> usize {
        gateway.logs().iter().filter(|line| line.message.starts_with(RECEIPT)).count()
    }
}

fn bodies(streams: &[Stream], exchanges: &[&Exchange]) {
    let longest =
        exchanges.iter().filter_map(|exchange| exchange.body.as_ref()).map(Vec::len).max();
    for turn in 0..longest.unwrap_or_default() {
        for (stream, exchange) in streams.iter().zip(exchanges) {
            if let Some(piece) = exchange.body.as_ref().and_then(|pieces| pieces.get(turn)) {
                stream.data(piece.0.clone(), false);
            }
        }
    }
    for (stream, exchange) in streams.iter().zip(exchanges).filter(|pair| pair.1.body.is_some()) {
        if exchange.trailers.is_empty() {
            stream.data([], true);
        } else {
            stream.trailers(plain(&exchange.trailers));
        }
    }
}

/// The log is everybody's; what a stream's own access log would print is its own.
fn with_own_receipt(stream: &Stream) -> Seen {
    let own = stream.filter_state(&["deputy"]);
    let own = own.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Seen { receipts: own.into_iter().collect(), ..seen(Vec::new(), stream) }
}
