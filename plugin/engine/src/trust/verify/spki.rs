//! Public keys as `SubjectPublicKeyInfo` in DER. Written only, and only of keys that were read.

use p256::ecdsa::VerifyingKey;
use rsa::traits::PublicKeyParts as _;

/// RFC 5480 §2: the prefix is the same for every point of P-256.
pub(super) fn p256(key: &VerifyingKey) -> Vec<u8> {
    let point = key.to_sec1_point(false);
    [P256_PREFIX, point.as_bytes()].concat()
}

/// RFC 3279 §2.3.1.
pub(super) fn rsa(key: &rsa::PublicKey) -> Vec<u8> {
    let number = |n: &rsa::BoxedUint| integer(&n.to_be_bytes_trimmed_vartime());
    let key = element(SEQUENCE, &[number(key.n().as_ref()), number(key.e())].concat());
    let key = element(BIT_STRING, &[&[0], key.as_slice()].concat());
    element(SEQUENCE, &[RSA_ENCRYPTION, key.as_slice()].concat())
}

/// Not negative: a first bit that is set gets a zero before it (X.690 §8.3).
fn integer(bytes: &[u8]) -> Vec<u8> {
    let sign: &[u8] = if bytes.first().is_none_or(|b| *b > 0x7f) { &[0] } else { &[] };
    element(INTEGER, &[sign, bytes].concat())
}

/// X.690 §8.1.3: up to 127 in one byte, else a count of bytes first.
fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = contents.len().to_be_bytes();
    let length: Vec<u8> = length.into_iter().skip_while(|b| *b == 0).collect();
    let head = match (contents.len(), u8::try_from(length.len())) {
        (0, _) => vec![tag, 0],
        (1..=0x7f, _) => [&[tag], length.as_slice()].concat(),
        (_, count) => [&[tag, 0x80 | count.unwrap_or(8)], length.as_slice()].concat(),
    };
    [head.as_slice(), contents].concat()
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const SEQUENCE: u8 = 0x30;

/// Everything before the point: `id-ecPublicKey`, `secp256r1`, a bit string of 65 bytes.
const P256_PREFIX: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// `rsaEncryption` and its NULL.
const RSA_ENCRYPTION: &[u8] =
    &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
