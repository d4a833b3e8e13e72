//! One key of a JWK Set (RFC 7517 §4), bound to exactly one algorithm (JWT-11).
//!
//! What can't be used says why; whether that matters is for the set to say. Not here: members that
//! would name another source of trust (`x5u`, `x5c`); they are not read.

use std::fmt;

use sha2::{Digest, Sha256};

use super::algorithm::{Algorithm, Algorithms, KeyUse};
use super::key_set::holds_secret;
use super::{base64url, roca};
use crate::json::{Object, Value};

/// A public key, the one algorithm it verifies, and its name.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    id: Option<String>,
    thumbprint: String,
    public: PublicKey,
}

/// The key itself, on its curve and of a good size, and of one algorithm by its type.
#[derive(Clone, Debug)]
pub(crate) enum PublicKey {
    Es256(p256::ecdsa::VerifyingKey),
    Ps256(rsa::pss::VerifyingKey<Sha256>),
    Rs256(rsa::pkcs1v15::VerifyingKey<Sha256>),
    Ed25519(ed25519_dalek::VerifyingKey),
}

/// Why a JWK is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// `kty`, or `crv`, is none that we know (JWT-19).
    KeyType,
    /// `use` is not the one that is asked for, or `key_ops` does not allow `verify` (JWT-17).
    Purpose,
    /// `kid` is not a string of at most [`MAX_KEY_ID_BYTES`].
    KeyId,
    /// `alg` is not allowed for the issuer, or does not fit the key.
    Algorithm,
    /// An RSA key without `alg`, of an issuer that may use RS256 and PS256: one key would serve two
    /// algorithms.
    AmbiguousAlgorithm,
    /// A member of the key is missing or not canonical base64url of the right length.
    Encoding,
    /// The point is not on the curve, or of small order; or the RSA modulus or exponent is out of
    /// range, or has the ROCA weakness.
    Weak,
}

impl Key {
    pub(super) fn read(jwk: &Object, allowed: &Algorithms) -> Result<Self, Unusable> {
        let id = key_id(jwk)?;
        may_verify(jwk, allowed.key_use())?;
        let choice = Choice { alg: jwk.get("alg"), allowed };
        let Material { public, required } = match text(jwk, "kty").ok_or(Unusable::KeyType)? {
            "EC" => p256_key(jwk, choice)?,
            "OKP" => ed25519_key(jwk, choice)?,
            "RSA" => rsa_key(jwk, choice)?,
            _ => return Err(Unusable::KeyType),
        };
        Ok(Self { id, thumbprint: thumbprint(required), public })
    }

    /// A key that a credential brings along for proofs of possession, for the one algorithm that `alg`
    /// names: without it, the proof would choose (WIT-1). A private key is no proof of anything.
    pub(crate) fn presented(jwk: &Object, allowed: &Algorithms) -> Option<Self> {
        let named = jwk.get("alg").is_some() && !holds_secret(jwk);
        if named { Self::read(jwk, allowed).ok() } else { None }
    }

    /// A key that a sender brings along, for that algorithm. Nothing if it is for another, or holds what
    /// only its owner may have.
    pub(crate) fn of_sender(jwk: &Object, algorithm: Algorithm) -> Option<Self> {
        let only = Algorithms::new([algorithm].into(), algorithm == Algorithm::Ed25519);
        let key = (!holds_secret(jwk)).then(|| Self::read(jwk, &only))?;
        key.ok()
    }

    /// `kid`: opaque, compared byte for byte (RFC 7517 §4.5).
    pub(crate) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        match self.public {
            PublicKey::Es256(_) => Algorithm::Es256,
            PublicKey::Ps256(_) => Algorithm::Ps256,
            PublicKey::Rs256(_) => Algorithm::Rs256,
            PublicKey::Ed25519(_) => Algorithm::Ed25519,
        }
    }

    /// RFC 7638, SHA-256, base64url.
    pub(crate) fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    pub(crate) fn public(&self) -> &PublicKey {
        &self.public
    }
}

/// What decides a key's algorithm.
#[derive(Clone, Copy)]
struct Choice<'j> {
    alg: Option<&'j Value>,
    allowed: &'j Algorithms,
}

