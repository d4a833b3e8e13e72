//! The answer to a request of MCP or A2A on its way back: lists lose what their caller could not be permitted,
//! and what a server asks of the agent (sampling, elicitation, roots) stops here unless policy lets it.
//!
//! Hiding an entry of a list is a courtesy, not the boundary: using it is decided on its own. It is done
//! without exception all the same: what can't be read in one way only is withheld, never passed on
//! as it came (threats M7). `message` judges one JSON-RPC message, `sse` finds the messages of an
//! event stream, `a2a::filter` judges what A2A has in their place; this file holds the two framings of a response together, in whatever chunks.
//!
//! Bounded: one buffer, of the limit, and what is made of it; an event stream may be longer than
//! that, its events not.

mod message;
mod sse;

use crate::decision::RpcId;
use crate::json::{Object, Value};
use crate::protocol::{IdKind, a2a, media};
use sse::Stream;

pub(crate) use message::definition;

/// Filters one response.
#[derive(Debug)]
pub(crate) struct ListFilter {
    expected: Expected,
    framing: Framing,
}

/// Which list an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListOf {
    Tools,
    Resources,
    Templates,
    Prompts,
}

/// Who is asked about what a response holds.
pub(crate) trait Judge {
    /// Whether an entry may be seen, by the name the server gave it. `entry`: all of it, as text.
    fn shows(&mut self, list: ListOf, name: &str, entry: &str) -> bool;
    /// Whether the server may ask the agent that: a JSON-RPC method.
    fn may_ask(&mut self, method: &str) -> bool;
    /// What the caller gets in place of an event's id, if anything.
    fn event_id(&mut self, id: &str) -> Option<String>;
    /// What the caller gets in place of the id of a task or context, if it can be passed on.
    fn seal(&mut self, kind: IdKind, id: &str) -> Option<String>;
    /// Whether a skill of an agent may be seen.
    fn shows_skill(&mut self, id: &str) -> bool;
}

/// What a response answers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answers {
    /// The requests, each with the list it asks for, if it asks for one.
    pub(crate) to: Vec<(RpcId, Option<ListOf>)>,
    /// Answers to earlier requests may come along: the stream of a session.
    pub(crate) any: bool,
    /// Messages may come in batches.
    pub(crate) batch: bool,
    /// Of A2A; then there are none of the others.
    pub(crate) a2a: Option<a2a::Awaited>,
}

/// Changes to the headers of a response whose body is about to change; removals first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseEdits {
    /// Names to remove, every occurrence.
    pub remove: Vec<&'static str>,
    /// Headers to set, replacing any of that name.
    pub set: Vec<(&'static str, String)>,
}

/// What is known of a response before it comes, and the status it comes with.
#[derive(Debug)]
struct Expected {
    answers: Answers,
    limit: usize,
    /// Whether the status says that it worked.
    success: bool,
}

#[derive(Debug)]
enum Framing {
    Json(Vec<u8>),
    Events(Box<Stream>),
    /// All of it goes on: an error page, which no client takes for a message.
    Passes,
    /// Nothing of it goes on, but once why in its place, as soon as there is a first byte.
    Withheld(Option<Instead>),
}

/// What goes on in place of a body.
#[derive(Clone, Copy, Debug)]
enum Instead {
    Answer(Withheld),
    /// The same as an event of a stream.
    Event(Withheld),
}

/// Why a message, or all that follows, is not passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Withheld {
    /// Not of a content type that carries JSON-RPC, or more than one.
    MediaType,
    /// Compressed.
    Encoded,
    /// Longer than the limit.
    TooLong,
    /// More entries than one answer may list.
    TooMany,
    /// Not strict JSON.
    Malformed,
    /// A batch.
    Batch,
    /// Not a JSON-RPC 2.0 message, or one that looks like two kinds at once.
    NotAMessage,
    /// The answer to something else.
    OtherRequest,
    /// Not the list that was asked for.
    NotAList,
    /// The server asks what policy does not let it ask.
    ServerRequest,
    /// It has the id of a task or context that can't be passed on.
    Id,
    /// Not an agent card.
    NotACard,
    /// The card of another agent than the one that is configured.
    OtherAgent,
    /// The stream has ended before its server ended it.
    Ended(Ended),
}

/// Why a stream goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The credential of the request has expired meanwhile.
    Expired,
    /// Whoever opened it would be refused by now.
    Refused,
}

