//! What arrived, untrusted.
//!
//! Bytes only: a header value is not text until somebody has checked that it is. Duplicates are
//! kept, because hosts disagree about which one counts (hosts: get = first, property = joined).

mod attribute;

pub use attribute::Attribute;

/// The head of a request as the host gave it: pseudo-headers apart, everything else in order; and what
/// the host itself says of the connection.
#[derive(Clone, Debug, Default)]
pub struct Head {
    attributes: Vec<(Attribute, Vec<u8>)>,
    method: Vec<Vec<u8>>,
    path: Vec<Vec<u8>>,
    authority: Vec<Vec<u8>>,
    protocol: Vec<Vec<u8>>,
    headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// What is wrong with the headers: looked for once, and said to everybody who asks.
    malformed: Option<MalformedHead>,
    /// Whether the request is over with it, where the host says so.
    ends: Option<bool>,
}

/// A head that no honest client sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MalformedHead {
    /// A pseudo-header is missing or doubled.
    PseudoHeader,
    /// A header holds a byte outside printable ASCII.
    Byte,
    /// More than [`MAX_HEADERS`] headers or [`MAX_HEADER_BYTES`] bytes.
    TooLarge,
}

/// What the engine reads of a head that is well formed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    /// As sent: any host that leads here.
    pub(crate) authority: &'a str,
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    /// `:protocol`: what an extended CONNECT asks the stream to become (RFC 8441 §4).
    pub(crate) protocol: Option<&'a str>,
}

/// How often a header came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Once<'a> {
    Absent,
    One(&'a str),
    Many,
}

/// Twice Envoy's own default (`max_headers_count`, 100): other hosts have none.
pub const MAX_HEADERS: usize = 200;
/// Above Envoy's own largest setting (`max_request_headers_kb`, 96): other hosts have none.
pub const MAX_HEADER_BYTES: usize = 96 * 1024;

impl Head {
    /// Sorts the pairs of a host's header map, pseudo-headers included.
    #[must_use]
    pub fn from_pairs(pairs: Vec<(Vec<u8>, Vec<u8>)>) -> Self {
        let mut head = Self::default();
        for (mut name, value) in pairs {
            name.make_ascii_lowercase();
            match name.as_slice() {
                b":method" => head.method.push(value),
                b":path" => head.path.push(value),
                b":authority" => head.authority.push(value),
                b":protocol" => head.protocol.push(value),
                b":scheme" => {}
                _ => head.headers.push((name, value)),
            }
        }
        head.malformed = head.check().err();
        head
    }

    /// Adds what the host says of the connection: the attributes that
    /// [`Engine::attributes`](crate::engine::Engine::attributes) asks for, those that it has.
    #[must_use]
    pub fn with_attributes(self, attributes: Vec<(Attribute, Vec<u8>)>) -> Self {
        Self { attributes, ..self }
    }

    /// Whether the request is over with its head: then it has no body, whatever its method. A host that does not know
    /// leaves it out.
    #[must_use]
    pub fn ending(self, ends: bool) -> Self {
        Self { ends: Some(ends), ..self }
    }

    pub(crate) fn ends(&self) -> Option<bool> {
        self.ends
    }

    /// What the host says, if it says it.
    pub(crate) fn attribute(&self, wanted: &Attribute) -> Option<&[u8]> {
        let mut found = self.attributes.iter().filter(|(attribute, _)| attribute == wanted);
        found.next().map(|(_, value)| value.as_slice())
    }