impl Choice<'_> {
    /// What `alg` says, else the issuer's only algorithm for this type of key (T5: never what a
    /// token says).
    fn among(self, fitting: &[Algorithm]) -> Result<Algorithm, Unusable> {
        if let Some(alg) = self.alg {
            let named = alg.as_str().and_then(|name| self.allowed.named(name));
            return named.filter(|a| fitting.contains(a)).ok_or(Unusable::Algorithm);
        }
        let mut possible = fitting.iter().filter(|a| self.allowed.allows(**a));
        match (possible.next(), possible.next()) {
            (Some(only), None) => Ok(*only),
            (None, _) => Err(Unusable::Algorithm),
            (Some(_), Some(_)) => Err(Unusable::AmbiguousAlgorithm),
        }
    }
}

/// A key and the members that its thumbprint covers, in the order of RFC 7638 §3.2.
struct Material {
    public: PublicKey,
    required: Vec<(&'static str, String)>,
}

fn p256_key(jwk: &Object, choice: Choice<'_>) -> Result<Material, Unusable> {
    if text(jwk, "crv") != Some("P-256") {
        return Err(Unusable::KeyType);
    }
    choice.among(&[Algorithm::Es256])?;
    // RFC 7518 §6.2.1.2: the full size of a coordinate, always.
    let (x, y) = (fixed::<32>(jwk, "x")?, fixed::<32>(jwk, "y")?);
    let point = p256::Sec1Point::from_affine_coordinates(&x.into(), &y.into(), false);
    let key = p256::ecdsa::VerifyingKey::from_sec1_point(&point).map_err(|_| Unusable::Weak)?;
    let required = vec![
        ("crv", "P-256".to_owned()),
        ("kty", "EC".to_owned()),
        ("x", base64url::encode(&x)),
        ("y", base64url::encode(&y)),
    ];
    Ok(Material { public: PublicKey::Es256(key), required })
}

fn ed25519_key(jwk: &Object, choice: Choice<'_>) -> Result<Material, Unusable> {
    // Also keeps X25519, which is for key agreement, and Ed448 out (T23).
    if text(jwk, "crv") != Some("Ed25519") {
        return Err(Unusable::KeyType);
    }
    choice.among(&[Algorithm::Ed25519])?;
    let x = fixed::<32>(jwk, "x")?;
    let key = ed25519_dalek::VerifyingKey::from_bytes(&x).map_err(|_| Unusable::Weak)?;
    // A point of small order verifies nearly anything; one with a second spelling (RFC 8032
    // §5.1.3, y ≥ p) would have a second thumbprint.
    if key.is_weak() || key.to_edwards().compress().to_bytes() != x {
        return Err(Unusable::Weak);
    }
    let required = vec![
        ("crv", "Ed25519".to_owned()),
        ("kty", "OKP".to_owned()),
        ("x", base64url::encode(&x)),
    ];
    Ok(Material { public: PublicKey::Ed25519(key), required })
}

fn rsa_key(jwk: &Object, choice: Choice<'_>) -> Result<Material, Unusable> {
    let algorithm = choice.among(&[Algorithm::Ps256, Algorithm::Rs256])?;
    let (n, e) = (unsigned(jwk, "n")?, unsigned(jwk, "e")?);
    // Before any arithmetic: the time of a 16k modulus is what an attacker wants (T24).
    if !RSA_BITS.contains(&bits(&n)) || roca::has_fingerprint(&n) {
        return Err(Unusable::Weak);
    }
    let exponent = rsa::BoxedUint::from(exponent(&e)?);
    let modulus = rsa::BoxedUint::from_be_slice_vartime(&n);
    // Refuses an even modulus.
    let key = rsa::PublicKey::new(modulus, exponent).map_err(|_| Unusable::Weak)?;
    let required =
        vec![("e", base64url::encode(&e)), ("kty", "RSA".to_owned()), ("n", base64url::encode(&n))];
    let public = match algorithm {
        // RFC 7518 §3.5: the salt is as long as the hash. A verifier that takes any length takes
        // signatures that nobody who follows the RFC makes.
        Algorithm::Ps256 => PublicKey::Ps256(rsa::pss::VerifyingKey::new_with_salt_len(key, 32)),
        Algorithm::Rs256 => PublicKey::Rs256(rsa::pkcs1v15::VerifyingKey::new(key)),
        Algorithm::Es256 | Algorithm::Ed25519 => return Err(Unusable::Algorithm),
    };
    Ok(Material { public, required })
}

/// An odd exponent from 65537 to the bound of the `rsa` crate and *ring*, 2^33 − 1: a large one
/// makes verification slow, a small one has broken paddings before (JWT-13, wycheproof
/// `exponentOne`).
fn exponent(bytes: &[u8]) -> Result<u64, Unusable> {
    if bytes.len() > size_of::<u64>() {
        return Err(Unusable::Weak);
    }
    let value = bytes.iter().fold(0u64, |n, byte| n.wrapping_shl(8) | u64::from(*byte));
    let good = (65_537..=rsa::PublicKey::MAX_PUB_EXPONENT).contains(&value) && value & 1 == 1;
    if good { Ok(value) } else { Err(Unusable::Weak) }
}

fn bits(number: &[u8]) -> usize {
    let unused = number.first().map_or(0, |byte| byte.leading_zeros() as usize);
    number.len().saturating_mul(8).saturating_sub(unused)
}

fn key_id(jwk: &Object) -> Result<Option<String>, Unusable> {
    match jwk.get("kid") {
        None => Ok(None),
        Some(Value::String(id)) if id.len() <= MAX_KEY_ID_BYTES => Ok(Some(id.clone())),
        Some(_) => Err(Unusable::KeyId),
    }
}

/// RFC 7517 §4.2, §4.3: where it is said what a key is for, verifying must be among it.
fn may_verify(jwk: &Object, key_use: KeyUse) -> Result<(), Unusable> {
    let named = jwk.get("use").map(|named| named.as_str().unwrap_or_default());
    let by_use = key_use.accepts(named);
    let lists_verify = |ops: &[Value]| ops.iter().any(|op| op.as_str() == Some("verify"));
    let by_ops = jwk.get("key_ops").is_none_or(|ops| ops.as_array().is_some_and(lists_verify));
    if by_use && by_ops { Ok(()) } else { Err(Unusable::Purpose) }
}

fn text<'j>(jwk: &'j Object, name: &str) -> Option<&'j str> {
    jwk.get(name)?.as_str()
}

