//! What a protected resource says of itself to whoever wants a token for it (RFC 9728).
//!
//! Public documents made from the configuration, one for the gateway and one for each MCP server that
//! has an identifier of its own. Serving one is no decision: nobody is identified, nothing reaches an
//! upstream, so there is no receipt. Not here: the challenge that names a document (`decision`).

use std::rc::Rc;

use crate::decision::Reply;
use crate::json::{Object, Value};

/// Every document there is to serve.
#[derive(Debug, Default)]
pub(crate) struct Resources {
    all: Vec<Resource>,
}

/// A protected resource and its document.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    /// The path of its MCP server; none: the gateway's own.
    server_path: Option<String>,
    /// Where the document is, as a challenge names it.
    url: String,
    authority: String,
    path: String,
    body: Rc<[u8]>,
}

/// What a document says besides whom it is about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Description {
    /// Issuers that a client can get a token from.
    pub(crate) authorization_servers: Vec<String>,
    /// Scopes worth asking for; empty: not said.
    pub(crate) scopes: Vec<String>,
    pub(crate) binding: Binding,
    /// Types of `authorization_details` that count here; empty: not said.
    pub(crate) detail_types: Vec<String>,
}

/// How tokens are bound to their senders here.
#[derive(Clone, Debug, Default)]
pub(crate) struct Binding {
    /// Algorithms of DPoP proofs; empty: none is accepted.
    pub(crate) dpop_algorithms: Vec<String>,
    /// Whether a token that is not bound by DPoP is never accepted.
    pub(crate) dpop_required: bool,
    /// Whether tokens bound to a certificate are accepted.
    pub(crate) certificates: bool,
}

impl Resources {
    pub(crate) fn new(all: Vec<Resource>) -> Self {
        Self { all }
    }

    /// The document at that place, compared as `canonical` spells hosts.
    pub(crate) fn find(&self, authority: &str, path: &str) -> Option<&Resource> {
        self.all.iter().find(|r| r.path == path && r.authority == authority)
    }

    /// Where the document is of whatever a request for that path wants: its MCP server's, else the
    /// gateway's own.
    pub(crate) fn url_at(&self, path: &str) -> Option<&str> {
        let path = path.split('?').next().unwrap_or_default();
        let own = self.all.iter().find(|r| r.server_path.as_deref() == Some(path));
        let found = own.or_else(|| self.all.iter().find(|r| r.server_path.is_none()));
        found.map(|resource| resource.url.as_str())
    }
}

impl Resource {
    /// Nothing if the identifier is not a URL that metadata can be found by (RFC 9728 §1.2, §3).
    pub(crate) fn new(
        identifier: &str,
        server_path: Option<String>,
        description: &Description,
        canonical: impl FnOnce(&str) -> String,
    ) -> Option<Self> {
        let scheme = ["https://", "http://"].into_iter().find(|s| identifier.starts_with(s))?;
        let rest = identifier.strip_prefix(scheme)?;
        let printable = |b: u8| matches!(b, b'!'..=b'~') && !matches!(b, b'"' | b'\\' | b'#');
        if !rest.bytes().all(printable) {
            return None;
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (host, path) = rest.split_at_checked(end)?;
        if host.is_empty() || host.contains('@') {
            return None;
        }
        // §3.1: between host and path; a slash that is all of the path goes.
        let path = if path == "/" { "" } else { path };
        let path = format!("{WELL_KNOWN}{path}");
        let url = format!("{scheme}{host}{path}");
        let body = document(identifier, description);
        Some(Self { server_path, url, authority: canonical(host), path, body })
    }

    /// The answer to a GET; and to a HEAD, of which a host sends no content (RFC 9110 §9.3.2).
    pub(crate) fn reply(&self) -> Reply {
        let headers = vec![
            // Public, and the same for everybody until the next configuration.
            ("cache-control", "public, max-age=300".to_owned()),
            ("content-type", "application/json".to_owned()),
        ];
        Reply { status: 200, headers, body: self.body.to_vec() }
    }
}

/// §2. `resource` is the identifier byte for byte, or clients have to discard the document (§3.3).
fn document(identifier: &str, description: &Description) -> Rc<[u8]> {
    let texts = |texts: &[String]| Value::Array(texts.iter().map(|t| t.as_str().into()).collect());
    let mut document = Object::of([
        ("resource", identifier.into()),
        ("authorization_servers", texts(&description.authorization_servers)),
        ("bearer_methods_supported", Value::Array(vec!["header".into()])),
    ]);
    let binding = &description.binding;
    for (name, values) in [
        ("scopes_supported", &description.scopes),
        ("authorization_details_types_supported", &description.detail_types),
        ("dpop_signing_alg_values_supported", &binding.dpop_algorithms),
    ] {
        if !values.is_empty() {
            document.set(name, texts(values));
        }
    }
    // Left out they say false.
    for (name, value) in [
        ("dpop_bound_access_tokens_required", binding.dpop_required),
        ("tls_client_certificate_bound_access_tokens", binding.certificates),
    ] {
        if value {
            document.set(name, Value::Bool(true));
        }
    }
    Value::Object(document).to_text().into_bytes().into()
}

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(identifier: &str) -> Option<Resource> {
        Resource::new(identifier, None, &Description::default(), str::to_ascii_lowercase)
    }

    #[test]
    fn a_document_is_where_the_identifier_says() {
        for (identifier, url) in [
            ("https://g.example", "https://g.example/.well-known/oauth-protected-resource"),
            ("https://g.example/", "https://g.example/.well-known/oauth-protected-resource"),
            ("https://G.example/mcp", "https://G.example/.well-known/oauth-protected-resource/mcp"),
            ("http://g:80/a/", "http://g:80/.well-known/oauth-protected-resource/a/"),
            ("https://g?t=1", "https://g/.well-known/oauth-protected-resource?t=1"),
        ] {
            let resource = resource(identifier).unwrap();
            assert_eq!(resource.url, url);
            let said = String::from_utf8(resource.body.to_vec()).unwrap();
            assert!(said.contains(&format!(r#""resource":"{identifier}""#)), "{said}");
        }
        for none in [
            "g",
            "urn:g",
            "spiffe://td/g",
            "https://",
            "https:///x",
            "https://a@g/",
            "https://g/#a",
            "https://g/ ",
            "https://g/\"",
        ] {
            assert!(resource(none).is_none(), "{none}");
        }
    }
}