    /// Method and path, if the whole head is well formed.
    pub(crate) fn line(&self) -> Result<Line<'_>, MalformedHead> {
        if let Some(malformed) = self.malformed {
            return Err(malformed);
        }
        let (authority, method) = (one(&self.authority)?, one(&self.method)?);
        let protocol = match self.protocol.as_slice() {
            [] => None,
            // RFC 8441 §4: of no other method.
            values if method == "CONNECT" => Some(one(values)?),
            _ => return Err(MalformedHead::PseudoHeader),
        };
        Ok(Line { authority, method, path: one(&self.path)?, protocol })
    }

    /// Every header counts, used or not: one with a byte above 0x7f is refused, because what a
    /// log, a policy or an upstream makes of it is anybody's guess (threats H6).
    fn check(&self) -> Result<(), MalformedHead> {
        let bytes = |(name, value): &(Vec<u8>, Vec<u8>)| name.len().saturating_add(value.len());
        let size = self.headers.iter().map(bytes).fold(0, usize::saturating_add);
        if self.headers.len() > MAX_HEADERS || size > MAX_HEADER_BYTES {
            return Err(MalformedHead::TooLarge);
        }
        for (name, value) in &self.headers {
            // A further pseudo-header is not ours to read.
            if name.first().is_none_or(|b| *b == b':') {
                return Err(MalformedHead::PseudoHeader);
            }
            if !is_printable(name) || !is_printable(value) {
                return Err(MalformedHead::Byte);
            }
        }
        Ok(())
    }

    /// The header of that (lower-case) name.
    pub(crate) fn once(&self, name: &str) -> Once<'_> {
        let mut found = Once::Absent;
        for value in self.all(name) {
            match (found, std::str::from_utf8(value)) {
                (Once::Absent, Ok(text)) => found = Once::One(text),
                _ => return Once::Many,
            }
        }
        found
    }

    /// Whether any header has that (lower-case) name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// The names of all headers, in order, lower case.
    pub(crate) fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.headers.iter().map(|(name, _)| name.as_slice())
    }

    /// Names (lower case) and values of the headers whose names begin like that, in order.
    pub(crate) fn beginning(&self, prefix: &str) -> impl Iterator<Item = (&str, &str)> {
        let begins = |(name, _): &&(Vec<u8>, Vec<u8>)| name.starts_with(prefix.as_bytes());
        self.headers.iter().filter(begins).filter_map(|(name, value)| {
            std::str::from_utf8(name).ok().zip(std::str::from_utf8(value).ok())
        })
    }

    /// Every value of that (lower-case) name, in order.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.headers
            .iter()
            .filter(move |(n, _)| n == name.as_bytes())
            .map(|(_, value)| value.as_slice())
    }
}

/// The parameter names of a query, as the most generous framework would read them, lower case:
/// decoded once; white space at the ends gone; cut at NUL; and PHP's own spellings of `_`, which
/// are a dot, a space and an unclosed bracket (`main/php_variables.c`).
pub(crate) fn query_names(query: &str) -> impl Iterator<Item = String> {
    query.split(['&', ';', '?', '#']).map(|pair| {
        let decoded = percent_decoded(pair.split('=').next().unwrap_or_default());
        let name = decoded.split('\0').next().unwrap_or_default().trim();
        let fold = |c| if matches!(c, '.' | ' ' | '[') { '_' } else { c };
        name.chars().map(fold).flat_map(char::to_lowercase).collect()
    })
}

/// A name as an upstream may read it that can't tell `_` from `-` (CGI, WSGI), lower case.
pub(crate) fn dashed(name: &[u8]) -> Vec<u8> {
    name.iter().map(|byte| dash(*byte)).collect()
}

/// Whether [`dashed`] makes that of a name.
pub(crate) fn is_dashed(name: &[u8], as_dashed: &[u8]) -> bool {
    name.len() == as_dashed.len() && name.iter().zip(as_dashed).all(|(b, d)| dash(*b) == *d)
}

fn dash(byte: u8) -> u8 {
    if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() }
}

/// Whether frameworks and authenticating proxies take a header of that name for an access token
/// beside `authorization`: an upstream could then act for somebody else than was decided on
/// (threats H4). `_` counts as `-`.
///
/// Not here: what a gateway in front sets for itself (`x-goog-iap-jwt-assertion`,
/// `cf-access-jwt-assertion`, `x-amzn-oidc-*`), and API keys, which name no user.
pub(crate) fn is_token_header(name: &[u8]) -> bool {
    TOKEN_HEADERS.iter().any(|token| is_dashed(name, token.as_bytes()))
}

const TOKEN_HEADERS: &[&str] = &[
    // RFC 9110 §11.7.2: for a proxy, which is what we are.
    "proxy-authorization",
    "x-authorization",
    "x-forwarded-authorization",
    "x-original-authorization",
    "x-access-token",
    // OpenStack Keystone and many APIs after it.
    "x-auth-token",
    "x-subject-token",
    // oauth2-proxy, to its upstream.
    "x-forwarded-access-token",
    "x-auth-request-access-token",
    // Azure App Service, likewise.
    "x-ms-token-aad-access-token",
];

