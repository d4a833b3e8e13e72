//! A Status List Token (OAuth Token Status List, draft-ietf-oauth-status-list-20 §5.1): what an issuer
//! says of the tokens it has issued, a few bits each.
//!
//! Read strictly, then its signature, then what it says; the list itself is decompressed last, and never to
//! more than [`MAX_STATUSES`] bytes. Not here: where lists come from and how long one counts (`statuses`).

use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit as inflate;

use super::{Algorithms, Signed, base64url};
use crate::json::{self, Limits, Object, Value};
use crate::model::Timestamp;

/// Statuses by the index of each token.
#[derive(Debug)]
pub(crate) struct StatusList {
    /// Per status: 1, 2, 4 or 8.
    bits: u8,
    statuses: Vec<u8>,
    /// `iat`, in milliseconds since the Unix epoch, like all instants here.
    pub(super) issued: u64,
    expires: Option<u64>,
    /// How soon it says that it should be asked for again.
    pub(super) ttl_ms: Option<u64>,
    /// The key that signed it (RFC 7638).
    pub(super) key: String,
}

/// What the bits of one token say (§7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Valid,
    Invalid,
    Suspended,
    /// Application-specific, or of a later registration.
    Other,
}

/// A token whose signature is still to be verified.
pub(super) struct Unproven<'b> {
    message: &'b str,
    signature: Vec<u8>,
    header: Object,
}

impl<'b> Unproven<'b> {
    /// A compact JWS of exactly that type (TSL-2, RFC 8725 §3.11).
    pub(super) fn parse(body: &'b [u8]) -> Result<Self, &'static str> {
        let text = std::str::from_utf8(body).map_err(|_| FORM)?.trim_ascii_end();
        let (message, signature) = text.rsplit_once('.').ok_or(FORM)?;
        let (header, _) = message.split_once('.').ok_or(FORM)?;
        if body.len() > MAX_BYTES || header.len() > MAX_HEADER_BYTES {
            return Err("the status list token is too long");
        }
        let header = object(header, &HEADER_LIMITS).ok_or(FORM)?;
        let signature = base64url::decode(signature).filter(|s| !s.is_empty()).ok_or(FORM)?;
        let typ = header.get("typ").and_then(Value::as_str).unwrap_or_default();
        let typ = typ.to_ascii_lowercase();
        if typ.strip_prefix("application/").unwrap_or(&typ) != TYPE {
            return Err("the answer is a token of another type than `statuslist+jwt`");
        }
        // What changes what is signed; `zip` and `enc` belong to encryption (JWT-6, JWT-7, JWT-9).
        if ["crit", "b64", "zip", "enc", "cty"].iter().any(|name| header.get(name).is_some()) {
            return Err(FORM);
        }
        Ok(Self { message, signature, header })
    }

    pub(super) fn signed(&self, allowed: &Algorithms) -> Result<Signed<'_>, &'static str> {
        let member = |name| self.header.get(name).and_then(Value::as_str);
        let algorithm = member("alg").and_then(|alg| allowed.named(alg));
        let algorithm = algorithm.ok_or("the status list token's `alg` is not the issuer's")?;
        let (message, signature) = (self.message.as_bytes(), self.signature.as_slice());
        Ok(Signed { key_id: member("kid"), algorithm, message, signature })
    }

    /// What it says, once `key` has signed it.
    pub(super) fn read(
        &self,
        (uri, key): (&str, &str),
        leeway_ms: u64,
        now: Timestamp,
    ) -> Result<StatusList, &'static str> {
        let claims = self.message.split_once('.').map(|(_, claims)| claims).ok_or(FORM)?;
        let claims = object(claims, &CLAIMS_LIMITS).ok_or(FORM)?;
        // §8.3: or one list could be served in place of another.
        if claims.get("sub").and_then(Value::as_str) != Some(uri) {
            return Err("the status list token's `sub` is not the URI that was asked for");
        }
        let seconds = |name: &str| match claims.get(name) {
            None => Ok(None),
            Some(Value::Integer(n)) if *n >= 0 => {
                Ok(u64::try_from(*n).ok().map(|n| n.saturating_mul(1000)))
            }
            Some(Value::Decimal(x)) if *x >= 0.0 => Ok(Some((x * 1000.0) as u64)),
            Some(_) => Err(TIMES),
        };
        let issued = seconds("iat")?.ok_or(TIMES)?;
        let (expires, ttl_ms) = (seconds("exp")?, seconds("ttl")?);
        if issued > now.unix_millis().saturating_add(leeway_ms) || ttl_ms == Some(0) {
            return Err(TIMES);
        }
        let list = claims.get("status_list").and_then(Value::as_object).ok_or(LIST)?;
        let bits = list.get("bits").and_then(Value::as_integer);
        let bits = bits.and_then(|bits| u8::try_from(bits).ok());
        let bits = bits.filter(|bits| matches!(bits, 1 | 2 | 4 | 8)).ok_or(LIST)?;
        let compressed = list.get("lst").and_then(Value::as_str).and_then(base64url::decode);
        // TSL-5: a few bytes may say that they are gigabytes.
        let statuses = inflate(&compressed.ok_or(LIST)?, MAX_STATUSES).map_err(|_| LIST)?;
        let key = key.to_owned();
        let list = StatusList { bits, statuses, issued, expires, ttl_ms, key };
        if list.is_over(now) {
            return Err("the status list token has expired");
        }
        Ok(list)
    }
}

impl StatusList {
    /// The status at that index; nothing beyond the end of the list, of which it says nothing (TSL-3).
    pub(super) fn status(&self, index: u64) -> Option<Status> {
        let bits = u64::from(self.bits);
        // §4.1: from the least significant bit on, and no status in two bytes.
        let at = index.checked_mul(bits)?;
        let byte = *self.statuses.get(usize::try_from(at / 8).ok()?)?;
        let shifted = u16::from(byte).checked_shr(u32::try_from(at % 8).ok()?)?;
        let mask = 1_u16.checked_shl(u32::from(self.bits))?.checked_sub(1)?;
        Some(match shifted & mask {
            0 => Status::Valid,
            1 => Status::Invalid,
            2 => Status::Suspended,
            _ => Status::Other,
        })
    }

    /// Whether it says of itself that it counts no longer (TSL-4). No clock difference is allowed for.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| now.unix_millis() >= expires)
    }
}

fn object(part: &str, limits: &Limits) -> Option<Object> {
    match json::read(&base64url::decode(part)?, limits).ok()? {
        Value::Object(object) => Some(object),
        _ => None,
    }
}

/// `typ`, and the media type that is asked for (§8.1).
const TYPE: &str = "statuslist+jwt";
const FORM: &str = "the answer is not a strict compact JWS";
const TIMES: &str =
    "the status list token's `iat`, `exp` or `ttl` is missing, malformed or in the future";
const LIST: &str = "the status list token's `status_list` is not 1, 2, 4 or 8 `bits` of at most 1 MiB, zlib in base64url, in `lst`";

/// Of statuses: eight million tokens of one bit, and as much as the largest test vector of the draft
/// (Appendix C: 2^20 tokens of eight).
const MAX_STATUSES: usize = 1 << 20;
/// That, incompressible, twice in base64url (4/3 each), and some more.
pub(super) const MAX_BYTES: usize = 2 << 20;
const MAX_HEADER_BYTES: usize = 8 << 10;
const HEADER_LIMITS: Limits = Limits { bytes: MAX_HEADER_BYTES, depth: 8, items: 128 };
const CLAIMS_LIMITS: Limits = Limits { bytes: MAX_BYTES, depth: 8, items: 128 };

#[cfg(test)]
mod tests;
