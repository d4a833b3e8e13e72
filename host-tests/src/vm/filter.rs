//! The filter manager, first half: what arrives passes the plugin, and the plugin's answer decides
//! whether it moves on. Request and response obey the same rules.

use super::abi::LogLevel;
use super::failure::{Reception, fail_stream};
use super::headers::HeaderMap;
use super::observed::LocalReply;
use super::options::Profile;
use super::stream::{Direction, Iteration, Stream};
use super::worker::{Called, Worker};

/// What a body callback's return value asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DataStatus {
    Continue,
    Buffer,
    Watermark,
    NoBuffer,
}

impl Worker {
    pub(super) fn open_stream(&mut self) -> u32 {
        let (context, root) = (self.state().next_context(), self.root);
        let began_at = self.state().surroundings.now();
        let stream = Stream { root, began_at, details: "via_upstream".into(), ..Stream::default() };
        self.state().streams.insert(context, stream);
        context
    }

    pub(super) fn request_headers(&mut self, context: u32, headers: HeaderMap, end: bool) {
        let reception = self.receive();
        let root = self.root;
        let stream = self.stream(context);
        assert!(stream.request.headers.is_none(), "request headers were delivered before");
        stream.root = root;
        match reception {
            Reception::Plugin => {
                stream.in_vm = true;
                if self.call(context, "proxy_on_context_create", &[context, root])
                    == Called::Trapped
                {
                    return;
                }
                self.headers_arrive(context, Direction::Request, headers, end);
            }
            Reception::SkipPlugin => {
                self.headers_arrive(context, Direction::Request, headers, end);
            }
            Reception::Refuse => {
                stream.request.headers = Some(headers);
                self.send_local_reply(context, fail_stream());
            }
        }
    }

    pub(super) fn headers_arrive(
        &mut self,
        context: u32,
        direction: Direction,
        headers: HeaderMap,
        end: bool,
    ) {
        if self.interrupted(context, direction) {
            return;
        }
        let count = headers.pairs().len() as u32;
        let stream = self.stream(context);
        stream.end_of_stream = end;
        let half = stream.half_mut(direction);
        half.headers = Some(headers);
        half.observed_end = end;
        half.headers_visible = true;
        let name = match direction {
            Direction::Request => "proxy_on_request_headers",
            Direction::Response => "proxy_on_response_headers",
        };
        let called = self.callback(context, direction, name, &[context, count, u32::from(end)]);
        let status = self.headers_status(called);
        if status == Iteration::Continue {
            self.stream(context).half_mut(direction).headers_visible = false;
        }
        if self.interrupted(context, direction) {
            return;
        }
        let half = self.stream(context).half_mut(direction);
        if status != Iteration::Continue {
            half.iteration = status;
        } else if !half.headers_continued {
            self.emit_headers(context, direction, end);
        }
    }

    pub(super) fn data_arrives(
        &mut self,
        context: u32,
        direction: Direction,
        bytes: Vec<u8>,
        end: bool,
    ) {
        if self.interrupted(context, direction) {
            return;
        }
        let half = self.stream(context).half_mut(direction);
        half.observed_end |= end;
        if half.iteration.stopped_all() {
            half.buffer(bytes);
            if half.iteration == Iteration::AllBuffer {
                self.enforce_limit(context, direction);
            }
            return;
        }
        self.data_through_filter(context, direction, bytes, end);
    }

    pub(super) fn data_through_filter(
        &mut self,
        context: u32,
        direction: Direction,
        bytes: Vec<u8>,
        end: bool,
    ) {
        let half = self.stream(context).half_mut(direction);
        if half.buffering {
            half.buffer(bytes);
            self.enforce_limit_inside(context, direction);
            if self.stream(context).finished {
                return;
            }
        } else {
            half.chunk = bytes;
        }
        let status = self.data_callback(context, direction, end);
        if self.interrupted(context, direction) {
            return;
        }
        let half = self.stream(context).half_mut(direction);
        let chunk = std::mem::take(&mut half.chunk);
        match status {
            DataStatus::Continue if half.iteration == Iteration::Single => {
                half.buffer(chunk);
                self.enforce_limit(context, direction);
                self.common_continue(context, direction);
            }
            DataStatus::Continue => {
                // After `proxy_continue_stream` one more callback sees its piece in the buffer.
                let mut bytes = half.buffered.as_mut().map(std::mem::take).unwrap_or_default();
                bytes.extend(chunk);
                self.emit_data(context, direction, bytes, end);
            }
            DataStatus::Buffer | DataStatus::Watermark => {
                half.iteration = Iteration::Single;
                half.buffer(chunk);
                if status == DataStatus::Buffer {
                    self.enforce_limit(context, direction);
                }
            }
            DataStatus::NoBuffer => {
                half.iteration = Iteration::Single;
                if end && half.trailers.is_none() {
                    half.buffered.get_or_insert_default();
                }
            }
        }
    }

