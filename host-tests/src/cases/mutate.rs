//! What is done to a token after it was signed.

use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{keys, patch};

/// A token in its three parts, decoded; or, once its text was touched, as text.
pub(super) struct Parts {
    pub(super) header: Vec<u8>,
    pub(super) claims: Vec<u8>,
    pub(super) signature: Vec<u8>,
    pub(super) text: Option<String>,
}

/// One change. Those of the signature come before those of the text.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mutation {
    /// Changes one bit of the signature.
    FlipSignature,
    /// No bytes in the third part.
    EmptySignature,
    /// All bytes zero.
    ZeroSignature,
    /// One byte less.
    ShortSignature,
    /// One byte more.
    LongSignature,
    /// R and S as ASN.1 DER (ES256).
    DerSignature,
    /// The other S of the same ECDSA signature, n − S: it verifies (ES256).
    OtherS,
    /// R, then the group order as S (ES256).
    OrderAsS,
    /// S plus the group order (Ed25519).
    SPlusOrder,
    /// A merge patch over the claims, after signing.
    Claims(Value),
    /// A merge patch over the header, after signing.
    Header(Value),
    /// Only header and payload.
    DropSignature,
    /// The payload is left out, as RFC 7515 appendix F has it.
    Detach,
    /// Flattened JSON serialisation (RFC 7515 §7.2.2).
    AsJson,
    /// Sets the bits of the last character that no byte uses.
    NonCanonical,
    /// Text before the token.
    Prepend(String),
    /// Text after the token.
    Append(String),
    /// Replaces text in the token, once.
    Replace(String, String),
}

impl Mutation {
    pub(super) fn apply(&self, parts: &mut Parts) -> anyhow::Result<()> {
        let signature = &mut parts.signature;
        match self {
            Self::FlipSignature => *signature.last_mut().context("a signature")? ^= 1,
            Self::EmptySignature => signature.clear(),
            Self::ZeroSignature => signature.fill(0),
            Self::ShortSignature => drop(signature.pop()),
            Self::LongSignature => signature.push(0),
            Self::DerSignature => *signature = der(signature),
            Self::OtherS => {
                let s = other_s(signature)?;
                replace_s(signature, &s)?;
            }
            Self::OrderAsS => replace_s(signature, &P256_ORDER)?,
            Self::SPlusOrder => {
                let s = plus_order(signature.get(32..).context("an Ed25519 signature")?);
                replace_s(signature, &s)?;
            }
            Self::Claims(change) => patched(&mut parts.claims, change)?,
            Self::Header(change) => patched(&mut parts.header, change)?,
            _ => return self.apply_to_text(parts),
        }
        Ok(())
    }

    fn apply_to_text(&self, parts: &mut Parts) -> anyhow::Result<()> {
        let mut text = parts.as_text();
        let [header, payload, signature] = parts.encoded();
        text = match self {
            Self::DropSignature => format!("{header}.{payload}"),
            Self::Detach => format!("{header}..{signature}"),
            Self::AsJson => {
                json!({"protected": header, "payload": payload, "signature": signature}).to_string()
            }
            Self::NonCanonical => non_canonical(&text)?,
            Self::Prepend(more) => format!("{more}{text}"),
            Self::Append(more) => text + more,
            Self::Replace(from, to) => {
                let (before, after) = text
                    .split_once(from.as_str())
                    .with_context(|| format!("no {from:?} in the token"))?;
                format!("{before}{to}{after}")
            }
            _ => bail!("not a change of text"),
        };
        parts.text = Some(text);
        Ok(())
    }
}

impl Parts {
    pub(super) fn into_text(self) -> String {
        self.as_text()
    }

    fn as_text(&self) -> String {
        self.text.clone().unwrap_or_else(|| self.encoded().join("."))
    }

    fn encoded(&self) -> [String; 3] {
        [&self.header, &self.claims, &self.signature].map(|part| keys::encode(part))
    }
}

fn patched(part: &mut Vec<u8>, change: &Value) -> anyhow::Result<()> {
    let mut value: Value =
        serde_json::from_slice(part).context("a part that is patched is JSON")?;
    patch::merge(&mut value, change);
    *part = serde_json::to_vec(&value)?;
    Ok(())
}

fn replace_s(signature: &mut [u8], s: &[u8]) -> anyhow::Result<()> {
    let half = signature.get_mut(32..).filter(|half| half.len() == s.len());
    half.context("a signature of 64 bytes")?.copy_from_slice(s);
    Ok(())
}

fn other_s(signature: &[u8]) -> anyhow::Result<[u8; 32]> {
    let s = signature.get(32..64).context("an ES256 signature")?;
    let mut borrow = 0;
    let mut difference = [0; 32];
    for at in (0..32).rev() {
        let value = i16::from(P256_ORDER[at]) - i16::from(s[at]) - borrow;
        borrow = i16::from(value < 0);
        difference[at] = value.rem_euclid(256) as u8;
    }
    Ok(difference)
}

/// Little-endian, as RFC 8032 §5.1.2 has it.
fn plus_order(s: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    let add = |(s, order): (&u8, &u8)| {
        let sum = u16::from(*s) + u16::from(*order) + carry;
        carry = sum >> 8;
        sum as u8
    };
    s.iter().zip(&ED25519_ORDER).map(add).collect()
}

fn der(signature: &[u8]) -> Vec<u8> {
    let integers: Vec<u8> = signature.chunks(32).flat_map(der_integer).collect();
    [&[0x30, integers.len() as u8], integers.as_slice()].concat()
}

fn der_integer(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let digits = &number[zeros.min(number.len() - 1)..];
    let sign: &[u8] = if digits[0] & 0x80 == 0 { &[] } else { &[0] };
    [&[0x02, (sign.len() + digits.len()) as u8], sign, digits].concat()
}

/// A third part of 64 bytes ends in a character of which only two bits count.
fn non_canonical(text: &str) -> anyhow::Result<String> {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = text.chars().last().and_then(|last| ALPHABET.find(last)).context("base64url")?;
    let other = ALPHABET.chars().nth(last | 1).context("base64url")?;
    let kept = text.get(..text.len() - 1).context("base64url")?;
    if text.ends_with(other) {
        bail!("the last character has those bits set already");
    }
    Ok(format!("{kept}{other}"))
}

/// SEC 2 §2.4.2.
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6,
    0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];
/// RFC 8032 §5.1: 2^252 + 27742317777372353535851937790883648493.
const ED25519_ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];