impl ListOf {
    pub(crate) const ALL: [Self; 4] =
        [Self::Tools, Self::Resources, Self::Templates, Self::Prompts];

    /// The member of the result that holds the list.
    fn member(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Resources => "resources",
            Self::Templates => "resourceTemplates",
            Self::Prompts => "prompts",
        }
    }

    /// The member that names an entry.
    fn key(self) -> &'static str {
        match self {
            Self::Tools | Self::Prompts => "name",
            Self::Resources => "uri",
            Self::Templates => "uriTemplate",
        }
    }
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
            Self::ServerRequest => "server_request",
            Self::Id => "id",
            Self::NotACard => "not_a_card",
            Self::OtherAgent => "other_agent",
            Self::Ended(Ended::Expired) => "expired",
            Self::Ended(Ended::Refused) => "refused",
        }
    }
}

impl Withheld {
    /// For the caller.
    fn message(self) -> &'static str {
        match self {
            Self::ServerRequest => "The server asked for something it may not ask this client",
            Self::Ended(Ended::Expired) => "The access token has expired",
            Self::Ended(Ended::Refused) => "The caller may no longer act",
            _ => "The answer was withheld: the gateway can't read it",
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
    /// For those answers. `limit`: bytes of an answer, or of one event.
    pub(crate) fn new(answers: Answers, limit: usize) -> Self {
        let expected = Expected { answers, limit, success: false };
        // Until its head has been seen.
        let framing = Framing::Withheld(Some(Instead::Answer(Withheld::MediaType)));
        Self { expected, framing }
    }

    /// Takes in the head of the response. Returns what changes in it.
    pub(crate) fn head(&mut self, status: u16, headers: &[(Vec<u8>, Vec<u8>)]) -> ResponseEdits {
        self.expected.success = (200..300).contains(&status);
        let media = Media::of(headers, &self.expected);
        let plain = values(headers, "content-encoding").all(|v| media::is_identity(&text(v)));
        self.framing = self.expected.framing(media, plain);
        if matches!(self.framing, Framing::Passes) {
            return ResponseEdits::default();
        }
        let mut stale = STALE.to_vec();
        stale.extend((!plain).then_some("content-encoding"));
        stale.retain(|name| values(headers, name).next().is_some());
        // What takes the place of a body that can't be read is JSON; an empty one needs no type.
        let typed = values(headers, "content-type").next().is_some();
        let filled = typed || (self.expected.lists() && self.expected.answers.a2a.is_none());
        let other = media == Media::Other && filled;
        let set = other.then(|| ("content-type", media::JSON.to_owned()));
        let mut set: Vec<_> = set.into_iter().collect();
        // A card is this caller's alone (as MCP-30 has it of lists).
        if self.expected.answers.a2a.as_ref().is_some_and(a2a::Awaited::is_card) {
            set.push(("cache-control", "private, max-age=60".to_owned()));
        }
        ResponseEdits { remove: stale, set }
    }

    /// Takes in the next bytes of the body and returns those that go on in their place. `end`: there
    /// are no more.
    pub(crate) fn push(&mut self, chunk: &[u8], end: bool, judge: &mut dyn Judge) -> Vec<u8> {
        let out = self.read(chunk, end, judge);
        if end {
            self.framing = Framing::Withheld(None);
        }
        out
    }

    /// Whether this is an event stream that has not ended. A single answer is none.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(&self.framing, Framing::Events(_))
    }

    /// Ends an event stream whose caller is no longer who it was (MCP-32): the next bytes are
    /// replaced by an event that says so, and nothing follows.
    pub(crate) fn end(&mut self, why: Ended) {
        self.framing = Framing::Withheld(Some(Instead::Event(Withheld::Ended(why))));
    }

    fn read(&mut self, chunk: &[u8], end: bool, judge: &mut dyn Judge) -> Vec<u8> {
        match &mut self.framing {
            Framing::Events(stream) => stream.push(chunk, end, &self.expected, judge),
            Framing::Json(buffer) => {
                if chunk.len() > self.expected.limit.saturating_sub(buffer.len()) {
                    return self.too_long(chunk, judge);
                }
                buffer.extend_from_slice(chunk);
                if end { self.expected.whole(buffer, judge) } else { Vec::new() }
            }
            Framing::Passes => chunk.to_vec(),
            // An empty body has nothing to withhold.
            Framing::Withheld(_) if chunk.is_empty() => Vec::new(),
            Framing::Withheld(instead) => match instead.take() {
                Some(Instead::Answer(why)) => self.expected.refusal(why),
                Some(Instead::Event(why)) => self.expected.refusal_event(why),
                None => Vec::new(),
            },
        }
    }

