//! ES256 keys and compact JWS (RFC 7515, 7517, 7518 §3.4): the little that an issuer and its clients need.
//!
//! Not here: any other algorithm, and any claim. The arithmetic is `p256`'s.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use p256::ecdsa::{Signature, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// A private key that signs under its `kid`.
pub struct Signatory {
    key: SigningKey,
    kid: String,
}

/// A JWK of an elliptic curve (RFC 7518 §6.2); with `d` it is private.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jwk {
    kty: String,
    crv: String,
    alg: String,
    #[serde(rename = "use")]
    usage: String,
    /// Key id: the RFC 7638 thumbprint.
    pub kid: String,
    x: String,
    y: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    d: Option<String>,
    /// Whose key it is; only in an agent's own key file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
}

/// Why a key or a token can't be used.
#[derive(Debug, PartialEq, Eq)]
pub struct Unusable(&'static str);

impl fmt::Display for Unusable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.0)
    }
}

impl std::error::Error for Unusable {}

impl Signatory {
    /// A new key from the system's randomness.
    ///
    /// # Panics
    /// Without a source of randomness there is no key.
    #[must_use]
    pub fn generate() -> Self {
        loop {
            let mut seed = [0; 32];
            getrandom::fill(&mut seed).expect("the system has a source of randomness");
            // Fails for 0 and for numbers above the curve's order: about once in 2^32 tries.
            if let Ok(key) = SigningKey::from_slice(&seed) {
                return Self::of(key);
            }
        }
    }

    /// Reads a private JWK.
    ///
    /// # Errors
    /// If it isn't an ES256 key with `d`.
    pub fn from_jwk(jwk: &Jwk) -> Result<Self, Unusable> {
        let d = jwk.d.as_deref().ok_or(Unusable("the key has no private part (`d`)"))?;
        let d = BASE64URL.decode(d).map_err(|_| Unusable("the key's `d` is not base64url"))?;
        let key =
            SigningKey::from_slice(&d).map_err(|_| Unusable("the key's `d` is no P-256 key"))?;
        Ok(Self::of(key))
    }

    fn of(key: SigningKey) -> Self {
        let kid = thumbprint(key.verifying_key());
        Self { key, kid }
    }

    /// The public half.
    #[must_use]
    pub fn public_jwk(&self) -> Jwk {
        let (x, y) = coordinates(self.key.verifying_key());
        Jwk {
            kty: "EC".into(),
            crv: "P-256".into(),
            alg: "ES256".into(),
            usage: "sig".into(),
            kid: self.kid.clone(),
            x,
            y,
            d: None,
            client_id: None,
        }
    }

    /// Both halves, for the owner's eyes.
    #[must_use]
    pub fn private_jwk(&self, client_id: &str) -> Jwk {
        let d = BASE64URL.encode(self.key.to_bytes());
        Jwk { d: Some(d), client_id: Some(client_id.into()), ..self.public_jwk() }
    }

    /// The half that checks signatures.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        *self.key.verifying_key()
    }

    /// Signs `claims` as a compact JWS of the given `typ`.
    #[must_use]
    pub fn sign(&self, typ: &str, claims: &Value) -> String {
        let header = json!({ "alg": "ES256", "typ": typ, "kid": self.kid });
        let input = format!("{}.{}", segment(&header), segment(claims));
        let signature: Signature = self.key.sign(input.as_bytes());
        format!("{input}.{}", BASE64URL.encode(signature.to_bytes()))
    }
}

/// Checks signature, `alg` and `typ` of a compact JWS, and returns its claims.
///
/// # Errors
/// If any of them is not as it should be.
pub fn verify(token: &str, typ: &str, key: &VerifyingKey) -> Result<Value, Unusable> {
    let (input, signature) = token.rsplit_once('.').ok_or(Unusable("not a compact JWS"))?;
    let (header, claims) = input.split_once('.').ok_or(Unusable("not a compact JWS"))?;
    let header = read_segment(header)?;
    if header.get("alg").and_then(Value::as_str) != Some("ES256") {
        return Err(Unusable("the algorithm is not ES256"));
    }
    if header.get("typ").and_then(Value::as_str) != Some(typ) {
        return Err(Unusable("the token is of another type"));
    }
    let signature =
        BASE64URL.decode(signature).map_err(|_| Unusable("the signature is not base64url"))?;
    let signature =
        Signature::from_slice(&signature).map_err(|_| Unusable("the signature is malformed"))?;
    key.verify(input.as_bytes(), &signature).map_err(|_| Unusable("the signature is wrong"))?;
    read_segment(claims)
}

/// `sha-256:` and the base64url of the hash of `bytes`.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    format!("sha-256:{}", BASE64URL.encode(Sha256::digest(bytes)))
}

/// An identifier that nobody can guess.
///
/// # Panics
/// Without a source of randomness there is none.
#[must_use]
pub fn unguessable() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system has a source of randomness");
    BASE64URL.encode(bytes)
}

fn segment(value: &Value) -> String {
    BASE64URL.encode(value.to_string())
}

fn read_segment(text: &str) -> Result<Value, Unusable> {
    let bytes = BASE64URL.decode(text).map_err(|_| Unusable("a part is not base64url"))?;
    serde_json::from_slice(&bytes).map_err(|_| Unusable("a part is not JSON"))
}

/// RFC 7638 §3: members in this order, nothing else.
fn thumbprint(key: &VerifyingKey) -> String {
    let (x, y) = coordinates(key);
    let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    BASE64URL.encode(Sha256::digest(canonical))
}

fn coordinates(key: &VerifyingKey) -> (String, String) {
    let point = key.to_sec1_point(false);
    let encode =
        |c: Option<_>| BASE64URL.encode(c.expect("an uncompressed point has both coordinates"));
    (encode(point.x()), encode(point.y()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back_by_its_key_and_by_no_other() {
        let (mine, other) = (Signatory::generate(), Signatory::generate());
        let token = mine.sign("at+jwt", &json!({ "sub": "dana" }));
        assert_eq!(verify(&token, "at+jwt", &mine.verifying_key()), Ok(json!({ "sub": "dana" })));
        assert_eq!(
            verify(&token, "at+jwt", &other.verifying_key()),
            Err(Unusable("the signature is wrong"))
        );
        assert_eq!(
            verify(&token, "JWT", &mine.verifying_key()),
            Err(Unusable("the token is of another type"))
        );
    }

    #[test]
    fn a_private_key_survives_its_file() {
        let key = Signatory::generate();
        let file = serde_json::to_string(&key.private_jwk("refund-bot")).unwrap();
        let read = Signatory::from_jwk(&serde_json::from_str(&file).unwrap()).unwrap();
        assert_eq!(read.public_jwk().kid, key.public_jwk().kid);
        assert!(Signatory::from_jwk(&key.public_jwk()).is_err());
    }
}
