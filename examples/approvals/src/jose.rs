//! Keys and compact JWS (RFC 7515, 7517, 7518): ES256 to sign; ES256 and RS256 to check.
//!
//! Not here: any claim. The arithmetic is RustCrypto's.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use p256::ecdsa::{Signature, SigningKey, VerifyingKey};
use rsa::BoxedUint;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// RFC 7518 §3.3 asks for 2048 bits or more; above 8192 a check costs too much.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;
/// Keys of one set that are looked at.
const MAX_KEYS: usize = 32;

/// A private key that signs under its `kid`.
pub(crate) struct Signatory {
    key: SigningKey,
    kid: String,
}

/// The members of a private JWK that are needed; others may be there.
#[derive(Deserialize)]
struct PrivateJwk {
    kty: String,
    crv: String,
    d: String,
    kid: Option<String>,
}

impl Signatory {
    pub(crate) fn generate() -> Result<Self, String> {
        // Fails for 0 and for numbers above the curve's order: about once in 2^32 tries.
        for _ in 0..8 {
            if let Ok(key) = SigningKey::from_slice(&random::<32>()?) {
                let kid = thumbprint(key.verifying_key());
                return Ok(Self { key, kid });
            }
        }
        Err("the system's random numbers are none".to_owned())
    }

    /// A private JWK, P-256 with `d`.
    pub(crate) fn from_jwk(text: &str) -> Result<Self, String> {
        let jwk: PrivateJwk = serde_json::from_str(text).map_err(|e| e.to_string())?;
        if (jwk.kty.as_str(), jwk.crv.as_str()) != ("EC", "P-256") {
            return Err("must be a key of the curve P-256 (`kty` EC, `crv` P-256)".to_owned());
        }
        let d = BASE64URL.decode(jwk.d).map_err(|_| "`d` is not base64url")?;
        let key = SigningKey::from_slice(&d).map_err(|_| "`d` is no P-256 key")?;
        let kid = jwk.kid.unwrap_or_else(|| thumbprint(key.verifying_key()));
        Ok(Self { key, kid })
    }

    pub(crate) fn private_jwk(&self) -> Value {
        let mut jwk = self.public_jwk();
        if let Some(members) = jwk.as_object_mut() {
            members.insert("d".into(), BASE64URL.encode(self.key.to_bytes()).into());
        }
        jwk
    }

    pub(crate) fn public_jwk(&self) -> Value {
        let (x, y) = coordinates(self.key.verifying_key());
        json!({
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": self.kid, "x": x, "y": y
        })
    }

    pub(crate) fn sign(&self, typ: &str, claims: &Value) -> String {
        let header = json!({ "alg": "ES256", "typ": typ, "kid": self.kid }).to_string();
        let input =
            format!("{}.{}", BASE64URL.encode(header), BASE64URL.encode(claims.to_string()));
        let signature: Signature = self.key.sign(input.as_bytes());
        format!("{input}.{}", BASE64URL.encode(signature.to_bytes()))
    }
}

/// The claims of a compact JWS that one of the keys has signed, and its `typ`.
///
/// # Errors
/// If no key of the set, of the algorithm that the header names, has signed it.
pub(crate) fn verified(token: &str, keys: &Value) -> Result<(Option<String>, Value), &'static str> {
    let (input, signature) = token.rsplit_once('.').ok_or("is not a compact JWS")?;
    let (header, claims) = input.split_once('.').ok_or("is not a compact JWS")?;
    let header = segment(header)?;
    let text = |name: &str| header.get(name).and_then(Value::as_str);
    let alg = text("alg").ok_or("names no algorithm")?;
    if header.get("crit").is_some() {
        return Err("has critical header members, of which none is understood");
    }
    let signature = BASE64URL.decode(signature).map_err(|_| "has a malformed signature")?;
    let keys = keys.get("keys").and_then(Value::as_array).ok_or("comes with no key set")?;
    let fits = |key: &&Value| match (text("kid"), key.get("kid").and_then(Value::as_str)) {
        (Some(asked), Some(kid)) => asked == kid,
        _ => true,
    };
    let mut fitting = keys.iter().filter(fits).take(MAX_KEYS);
    if !fitting.any(|key| signed_by(key, alg, input.as_bytes(), &signature)) {
        return Err("is signed by no key of the issuer");
    }
    Ok((text("typ").map(str::to_owned), segment(claims)?))
}

/// The algorithm is the key's own: what the header says can only fail to fit (RFC 8725 §3.1).
fn signed_by(key: &Value, alg: &str, input: &[u8], signature: &[u8]) -> bool {
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    if text("use").is_some_and(|usage| usage != "sig") || text("alg").is_some_and(|of| of != alg) {
        return false;
    }
    match (alg, text("kty")) {
        ("ES256", Some("EC")) => es256(key, input, signature).is_some(),
        ("RS256", Some("RSA")) => rs256(key, input, signature).is_some(),
        _ => false,
    }
}

fn es256(key: &Value, input: &[u8], signature: &[u8]) -> Option<()> {
    if key.get("crv")?.as_str()? != "P-256" {
        return None;
    }
    let (x, y) = (member(key, "x")?, member(key, "y")?);
    if x.len() != 32 || y.len() != 32 {
        return None;
    }
    let point = [&[4][..], &x, &y].concat();
    let key = VerifyingKey::from_sec1_bytes(&point).ok()?;
    key.verify(input, &Signature::from_slice(signature).ok()?).ok()
}

fn rs256(key: &Value, input: &[u8], signature: &[u8]) -> Option<()> {
    let (n, e) = (member(key, "n")?, member(key, "e")?);
    if !RSA_BYTES.contains(&n.len()) || e.len() > 4 {
        return None;
    }
    let key = rsa::PublicKey::new(
        BoxedUint::from_be_slice_vartime(&n),
        BoxedUint::from_be_slice_vartime(&e),
    )
    .ok()?;
    let signature = rsa::pkcs1v15::Signature::try_from(signature).ok()?;
    rsa::pkcs1v15::VerifyingKey::<Sha256>::new(key).verify(input, &signature).ok()
}

fn member(key: &Value, name: &str) -> Option<Vec<u8>> {
    BASE64URL.decode(key.get(name)?.as_str()?).ok()
}

fn segment(text: &str) -> Result<Value, &'static str> {
    let bytes = BASE64URL.decode(text).map_err(|_| "is not base64url")?;
    serde_json::from_slice(&bytes).map_err(|_| "is not JSON")
}

/// RFC 7638 §3.
fn thumbprint(key: &VerifyingKey) -> String {
    let (x, y) = coordinates(key);
    BASE64URL.encode(Sha256::digest(format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#)))
}

fn coordinates(key: &VerifyingKey) -> (String, String) {
    let point = key.to_sec1_point(false);
    // An uncompressed point has both; an empty text would fit no key.
    let encode = |c: Option<&_>| c.map(|c: &p256::FieldBytes| BASE64URL.encode(c));
    (encode(point.x()).unwrap_or_default(), encode(point.y()).unwrap_or_default())
}

/// From the system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| format!("no random numbers: {e}"))?;
    Ok(bytes)
}

/// 256 bits that nobody can guess, as text.
pub(crate) fn unguessable() -> Result<String, String> {
    Ok(BASE64URL.encode(random::<32>()?))
}

/// Base64url of SHA-256.
pub(crate) fn hash(text: &str) -> String {
    BASE64URL.encode(Sha256::digest(text))
}
