//! Where a request arrives, in the words of a proof.
//!
//! The origin is the configuration's: `Host` and what proxies make of it are the sender's to choose
//! (DPOP-4, WPT-2). URIs are compared after the normalisation of RFC 3986 §6.2.2 and §6.2.3.

use fluent_uri::Uri;
use fluent_uri::normalize::Normalizer;

/// Scheme, host and port under which clients reach this gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin(String);

/// The URIs of one request, without its query.
#[derive(Clone, Debug)]
pub(super) struct Targets(Vec<String>);

impl Origin {
    /// `http` or `https`, an authority, and nothing else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let uri = normal(text)?;
        let origin = uri.strip_suffix('/').filter(|origin| !origin.ends_with('/'))?;
        let (_, authority) = origin.split_once("://")?;
        (!authority.contains('/')).then(|| Self(origin.to_owned()))
    }
}

impl Targets {
    /// Of a request for that path (the query is cut off), on any of these origins.
    pub(super) fn of(origins: &[Origin], path: &str) -> Self {
        let path = path.split('?').next().unwrap_or_default();
        Self(origins.iter().filter_map(|origin| normal(&format!("{}{path}", origin.0))).collect())
    }

    /// Whether a proof that names this URI is meant for the request; its normal form, if it is.
    pub(super) fn named_by(&self, uri: &str) -> Option<&str> {
        let uri = normal(uri)?;
        self.0.iter().map(String::as_str).find(|target| *target == uri)
    }
}

/// The one spelling of an absolute web URI; nothing for one with a query, a fragment or user
/// information, and for one that climbs out of its root.
fn normal(text: &str) -> Option<String> {
    let uri = Uri::parse(text).ok()?;
    let authority = uri.authority()?;
    let plain = !(uri.has_query() || uri.has_fragment() || authority.has_userinfo());
    if !plain || authority.host().is_empty() {
        return None;
    }
    let uri = Normalizer::new().allow_path_underflow(false).normalize(&uri).ok()?;
    let web = matches!(uri.scheme().as_str(), "http" | "https");
    // RFC 3986 §6.2.3: an empty path is the root.
    let end = if uri.path().as_str().is_empty() { "/" } else { "" };
    web.then(|| format!("{}{end}", uri.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Origin {
        Origin::parse(text).unwrap()
    }

    #[test]
    fn an_origin_is_scheme_and_authority() {
        assert_eq!(origin("HTTPS://Gateway.example:443/"), origin("https://gateway.example"));
        assert_ne!(origin("https://gateway.example:8443"), origin("https://gateway.example"));
        assert_ne!(origin("http://gateway.example"), origin("https://gateway.example"));
        for bad in [
            "",
            "gateway.example",
            "//gateway.example",
            "https://",
            "https://gateway.example/mcp",
            "https://gateway.example//",
            "https://gateway.example?",
            "https://gateway.example/#",
            "https://user@gateway.example",
            "ftp://gateway.example",
            "https:gateway.example",
        ] {
            assert_eq!(Origin::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_uri_names_the_request_in_every_equal_spelling() {
        let targets = Targets::of(&[origin("https://gateway.example")], "/a/b-%C3%A9?x=1");
        for same in [
            "https://gateway.example/a/b-%C3%A9",
            "HTTPS://GATEWAY.example:443/a/b-%c3%a9",
            "https://gateway.example:/a/%62%2D%c3%a9",
            "https://gateway.example/x/../a/./b-%C3%A9",
        ] {
            assert!(targets.named_by(same).is_some(), "{same}");
        }
        for other in [
            "https://gateway.example/a/b-%C3%A9?x=1",
            "https://gateway.example/a/b-%C3%A9?",
            "https://gateway.example/a/b-%C3%A9#",
            "https://gateway.example/A/b-%C3%A9",
            "https://gateway.example/a/b-%C3%A9/",
            "https://gateway.example/a%2Fb-%C3%A9",
            "https://gateway.example/a/b-%25C3%A9",
            "https://gateway.example/../a/b-%C3%A9",
            "http://gateway.example/a/b-%C3%A9",
            "https://gateway.example:444/a/b-%C3%A9",
            "https://gateway.example.evil.example/a/b-%C3%A9",
            "https://me@gateway.example/a/b-%C3%A9",
            "https://gateway.example\\a\\b-%C3%A9",
            "/a/b-%C3%A9",
            "",
        ] {
            assert_eq!(targets.named_by(other), None, "{other}");
        }
    }

    #[test]
    fn an_empty_path_is_the_root() {
        let targets = Targets::of(&[origin("https://gateway.example")], "/");
        assert!(targets.named_by("https://gateway.example").is_some());
        assert!(targets.named_by("https://gateway.example/").is_some());
    }
}
