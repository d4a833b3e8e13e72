//! An HTTP body made of the gateway's events.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::vm::StreamEvent;

use super::proxy::Visit;
use super::wire;

/// The gateway cut the message off.
#[derive(Debug)]
pub(super) struct CutOff;

impl fmt::Display for CutOff {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the gateway cut the stream off")
    }
}

impl std::error::Error for CutOff {}

/// What follows a header block.
pub(super) struct EventBody {
    events: UnboundedReceiver<StreamEvent>,
    ended: bool,
    /// Kept while the client reads: dropping it tells the worker that nobody does.
    _visit: Option<Visit>,
}

impl EventBody {
    pub(super) fn new(
        events: UnboundedReceiver<StreamEvent>,
        ended: bool,
        visit: Option<Visit>,
    ) -> Self {
        Self { events, ended, _visit: visit }
    }
}

impl Body for EventBody {
    type Data = Bytes;
    type Error = CutOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        while !self.ended {
            match ready!(self.events.poll_recv(context)) {
                Some(StreamEvent::Headers { .. }) => {}
                Some(StreamEvent::Data { bytes, end }) => {
                    self.ended = end;
                    if !bytes.is_empty() {
                        return Poll::Ready(Some(Ok(Frame::data(bytes.into()))));
                    }
                }
                Some(StreamEvent::Trailers(trailers)) => {
                    self.ended = true;
                    return Poll::Ready(Some(
                        wire::fields(&trailers).map(Frame::trailers).map_err(|_| CutOff),
                    ));
                }
                Some(StreamEvent::Reset) | None => {
                    self.ended = true;
                    return Poll::Ready(Some(Err(CutOff)));
                }
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }
}