    /// A long answer that is no list goes on unread if there is nothing it could hold that this
    /// caller may not get.
    fn too_long(&mut self, chunk: &[u8], judge: &mut dyn Judge) -> Vec<u8> {
        let open = !self.expected.lists() && ASKS.iter().all(|method| judge.may_ask(method));
        match std::mem::replace(&mut self.framing, Framing::Withheld(None)) {
            Framing::Json(mut buffer) if open => {
                self.framing = Framing::Passes;
                buffer.extend_from_slice(chunk);
                buffer
            }
            _ => self.expected.refusal(Withheld::TooLong),
        }
    }
}

/// What a server may ask of a client, if policy lets it.
const ASKS: [&str; 3] = ["sampling/createMessage", "elicitation/create", "roots/list"];

impl Expected {
    /// Whether there may be a list in it.
    fn lists(&self) -> bool {
        self.answers.a2a.is_some()
            || self.answers.any
            || self.answers.to.iter().any(|(_, list)| list.is_some())
    }

    fn framing(&self, media: Media, plain: bool) -> Framing {
        match (media, plain) {
            (Media::Json, true) => Framing::Json(Vec::new()),
            (Media::Events, true) => Framing::Events(Box::default()),
            (Media::Json, false) => Framing::Withheld(Some(Instead::Answer(Withheld::Encoded))),
            (Media::Events, false) => Framing::Withheld(Some(Instead::Event(Withheld::Encoded))),
            (Media::Other, _) if !self.success && !self.lists() => Framing::Passes,
            (Media::Other, _) => Framing::Withheld(Some(Instead::Answer(Withheld::MediaType))),
        }
    }

    fn whole(&self, body: &[u8], judge: &mut dyn Judge) -> Vec<u8> {
        if body.is_empty() {
            return Vec::new();
        }
        self.judged(body, judge).unwrap_or_else(|why| self.refusal(why))
    }

    /// What goes on in place of one message.
    fn judged(&self, body: &[u8], judge: &mut dyn Judge) -> Result<Vec<u8>, Withheld> {
        match &self.answers.a2a {
            Some(awaited) => a2a::filter(body, (awaited, self.success), judge),
            None => message::filter(body, self, judge),
        }
    }

    /// What the caller gets instead: JSON-RPC 2.0 §5.1, "internal error", one for each request.
    fn refusal(&self, why: Withheld) -> Vec<u8> {
        if let Some(awaited) = &self.answers.a2a {
            return awaited.refusal(why.code(), why.message()).to_text().into_bytes();
        }
        let errors: Vec<_> = self.answers.to.iter().map(|(id, _)| error(id, why)).collect();
        let all = match errors.as_slice() {
            [] => return Vec::new(),
            [one] if !self.answers.batch => one.clone(),
            _ => Value::Array(errors),
        };
        all.to_text().into_bytes()
    }

    /// The same as an event of a stream.
    fn refusal_event(&self, why: Withheld) -> Vec<u8> {
        match self.refusal(why).as_slice() {
            [] => Vec::new(),
            refusal => [b"data: ", refusal, b"\n\n"].concat(),
        }
    }
}

fn error(id: &RpcId, why: Withheld) -> Value {
    let id = match id {
        RpcId::Integer(n) => Value::Integer(*n),
        RpcId::Text(text) => text.as_str().into(),
    };
    let error = Object::of([
        ("code", Value::Integer(-32603)),
        ("message", why.message().into()),
        ("data", Value::Object(Object::of([("withheld", why.code().into())]))),
    ]);
    let message = [("jsonrpc", "2.0".into()), ("id", id), ("error", Value::Object(error))];
    Value::Object(Object::of(message))
}

/// The content type of a response, as far as it can be looked into.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Media {
    Json,
    Events,
    Other,
}

impl Media {
    fn of(headers: &[(Vec<u8>, Vec<u8>)], expected: &Expected) -> Self {
        let mut types = values(headers, "content-type").map(text);
        let (Some(named), None) = (types.next(), types.next()) else {
            return Self::Other;
        };
        let is = |media| media::is_utf8(&named, media);
        let a2a = expected.answers.a2a.is_some() && is(media::A2A_JSON);
        if a2a || is(media::JSON) || (!expected.success && is(media::PROBLEM)) {
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
