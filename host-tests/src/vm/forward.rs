//! The filter manager, second half: resuming what was held, and handing things on to the upstream
//! or the client.

use super::abi::LogLevel;
use super::observed::StreamEvent;
use super::stream::{Direction, Iteration};
use super::worker::Worker;

impl Worker {
    /// Lets a stopped half go on: held headers, then buffered data, then trailers. Only a half that
    /// was stopped entirely shows its data and trailers to the plugin now.
    pub(super) fn common_continue(&mut self, context: u32, direction: Direction) {
        if !self.state().streams.contains_key(&context) || self.interrupted(context, direction) {
            return;
        }
        let half = self.stream(context).half_mut(direction);
        if half.headers.is_none() {
            self.note(
                LogLevel::Warn,
                "continue_stream for a half that has not begun; Envoy may crash here",
            );
            return;
        }
        let unseen = half.iteration.stopped_all();
        half.iteration = Iteration::Continue;
        let (buffered, had_trailers) = (half.buffered.is_some(), half.trailers.is_some());
        if !half.headers_continued {
            let end = half.observed_end && !buffered && !had_trailers;
            self.emit_headers(context, direction, end);
        }
        if buffered && !self.interrupted(context, direction) {
            let half = self.stream(context).half_mut(direction);
            let bytes = std::mem::take(half.buffered.get_or_insert_default());
            let end = half.observed_end && !had_trailers;
            if unseen {
                self.data_through_filter(context, direction, bytes, end);
            } else {
                self.emit_data(context, direction, bytes, end);
            }
        }
        if had_trailers && !self.interrupted(context, direction) {
            if unseen {
                self.trailers_through_filter(context, direction);
            } else {
                self.emit_trailers(context, direction);
            }
        }
    }

    pub(super) fn emit_headers(&mut self, context: u32, direction: Direction, end: bool) {
        let half = self.stream(context).half_mut(direction);
        half.headers_continued = true;
        let headers = half.headers.clone().unwrap_or_default();
        self.emit(context, direction, StreamEvent::Headers { headers, end }, end);
    }

    pub(super) fn emit_data(
        &mut self,
        context: u32,
        direction: Direction,
        bytes: Vec<u8>,
        end: bool,
    ) {
        // Trailers the plugin added at the end of the body take over the end of the stream.
        let added_trailers = end && self.stream(context).half(direction).trailers.is_some();
        let end = end && !added_trailers;
        if end || !bytes.is_empty() {
            self.emit(context, direction, StreamEvent::Data { bytes, end }, end);
        }
        if added_trailers {
            self.emit_trailers(context, direction);
        }
    }

    pub(super) fn emit_trailers(&mut self, context: u32, direction: Direction) {
        let trailers = self.stream(context).half(direction).trailers.clone().unwrap_or_default();
        self.emit(context, direction, StreamEvent::Trailers(trailers), true);
    }

    fn emit(&mut self, context: u32, direction: Direction, event: StreamEvent, end: bool) {
        let stream = self.stream(context);
        stream.half_mut(direction).sent_end |= end;
        stream.sent_mut(direction).events.push(event);
        if end && direction == Direction::Response {
            self.finish(context);
        }
    }
}