    fn data_callback(&mut self, context: u32, direction: Direction, end: bool) -> DataStatus {
        let stream = self.stream(context);
        stream.end_of_stream = end;
        let half = stream.half_mut(direction);
        half.body_visible = true;
        let size = half.body().len() as u32;
        let name = match direction {
            Direction::Request => "proxy_on_request_body",
            Direction::Response => "proxy_on_response_body",
        };
        let called = self.callback(context, direction, name, &[context, size, u32::from(end)]);
        let status = data_status(called);
        let half = self.stream(context).half_mut(direction);
        half.buffering = status == DataStatus::Buffer;
        if status == DataStatus::Continue {
            half.body_visible = false;
        }
        status
    }

    pub(super) fn trailers_arrive(
        &mut self,
        context: u32,
        direction: Direction,
        trailers: HeaderMap,
    ) {
        if self.interrupted(context, direction) {
            return;
        }
        let half = self.stream(context).half_mut(direction);
        half.observed_end = true;
        half.trailers = Some(trailers);
        if !half.iteration.stopped_all() {
            self.trailers_through_filter(context, direction);
        }
    }

    pub(super) fn trailers_through_filter(&mut self, context: u32, direction: Direction) {
        let half = self.stream(context).half_mut(direction);
        half.trailers_visible = true;
        let count = half.trailers.as_ref().map_or(0, |trailers| trailers.pairs().len()) as u32;
        let name = match direction {
            Direction::Request => "proxy_on_request_trailers",
            Direction::Response => "proxy_on_response_trailers",
        };
        let called = self.callback(context, direction, name, &[context, count]);
        let goes_on =
            matches!(called, Called::Absent | Called::Returned { value: 0, stopped: false });
        if goes_on {
            self.stream(context).half_mut(direction).trailers_visible = false;
        }
        if self.interrupted(context, direction) {
            return;
        }
        let half = self.stream(context).half_mut(direction);
        match (goes_on, half.iteration) {
            (true, Iteration::Continue) => self.emit_trailers(context, direction),
            (true, _) => self.common_continue(context, direction),
            (false, _) => half.iteration = Iteration::Single,
        }
    }

    /// A callback of one half. While the request half is in a callback, local replies wait for it.
    fn callback(
        &mut self,
        context: u32,
        direction: Direction,
        name: &'static str,
        arguments: &[u32],
    ) -> Called {
        let stream = self.stream(context);
        if !stream.in_vm {
            return Called::Absent;
        }
        let outer = std::mem::replace(&mut stream.decoding, direction == Direction::Request);
        let called = self.call(context, name, arguments);
        let stream = self.stream(context);
        stream.decoding = outer;
        if !outer && let Some(reply) = stream.prepared.take() {
            self.reply_through_filters(context, reply);
        }
        called
    }

    /// Nothing more of this half may move: a local reply took over, or the stream is over.
    pub(super) fn interrupted(&mut self, context: u32, direction: Direction) -> bool {
        let stream = self.stream(context);
        stream.finished || stream.half(direction).aborted
    }

    fn headers_status(&mut self, called: Called) -> Iteration {
        let hold = self.state().options.profile == Profile::EnvoyHold;
        match called {
            Called::Absent | Called::Returned { value: 0, stopped: false } => Iteration::Continue,
            Called::Returned { value: 1, stopped: false } if hold => Iteration::Single,
            Called::Returned { value: 2, stopped: false } => Iteration::AllBuffer,
            Called::Trapped | Called::Returned { .. } => Iteration::AllWatermark,
        }
    }

    /// Outside a callback.
    fn enforce_limit(&mut self, context: u32, direction: Direction) {
        let (limit, half) =
            (self.state().options.buffer_limit, self.stream(context).half(direction));
        if half.buffered_len() <= limit {
            return;
        }
        let reply = match direction {
            Direction::Request => {
                LocalReply::host(413, "Payload Too Large", "request_payload_too_large")
            }
            Direction::Response => {
                LocalReply::host(500, "Internal Server Error", "response_payload_too_large")
            }
        };
        self.note(LogLevel::Debug, &format!("a paused body passed the limit of {limit} bytes"));
        self.send_local_reply(context, reply);
    }

    /// The limit is passed on the way into a body callback: the callback still comes, with the size
    /// over the limit, and the reply follows it.
    fn enforce_limit_inside(&mut self, context: u32, direction: Direction) {
        let outer =
            std::mem::replace(&mut self.stream(context).decoding, direction == Direction::Request);
        self.enforce_limit(context, direction);
        self.stream(context).decoding = outer;
    }
}

fn data_status(called: Called) -> DataStatus {
    match called {
        Called::Absent | Called::Returned { value: 0, stopped: false } => DataStatus::Continue,
        Called::Returned { value: 1, stopped: false } => DataStatus::Buffer,
        Called::Returned { value: 2, stopped: false } => DataStatus::Watermark,
        Called::Trapped | Called::Returned { .. } => DataStatus::NoBuffer,
    }
}
