//! Who somebody is: an issuer and a subject of its namespace, or a workload of a trust domain.

use std::fmt;
use std::rc::Rc;

use super::{InvalidWorkload, WorkloadId};

/// An issuer (`iss`), compared byte for byte (RFC 9068 §4, MCP authorization).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct IssuerId(Rc<str>);

/// Why a text is not an issuer or a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidIdentity {
    /// It is empty.
    Empty,
    /// It is longer than 512 bytes.
    TooLong,
    /// It holds a control character or, for an issuer, white space or `#`.
    Character,
    /// An identity is written `issuer#subject`.
    NoSeparator,
    /// It begins with `spiffe://` and is no SPIFFE id.
    Workload(InvalidWorkload),
}

/// Longest issuer or subject in bytes; SPIFFE allows 2048 for a whole id, tokens rarely pass 100.
pub(crate) const MAX_LENGTH: usize = 512;

impl IssuerId {
    /// Reads an issuer.
    pub fn parse(text: &str) -> Result<Self, InvalidIdentity> {
        check(text)?;
        // RFC 8414 §2: an issuer has no fragment; '#' is our separator.
        if text.contains(|c: char| c == '#' || c.is_whitespace()) {
            return Err(InvalidIdentity::Character);
        }
        Ok(Self(text.into()))
    }

    /// Of a trust domain, which has passed stricter rules.
    pub(super) fn of_domain(text: &str) -> Self {
        Self(text.into())
    }

    /// As the issuer writes itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An identity: `issuer#subject`, or the SPIFFE id of a workload, which has no `#`. Two issuers' equal
/// subjects are two identities (ACT-4, JWT-27).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PrincipalId {
    text: Rc<str>,
    issuer_length: usize,
}

impl PrincipalId {
    /// Joins an issuer and a subject.
    pub fn new(issuer: &IssuerId, subject: &str) -> Result<Self, InvalidIdentity> {
        check(subject)?;
        Ok(Self { text: format!("{}#{subject}", issuer.0).into(), issuer_length: issuer.0.len() })
    }

    /// Reads `issuer#subject` or a SPIFFE id.
    pub fn parse(text: &str) -> Result<Self, InvalidIdentity> {
        let Some((issuer, subject)) = text.split_once('#') else {
            return match WorkloadId::spiffe(text) {
                Ok(id) => Ok(id.principal()),
                Err(InvalidWorkload::Scheme) => Err(InvalidIdentity::NoSeparator),
                Err(why) => Err(InvalidIdentity::Workload(why)),
            };
        };
        Self::new(&IssuerId::parse(issuer)?, subject)
    }

    /// `issuer_length` is the length of scheme and trust domain.
    pub(super) fn of_workload(id: &WorkloadId, issuer_length: usize) -> Self {
        Self { text: id.as_str().into(), issuer_length }
    }

    /// `issuer#subject`, or the SPIFFE id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The part after the namespace; of a workload, its path.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.text.get(self.issuer_length.saturating_add(1)..).unwrap_or_default()
    }

    /// The namespace part.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.text.get(..self.issuer_length).unwrap_or_default()
    }
}

impl fmt::Display for PrincipalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for InvalidIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("is empty"),
            Self::TooLong => write!(f, "is longer than {MAX_LENGTH} bytes"),
            Self::Character => f.write_str("holds a character that is not allowed"),
            Self::NoSeparator => f.write_str("must be written `issuer#subject`"),
            Self::Workload(why) => why.fmt(f),
        }
    }
}

/// Whether a name that others made up can be shown as it is: by the rules of an identity.
pub(crate) fn is_plain(text: &str) -> bool {
    check(text).is_ok()
}

/// Control characters and invisible formatting make two identities look the same in a log (T19).
fn check(text: &str) -> Result<(), InvalidIdentity> {
    match text.len() {
        0 => return Err(InvalidIdentity::Empty),
        n if n > MAX_LENGTH => return Err(InvalidIdentity::TooLong),
        _ => {}
    }
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
    };
    if text.contains(hidden) {
        return Err(InvalidIdentity::Character);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_an_issuer_and_a_subject_and_nothing_hidden() {
        let id = PrincipalId::parse("https://idp.example#agent#7").unwrap();
        assert_eq!(id.issuer(), "https://idp.example");
        let workload = PrincipalId::parse("spiffe://acme.example/refund-bot").unwrap();
        assert_eq!(workload.issuer(), "spiffe://acme.example");
        for bad in ["spiffe://acme.example", "spiffe://Acme/x", "wimse://acme/x", "https://a/b"] {
            assert!(PrincipalId::parse(bad).is_err(), "{bad}");
        }
        for bad in ["", "x", "#x", "x#", "a b#c", "a#b\u{0}", "a#b\u{200b}", "a#b\u{202e}c"] {
            assert!(PrincipalId::parse(bad).is_err(), "{bad:?}");
        }
        assert!(PrincipalId::parse(&format!("a#{}", "b".repeat(MAX_LENGTH + 1))).is_err());
    }
}
