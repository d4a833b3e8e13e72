//! HTTP calls a plugin has dispatched, and the ways they can end.

use super::headers::{HeaderMap, Pair, pairs};

/// Names one dispatched call within a gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CalloutId(pub u64);

/// A call that waits for its reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callout {
    /// Names it for [`super::Gateway::reply`].
    pub id: CalloutId,
    /// The worker whose VM made it.
    pub worker: usize,
    /// The context in whose callback it was made.
    pub context: u32,
    /// The context that must still live when the reply comes.
    pub owner: u32,
    /// The number the plugin knows it by.
    pub token: u32,
    /// Cluster name.
    pub cluster: String,
    /// Request headers with pseudo headers.
    pub headers: HeaderMap,
    /// Request body.
    pub body: Vec<u8>,
    /// Request trailers.
    pub trailers: Vec<Pair>,
    /// 0 means no timeout.
    pub timeout_ms: u32,
}

/// How a call ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CalloutReply {
    /// The cluster answered.
    Answered {
        /// `:status`.
        status: u16,
        /// Other headers.
        headers: Vec<Pair>,
        /// Body.
        body: Vec<u8>,
    },
    /// Connection refused: Envoy makes up a 503.
    Refused503,
    /// Timeout: Envoy makes up a 504.
    Timeout504,
    /// The connection broke before an answer: Envoy makes up a 503.
    Reset,
    /// The callback comes with zero headers: the failure signal of the ABI's text, used by Envoy
    /// only when a reply exceeds its buffers.
    Failed,
}

impl CalloutReply {
    /// An answer without further headers.
    pub fn answer(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::Answered { status, headers: Vec::new(), body: body.into() }
    }

    /// The same answer with further headers.
    #[must_use]
    pub fn with_headers(mut self, more: Vec<Pair>) -> Self {
        if let Self::Answered { headers, .. } = &mut self {
            headers.extend(more);
        }
        self
    }

    pub(super) fn into_message(self) -> (HeaderMap, Vec<u8>) {
        match self {
            Self::Answered { status, headers, body } => {
                let head = pairs([(":status", status.to_string())]);
                (HeaderMap::new(head.into_iter().chain(headers)), body)
            }
            Self::Refused503 => synthetic("503", REFUSED),
            Self::Timeout504 => synthetic("504", "upstream request timeout"),
            Self::Reset => synthetic("503", RESET),
            Self::Failed => (HeaderMap::default(), Vec::new()),
        }
    }
}

fn synthetic(status: &str, text: &str) -> (HeaderMap, Vec<u8>) {
    let length = text.len().to_string();
    let head =
        [(":status", status), ("content-length", length.as_str()), ("content-type", "text/plain")];
    (HeaderMap::new(pairs(head)), text.as_bytes().to_vec())
}

const REFUSED: &str = "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure, transport failure reason: delayed connect error: Connection refused";
const RESET: &str = "upstream connect error or disconnect/reset before headers. reset reason: connection termination";

/// What became of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// The plugin's callback ran.
    Delivered,
    /// The owner is gone, the VM is dead, or the call was answered before: nobody heard it.
    Dropped,
}
