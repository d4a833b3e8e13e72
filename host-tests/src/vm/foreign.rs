//! Envoy's foreign function `verify_signature`, as far as it was observed in 1.40: BoringSSL behind two
//! protobuf messages.
//!
//! Its status is `Ok` whatever comes of the signature; the verdict is in the result. Which algorithm
//! it is follows from the key; keys of 1024 bits are fine to it. PSS, Ed25519, keys as PKCS#1 and
//! ECDSA signatures as R and S all fail.

use std::collections::BTreeMap;
use std::sync::Arc;

use p256::ecdsa::signature::Verifier as _;
use rsa::pkcs1v15;

use super::abi::Status;
use super::options::ForeignFunction;

/// The functions that Envoy has and a plugin of ours calls.
pub(super) fn envoy() -> BTreeMap<String, ForeignFunction> {
    let verify: ForeignFunction = Arc::new(verify_signature);
    BTreeMap::from([("verify_signature".to_owned(), verify)])
}

fn verify_signature(argument: &[u8]) -> Result<Vec<u8>, Status> {
    let fields = fields(argument).ok_or(Status::BadArgument)?;
    let field = |number: u8| fields.get(&number).copied().unwrap_or_default();
    let hash = String::from_utf8_lossy(field(1)).to_ascii_lowercase();
    let error = match (hash.as_str(), holds(field(2), field(3), field(4))) {
        ("sha256", Some(true)) => return Ok(vec![0x08, 0x01]),
        ("sha256", Some(false)) => "Failed to verify digest. Error code: 0".to_owned(),
        ("sha256", None) => "Failed to initialize digest verify.".to_owned(),
        (other, _) => format!("{other} is not supported."),
    };
    let length = u8::try_from(error.len()).expect("a short text");
    Ok([&[0x12, length], error.as_bytes()].concat())
}

/// Whether the signature holds; nothing for a key that is none.
fn holds(spki: &[u8], signature: &[u8], message: &[u8]) -> Option<bool> {
    let (spki, _) = element(spki, 0x30)?;
    let (algorithm, key) = element(spki, 0x30)?;
    let (oid, _) = element(algorithm, 0x06)?;
    let (key, _) = element(key, 0x03)?;
    let key = key.strip_prefix(&[0])?;
    match oid {
        ID_EC_PUBLIC_KEY => {
            let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(key).ok()?;
            let signature = p256::ecdsa::Signature::from_der(signature);
            Some(signature.is_ok_and(|signature| key.verify(message, &signature).is_ok()))
        }
        RSA_ENCRYPTION => {
            let (numbers, _) = element(key, 0x30)?;
            let (n, rest) = element(numbers, 0x02)?;
            let (e, _) = element(rest, 0x02)?;
            let [n, e] = [n, e].map(rsa::BoxedUint::from_be_slice_vartime);
            let key = pkcs1v15::VerifyingKey::<sha2::Sha256>::new(rsa::PublicKey::new(n, e).ok()?);
            let signature = pkcs1v15::Signature::try_from(signature);
            Some(signature.is_ok_and(|signature| key.verify(message, &signature).is_ok()))
        }
        _ => None,
    }
}

/// The contents of the first element, which has that tag, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match usize::from(*first) {
        short @ 0..=0x7f => (short, rest),
        long => {
            let (digits, rest) = rest.split_at_checked(long & 0x7f)?;
            (digits.iter().fold(0, |n, digit| n << 8 | usize::from(*digit)), rest)
        }
    };
    (*found == tag).then(|| rest.split_at_checked(length)).flatten()
}

/// Fields of bytes, by number.
fn fields(mut message: &[u8]) -> Option<BTreeMap<u8, &[u8]>> {
    let mut fields = BTreeMap::new();
    while let Some((tag, rest)) = message.split_first() {
        if tag & 7 != 2 {
            return None;
        }
        let (mut size, mut shift, mut rest) = (0_usize, 0, rest);
        loop {
            let (byte, more) = rest.split_first()?;
            (size, shift, rest) = (size | usize::from(byte & 0x7f) << shift, shift + 7, more);
            if *byte < 0x80 {
                break;
            }
        }
        let (value, after) = rest.split_at_checked(size)?;
        fields.insert(tag >> 3, value);
        message = after;
    }
    Some(fields)
}

const ID_EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
