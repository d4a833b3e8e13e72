//! One HTTP stream, driven event by event, and everything a test can observe of it.

use std::sync::{Arc, Mutex, MutexGuard};

use super::headers::{HeaderMap, Pair};
use super::observed::{LocalReply, Observed, StreamEvent};
use super::stream::Direction;
use super::worker::Worker;

/// One HTTP stream on one worker. Events of the client and of the upstream come in any order;
/// events of a half that is over are ignored, as a proxy ignores them.
pub struct Exchange {
    worker: Arc<Mutex<Worker>>,
    context: u32,
}

impl Exchange {
    pub(super) fn new(worker: Arc<Mutex<Worker>>, context: u32) -> Self {
        Self { worker, context }
    }

    /// The number the plugin knows this stream by.
    pub fn context(&self) -> u32 {
        self.context
    }

    /// Gives this stream a property; set it before the headers.
    pub fn property(&self, path: &[&str], value: impl Into<Vec<u8>>) {
        let path = path.join("\0").into_bytes();
        self.lock().stream(self.context).properties.insert(path, value.into());
    }

    /// The client sends its header block.
    pub fn headers(&self, headers: impl IntoIterator<Item = Pair>, end: bool) {
        self.lock().request_headers(self.context, HeaderMap::new(headers), end);
    }

    /// The client sends a piece of the body.
    pub fn data(&self, bytes: impl Into<Vec<u8>>, end: bool) {
        self.lock().data_arrives(self.context, Direction::Request, bytes.into(), end);
    }

    /// The client sends a body in pieces and then, as nearly every real client does, an empty piece
    /// that carries the end.
    pub fn body(&self, bytes: &[u8], piece: usize) {
        bytes.chunks(piece).for_each(|piece| self.data(piece, false));
        self.data([], true);
    }

    /// The client ends with trailers; no data event carries an end then.
    pub fn trailers(&self, trailers: impl IntoIterator<Item = Pair>) {
        self.lock().trailers_arrive(self.context, Direction::Request, HeaderMap::new(trailers));
    }

    /// The client goes away.
    pub fn abort(&self) {
        self.lock().reset(self.context, "downstream_remote_disconnect");
    }

    /// The upstream sends its header block.
    ///
    /// # Panics
    /// When nothing was forwarded: then there is no upstream that could answer.
    pub fn response_headers(&self, headers: impl IntoIterator<Item = Pair>, end: bool) {
        let mut worker = self.lock();
        let stream = worker.stream(self.context);
        let contacted = stream.request.headers_continued || stream.request.aborted;
        assert!(contacted, "no upstream was contacted");
        if stream.local_reply.is_none() {
            worker.headers_arrive(self.context, Direction::Response, HeaderMap::new(headers), end);
        }
    }

    /// The upstream sends a piece of the body.
    pub fn response_data(&self, bytes: impl Into<Vec<u8>>, end: bool) {
        let mut worker = self.lock();
        if worker.stream(self.context).local_reply.is_none() {
            worker.data_arrives(self.context, Direction::Response, bytes.into(), end);
        }
    }

    /// The upstream ends with trailers.
    pub fn response_trailers(&self, trailers: impl IntoIterator<Item = Pair>) {
        let mut worker = self.lock();
        if worker.stream(self.context).local_reply.is_none() {
            worker.trailers_arrive(self.context, Direction::Response, HeaderMap::new(trailers));
        }
    }

    /// The upstream connection fails: 503 if the client has nothing yet, otherwise a cut-off stream.
    pub fn upstream_fails(&self) {
        let text = "upstream connect error or disconnect/reset before headers";
        let reply = LocalReply::host(503, text, "upstream_reset_before_response_started");
        self.lock().send_local_reply(self.context, reply);
    }

    /// Everything the upstream has been sent so far.
    pub fn forwarded(&self) -> Observed {
        self.lock().stream(self.context).upstream.clone()
    }

    /// Everything the client has been sent so far.
    pub fn received(&self) -> Observed {
        self.lock().stream(self.context).downstream.clone()
    }

    /// Moves out what the upstream has been sent since the last take. For a caller that really
    /// forwards; [`Exchange::forwarded`] then shows only the rest.
    pub fn take_forwarded(&self) -> Vec<StreamEvent> {
        std::mem::take(&mut self.lock().stream(self.context).upstream.events)
    }

    /// Moves out what the client has been sent since the last take.
    pub fn take_received(&self) -> Vec<StreamEvent> {
        std::mem::take(&mut self.lock().stream(self.context).downstream.events)
    }

    /// The reply made in the gateway, before the plugin's response callbacks changed it.
    pub fn local_reply(&self) -> Option<LocalReply> {
        self.lock().stream(self.context).local_reply.clone()
    }

    /// Response code details.
    pub fn details(&self) -> String {
        self.lock().stream(self.context).details.clone()
    }

    /// A filter state value as an access log would print it: what `on_log` wrote counts, what
    /// `on_done` wrote does not.
    pub fn filter_state(&self, path: &[&str]) -> Option<Vec<u8>> {
        let path = path.join("\0").into_bytes();
        let mut worker = self.lock();
        let stream = worker.stream(self.context);
        stream.logged_state.as_ref().unwrap_or(&stream.filter_state).get(&path).cloned()
    }

    /// The stream is over and its context deleted.
    pub fn is_finished(&self) -> bool {
        self.lock().stream(self.context).finished
    }

    /// There is a response, even if the plugin holds it.
    pub fn is_answering(&self) -> bool {
        self.lock().stream(self.context).response.headers.is_some()
    }

    /// Nothing was decided yet: not forwarded, not answered, not over.
    pub fn is_held(&self) -> bool {
        let mut worker = self.lock();
        let stream = worker.stream(self.context);
        !stream.finished && !stream.request.headers_continued && !stream.response.headers_continued
    }

    fn lock(&self) -> MutexGuard<'_, Worker> {
        self.worker.lock().expect("no panic in another thread of this worker")
    }
}

impl Drop for Exchange {
    /// Forgets the records of a stream that is over; a stream nobody drives any more is aborted.
    fn drop(&mut self) {
        if let Ok(mut worker) = self.worker.lock() {
            worker.reset(self.context, "downstream_remote_disconnect");
            worker.state().streams.remove(&self.context);
        }
    }
}
