//! The answer to `tools/list`, without the tools its caller could not be permitted to call.
//!
//! Hiding a tool is a courtesy, not the boundary: calling it is decided on its own. It is done
//! without exception all the same: what can't be read in one way only is withheld, never passed on
//! as it came (threats M7). `message` judges one JSON-RPC message, `sse` finds the messages of an
//! event stream; this file holds the two framings of a response together, in whatever chunks.
//!
//! Bounded: one buffer, of the limit, and what is made of it; an event stream may be longer than
//! that, its events not.

mod message;
mod sse;

use crate::decision::RpcId;
use crate::json::{Object, Value};
use crate::protocol::media;
use sse::Stream;

/// Filters one response.
#[derive(Debug)]
pub(crate) struct ListFilter {
    expected: Expected,
    framing: Framing,
}

/// Changes to the headers of a response whose body is about to change; removals first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseEdits {
    /// Names to remove, every occurrence.
    pub remove: Vec<&'static str>,
    /// Headers to set, replacing any of that name.
    pub set: Vec<(&'static str, &'static str)>,
}

/// What the response answers.
#[derive(Debug)]
struct Expected {
    id: RpcId,
    limit: usize,
    /// Whether the status says that it worked.
    success: bool,
}

#[derive(Debug)]
enum Framing {
    Json(Vec<u8>),
    Events(Box<Stream>),
    /// Nothing of it goes on, but once this in its place, as soon as there is a first byte.
    Withheld(Option<Vec<u8>>),
}

/// Why a message, or all that follows, is not passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Withheld {
    /// Not of a content type that carries JSON-RPC, or more than one.
    MediaType,
    /// Compressed.
    Encoded,
    /// Longer than the limit.
    TooLong,
    /// More tools than one answer may list.
    TooMany,
    /// Not strict JSON.
    Malformed,
    /// A batch.
    Batch,
    /// Not a JSON-RPC 2.0 message, or one that looks like two kinds at once.
    NotAMessage,
    /// The answer to something else.
    OtherRequest,
    /// Not a list of tools.
    NotAList,
}

impl Withheld {
    fn code(self) -> &'static str {
        match self {
            Self::MediaType => "media_type",
            Self::Encoded => "encoded",
            Self::TooLong => "too_long",
            Self::TooMany => "too_many",
            Self::Malformed => "malformed",
            Self::Batch => "batch",
            Self::NotAMessage => "not_a_message",
            Self::OtherRequest => "other_request",
            Self::NotAList => "not_a_list",
        }
    }
}

/// Request headers to remove when the answer will be filtered: an answer that is compressed, partial
/// or "not modified" can't be.
pub(crate) const REMOVED_WHEN_FILTERED: &[&str] =
    &["accept-encoding", "range", "if-range", "if-none-match", "if-modified-since"];

/// Response headers that describe the bytes that were, not those that will be.
const STALE: &[&str] = &[
    "content-length",
    "content-md5",
    "content-digest",
    "repr-digest",
    "digest",
    "etag",
    "last-modified",
    "accept-ranges",
    "content-range",
];

impl ListFilter {
    /// For the answer to that request. `limit`: bytes of an answer, or of one event.
    pub(in crate::protocol) fn new(id: RpcId, limit: usize) -> Self {
        let expected = Expected { id, limit, success: false };
        // Until its head has been seen.
        let framing = Framing::Withheld(Some(expected.refusal(Withheld::MediaType)));
        Self { expected, framing }
    }

    /// Takes in the head of the response. Returns what changes in it.
    pub(crate) fn head(&mut self, status: u16, headers: &[(Vec<u8>, Vec<u8>)]) -> ResponseEdits {
        self.expected.success = (200..300).contains(&status);
        let media = Media::of(headers, self.expected.success);
        let plain = values(headers, "content-encoding").all(|v| media::is_identity(&text(v)));
        self.framing = self.expected.framing(media, plain);
        let mut stale = STALE.to_vec();
        stale.extend((!plain).then_some("content-encoding"));
        stale.retain(|name| values(headers, name).next().is_some());
        // What takes the place of a body that can't be read is JSON.
        let set = (media == Media::Other).then_some(("content-type", media::JSON));
        ResponseEdits { remove: stale, set: set.into_iter().collect() }
    }

