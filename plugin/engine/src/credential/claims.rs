//! Reading claims that others wrote.

use std::collections::BTreeSet;

use crate::decision::Reason;
use crate::json::{Object, Value};
use crate::model::{Timestamp, is_plain};

pub(super) fn text<'c>(claims: &'c Object, name: &str) -> Result<&'c str, Reason> {
    claims.get(name).and_then(Value::as_str).ok_or(Reason::TokenMalformed)
}

/// A required name that others made up: not empty, not long, nothing that breaks a log line.
pub(super) fn identifier(claims: &Object, name: &str) -> Result<String, Reason> {
    let text = text(claims, name)?;
    if is_name(text) && is_plain(text) { Ok(text.to_owned()) } else { Err(Reason::TokenMalformed) }
}

/// The same, where the claim may be absent.
pub(super) fn maybe_identifier(claims: &Object, name: &str) -> Result<Option<String>, Reason> {
    claims.get(name).map(|_| identifier(claims, name)).transpose()
}

/// RFC 8693 §4.2, RFC 6749 §3.3: visible ASCII without `"` and `\`, one space between.
pub(super) fn scopes(claims: &Object, name: &str) -> Result<BTreeSet<String>, Reason> {
    // Some issuers write an empty text for none at all; it widens nothing (D4).
    if claims.get(name).is_none_or(|scope| scope.as_str() == Some("")) {
        return Ok(BTreeSet::new());
    }
    let scopes: Option<_> = text(claims, name)?.split(' ').map(scope).collect();
    scopes.ok_or(Reason::TokenMalformed)
}

/// `scp`: a text as `scope` has it, or a list of single ones (JWT-28).
pub(super) fn scp(claims: &Object) -> Result<BTreeSet<String>, Reason> {
    let Some(Value::Array(items)) = claims.get("scp") else { return scopes(claims, "scp") };
    let scopes: Option<_> = items.iter().map(|item| item.as_str().and_then(scope)).collect();
    scopes.ok_or(Reason::TokenMalformed)
}

fn scope(text: &str) -> Option<String> {
    let good = |b: u8| matches!(b, b'!' | b'#'..=b'[' | b']'..=b'~');
    (!text.is_empty() && text.bytes().all(good)).then(|| text.to_owned())
}

/// A list of names; none if it is absent.
pub(super) fn names(claims: &Object, name: &str) -> Result<BTreeSet<String>, Reason> {
    let Some(value) = claims.get(name) else { return Ok(BTreeSet::new()) };
    let one = |item: &Value| item.as_str().filter(|text| is_name(text)).map(str::to_owned);
    let names = value.as_array().and_then(|items| items.iter().map(one).collect());
    names.ok_or(Reason::TokenMalformed)
}

/// A NumericDate (RFC 7519 §2) in milliseconds: seconds, not negative, a fraction allowed and kept
/// to the millisecond. Numbers beyond 2^53 the reader has refused.
pub(super) fn instant(claims: &Object, name: &str) -> Result<Option<u64>, Reason> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::Integer(n)) => {
            let seconds = u64::try_from(*n).map_err(|_| Reason::TokenMalformed)?;
            Ok(Some(seconds.saturating_mul(1000)))
        }
        // Below 2^53 and not negative, so the product is exact enough and the conversion fits.
        Some(Value::Decimal(x)) if *x >= 0.0 => Ok(Some((x * 1000.0) as u64)),
        Some(_) => Err(Reason::TokenMalformed),
    }
}

pub(super) fn timestamp(claims: &Object, name: &str) -> Result<Option<Timestamp>, Reason> {
    Ok(instant(claims, name)?.map(Timestamp::from_unix_millis))
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_NAME_BYTES && !text.contains(char::is_control)
}

/// JWT-5.
const MAX_NAME_BYTES: usize = 256;