fn percent_decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = match after {
            [high, low, after @ ..] if *first == b'%' => {
                hex(*high).zip(hex(*low)).map(|(high, low)| (high << 4 | low, after))
            }
            _ => None,
        };
        let plain = if *first == b'+' { b' ' } else { *first };
        let (byte, after) = escaped.unwrap_or((plain, after));
        out.push(byte);
        rest = after;
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|n| u8::try_from(n).ok())
}

fn one(values: &[Vec<u8>]) -> Result<&str, MalformedHead> {
    match values {
        [value] => printable(value),
        _ => Err(MalformedHead::PseudoHeader),
    }
}

fn printable(bytes: &[u8]) -> Result<&str, MalformedHead> {
    if !is_printable(bytes) {
        return Err(MalformedHead::Byte);
    }
    std::str::from_utf8(bytes).map_err(|_| MalformedHead::Byte)
}

/// Tab is allowed inside a value (RFC 9110 §5.5); everything else is visible ASCII or space.
fn is_printable(bytes: &[u8]) -> bool {
    bytes.iter().all(|b| matches!(b, b'\t' | b' '..=b'~'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(more: &[(&str, &[u8])]) -> Head {
        let line: &[(&str, &[u8])] =
            &[(":method", b"GET"), (":path", b"/"), (":authority", b"g.example")];
        let pairs = line.iter().chain(more);
        Head::from_pairs(pairs.map(|(n, v)| (n.as_bytes().to_vec(), v.to_vec())).collect())
    }

    #[test]
    fn a_byte_above_ascii_in_any_header_is_refused() {
        assert!(head(&[("x", b"fine\tvalue")]).line().is_ok());
        for bad in [&b"\xff\xfe"[..], b"caf\xc3\xa9", b"\x00", b"a\x7f", b"\r\nx: y"] {
            assert_eq!(head(&[("user-agent", bad)]).line().unwrap_err(), MalformedHead::Byte);
        }
    }

    #[test]
    fn a_pseudo_header_comes_once() {
        assert_eq!(Head::default().line().unwrap_err(), MalformedHead::PseudoHeader);
        for twice in [":method", ":path", ":authority", ":protocol"] {
            let head = head(&[(twice, b"/")]);
            assert_eq!(head.line().unwrap_err(), MalformedHead::PseudoHeader, "{twice}");
        }
    }

    #[test]
    fn a_header_that_comes_twice_is_never_read_as_its_first_value() {
        let head = head(&[("x-a", b"1"), ("X-A", b"2"), ("x-b", b"3")]);
        assert_eq!(head.once("x-a"), Once::Many);
        assert_eq!(head.once("x-b"), Once::One("3"));
        assert_eq!(head.once("x-c"), Once::Absent);
    }

    #[test]
    fn a_parameter_is_named_as_the_most_generous_framework_would_read_it() {
        for query in
            ["a_b=1", "x=1&A_B=2", "a.b=1", "a+b", "%20a_b", "a%5Fb", "a_b%00c=1", "a[b", "x;a_b"]
        {
            assert!(query_names(query).any(|name| name == "a_b"), "{query}");
        }
        for query in ["", "ab=1", "x=a_b", "a%255Fb", "a_bc"] {
            assert!(!query_names(query).any(|name| name == "a_b"), "{query}");
        }
    }

    #[test]
    fn a_header_that_carries_another_token_is_known_in_every_spelling() {
        for name in ["x-forwarded-access-token", "X-Auth-Token", "x_access_token"] {
            assert!(is_token_header(name.as_bytes()), "{name}");
        }
        for name in ["authorization", "x-api-key", "x-access-tokens", "mcp-session-id"] {
            assert!(!is_token_header(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn a_head_is_bounded() {
        let many = vec![("x", &b"v"[..]); MAX_HEADERS + 1];
        assert_eq!(head(&many).line().unwrap_err(), MalformedHead::TooLarge);
        let long = vec![b'v'; MAX_HEADER_BYTES];
        assert_eq!(head(&[("x", &long)]).line().unwrap_err(), MalformedHead::TooLarge);
    }
}
