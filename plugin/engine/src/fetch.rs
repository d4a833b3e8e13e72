//! What the engine asks of a host when it lacks something that is not in the request.
//!
//! One HTTP request each, to where the configuration says: a `GET` of a document, or the `PUT` that asks a
//! human. Not here: what an answer means; each kind of document has a reader of its own, where
//! [`Engine::absorb`](crate::engine::Engine::absorb) sends it.

use std::cell::Cell;
use std::cmp::Ordering;
use std::fmt;
use std::rc::Rc;

use crate::model::{IssuerId, PrincipalId};

/// One HTTP request to make. Equal fetches may share one call: the answer is learned once, for everybody
/// who waits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fetch(Rc<Request>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Request {
    document: Document,
    endpoint: Endpoint,
    if_none_match: Option<EntityTag>,
    content: Content,
}

/// What a `PUT` or `POST` says, and whoever asks. What is asked for follows from the document alone, and only who asks first, and when,
/// from this: so it tells no two fetches apart.
struct Content {
    method: &'static str,
    /// None of a `GET`; taken away once the call is under way.
    json: Cell<Option<Rc<str>>>,
    /// A secret: it is in no log line.
    authorization: Option<Rc<str>>,
}

/// What is fetched. Exhaustive on purpose: what comes of a new kind has to be read somewhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Document {
    /// The JWK Set of an issuer (RFC 7517 §5).
    Keys(IssuerId),
    /// The signed bundle.
    Bundle,
    /// The signed list of what is revoked.
    Revocations,
    /// The metadata of an issuer (RFC 8414, OpenID Connect Discovery): where its keys are.
    Metadata(IssuerId),
    /// Security events, by poll (RFC 8936).
    Events,
    /// What a directory says of one agent (SCIM, RFC 7644 §3.4.2).
    Agent(PrincipalId),
    /// A list in which an issuer says which of its tokens still count (OAuth Token Status List).
    StatusList {
        /// Whose tokens they are.
        issuer: IssuerId,
        /// As those tokens name it. What is asked is another matter: the configuration says where.
        uri: String,
    },
    /// What a human says of exactly this action.
    Approval {
        /// The digest of what is to be approved.
        digest: String,
        /// What the service is told of one that it gave before.
        told: Option<Told>,
    },
}

/// What becomes of an approval, by its id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Told {
    /// It is to be used now, by whoever says so first.
    Use(String),
    /// It was used up: another one is wanted.
    Used(String),
}

/// Where to get it. A token never names an address (JWT-8, JWKS-1): host and cluster come from the
/// configuration and from nowhere else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// The host's name for the upstream (in Envoy: the cluster).
    pub cluster: String,
    /// `:authority` of the request.
    pub authority: String,
    /// `:path` of the request.
    pub path: String,
    /// When to give up.
    pub timeout_ms: u32,
    /// Longest body to take; a longer one is [`FetchReply::Failed`].
    pub max_bytes: usize,
}

/// A validator that came with an earlier answer (RFC 9110 §8.8.3): the host sends it back, and an
/// answer of 304 says that nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntityTag(String);

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchReply {
    /// An HTTP response, of whatever status. A host follows no redirect (JWKS-5).
    Answered {
        /// Its status.
        status: u16,
        /// What the engine reads of its headers: [`Fetch::reply_headers`].
        headers: ReplyHeaders,
        /// Its body.
        body: Vec<u8>,
    },
    /// No complete response: timeout, reset, too long, no such cluster.
    Failed,
}

/// The few headers of a response that the engine reads; others stay with the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplyHeaders {
    entity_tag: Option<EntityTag>,
}

impl Fetch {
    pub(crate) fn new(document: Document, endpoint: Endpoint) -> Self {
        let content = Content { method: "GET", json: Cell::default(), authorization: None };
        Self::saying(document, endpoint, content)
    }

    /// A `GET` that shows who asks.
    pub(crate) fn get(
        document: Document,
        endpoint: Endpoint,
        authorization: Option<Rc<str>>,
    ) -> Self {
        let content = Content { method: "GET", json: Cell::default(), authorization };
        Self::saying(document, endpoint, content)
    }

    /// A `PUT` of that JSON text. To repeat it changes nothing (RFC 9110 §9.2.2).
    pub(crate) fn put(document: Document, endpoint: Endpoint, json: String) -> Self {
        let json = Cell::new(Some(json.into()));
        Self::saying(document, endpoint, Content { method: "PUT", json, authorization: None })
    }

