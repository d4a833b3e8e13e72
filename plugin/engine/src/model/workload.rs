//! Workload identifiers: SPIFFE ids, and WIMSE's of the same form.
//!
//! One spelling for one workload (SPIFFE-ID §2): what two parsers could read differently is no id.

use std::fmt;

use super::{IssuerId, PrincipalId};

/// `spiffe://trust-domain/path`, or `wimse://` with the same rules.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WorkloadId {
    text: String,
    scheme_length: usize,
    domain_length: usize,
}

/// The name of a trust domain: a root of trust, and a namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TrustDomain(String);

/// Why a text is no workload identifier, or no trust domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidWorkload {
    /// It does not begin with `spiffe://`, or where allowed `wimse://`, in lower case.
    Scheme,
    /// It is longer than 2048 bytes, or its trust domain than 255 (SPF-1).
    TooLong,
    /// The trust domain is empty or holds another character than `a-z 0-9 . - _` (SPF-2).
    TrustDomain,
    /// A segment is empty, `.` or `..`, or holds another character than `A-Z a-z 0-9 . - _` (SPF-3).
    Path,
    /// There is no path: that is the trust domain, not a workload of it (SPF-4).
    NoPath,
}

impl WorkloadId {
    /// Reads a SPIFFE id of a workload.
    pub fn spiffe(text: &str) -> Result<Self, InvalidWorkload> {
        Self::with_scheme("spiffe://", text)
    }

    /// Reads a SPIFFE id or a `wimse:` URI, which this holds to the same rules.
    pub fn parse(text: &str) -> Result<Self, InvalidWorkload> {
        match Self::spiffe(text) {
            Err(InvalidWorkload::Scheme) => Self::with_scheme("wimse://", text),
            other => other,
        }
    }

    fn with_scheme(scheme: &str, text: &str) -> Result<Self, InvalidWorkload> {
        if text.len() > MAX_ID {
            return Err(InvalidWorkload::TooLong);
        }
        let rest = text.strip_prefix(scheme).ok_or(InvalidWorkload::Scheme)?;
        let (domain, path) = match rest.split_once('/') {
            Some((domain, path)) => (domain, Some(path)),
            None => (rest, None),
        };
        let domain_length = TrustDomain::parse(domain)?.0.len();
        for segment in path.ok_or(InvalidWorkload::NoPath)?.split('/') {
            let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
            if matches!(segment, "" | "." | "..") || !segment.bytes().all(good) {
                return Err(InvalidWorkload::Path);
            }
        }
        Ok(Self { text: text.to_owned(), scheme_length: scheme.len(), domain_length })
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The trust domain's name.
    #[must_use]
    pub fn trust_domain(&self) -> &str {
        let end = self.scheme_length.saturating_add(self.domain_length);
        self.text.get(self.scheme_length..end).unwrap_or_default()
    }

    /// The trust domain as the one who vouches: scheme and name.
    #[must_use]
    pub fn domain_issuer(&self) -> IssuerId {
        let end = self.scheme_length.saturating_add(self.domain_length);
        IssuerId::of_domain(self.text.get(..end).unwrap_or_default())
    }

    /// The identity of an agent that is known by this id alone.
    #[must_use]
    pub fn principal(&self) -> PrincipalId {
        PrincipalId::of_workload(self, self.scheme_length.saturating_add(self.domain_length))
    }
}

impl TrustDomain {
    /// Reads a name such as `acme.example`: lower case, no port.
    pub fn parse(text: &str) -> Result<Self, InvalidWorkload> {
        let good =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_');
        match text.len() {
            0 => Err(InvalidWorkload::TrustDomain),
            n if n > MAX_DOMAIN => Err(InvalidWorkload::TooLong),
            _ if text.bytes().all(good) => Ok(Self(text.to_owned())),
            _ => Err(InvalidWorkload::TrustDomain),
        }
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InvalidWorkload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "does not begin with `spiffe://`",
            Self::TooLong => "is longer than 2048 bytes, or its trust domain than 255",
            Self::TrustDomain => "has no trust domain, or one with other than `a-z 0-9 . - _`",
            Self::Path => "has a path segment that is empty, dots, or not `A-Z a-z 0-9 . - _`",
            Self::NoPath => "has no path: it names a trust domain, not a workload",
        })
    }
}

