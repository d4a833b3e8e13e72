//! One exchange of a case, over HTTP/1.1: from a case's bytes to the wire's, and back.

use crate::cases::{Bytes, Exchange, Pair, plain};
use crate::envoy::wire::{self, Lines};
use crate::envoy::{Access, Answer, Body, Listener, Request, Response, Seen as Recorded, wait};
use crate::runner::{Answer as Answered, Message, Seen};

/// Makes it. Also gives back what went wrong with the gateway itself.
pub(super) fn play(listener: &Listener, exchange: &Exchange) -> (Seen, Vec<String>) {
    let accesses = listener.accesses().len();
    let (receipts, said) = (listener.receipts().len(), listener.said().len());
    let recorded = listener.upstream.seen().len();
    listener.upstream.answers(upstream(exchange));
    let request = request(exchange);
    let mut client = listener.connect();
    client.send(&request);
    let response = client.response(&request);
    let access = over(listener, accesses);
    let mut faults = Vec::new();
    let asked = listener.upstream.seen().split_off(recorded);
    if asked.len() > 1 {
        faults.push(format!("the upstream was asked {} times", asked.len()));
    }
    let response = response.map_err(|e| faults.push(format!("the client got no answer: {e}"))).ok();
    let receipts = listener.receipts().split_off(receipts);
    let written = access.as_ref().and_then(|access| access.receipt.as_ref());
    if written != receipts.last() {
        faults.push(format!("access log and log differ: {access:?} {receipts:?}"));
    }
    let logs = listener.said().split_off(said);
    let logs = logs.into_iter().filter(|line| !line.starts_with("deputy-receipt ")).collect();
    let client = response.map(|response| answered(exchange, &response, !asked.is_empty()));
    let upstream = asked.first().map(|asked| message(exchange, asked));
    (Seen { upstream, client, receipts, logs, steps: None }, faults)
}

/// The access log's line of it; a request that Envoy could not even read may have none.
fn over(listener: &Listener, before: usize) -> Option<Access> {
    let begun = std::time::Instant::now();
    wait::until("the end of a request", wait::PATIENCE, String::new, || {
        let lines = listener.accesses();
        match lines.get(before) {
            Some(line) => Some(Some(line.clone())),
            None => (begun.elapsed() > LATEST).then_some(None),
        }
    })
}

fn request(exchange: &Exchange) -> Request {
    let pseudo = |name: &str| exchange.header(name).unwrap_or_default().to_vec();
    let mut request = Request::new("", pseudo(":path")).without("host");
    request.method = pseudo(":method");
    for (name, value) in plain(&exchange.headers) {
        match name.as_slice() {
            b":method" | b":path" | b":scheme" => {}
            b":authority" => request.headers.push((b"host".to_vec(), value)),
            _ => request.headers.push((name, value)),
        }
    }
    let pieces = |pieces: &Vec<Bytes>| pieces.iter().map(|piece| piece.0.clone()).collect();
    request.body = exchange.body.as_ref().map(pieces);
    let sized = wire::value(&request.headers, "content-length").is_some();
    request.chunked = !sized && request.body.as_ref().is_some_and(|pieces| pieces.len() > 1);
    request.trailers = plain(&exchange.trailers);
    request
}

fn upstream(exchange: &Exchange) -> Answer {
    let sent = &exchange.upstream;
    let body: Vec<_> = sent.body.iter().map(|piece| piece.0.clone()).collect();
    let mut headers = plain(&sent.headers);
    // Over HTTP/1.1 a length is more than a header: a wrong one would be another message.
    let length: usize = body.iter().map(Vec::len).sum();
    let lengths =
        headers.iter_mut().filter(|(name, _)| name.eq_ignore_ascii_case(b"content-length"));
    lengths.for_each(|(_, value)| *value = length.to_string().into_bytes());
    Answer {
        status: sent.status,
        headers,
        body: Body::Pieces(body),
        trailers: plain(&sent.trailers),
    }
}

/// What the upstream got, without what one hop says to the next.
fn message(exchange: &Exchange, recorded: &Recorded) -> Message {
    let sent = plain(&exchange.headers);
    let mut headers = vec![
        (b":method".to_vec(), recorded.head.word(0)),
        (b":path".to_vec(), recorded.head.word(1)),
    ];
    for (name, value) in &recorded.head.headers {
        match name.as_slice() {
            b"host" => headers.push((b":authority".to_vec(), value.clone())),
            b"x-forwarded-proto" => headers.push((b":scheme".to_vec(), value.clone())),
            _ => headers.push((name.clone(), value.clone())),
        }
    }
    without(&mut headers, &sent, &["content-length", "transfer-encoding"]);
    Message {
        headers: wrapped(headers),
        body: Bytes(recorded.body.clone()),
        trailers: wrapped(recorded.trailers.clone()),
    }
}

/// What the client got, without what Envoy says to its client; of an answer that is the upstream's
/// that is more than of a refusal.
fn answered(exchange: &Exchange, response: &Response, forwarded: bool) -> Answered {
    let sent = plain(&exchange.upstream.headers);
    let mut headers = response.headers.clone();
    if forwarded {
        let ours = ["content-length", "transfer-encoding", "date", "server", "connection"];
        without(&mut headers, &sent, &ours);
    }
    let (status, body) = (response.status, Bytes(response.body.clone()));
    Answered { status, headers: wrapped(headers), body }
}

/// Drops those that were not sent.
fn without(headers: &mut Lines, sent: &Lines, names: &[&str]) {
    let added = |name: &[u8]| {
        let named = |ours: &&&str| name.eq_ignore_ascii_case(ours.as_bytes());
        names.iter().find(named).is_some_and(|name| wire::value(sent, name).is_none())
    };
    headers.retain(|(name, _)| !added(name));
}

fn wrapped(lines: Lines) -> Vec<Pair> {
    lines.into_iter().map(|(name, value)| (Bytes(name), Bytes(value))).collect()
}

/// The client has its answer by then, and Envoy writes its log every ten milliseconds; a busy machine
/// takes its time.
const LATEST: std::time::Duration = std::time::Duration::from_secs(30);