    /// A `POST` of that JSON text.
    pub(crate) fn post(
        document: Document,
        endpoint: Endpoint,
        json: String,
        authorization: Option<Rc<str>>,
    ) -> Self {
        let json = Cell::new(Some(json.into()));
        Self::saying(document, endpoint, Content { method: "POST", json, authorization })
    }

    fn saying(document: Document, endpoint: Endpoint, content: Content) -> Self {
        Self(Rc::new(Request { document, endpoint, if_none_match: None, content }))
    }

    /// The same, unless what an earlier answer brought is still what there is.
    pub(crate) fn unless(self, known: Option<&EntityTag>) -> Self {
        if self.0.if_none_match.as_ref() == known {
            return self;
        }
        let request = Rc::unwrap_or_clone(self.0);
        Self(Rc::new(Request { if_none_match: known.cloned(), ..request }))
    }

    /// Whether an answer to the other would be one to this: conditions aside.
    pub(crate) fn is_for_same(&self, other: &Self) -> bool {
        self.0.document == other.0.document && self.0.endpoint == other.0.endpoint
    }

    /// Whether the answer may be that nothing has changed.
    pub(crate) fn is_conditional(&self) -> bool {
        self.0.if_none_match.is_some()
    }

    /// What it will be.
    #[must_use]
    pub fn document(&self) -> &Document {
        &self.0.document
    }

    /// Where to get it.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.0.endpoint
    }

    /// `GET`, `PUT` or `POST`.
    #[must_use]
    pub fn method(&self) -> &'static str {
        self.0.content.method
    }

    /// What to send; empty for a `GET`, and once the call is [`under_way`](Self::under_way).
    #[must_use]
    pub fn body(&self) -> Rc<str> {
        self.0.content.json().unwrap_or_default()
    }

    /// Lets go of what is sent, wherever this fetch is held: to be called once the call is under way, and of every fetch
    /// that waits for its answer. It may be as long as the body of the request that it is made for, and there may be
    /// hundreds that wait. The answer is known by the rest.
    pub fn under_way(&self) {
        self.0.content.json.take();
    }

    /// Whether it can be made.
    pub(crate) fn is_whole(&self) -> bool {
        self.0.content.method == "GET" || self.0.content.json().is_some()
    }

    /// Headers to send besides `:method`, `:path` and `:authority`; names are lower case, values
    /// visible ASCII.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let tag = self.0.if_none_match.iter().map(|tag| ("if-none-match", tag.0.as_str()));
        let says = self.0.content.method != "GET";
        let media_type = says.then_some(("content-type", "application/json")).into_iter();
        let accept = match &self.0.document {
            Document::StatusList { .. } => Some(("accept", "application/statuslist+jwt")),
            // RFC 7644 §3.1.
            Document::Agent(_) => Some(("accept", "application/scim+json")),
            _ => None,
        };
        let secret = self.0.content.authorization.as_deref().into_iter();
        tag.chain(media_type).chain(accept).chain(secret.map(|text| ("authorization", text)))
    }

    /// Collects the response headers that the engine reads, whose names `value` is asked for. One
    /// that is too long or not visible ASCII counts as absent.
    #[must_use]
    pub fn reply_headers(value: impl FnOnce(&'static str) -> Option<Vec<u8>>) -> ReplyHeaders {
        ReplyHeaders { entity_tag: value("etag").and_then(|bytes| EntityTag::read(&bytes)) }
    }
}

impl Document {
    /// In a log line.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Keys(issuer) => format!("keys of {}", issuer.as_str()),
            Self::Bundle => "bundle".to_owned(),
            Self::Revocations => "revocations".to_owned(),
            Self::Events => "security events".to_owned(),
            Self::Agent(id) => format!("agent {}", id.as_str()),
            Self::Metadata(issuer) => format!("metadata of {}", issuer.as_str()),
            Self::StatusList { uri, .. } => format!("statuses at {uri}"),
            Self::Approval { digest, .. } => format!("approval of {digest}"),
        }
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Content").field(&self.method).finish()
    }
}

impl Content {
    fn json(&self) -> Option<Rc<str>> {
        let json = self.json.take();
        self.json.set(json.clone());
        json
    }
}

