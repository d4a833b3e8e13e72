//! Replies made in the gateway, and how a stream ends: `on_log`, `on_done`, `on_delete`, in that
//! order.

use super::headers::{HeaderMap, pairs};
use super::observed::{LocalReply, StreamEvent};
use super::stream::Direction;
use super::worker::Worker;

impl Worker {
    /// Before a response exists the reply passes the plugin's response callbacks; once one exists
    /// but was not sent, it replaces that without callbacks; after that the stream is cut off.
    pub(super) fn send_local_reply(&mut self, context: u32, reply: LocalReply) {
        let Some(stream) = self.state().streams.get_mut(&context) else {
            return;
        };
        if stream.finished {
            return;
        }
        if stream.response.headers.is_none() {
            stream.request.aborted = true;
            if stream.decoding {
                // The first of two replies is sent.
                stream.prepared.get_or_insert(reply);
            } else {
                self.reply_through_filters(context, reply);
            }
        } else if !stream.response.headers_continued {
            self.reply_directly(context, reply);
        } else {
            self.reset(context, &reply.details);
        }
    }

    pub(super) fn reply_through_filters(&mut self, context: u32, reply: LocalReply) {
        let headers = self.record_reply(context, &reply);
        self.stream(context).request.aborted = true;
        let end = reply.body.is_empty() || self.is_head(context);
        self.headers_arrive(context, Direction::Response, headers, end);
        if !end {
            self.data_arrives(context, Direction::Response, reply.body, true);
        }
    }

    fn reply_directly(&mut self, context: u32, reply: LocalReply) {
        let headers = self.record_reply(context, &reply);
        let end = reply.body.is_empty() || self.is_head(context);
        let stream = self.stream(context);
        stream.request.aborted = true;
        stream.response.aborted = true;
        stream.response.headers = Some(headers.clone());
        stream.response.headers_continued = true;
        stream.downstream.events.push(StreamEvent::Headers { headers, end });
        if !end {
            stream.downstream.events.push(StreamEvent::Data { bytes: reply.body, end: true });
        }
        self.finish(context);
    }

    fn record_reply(&mut self, context: u32, reply: &LocalReply) -> HeaderMap {
        let stream = self.stream(context);
        stream.details.clone_from(&reply.details);
        stream.local_reply = Some(reply.clone());
        let status = pairs([(":status", reply.status.to_string())]);
        let mut headers = HeaderMap::new(status.into_iter().chain(reply.headers.iter().cloned()));
        if reply.body.is_empty() {
            headers.remove(b"content-length");
        } else {
            headers.replace(b"content-length", reply.body.len().to_string().as_bytes());
            if headers.first(b"content-type").is_none() {
                headers.add(b"content-type", b"text/plain");
            }
        }
        headers
    }

    fn is_head(&mut self, context: u32) -> bool {
        let headers = self.stream(context).request.headers.as_ref();
        headers.and_then(|headers| headers.first(b":method")) == Some(b"HEAD")
    }

    /// Cuts the stream off towards the client.
    pub(super) fn reset(&mut self, context: u32, details: &str) {
        let stream = self.stream(context);
        if stream.finished {
            return;
        }
        details.clone_into(&mut stream.details);
        stream.downstream.events.push(StreamEvent::Reset);
        self.finish(context);
    }

    /// The stream is over, whoever ended it.
    pub(super) fn finish(&mut self, context: u32) {
        let stream = self.stream(context);
        if std::mem::replace(&mut stream.finished, true) {
            return;
        }
        stream.request.aborted = true;
        stream.response.aborted = true;
        let answered = stream.response.observed_end && stream.local_reply.is_none();
        if stream.request.headers_continued && !(answered && stream.request.sent_end) {
            stream.upstream.events.push(StreamEvent::Reset);
        }
        if stream.in_vm {
            self.last_callbacks(context);
        }
        let state = self.state();
        let number = state.worker;
        state.surroundings.cancel(number, Some(context));
    }

    fn last_callbacks(&mut self, context: u32) {
        self.stream(context).log_phase = true;
        self.call(context, "proxy_on_log", &[context]);
        let stream = self.stream(context);
        stream.log_phase = false;
        stream.closing = true;
        // What `on_done` writes comes too late for an access log.
        stream.logged_state = Some(stream.filter_state.clone());
        self.call(context, "proxy_on_done", &[context]);
        self.call(context, "proxy_on_delete", &[context]);
        self.stream(context).in_vm = false;
        let current = self.root;
        if self.state().roots.len() > 1 {
            self.retire_roots(Some(current));
        }
    }
}
