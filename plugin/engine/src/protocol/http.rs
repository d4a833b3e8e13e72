//! HTTP by a route table: method, path and what it is [`over`](super::over) say what is wanted, at the
//! head, without the body.
//!
//! A method is compared exactly: `HEAD` is not `GET`, `get` is nothing. The query is no part of the
//! match and no input. No two routes can fit one request, so the table has no order.

use super::Problem;
use super::media;
use super::over::Over;
use super::path::{self, Segment};
use crate::decision::Reason;
use crate::evidence::{Head, Once};
use crate::json::{self, Limits, Object, Value};
use crate::model::{ActionName, Asked, ProtocolName, ResourceId, ResourceKind, Typing};

/// One line of the route table, as configured.
#[derive(Clone, Debug)]
pub(crate) struct RouteParts {
    /// JSON path in the configuration, for problems.
    pub(crate) at: String,
    pub(crate) method: String,
    pub(crate) over: Over,
    pub(crate) template: String,
    pub(crate) action: ActionName,
    /// Id of the `Endpoint`.
    pub(crate) resource: String,
}

/// One line of the route table, checked.
#[derive(Debug)]
pub(crate) struct Route {
    at: String,
    method: String,
    over: Over,
    template: Template,
    action: ActionName,
    resource: String,
}

/// A path with parameters, such as `/v1/orders/{id}`.
#[derive(Debug)]
pub(crate) struct Template {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Literal(String),
    Parameter(String),
}

impl Template {
    /// Reads a template; the error completes a sentence that begins with the path.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let rest = text.strip_prefix('/').ok_or("must begin with `/`")?;
        let mut parts: Vec<Part> = Vec::new();
        for segment in rest.split('/') {
            let part = Part::parse(segment)?;
            if parts.iter().any(|p| p.is_named_like(&part)) {
                return Err("names a parameter twice, letter case aside");
            }
            parts.push(part);
        }
        // What no request can have would be a route that silently never fits.
        let sample: Vec<_> = parts.iter().map(Part::sample).collect();
        path::segments(&format!("/{}", sample.join("/"))).ok_or(UNREACHABLE)?;
        Ok(Self { text: text.to_owned(), parts })
    }

    /// The names of the parameters, in order.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Parameter(name) => Some(name.as_str()),
            Part::Literal(_) => None,
        })
    }

    fn fits(&self, segments: &[Segment<'_>]) -> bool {
        let pairs = || self.parts.iter().zip(segments);
        self.parts.len() == segments.len() && pairs().all(|(part, segment)| part.fits(segment.raw))
    }

    /// Whether some path fits that goes on below that one.
    fn enters(&self, base: &[Segment<'_>]) -> bool {
        let mut pairs = self.parts.iter().zip(base);
        self.parts.len() > base.len() && pairs.all(|(part, segment)| part.fits(segment.raw))
    }

    /// Whether some path fits both.
    fn meets(&self, other: &Self) -> bool {
        let mut pairs = self.parts.iter().zip(&other.parts);
        self.parts.len() == other.parts.len() && pairs.all(|(a, b)| a.meets(b))
    }
}

impl Part {
    fn parse(segment: &str) -> Result<Self, &'static str> {
        let Some(name) = segment.strip_prefix('{').and_then(|s| s.strip_suffix('}')) else {
            return match segment.contains('%') {
                true => Err("must be written without percent-encoding"),
                false => Ok(Self::Literal(segment.to_owned())),
            };
        };
        let first = |c: char| c.is_ascii_alphabetic() || c == '_';
        let good = name.starts_with(first) && name.chars().all(|c| first(c) || c.is_ascii_digit());
        // Cedar keeps `__` names for itself.
        if !good || name.starts_with("__") {
            return Err("has a parameter whose name is not an identifier");
        }
        Ok(Self::Parameter(name.to_owned()))
    }

    /// A literal is compared as sent: what is encoded differently is another path (RFC 3986 §2.2).
    fn fits(&self, raw: &str) -> bool {
        match self {
            Self::Literal(text) => text == raw,
            Self::Parameter(_) => !raw.is_empty(),
        }
    }

    fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Literal(a), Self::Literal(b)) => a == b,
            (Self::Literal(text), Self::Parameter(_))
            | (Self::Parameter(_), Self::Literal(text)) => !text.is_empty(),
            (Self::Parameter(_), Self::Parameter(_)) => true,
        }
    }

    fn is_named_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Parameter(a), Self::Parameter(b)) => a.eq_ignore_ascii_case(b),
            _ => false,
        }
    }

    fn sample(&self) -> &str {
        match self {
            Self::Literal(text) => text,
            Self::Parameter(_) => "x",
        }
    }
}