impl Clone for Content {
    fn clone(&self) -> Self {
        let (method, authorization) = (self.method, self.authorization.clone());
        Self { method, json: Cell::new(self.json()), authorization }
    }
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Content {}

impl PartialOrd for Content {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Content {
    fn cmp(&self, _: &Self) -> Ordering {
        Ordering::Equal
    }
}

impl ReplyHeaders {
    pub(crate) fn entity_tag(&self) -> Option<&EntityTag> {
        self.entity_tag.as_ref()
    }
}

impl EntityTag {
    /// `"…"` or `W/"…"` of visible ASCII; it is sent back as it came.
    fn read(bytes: &[u8]) -> Option<Self> {
        let opaque = bytes.strip_prefix(b"W/").unwrap_or(bytes);
        let inner = opaque.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        let visible = inner.iter().all(|b| matches!(b, b'!' | b'#'..=b'~'));
        if !visible || bytes.len() > MAX_TAG_BYTES {
            return None;
        }
        std::str::from_utf8(bytes).ok().map(|text| Self(text.to_owned()))
    }
}

/// Tags are hashes or counters; this leaves room for two of SHA-512 in hexadecimal digits.
const MAX_TAG_BYTES: usize = 272;

#[cfg(test)]
mod tests {
    use super::*;

    fn fetch() -> Fetch {
        let issuer = IssuerId::parse("https://idp.example").unwrap();
        let (cluster, authority) = ("idp".to_owned(), "idp.example".to_owned());
        let path = "/jwks".to_owned();
        let endpoint = Endpoint { cluster, authority, path, timeout_ms: 1, max_bytes: 1 };
        Fetch::new(Document::Keys(issuer), endpoint)
    }

    #[test]
    fn two_who_ask_for_the_same_approval_share_a_call_and_one_for_another_does_not() {
        let put = |digest: &str, told: Option<Told>, said: &str| {
            let (digest, endpoint) = (digest.to_owned(), fetch().endpoint().clone());
            Fetch::put(Document::Approval { digest, told }, endpoint, said.to_owned())
        };
        let first = put("a", None, "{\"evaluation_id\":1}");
        assert_eq!((first.method(), &*first.body()), ("PUT", "{\"evaluation_id\":1}"));
        assert_eq!(first.headers().collect::<Vec<_>>(), [("content-type", "application/json")]);
        assert_eq!(first, put("a", None, "{\"evaluation_id\":2}"));
        assert_ne!(first, put("b", None, "{\"evaluation_id\":1}"));
        let told = |told: fn(String) -> Told, id: &str| Some(told(id.to_owned()));
        assert_ne!(first, put("a", told(Told::Used, "1"), "{\"evaluation_id\":1}"));
        let (used, to_use) = (told(Told::Used, "1"), told(Told::Use, "1"));
        assert_ne!(put("a", used, "{}"), put("a", to_use, "{}"));
        assert_eq!((fetch().method(), &*fetch().body()), ("GET", ""));
    }

    #[test]
    fn what_a_call_under_way_says_is_kept_by_nobody_who_waits_for_its_answer() {
        let document = Document::Approval { digest: "a".to_owned(), told: None };
        let put = || Fetch::put(document.clone(), fetch().endpoint().clone(), "{}".to_owned());
        let (made, waits) = (put(), put());
        assert!(made.is_whole());
        let key = made.clone();
        made.under_way();
        assert_eq!((key.method(), &*key.body(), key.is_whole()), ("PUT", "", false));
        assert_eq!((&key, &*waits.body()), (&waits, "{}"));
        fetch().under_way();
        assert!(fetch().is_whole());
    }

    #[test]
    fn an_entity_tag_goes_back_as_it_came_or_not_at_all() {
        for good in ["\"\"", "\"abc-1\"", "W/\"a\\b\""] {
            let headers = Fetch::reply_headers(|_| Some(good.into()));
            let fetch = fetch().unless(headers.entity_tag());
            let sent: Vec<_> = fetch.headers().collect();
            assert_eq!(sent, [("if-none-match", good)]);
            assert!(fetch.is_conditional());
        }
        let long = format!("\"{}\"", "a".repeat(MAX_TAG_BYTES));
        for bad in ["", "abc", "\"abc", "w/\"a\"", "\"a\"b\"", "\"a b\"", "\"\u{e9}\"", "*", &long]
        {
            let headers = Fetch::reply_headers(|_| Some(bad.into()));
            assert_eq!(headers, ReplyHeaders::default(), "{bad}");
            assert!(!fetch().unless(headers.entity_tag()).is_conditional());
        }
    }
}
