//! One request through the gateway: client events in, upstream events out, and back.

use http::{Request, Response, Uri};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use crate::vm::{HeaderMap, StreamEvent};

use super::body::{CutOff, EventBody};
use super::seat::{Command, Peer, Seat, Sides};
use super::wire::{self, Client};

/// Where one request goes.
pub(super) struct Route {
    pub(super) seat: Seat,
    pub(super) upstream: Uri,
    pub(super) client: Client,
}

/// An exchange somebody waits for. Dropping it stops what works for it and tells the worker.
pub(super) struct Visit {
    line: Line,
    tasks: Vec<AbortHandle>,
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
        self.line.seat.tell(Command::Close { exchange: self.line.exchange });
    }
}

/// The way back to an exchange.
#[derive(Clone)]
struct Line {
    seat: Seat,
    exchange: u64,
}

impl Line {
    /// Returns when the plugin has seen the event: the next one is read only then.
    async fn event(&self, peer: Peer, event: StreamEvent) {
        let (done, seen) = oneshot::channel();
        self.seat.tell(Command::Event { exchange: self.exchange, peer, event, done });
        let _ = seen.await;
    }
}

pub(super) async fn serve(
    route: Route,
    request: Request<Incoming>,
) -> Result<Response<EventBody>, CutOff> {
    let (head, body) = request.into_parts();
    let (upstream, to_upstream) = unbounded_channel();
    let (client, mut to_client) = unbounded_channel();
    let end = body.is_end_stream();
    let (number, opened) = oneshot::channel();
    let sides = Sides { upstream, client };
    route.seat.tell(Command::Open { headers: wire::request_pairs(&head), end, sides, number });
    let line = Line { seat: route.seat.clone(), exchange: opened.await.map_err(|_| CutOff)? };
    let mut visit = Visit { line: line.clone(), tasks: Vec::new() };
    if !end {
        visit.tasks.push(tokio::spawn(relay(line.clone(), Peer::Client, body)).abort_handle());
    }
    visit.tasks.push(tokio::spawn(forward(route, line, to_upstream)).abort_handle());
    match to_client.recv().await {
        Some(StreamEvent::Headers { headers, end }) => {
            answer(&headers, EventBody::new(to_client, end, Some(visit)))
        }
        _ => Err(CutOff),
    }
}

fn answer(headers: &HeaderMap, body: EventBody) -> Result<Response<EventBody>, CutOff> {
    wire::response(headers, body).map_err(|_| CutOff)
}

/// Sends upstream whatever the gateway lets through, and brings the answer back.
async fn forward(route: Route, line: Line, mut events: UnboundedReceiver<StreamEvent>) {
    let Some(StreamEvent::Headers { headers, end }) = events.recv().await else {
        return;
    };
    let body = EventBody::new(events, end, None).boxed_unsync();
    let response = match wire::request(&route.upstream, &headers, body) {
        Ok(request) => route.client.request(request).await.map_err(anyhow::Error::from),
        Err(error) => Err(error),
    };
    let Ok(response) = response else {
        return line.event(Peer::Upstream, StreamEvent::Reset).await;
    };
    let (head, body) = response.into_parts();
    let (headers, end) = (wire::response_pairs(&head), body.is_end_stream());
    line.event(Peer::Upstream, StreamEvent::Headers { headers, end }).await;
    if !end {
        relay(line, Peer::Upstream, body).await;
    }
}

/// Delivers a body piece by piece, then its trailers or an empty last piece.
async fn relay(line: Line, peer: Peer, mut body: Incoming) {
    while let Some(frame) = body.frame().await {
        let event = match frame.map(Frame::from) {
            Ok(Frame::Data(bytes)) => StreamEvent::Data { bytes, end: false },
            Ok(Frame::Trailers(trailers)) => {
                return line.event(peer, StreamEvent::Trailers(trailers)).await;
            }
            Err(_) => return line.event(peer, StreamEvent::Reset).await,
        };
        line.event(peer, event).await;
    }
    line.event(peer, StreamEvent::Data { bytes: Vec::new(), end: true }).await;
}

enum Frame {
    Data(Vec<u8>),
    Trailers(HeaderMap),
}

impl From<hyper::body::Frame<bytes::Bytes>> for Frame {
    fn from(frame: hyper::body::Frame<bytes::Bytes>) -> Self {
        match frame.into_data() {
            Ok(bytes) => Self::Data(bytes.to_vec()),
            Err(frame) => {
                let trailers = frame.into_trailers().unwrap_or_default();
                Self::Trailers(HeaderMap::new(wire::end_to_end(&trailers)))
            }
        }
    }
}
