//! The signature algorithms that exist here, and which of them an issuer may use.
//!
//! An allow-list with exact names (JWT-10): `none`, HMAC and everything else unknown have no value
//! of this type, so no later check can forget them.

use std::collections::BTreeSet;
use std::fmt;

/// A signature algorithm, fully specified (RFC 9864 §2): key type, curve and hash follow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Algorithm {
    /// ECDSA on P-256 with SHA-256 (RFC 7518 §3.4).
    Es256,
    /// RSASSA-PSS with SHA-256 and a salt of 32 bytes (RFC 7518 §3.5).
    Ps256,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 §3.3).
    Rs256,
    /// EdDSA on Ed25519 (RFC 9864 §2.2).
    Ed25519,
}

impl Algorithm {
    pub(crate) const ALL: [Self; 4] = [Self::Es256, Self::Ps256, Self::Rs256, Self::Ed25519];

    /// The name in `alg`, case-sensitive (RFC 7515 §4.1.1).
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Ps256 => "PS256",
            Self::Rs256 => "RS256",
            Self::Ed25519 => "Ed25519",
        }
    }

    /// The algorithm of that exact name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What one issuer may sign with, and with which of its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Algorithms {
    allowed: BTreeSet<Algorithm>,
    eddsa_alias: bool,
    key_use: KeyUse,
}

/// What a key must be for, by its `use` (JWT-17). A SPIFFE bundle holds keys of several uses, and none
/// of them may do another's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyUse {
    /// `sig`, or nothing said (RFC 7517 §4.2).
    Signature,
    /// `jwt-svid`, said (SPIFFE JWT-SVID §4).
    JwtSvid,
    /// `wit-svid`, said (SPIFFE WIT-SVID).
    WitSvid,
}

impl KeyUse {
    /// Whether that `use` will do; `None`: it is not said.
    pub(super) fn accepts(self, named: Option<&str>) -> bool {
        match self {
            Self::Signature => matches!(named, None | Some("sig")),
            Self::JwtSvid => named == Some("jwt-svid"),
            Self::WitSvid => named == Some("wit-svid"),
        }
    }
}

impl Algorithms {
    /// `eddsa_alias`: the issuer still writes `EdDSA` for Ed25519.
    pub(crate) fn new(allowed: BTreeSet<Algorithm>, eddsa_alias: bool) -> Self {
        Self { allowed, eddsa_alias, key_use: KeyUse::Signature }
    }

    /// The same, with keys of that use only.
    pub(crate) fn for_use(self, key_use: KeyUse) -> Self {
        Self { key_use, ..self }
    }

    pub(super) fn key_use(&self) -> KeyUse {
        self.key_use
    }

    /// The allowed algorithm of that name, in a token's header or a JWK's `alg`.
    pub(crate) fn named(&self, name: &str) -> Option<Algorithm> {
        let algorithm = match name {
            // RFC 9864 §2.2 deprecates it: it does not say which curve. The only EdDSA key type
            // here is Ed25519, so for an issuer that opted in it can mean nothing else (JWT-15).
            "EdDSA" if self.eddsa_alias => Some(Algorithm::Ed25519),
            _ => Algorithm::named(name),
        };
        algorithm.filter(|a| self.allows(*a))
    }

    /// The names, with a space between.
    pub(crate) fn names(&self) -> String {
        let names: Vec<_> = self.allowed.iter().map(|algorithm| algorithm.name()).collect();
        names.join(" ")
    }

    pub(crate) fn allows(&self, algorithm: Algorithm) -> bool {
        self.allowed.contains(&algorithm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(eddsa_alias: bool) -> Algorithms {
        Algorithms::new(Algorithm::ALL.into(), eddsa_alias)
    }

    #[test]
    fn an_algorithm_has_one_exact_name() {
        for algorithm in Algorithm::ALL {
            assert_eq!(all(false).named(algorithm.name()), Some(algorithm));
        }
        let never = [
            "",
            "none",
            "None",
            "NONE",
            "nOnE",
            "HS256",
            "es256",
            "ES256 ",
            "ES256K",
            "ES384",
            "RS512",
            "PS384",
            "ed25519",
            "Ed448",
            "EdDSA",
            "ML-DSA-44",
        ];
        for name in never {
            assert_eq!(all(false).named(name), None, "{name}");
        }
    }

    #[test]
    fn an_issuer_uses_only_the_algorithms_of_its_list() {
        let only = Algorithms::new([Algorithm::Es256].into(), true);
        assert_eq!(only.named("ES256"), Some(Algorithm::Es256));
        for name in ["RS256", "PS256", "Ed25519", "EdDSA"] {
            assert_eq!(only.named(name), None, "{name}");
        }
    }

    #[test]
    fn eddsa_means_ed25519_only_for_an_issuer_that_opted_in() {
        assert_eq!(all(true).named("EdDSA"), Some(Algorithm::Ed25519));
        assert_eq!(all(false).named("EdDSA"), None);
        assert_eq!(all(true).named("eddsa"), None);
    }
}
