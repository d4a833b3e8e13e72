//! A signed token in compact form (RFC 7515 §7.1), read strictly and not yet believed.
//!
//! Everything that makes two libraries read one token differently is refused here: other
//! serialisations and encrypted tokens (JWT-1), second spellings (JWT-2), doubled members (JWT-4),
//! extensions (JWT-6…9). The members `jku`, `x5u` and `x5c` are not read, and `jwk` only
//! where a proof must have one: a token brings neither its own key nor an address to fetch one from
//! (JWT-8).

use crate::decision::Reason;
use crate::json::{self, Limits, Object, Value};
use crate::trust::{MAX_KEY_ID_BYTES, base64url};

/// The parts of a compact JWS.
#[derive(Debug)]
pub(super) struct Jws<'t> {
    /// The whole token.
    pub(super) token: &'t str,
    /// What the signature covers (RFC 7515 §5.2).
    pub(super) message: &'t [u8],
    pub(super) signature: Vec<u8>,
    pub(super) algorithm: String,
    pub(super) key_id: Option<String>,
    typ: Option<String>,
    /// Its header has more than `alg`, `kid` and `typ`.
    pub(super) has_other_members: bool,
    /// `jwk`. Only a DPoP proof has one that is looked at.
    pub(super) embedded_key: Option<Object>,
    pub(super) claims: Object,
}

impl<'t> Jws<'t> {
    /// Reads hostile text. Cheap checks first: a long one costs nothing (T20).
    pub(super) fn parse(token: &'t str) -> Result<Self, Reason> {
        Self::read(token).ok_or(Reason::TokenMalformed)
    }

    fn read(token: &'t str) -> Option<Self> {
        if token.len() > MAX_TOKEN_BYTES {
            return None;
        }
        let (message, signature) = token.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        // base64url without a dot: a fourth or fifth part (JWE) fails here, an empty one below.
        let header = object(header, &HEADER_LIMITS)?;
        if REFUSED_MEMBERS.iter().any(|name| header.get(name).is_some()) {
            return None;
        }
        Some(Self {
            token,
            message: message.as_bytes(),
            signature: base64url::decode(signature).filter(|s| !s.is_empty())?,
            algorithm: optional(&header, "alg", MAX_NAME_BYTES)??,
            key_id: optional(&header, "kid", MAX_KEY_ID_BYTES)?,
            typ: optional(&header, "typ", MAX_NAME_BYTES)?,
            has_other_members: header.iter().any(|(n, _)| !matches!(n, "alg" | "kid" | "typ")),
            embedded_key: header.get("jwk").and_then(Value::as_object).cloned(),
            claims: object(claims, &CLAIMS_LIMITS)?,
        })
    }

    /// RFC 7515 §4.1.9: media types are compared without case, and `application/` may be left out
    /// where no other `/` follows. A token without `typ` is of no type (RFC 9068 §4).
    pub(super) fn is_of_type(&self, name: &str) -> bool {
        let full = |typ: &str| match typ.contains('/') {
            true => typ.to_ascii_lowercase(),
            false => format!("application/{}", typ.to_ascii_lowercase()),
        };
        self.typ.as_deref().is_some_and(|typ| full(typ) == full(name))
    }

    /// Without a type, or of the type that says nothing (RFC 7519 §5.1, JWT-22).
    pub(super) fn is_untyped(&self) -> bool {
        self.typ.is_none() || self.is_of_type("JWT")
    }

    /// The same, by the names that SPIFFE allows.
    pub(super) fn is_untyped_or_jose(&self) -> bool {
        self.is_untyped() || self.is_of_type("JOSE")
    }
}

/// A text of bounded length that may be absent; the outer `None` is a member that is no such text.
#[allow(clippy::option_option, reason = "absent and malformed are two things")]
fn optional(header: &Object, name: &str, max_bytes: usize) -> Option<Option<String>> {
    match header.get(name) {
        None => Some(None),
        Some(Value::String(text)) if text.len() <= max_bytes => Some(Some(text.clone())),
        Some(_) => None,
    }
}

fn object(part: &str, limits: &Limits) -> Option<Object> {
    match json::read(&base64url::decode(part)?, limits).ok()? {
        Value::Object(object) => Some(object),
        _ => None,
    }
}

/// JWT-5. Real access tokens have one to two KiB.
pub(super) const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// JWT-5. An `alg` or `typ` is a registered name.
const MAX_NAME_BYTES: usize = 256;
const HEADER_LIMITS: Limits = Limits { bytes: MAX_TOKEN_BYTES, depth: 8, items: 128 };
/// A chain of delegation may be 8 deep and lies within the claims; some more, so that one that is
/// too deep is called that.
const CLAIMS_LIMITS: Limits = Limits { bytes: MAX_TOKEN_BYTES, depth: 16, items: 512 };

/// Members that change what a JWS is. `crit`: we understand no extension, so any is refused
/// (RFC 7515 §4.1.11). `b64`: RFC 7797 §7 forbids it in a JWT. `cty`: a token within the token.
/// The others belong to encryption.
const REFUSED_MEMBERS: [&str; 9] = ["crit", "b64", "cty", "zip", "enc", "epk", "iv", "p2c", "p2s"];
