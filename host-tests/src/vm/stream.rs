//! The state of one HTTP stream: both halves as the filter manager sees them, and what the plugin's
//! context can reach at this moment.

use std::collections::BTreeMap;

use super::abi::{MapKind, Status};
use super::headers::HeaderMap;
use super::observed::{LocalReply, Observed};

/// Request or response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Request,
    Response,
}

/// Whether this filter lets its half of the stream move on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Iteration {
    #[default]
    Continue,
    /// Headers (and buffered data) wait; callbacks still come.
    Single,
    /// Everything waits and is buffered up to the limit.
    AllBuffer,
    /// Everything waits under flow control, so no limit applies.
    AllWatermark,
}

impl Iteration {
    pub(super) fn stopped_all(self) -> bool {
        matches!(self, Self::AllBuffer | Self::AllWatermark)
    }
}

/// One direction of a stream.
#[derive(Debug, Default)]
pub(super) struct Half {
    pub(super) headers: Option<HeaderMap>,
    pub(super) trailers: Option<HeaderMap>,
    /// Data held back by the filter manager. `Some(empty)` differs from `None`: it still carries an
    /// end of stream.
    pub(super) buffered: Option<Vec<u8>>,
    /// The data of the callback in progress.
    pub(super) chunk: Vec<u8>,
    /// The last body callback asked to buffer, so the next one sees everything.
    pub(super) buffering: bool,
    /// The plugin can reach the headers, the chunk, the trailers.
    pub(super) headers_visible: bool,
    pub(super) body_visible: bool,
    pub(super) trailers_visible: bool,
    /// The peer has sent everything.
    pub(super) observed_end: bool,
    pub(super) iteration: Iteration,
    /// The header block went on to the other side.
    pub(super) headers_continued: bool,
    /// So did the end.
    pub(super) sent_end: bool,
    /// A local reply or the end of the stream took over.
    pub(super) aborted: bool,
}

impl Half {
    pub(super) fn buffer(&mut self, bytes: Vec<u8>) {
        self.buffered.get_or_insert_default().extend(bytes);
    }

    pub(super) fn buffered_len(&self) -> usize {
        self.buffered.as_ref().map_or(0, Vec::len)
    }

    /// What a body host function reads.
    pub(super) fn body(&self) -> &[u8] {
        if self.buffering {
            self.buffered.as_deref().unwrap_or_default()
        } else if self.body_visible {
            &self.chunk
        } else {
            &[]
        }
    }

    /// What a body host function writes; nothing outside a body callback or a pause in one.
    pub(super) fn body_mut(&mut self) -> Option<&mut Vec<u8>> {
        if self.buffering {
            Some(self.buffered.get_or_insert_default())
        } else {
            self.body_visible.then_some(&mut self.chunk)
        }
    }
}

/// One HTTP stream and everything a test may ask about it.
#[derive(Debug, Default)]
pub(super) struct Stream {
    pub(super) root: u32,
    pub(super) request: Half,
    pub(super) response: Half,
    pub(super) upstream: Observed,
    pub(super) downstream: Observed,
    /// Callbacks of the request half are running: replies wait for them to return.
    pub(super) decoding: bool,
    pub(super) prepared: Option<LocalReply>,
    pub(super) local_reply: Option<LocalReply>,
    pub(super) details: String,
    /// The VM has a context for it; not so for a stream that skips the plugin or was refused.
    pub(super) in_vm: bool,
    pub(super) finished: bool,
    pub(super) log_phase: bool,
    /// End flag of the last callback that had one, of whichever half.
    pub(super) end_of_stream: bool,
    pub(super) closing: bool,
    pub(super) began_at: u64,
    pub(super) properties: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) filter_state: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Filter state as an access log sees it: after `on_log`, before `on_done`.
    pub(super) logged_state: Option<BTreeMap<Vec<u8>, Vec<u8>>>,
}

impl Stream {
    pub(super) fn half(&self, direction: Direction) -> &Half {
        match direction {
            Direction::Request => &self.request,
            Direction::Response => &self.response,
        }
    }

    pub(super) fn half_mut(&mut self, direction: Direction) -> &mut Half {
        match direction {
            Direction::Request => &mut self.request,
            Direction::Response => &mut self.response,
        }
    }

    /// The log of what left in this direction.
    pub(super) fn sent_mut(&mut self, direction: Direction) -> &mut Observed {
        match direction {
            Direction::Request => &mut self.upstream,
            Direction::Response => &mut self.downstream,
        }
    }

    /// The map a plugin may read now.
    pub(super) fn map(&self, kind: MapKind) -> Option<&HeaderMap> {
        if self.log_phase {
            return match kind {
                MapKind::RequestHeaders => self.request.headers.as_ref(),
                MapKind::ResponseHeaders => self.response.headers.as_ref(),
                MapKind::ResponseTrailers => self.response.trailers.as_ref(),
                _ => None,
            };
        }
        match kind {
            MapKind::RequestHeaders => shown(&self.request.headers, self.request.headers_visible),
            MapKind::RequestTrailers => {
                shown(&self.request.trailers, self.request.trailers_visible)
            }
            MapKind::ResponseHeaders => {
                shown(&self.response.headers, self.response.headers_visible)
            }
            MapKind::ResponseTrailers => {
                shown(&self.response.trailers, self.response.trailers_visible)
            }
            MapKind::GrpcMetadata | MapKind::CallHeaders | MapKind::CallTrailers => None,
        }
    }

    /// What a read of an unreachable map answers.
    pub(super) fn missing_map(&self) -> Status {
        if self.log_phase { Status::NotFound } else { Status::BadArgument }
    }

    /// The map a plugin may change now. Asking for trailers at the end of a body creates them.
    pub(super) fn map_mut(&mut self, kind: MapKind) -> Option<&mut HeaderMap> {
        match kind {
            MapKind::RequestHeaders => {
                shown_mut(&mut self.request.headers, self.request.headers_visible)
            }
            MapKind::RequestTrailers => trailers_mut(&mut self.request, self.end_of_stream),
            MapKind::ResponseHeaders => {
                shown_mut(&mut self.response.headers, self.response.headers_visible)
            }
            MapKind::ResponseTrailers => trailers_mut(&mut self.response, self.end_of_stream),
            MapKind::GrpcMetadata | MapKind::CallHeaders | MapKind::CallTrailers => None,
        }
    }

    /// `proxy_continue_stream` takes the request out of the plugin's reach, whichever half it names.
    pub(super) fn hide_request(&mut self) {
        self.request.headers_visible = false;
        self.request.body_visible = false;
        self.request.trailers_visible = false;
    }
}

fn shown(map: &Option<HeaderMap>, visible: bool) -> Option<&HeaderMap> {
    map.as_ref().filter(|_| visible)
}

fn shown_mut(map: &mut Option<HeaderMap>, visible: bool) -> Option<&mut HeaderMap> {
    map.as_mut().filter(|_| visible)
}

fn trailers_mut(half: &mut Half, end_of_stream: bool) -> Option<&mut HeaderMap> {
    if !half.trailers_visible && half.body_visible && end_of_stream {
        half.trailers.get_or_insert_default();
        half.trailers_visible = true;
    }
    shown_mut(&mut half.trailers, half.trailers_visible)
}