impl Route {
    pub(super) fn new(parts: RouteParts) -> Result<Self, Problem> {
        let RouteParts { at, method, over, template, action, resource } = parts;
        let problem = |member, message: &str| {
            Err(Problem { path: format!("{at}.{member}"), message: message.to_owned() })
        };
        if method.is_empty() || !method.bytes().all(|b| b.is_ascii_uppercase() || b == b'-') {
            return problem("method", "must be written in capitals, such as GET");
        }
        // A tunnel and an echo are not actions on a resource (RFC 9110 §9.3.6, §9.3.8).
        if NEVER.contains(&method.as_str()) {
            return problem("method", "is one that is never served");
        }
        if let Some((member, message)) = over.problem(&method) {
            return problem(member, message);
        }
        match Template::parse(&template) {
            Ok(template) => Ok(Self { at, method, over, template, action, resource }),
            Err(message) => problem("path", message),
        }
    }

    pub(super) fn at(&self, member: &str) -> String {
        format!("{}.{member}", self.at)
    }

    pub(super) fn fits(&self, method: &str, over: &Over, segments: &[Segment<'_>]) -> bool {
        // An upgrade has the one method or the other, as the version of HTTP has it.
        let method = self.method == method || matches!(over, Over::Upgrade(_));
        method && self.over == *over && self.template.fits(segments)
    }

    /// Whether the path fits, whatever the method.
    pub(super) fn covers(&self, path: &[Segment<'_>]) -> bool {
        self.template.fits(path)
    }

    /// Whether some path fits that goes on below that one.
    pub(super) fn enters(&self, base: &[Segment<'_>]) -> bool {
        self.template.enters(base)
    }

    /// Whether some request fits both.
    pub(super) fn meets(&self, other: &Self) -> bool {
        let alike = self.method == other.method && self.over == other.over;
        alike && self.template.meets(&other.template)
    }

    /// What a request that fits asks for. Its input is typed: every parameter is a string.
    pub(super) fn asked(&self, segments: &[Segment<'_>]) -> Asked {
        let mut input = Object::default();
        for (part, segment) in self.template.parts.iter().zip(segments) {
            if let Part::Parameter(name) = part {
                input.set(name, Value::String(segment.decoded.clone()));
            }
        }
        let typing = if input.is_empty() { Typing::Opaque } else { Typing::Known };
        Asked {
            protocol: ProtocolName::Http,
            action: self.action.clone(),
            resource: ResourceId { kind: ResourceKind::Endpoint, id: self.resource.clone() },
            input: typing.is_typed().then_some(input),
            typing,
        }
    }
}

/// The body of a request that says it is JSON, read strictly; none of any other, or of an encoded one. No
/// route is decided by it: it is for who has to see what is sent.
pub(crate) fn json_body(head: &Head, body: &[u8]) -> Option<Result<Value, Reason>> {
    let one = |name| match head.once(name) {
        Once::One(value) => Some(value),
        Once::Absent | Once::Many => None,
    };
    let is_json = one("content-type").is_some_and(|value| media::is_utf8(value, media::JSON));
    let plain = !head.has("content-encoding");
    let limits = Limits { bytes: body.len(), depth: MAX_DEPTH, items: MAX_ITEMS };
    (is_json && plain && !body.is_empty())
        .then(|| json::read(body, &limits).map_err(|_| Reason::BodyMalformed))
}

/// `GET /v1/orders/{id}`, as problems name a route.
impl std::fmt::Display for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{} {}`", self.method, self.template.text)
    }
}

/// As for a message of MCP.
const MAX_DEPTH: usize = 64;
const MAX_ITEMS: usize = 20_000;
const NEVER: [&str; 3] = ["CONNECT", "TRACE", "PRI"];
const UNREACHABLE: &str = "is one that no request can have: an empty, `.` or `..` segment, or a \
     character that is not allowed there";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_that_can_never_fit_is_refused() {
        for bad in [
            "",
            "v1",
            "//a",
            "/a//b",
            "/./a",
            "/../a",
            "/a;b",
            "/a%20b",
            "/a b",
            "/é",
            "/{}",
            "/{1}",
            "/{a-b}",
            "/{__cedar}",
            "/{a}.json",
            "/x{a}",
            "/{a}/{a}",
            "/{id}/{ID}",
            "/a?b",
            "/a#b",
            "/{a",
            "/a}",
            "/{a}{b}",
        ] {
            assert!(Template::parse(bad).is_err(), "{bad:?}");
        }
        for good in ["/", "/a", "/a/", "/{a}", "/a/{b}/c/{d_1}", "/v1:batch", "/a.b"] {
            assert!(Template::parse(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn two_templates_meet_if_some_path_fits_both() {
        let meets = |a, b| Template::parse(a).unwrap().meets(&Template::parse(b).unwrap());
        for (a, b) in [("/a", "/a"), ("/{x}", "/{y}"), ("/{x}", "/a"), ("/{x}/b", "/a/{y}")] {
            assert!(meets(a, b) && meets(b, a), "{a} {b}");
        }
        for (a, b) in
            [("/a", "/b"), ("/a", "/A"), ("/{x}", "/a/b"), ("/a/{x}", "/a/"), ("/a", "/a/")]
        {
            assert!(!meets(a, b) && !meets(b, a), "{a} {b}");
        }
    }
}