/// SPIFFE-ID §2.3.
const MAX_ID: usize = 2048;
/// SPIFFE-ID §2.3, as for a host in RFC 3986 §3.2.2.
const MAX_DOMAIN: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    /// The tables of go-spiffe, `spiffeid/id_test.go` (Apache-2.0), as far as they are about text.
    #[test]
    fn a_spiffe_id_has_one_spelling() {
        for good in [
            "spiffe://trustdomain/path",
            "spiffe://trustdomain/path1/path2",
            "spiffe://trustdomain/9eebccd2-12bf-40a6-b262-65fe0487d453",
            "spiffe://trustdomain/.../a",
            "spiffe://trust-domain.name_1/.a/b..",
            "spiffe://trustdomain/Path",
        ] {
            assert_eq!(WorkloadId::spiffe(good).unwrap().as_str(), good);
        }
        for (bad, why) in [
            ("", InvalidWorkload::Scheme),
            ("s", InvalidWorkload::Scheme),
            ("spiffe:/path", InvalidWorkload::Scheme),
            ("Spiffe://trustdomain/path", InvalidWorkload::Scheme),
            ("http://domain.test/path/element", InvalidWorkload::Scheme),
            ("wimse://trustdomain/path", InvalidWorkload::Scheme),
            ("spiffe://", InvalidWorkload::TrustDomain),
            ("spiffe:///path", InvalidWorkload::TrustDomain),
            ("spiffe://Trustdomain/path", InvalidWorkload::TrustDomain),
            ("spiffe://trust domain/path", InvalidWorkload::TrustDomain),
            ("spiffe://user@trustdomain/path", InvalidWorkload::TrustDomain),
            ("spiffe://trustdomain:80/path", InvalidWorkload::TrustDomain),
            ("spiffe://trust%20domain/path", InvalidWorkload::TrustDomain),
            ("spiffe://trustdomain?q/path", InvalidWorkload::TrustDomain),
            ("spiffe://trustdomain", InvalidWorkload::NoPath),
            ("spiffe://trustdomain/", InvalidWorkload::Path),
            ("spiffe://trustdomain/path/", InvalidWorkload::Path),
            ("spiffe://trustdomain//path", InvalidWorkload::Path),
            ("spiffe://trustdomain/./path", InvalidWorkload::Path),
            ("spiffe://trustdomain/path/../other", InvalidWorkload::Path),
            ("spiffe://trustdomain/%61", InvalidWorkload::Path),
            ("spiffe://trustdomain/path?query", InvalidWorkload::Path),
            ("spiffe://trustdomain/path#fragment", InvalidWorkload::Path),
            ("spiffe://trustdomain/pa\u{0}th", InvalidWorkload::Path),
            ("spiffe://trustdomain/päth", InvalidWorkload::Path),
            ("spiffe://trustdomain/a,spiffe://trustdomain/b", InvalidWorkload::Path),
        ] {
            assert_eq!(WorkloadId::spiffe(bad), Err(why), "{bad}");
        }
    }

    #[test]
    fn an_id_is_bounded_as_the_standard_has_it() {
        let of = |domain: usize, path: usize| {
            WorkloadId::spiffe(&format!("spiffe://{}/{}", "d".repeat(domain), "p".repeat(path)))
        };
        assert!(of(255, 1).is_ok());
        assert_eq!(of(256, 1), Err(InvalidWorkload::TooLong));
        let rest = 2048 - "spiffe://d/".len();
        assert!(of(1, rest).is_ok());
        assert_eq!(of(1, rest + 1), Err(InvalidWorkload::TooLong));
    }

    #[test]
    fn a_trust_domain_is_all_of_the_authority() {
        let id = WorkloadId::spiffe("spiffe://td.evil/td/x").unwrap();
        assert_eq!(id.trust_domain(), "td.evil");
        assert_eq!(WorkloadId::parse("wimse://td/x").unwrap().trust_domain(), "td");
        assert_eq!(id.principal().issuer(), "spiffe://td.evil");
        assert_eq!(id.principal().as_str(), "spiffe://td.evil/td/x");
    }
}
