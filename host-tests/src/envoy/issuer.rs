//! An issuer for tests against a gateway whose clock is the real one.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};
use sha2::Digest as _;

/// Signs access tokens (RFC 9068) with a key of its own.
#[derive(Clone, Debug)]
pub struct Issuer {
    key: SigningKey,
    key_id: String,
}

impl Issuer {
    /// With a key made from that name: the same on every machine, and nobody's.
    pub fn named(key_id: &str) -> Self {
        let seed = sha2::Sha256::digest(format!("deputy test issuer {key_id}"));
        let key = SigningKey::from_slice(&seed).expect("a hash is a private key");
        Self { key, key_id: key_id.to_owned() }
    }

    /// Its key set (RFC 7517 §5).
    pub fn jwks(&self) -> Value {
        let point = self.key.verifying_key().to_sec1_point(false);
        let part = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
        let (x, y) = (point.x().expect("affine"), point.y().expect("affine"));
        json!({"keys": [{
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.key_id,
            "x": part(x), "y": part(y),
        }]})
    }

    /// A token of an agent that acts for a human.
    pub fn token(&self, agent: &str, human: &str) -> String {
        self.sign(&json!({
            "sub": human, "client_id": agent, "act": {"iss": ISSUER, "sub": agent},
        }))
    }

    /// A human's own token, without any agent.
    pub fn human_token(&self, human: &str) -> String {
        self.sign(&json!({"sub": human, "client_id": "portal"}))
    }

    /// A token with those claims over the usual ones.
    pub fn sign(&self, claims: &Value) -> String {
        let now = now();
        let mut all = json!({
            "iss": ISSUER,
            "aud": "https://gateway.acme.example",
            "iat": now - 10,
            "exp": now + 290,
            "jti": format!("{now}"),
            "scope": "orders refunds customers",
        });
        for (name, value) in claims.as_object().into_iter().flatten() {
            all[name] = value.clone();
        }
        self.sign_document("at+jwt", &all)
    }

    /// A JWS of that type, as it is.
    pub fn sign_document(&self, typ: &str, contents: &Value) -> String {
        self.signed(&json!({"alg": "ES256", "typ": typ, "kid": self.key_id}), contents)
    }

    /// A DPoP proof (RFC 9449) by its key, for that token and request.
    pub fn dpop(&self, method: &str, uri: &str, token: &str, jti: &str) -> String {
        let header = json!({"alg": "ES256", "typ": "dpop+jwt", "jwk": self.public()});
        let ath = URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(token));
        let claims = json!({"jti": jti, "htm": method, "htu": uri, "iat": now(), "ath": ath});
        self.signed(&header, &claims)
    }

    /// RFC 7638, of its key.
    pub fn thumbprint(&self) -> String {
        let jwk = self.public();
        let part = |name: &str| jwk[name].as_str().expect("a text").to_owned();
        let members =
            format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, part("x"), part("y"));
        URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(members))
    }

    /// What makes the key, and nothing about it.
    fn public(&self) -> Value {
        let mut jwk = self.jwks()["keys"][0].clone();
        jwk.as_object_mut()
            .expect("a key")
            .retain(|name, _| ["kty", "crv", "x", "y"].contains(&name.as_str()));
        jwk
    }

    fn signed(&self, header: &Value, claims: &Value) -> String {
        let part = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let signature: Signature = self.key.sign(message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs()
}

/// As in the example's configuration.
pub const ISSUER: &str = "https://idp.acme.example";
