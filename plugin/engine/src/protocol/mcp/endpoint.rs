//! One MCP server as configured: where it is, which versions it may be spoken to in, what it offers.

use std::rc::Rc;

use super::{Catalogue, Version};
use crate::model::{ResourceId, ResourceKind};
use crate::protocol::{Problem, path};

/// One MCP server, as configured.
#[derive(Clone, Debug, Default)]
pub(crate) struct McpParts {
    /// JSON path in the configuration, for problems.
    pub(crate) at: String,
    pub(crate) server: String,
    pub(crate) path: String,
    pub(crate) versions: Vec<Version>,
    pub(crate) catalogue: Catalogue,
    pub(crate) allowed_origins: Vec<String>,
    /// Longest list answer, or single event of one, in bytes.
    pub(crate) response_limit: usize,
}

/// One MCP server, checked.
#[derive(Debug)]
pub(crate) struct McpEndpoint {
    parts: McpParts,
    catalogue: Rc<Catalogue>,
}

impl McpEndpoint {
    /// Of parts that [`McpParts::problems`] has nothing to say about, or it won't be used.
    pub(in crate::protocol) fn new(mut parts: McpParts) -> Self {
        let catalogue = Rc::new(std::mem::take(&mut parts.catalogue));
        Self { parts, catalogue }
    }

    pub(in crate::protocol) fn at(&self, member: &str) -> String {
        format!("{}.{member}", self.parts.at)
    }

    /// Its name: the id of the `Server`, and the first half of its tools' ids.
    pub(crate) fn server(&self) -> &str {
        &self.parts.server
    }

    /// What it offers.
    pub(crate) fn catalogue(&self) -> &Rc<Catalogue> {
        &self.catalogue
    }

    /// The digest of the definition that a tool is pinned to.
    pub(crate) fn pin(&self, resource: &ResourceId) -> Option<&str> {
        let (server, name) = resource.id.split_once('/')?;
        let is_tool = resource.kind == ResourceKind::Tool && server == self.server();
        self.catalogue.tool(name).filter(|_| is_tool)?.pin.as_deref()
    }

    pub(in crate::protocol) fn path(&self) -> &str {
        &self.parts.path
    }

    pub(in crate::protocol) fn versions(&self) -> impl Iterator<Item = Version> {
        self.parts.versions.iter().copied()
    }

    /// Whether sessions, streams and posted answers can belong to it.
    pub(in crate::protocol) fn is_legacy(&self) -> bool {
        self.versions().any(|version| !version.is_modern())
    }

    pub(super) fn accepts(&self, version: Version) -> bool {
        self.parts.versions.contains(&version)
    }

    /// Compared byte for byte: a browser writes an origin in one form only (RFC 6454 §6.1).
    pub(super) fn allows_origin(&self, origin: &str) -> bool {
        self.parts.allowed_origins.iter().any(|allowed| allowed == origin)
    }

    pub(super) fn response_limit(&self) -> usize {
        self.parts.response_limit
    }
}

impl McpParts {
    pub(in crate::protocol) fn problems(&self) -> Vec<Problem> {
        let named = |b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
        let good = |name: &String| !name.is_empty() && !name.contains(char::is_control);
        let Catalogue { tools, resources, prompts, .. } = &self.catalogue;
        // Without one, `x/1` would cover `x/10`.
        let ends =
            |p: &String| p.strip_suffix('*').is_some_and(|p| !p.ends_with(char::is_alphanumeric));
        let prefixes = &resources.prefixes;
        let checks = [
            ("server", !self.server.is_empty() && self.server.bytes().all(named), SERVER),
            ("path", path::segments(&self.path).is_some() && !self.path.contains('%'), PATH),
            ("versions", !self.versions.is_empty(), VERSIONS),
            ("tools", tools.keys().all(good), NAME),
            ("prompts", prompts.iter().all(good), NAME),
            ("resources", resources.exact.iter().chain(prefixes).all(good), NAME),
            ("resources", prefixes.iter().all(ends), PREFIX),
        ];
        let broken = checks.into_iter().filter(|(_, holds, _)| !holds);
        let own = broken.map(|(member, _, message)| Problem {
            path: format!("{}.{member}", self.at),
            message: message.to_owned(),
        });
        // All servers share one list.
        let origins = self.allowed_origins.iter().filter(|o| !is_origin(o)).map(|o| Problem {
            path: "gateway.allowed_origins".to_owned(),
            message: format!("holds {o:?}, which is not an origin as browsers write it"),
        });
        own.chain(origins).collect()
    }
}

const SERVER: &str = "must be made of a to z, 0 to 9, `_` and `-`";
const PATH: &str = "is not a path that a request can have, without percent-encoding";
const VERSIONS: &str = "must name one at least";
const NAME: &str = "has a name that is empty or holds a control character";
const PREFIX: &str = "has a prefix that ends in a letter or digit; it would cover longer names too";

/// `scheme://host[:port]` in lower case. `null` is what every sandboxed page sends, so it names
/// nobody.
fn is_origin(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    let host = |b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b':' | b'[' | b']');
    let letter = |b: u8| b.is_ascii_lowercase() || matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.');
    let filled = !scheme.is_empty() && !rest.is_empty();
    filled && scheme.bytes().all(letter) && rest.bytes().all(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for good in [
            "https://app.example",
            "http://localhost:3000",
            "https://[::1]:8",
            "chrome-extension://abc",
        ] {
            assert!(is_origin(good), "{good}");
        }
        for bad in [
            "",
            "null",
            "*",
            "app.example",
            "https://",
            "https://app.example/",
            "https://App.example",
            "https://*.a",
        ] {
            assert!(!is_origin(bad), "{bad}");
        }
    }
}