    /// Takes in the next bytes of the body and returns those that go on in their place. `end`: there
    /// are no more. `may_call` is asked about each tool, by the name the server gave it.
    pub(crate) fn push(
        &mut self,
        chunk: &[u8],
        end: bool,
        may_call: &mut dyn FnMut(&str) -> bool,
    ) -> Vec<u8> {
        let out = self.read(chunk, end, may_call);
        if end {
            self.framing = Framing::Withheld(None);
        }
        out
    }

    fn read(&mut self, chunk: &[u8], end: bool, may_call: &mut dyn FnMut(&str) -> bool) -> Vec<u8> {
        match &mut self.framing {
            Framing::Events(stream) => stream.push(chunk, end, &self.expected, may_call),
            Framing::Json(buffer) => {
                if chunk.len() > self.expected.limit.saturating_sub(buffer.len()) {
                    self.framing = Framing::Withheld(None);
                    return self.expected.refusal(Withheld::TooLong);
                }
                buffer.extend_from_slice(chunk);
                if end { self.expected.whole(buffer, may_call) } else { Vec::new() }
            }
            // An empty body has nothing to withhold.
            Framing::Withheld(_) if chunk.is_empty() => Vec::new(),
            Framing::Withheld(instead) => instead.take().unwrap_or_default(),
        }
    }
}

impl Expected {
    fn framing(&self, media: Media, plain: bool) -> Framing {
        match (media, plain) {
            (Media::Json, true) => Framing::Json(Vec::new()),
            (Media::Events, true) => Framing::Events(Box::default()),
            (Media::Json, false) => Framing::Withheld(Some(self.refusal(Withheld::Encoded))),
            (Media::Events, false) => {
                Framing::Withheld(Some(self.refusal_event(Withheld::Encoded)))
            }
            (Media::Other, _) => Framing::Withheld(Some(self.refusal(Withheld::MediaType))),
        }
    }

    fn whole(&self, body: &[u8], may_call: &mut dyn FnMut(&str) -> bool) -> Vec<u8> {
        if body.is_empty() {
            return Vec::new();
        }
        message::filter(body, self, may_call).unwrap_or_else(|why| self.refusal(why))
    }

    /// What the caller gets instead: JSON-RPC 2.0 §5.1, "internal error".
    fn refusal(&self, why: Withheld) -> Vec<u8> {
        let id = match &self.id {
            RpcId::Integer(n) => Value::Integer(*n),
            RpcId::Text(text) => text.as_str().into(),
        };
        let error = Object::of([
            ("code", Value::Integer(-32603)),
            ("message", "The list was withheld: the gateway can't read it".into()),
            ("data", Value::Object(Object::of([("withheld", why.code().into())]))),
        ]);
        let message = [("jsonrpc", "2.0".into()), ("id", id), ("error", Value::Object(error))];
        Value::Object(Object::of(message)).to_text().into_bytes()
    }

    /// The same as an event of a stream.
    fn refusal_event(&self, why: Withheld) -> Vec<u8> {
        [b"data: ", self.refusal(why).as_slice(), b"\n\n"].concat()
    }
}

/// The content type of a response, as far as it can be looked into.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Media {
    Json,
    Events,
    Other,
}

impl Media {
    fn of(headers: &[(Vec<u8>, Vec<u8>)], success: bool) -> Self {
        let mut types = values(headers, "content-type").map(text);
        let (Some(named), None) = (types.next(), types.next()) else {
            return Self::Other;
        };
        let is = |media| media::is_utf8(&named, media);
        if is(media::JSON) || (!success && is(media::PROBLEM)) {
            Self::Json
        } else if is(media::EVENT_STREAM) {
            Self::Events
        } else {
            Self::Other
        }
    }
}

/// A value that is no text is not one that is looked for.
fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}

fn values<'h>(headers: &'h [(Vec<u8>, Vec<u8>)], name: &str) -> impl Iterator<Item = &'h [u8]> {
    let named = move |(n, _): &&(Vec<u8>, Vec<u8>)| n.eq_ignore_ascii_case(name.as_bytes());
    headers.iter().filter(named).map(|(_, value)| value.as_slice())
}

#[cfg(test)]
mod tests;