fn fixed<const N: usize>(jwk: &Object, name: &str) -> Result<[u8; N], Unusable> {
    let bytes = text(jwk, name).and_then(base64url::decode).ok_or(Unusable::Encoding)?;
    <[u8; N]>::try_from(bytes).map_err(|_| Unusable::Encoding)
}

/// RFC 7518 §2, `Base64urlUInt`: big-endian, without leading zero bytes.
fn unsigned(jwk: &Object, name: &str) -> Result<Vec<u8>, Unusable> {
    let bytes = text(jwk, name).and_then(base64url::decode).ok_or(Unusable::Encoding)?;
    if bytes.first().is_none_or(|byte| *byte == 0) { Err(Unusable::Encoding) } else { Ok(bytes) }
}

/// RFC 7638 §3: the required members in lexicographic order, without white space. All of them are
/// letters, digits, `-` and `_`, so nothing needs escaping.
fn thumbprint(required: Vec<(&'static str, String)>) -> String {
    let members: Vec<_> = required.iter().map(|(n, v)| format!("\"{n}\":\"{v}\"")).collect();
    base64url::encode(&Sha256::digest(format!("{{{}}}", members.join(","))))
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeyType => "its type or curve is not supported",
            Self::Purpose => "it is not for verifying signatures (`use`, `key_ops`)",
            Self::KeyId => "its `kid` is not a string, or too long",
            Self::Algorithm => "its algorithm is not allowed for the issuer, or does not fit it",
            Self::AmbiguousAlgorithm => "it has no `alg`, and both RS256 and PS256 are allowed",
            Self::Encoding => "a member is missing or not canonical",
            Self::Weak => "its values are out of range or weak",
        })
    }
}

/// JWT-5: a `kid` is a name, not a document.
pub(crate) const MAX_KEY_ID_BYTES: usize = 256;

/// RFC 7518 §3.3 and §3.5 ask for at least 2048 bits. The upper bound is the `rsa` crate's own: the
/// time of a verification grows with the square of the length (T24).
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

#[cfg(test)]
mod tests;
