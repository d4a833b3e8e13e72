//! Which version of MCP a message is in, and whether head and body say the same.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::McpEndpoint;
use super::front::Front;
use super::message::Message;
use super::methods::Method;
use crate::decision::Reason;
use crate::json::Value;

/// A version of MCP that can be spoken here, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Version {
    V2025_03_26,
    V2025_06_18,
    V2025_11_25,
    V2026_07_28,
}

impl Version {
    /// All of them.
    pub(crate) const ALL: [Self; 4] =
        [Self::V2025_03_26, Self::V2025_06_18, Self::V2025_11_25, Self::V2026_07_28];
    /// Those that are accepted unless the configuration says otherwise. 2025-03-26 has batches and no
    /// version header, so only who needs it should have it (MCP-2, MCP-4).
    pub(crate) const DEFAULT: [Self; 3] = [Self::V2025_06_18, Self::V2025_11_25, Self::V2026_07_28];

    /// What a message without the header is in: the header came with the next one (MCP-2).
    pub(super) const UNSTATED: Self = Self::V2025_03_26;

    /// As MCP writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
            Self::V2026_07_28 => "2026-07-28",
        }
    }

    /// The version that MCP writes like this.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.as_str() == text)
    }

    /// Whether each request stands alone, and head and body have to agree (SEP-2243, SEP-2575).
    pub(crate) fn is_modern(self) -> bool {
        self >= Self::V2026_07_28
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether a version, known or not, is of the era that began with 2026-07-28: what its errors look
/// like must be known before it is known whether it is accepted.
pub(super) fn looks_modern(text: &str) -> bool {
    let date = |(i, b): (usize, u8)| {
        if matches!(i, 4 | 7) { b == b'-' } else { b.is_ascii_digit() }
    };
    let is_date = text.len() == 10 && text.bytes().enumerate().all(date);
    is_date && text >= Version::V2026_07_28.as_str()
}

/// The version of a message: the header's, or of `initialize`, the one it asks for. Every other
/// place that names one must name the same.
pub(super) fn version(
    endpoint: &McpEndpoint,
    front: &Front<'_>,
    message: &Message,
) -> Result<Version, Reason> {
    let accepted = |text| Version::parse(text).filter(|v| endpoint.accepts(*v));
    let in_meta = meta_version(message)?;
    let asked_for = initial_version(message)?;
    let stated = match (front.version, asked_for) {
        (Some(header), _) => header,
        // MCP 2026-07-28: without the header the two do not match.
        (None, _) if in_meta.is_some() => return Err(Reason::HeaderMismatch),
        (None, Some(asked_for)) => asked_for,
        (None, None) => Version::UNSTATED.as_str(),
    };
    let version = accepted(stated).ok_or(Reason::VersionUnsupported)?;
    if let Some(asked_for) = asked_for {
        // The handshake is of the legacy era: nothing modern can come of it.
        accepted(asked_for).filter(|v| !v.is_modern()).ok_or(Reason::VersionUnsupported)?;
    }
    let agrees = |other: Option<&str>| other.is_none_or(|text| text == stated);
    if agrees(in_meta) && agrees(asked_for) { Ok(version) } else { Err(Reason::HeaderMismatch) }
}

/// The version of what has no message to say it.
pub(super) fn of_head(endpoint: &McpEndpoint, front: &Front<'_>) -> Result<Version, Reason> {
    let stated = front.version.unwrap_or(Version::UNSTATED.as_str());
    let version = Version::parse(stated).filter(|version| endpoint.accepts(*version));
    version.ok_or(Reason::VersionUnsupported)
}

/// Whether that body may be a batch: in 2025-03-26 it could, and never since (MCP-4).
pub(super) fn allows_batch(endpoint: &McpEndpoint, front: &Front<'_>) -> bool {
    let stated = front.version.is_none_or(|version| version == Version::V2025_03_26.as_str());
    stated && has_batches(endpoint)
}

/// Whether the server may speak in batches.
pub(super) fn has_batches(endpoint: &McpEndpoint) -> bool {
    endpoint.accepts(Version::V2025_03_26)
}

/// Whether `Mcp-Method` and `Mcp-Name` say what the body says (MCP-10 to 12). Whoever routes or
/// counts by them must not see another call than the one decided on, so in the legacy era too they
/// are right or absent.
pub(super) fn routing(
    front: &Front<'_>,
    message: &Message,
    method: &Method,
    version: Version,
) -> Result<(), Reason> {
    // 2026-07-28 leaves the headers of a notification undefined.
    let required = version.is_modern() && method.is_request();
    let name = method.named().and_then(|name| message.params.get(name)?.as_str());
    let method_fits = match front.method {
        Some(said) => said == message.method,
        None => !required,
    };
    let name_fits = match (front.name, name) {
        (Some(said), Some(name)) => decode(said).is_some_and(|said| said == name),
        (Some(_), None) => false,
        (None, Some(_)) => !required,
        (None, None) => true,
    };
    if method_fits && name_fits { Ok(()) } else { Err(Reason::HeaderMismatch) }
}

/// `_meta` is an object, and the version in it a string.
fn meta_version(message: &Message) -> Result<Option<&str>, Reason> {
    let Some(meta) = message.params.get("_meta") else {
        return Ok(None);
    };
    let meta = meta.as_object().ok_or(Reason::ParametersInvalid)?;
    let version = meta.get(super::ask::META_VERSION);
    version.map(|v| v.as_str().ok_or(Reason::ParametersInvalid)).transpose()
}

/// What `initialize` asks for.
fn initial_version(message: &Message) -> Result<Option<&str>, Reason> {
    if message.method != "initialize" {
        return Ok(None);
    }
    let version = message.params.get("protocolVersion").and_then(Value::as_str);
    version.map(Some).ok_or(Reason::ParametersInvalid)
}

/// A header value, out of its Base64 sentinel if it is in one (MCP-12). The markers are compared
/// exactly; the Base64 is canonical, or two encodings would name one tool.
pub(super) fn decode(value: &str) -> Option<String> {
    let inner = value.strip_prefix("=?base64?").and_then(|v| v.strip_suffix("?="));
    match inner {
        Some(inner) => String::from_utf8(STANDARD.decode(inner).ok()?).ok(),
        None => Some(value.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base64_name_is_decoded_exactly_or_not_at_all() {
        let cases = [
            ("get_weather", Some("get_weather")),
            ("=?base64?SGVsbG8sIOS4lueVjA==?=", Some("Hello, 世界")),
            ("=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=", Some("=?base64?literal?=")),
            ("=?base64??=", Some("")),
            ("=?BASE64?SGVsbG8=?=", Some("=?BASE64?SGVsbG8=?=")),
            ("=?base64?SGVsbG8?=", None),
            ("=?base64?SGVsbG9=?=", None),
            ("=?base64?SGVs bG8=?=", None),
            ("=?base64?_-__?=", None),
            ("=?base64?/w==?=", None),
            ("=?base64?=", Some("=?base64?=")),
        ];
        for (value, decoded) in cases {
            assert_eq!(decode(value).as_deref(), decoded, "{value}");
        }
    }

    #[test]
    fn the_era_of_an_unknown_version_is_its_date() {
        for modern in ["2026-07-28", "2027-01-01"] {
            assert!(looks_modern(modern), "{modern}");
        }
        for legacy in
            ["", "2025-11-25", "2026-07-27", "2026-7-28", "draft", "2026-07-28x", "９０26-07-28"]
        {
            assert!(!looks_modern(legacy), "{legacy}");
        }
        for version in Version::ALL {
            assert_eq!(Version::parse(version.as_str()), Some(version));
            assert_eq!(looks_modern(version.as_str()), version.is_modern());
        }
    }
}
