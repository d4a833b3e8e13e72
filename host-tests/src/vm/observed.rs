//! What a test can see of a stream: ordered events per side, local replies, fuel.

use std::time::Duration;

use super::headers::{HeaderMap, Pair};

/// One thing that left the gateway on one side of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamEvent {
    /// The header block after the plugin's edits.
    Headers {
        /// Every pair in order.
        headers: HeaderMap,
        /// Nothing follows.
        end: bool,
    },
    /// A piece of the body.
    Data {
        /// The bytes.
        bytes: Vec<u8>,
        /// Nothing follows.
        end: bool,
    },
    /// The trailer block; always the last event of a complete message.
    Trailers(HeaderMap),
    /// The stream was cut off.
    Reset,
}

/// Everything that left the gateway on one side so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// In the order of sending.
    pub events: Vec<StreamEvent>,
}

impl Observed {
    /// Nothing at all was sent: the peer was never contacted.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The header block, if it was sent.
    pub fn headers(&self) -> Option<&HeaderMap> {
        self.events.iter().find_map(|event| match event {
            StreamEvent::Headers { headers, .. } => Some(headers),
            StreamEvent::Data { .. } | StreamEvent::Trailers(_) | StreamEvent::Reset => None,
        })
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers()?.first(name.as_bytes())
    }

    /// `:status` as a number.
    pub fn status(&self) -> Option<u16> {
        std::str::from_utf8(self.header(":status")?).ok()?.parse().ok()
    }

    /// All body bytes so far.
    pub fn body(&self) -> Vec<u8> {
        self.events.iter().flat_map(data).flatten().copied().collect()
    }

    /// The size of every body piece, in order.
    pub fn chunks(&self) -> Vec<usize> {
        self.events.iter().filter_map(data).map(<[u8]>::len).collect()
    }

    /// The trailer block, if it was sent.
    pub fn trailers(&self) -> Option<&[Pair]> {
        self.events.iter().find_map(|event| match event {
            StreamEvent::Trailers(trailers) => Some(trailers.pairs()),
            StreamEvent::Headers { .. } | StreamEvent::Data { .. } | StreamEvent::Reset => None,
        })
    }

    /// The message was sent to its end.
    pub fn is_complete(&self) -> bool {
        self.events.iter().any(|event| match event {
            StreamEvent::Headers { end, .. } | StreamEvent::Data { end, .. } => *end,
            StreamEvent::Trailers(_) => true,
            StreamEvent::Reset => false,
        })
    }

    /// The message was cut off.
    pub fn was_reset(&self) -> bool {
        self.events.contains(&StreamEvent::Reset)
    }
}

fn data(event: &StreamEvent) -> Option<&[u8]> {
    match event {
        StreamEvent::Data { bytes, .. } => Some(bytes),
        StreamEvent::Headers { .. } | StreamEvent::Trailers(_) | StreamEvent::Reset => None,
    }
}

/// Who made a local reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// The plugin called `proxy_send_local_response`.
    Plugin,
    /// The gateway itself: too large, failed VM, upstream gone.
    Host,
}

/// A reply made in the gateway, before response callbacks edit it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalReply {
    /// HTTP status.
    pub status: u16,
    /// Additional headers, as given.
    pub headers: Vec<Pair>,
    /// Body.
    pub body: Vec<u8>,
    /// Response code details.
    pub details: String,
    /// gRPC status, `None` when the plugin gave none.
    pub grpc_status: Option<u32>,
    /// Who made it.
    pub by: Sender,
}

impl LocalReply {
    pub(super) fn host(status: u16, body: &str, details: &str) -> Self {
        let (headers, body) = (Vec::new(), body.as_bytes().to_vec());
        Self { status, headers, body, details: details.into(), grpc_status: None, by: Sender::Host }
    }
}

/// What one callback cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FuelUse {
    /// The worker it ran on.
    pub worker: usize,
    /// The context it ran for.
    pub context: u32,
    /// The export, e.g. `proxy_on_request_headers`.
    pub callback: &'static str,
    /// Units of fuel: roughly one per instruction.
    pub fuel: u64,
    /// How long it took on this machine, what the host did for it included.
    pub took: Duration,
}
