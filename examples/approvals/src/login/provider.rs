//! The two things asked of the OpenID provider: an ID token for a code, and its keys.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Attempt, id_token};
use crate::config::{Config, Login};
use crate::jose::{self, Signatory};
use crate::signing::Approver;

/// For one answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Of a token answer or a key set.
const MAX_ANSWER: usize = 256 << 10;
/// How long an assertion is good: it is used at once.
const ASSERTION_SECONDS: i64 = 60;

/// The OpenID provider, and the service's key there.
pub(crate) struct Provider {
    client: reqwest::Client,
    key: Signatory,
    login: Login,
    callback: String,
}

impl Provider {
    pub(crate) fn new(config: &Config) -> Result<Self, String> {
        let login = config.login.clone();
        let problem = |why: String| format!("login.key_file: {}: {why}", login.key_file.display());
        let text = std::fs::read_to_string(&login.key_file).map_err(|e| problem(e.to_string()))?;
        let key = Signatory::from_jwk(&text).map_err(problem)?;
        // A redirect could lead anywhere, with the code in its hand.
        let client = reqwest::Client::builder()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|e| e.to_string())?;
        Ok(Self { client, key, callback: config.callback(), login })
    }

    /// Who came back with this code.
    ///
    /// # Errors
    /// In words for the operator.
    pub(crate) async fn redeem(
        &self,
        code: &str,
        attempt: &Attempt,
        now: i64,
    ) -> Result<Approver, String> {
        let assertion = self.assertion(now)?;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.callback),
            ("code_verifier", &attempt.verifier),
            ("client_id", &self.login.client_id),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", &assertion),
        ];
        let tokens = self.asked(self.client.post(&self.login.token_endpoint).form(&form)).await?;
        let token = tokens.get("id_token").and_then(Value::as_str);
        let token = token.ok_or("the token endpoint gave no ID token")?;
        // Fetched each time: people sign in rarely, and a rotated key is known at once.
        let keys = self.asked(self.client.get(&self.login.jwks_uri)).await?;
        id_token::read(token, &keys, &self.login, &attempt.nonce, now)
            .map_err(|why| format!("the ID token {why}"))
    }

    /// RFC 7523 §3, with the issuer as its only audience (draft-ietf-oauth-rfc7523bis).
    fn assertion(&self, now: i64) -> Result<String, String> {
        let client = &self.login.client_id;
        Ok(self.key.sign(
            "client-authentication+jwt",
            &json!({
                "iss": client,
                "sub": client,
                "aud": self.login.issuer,
                "jti": jose::unguessable()?,
                "iat": now,
                "exp": now.saturating_add(ASSERTION_SECONDS),
            }),
        ))
    }

    async fn asked(&self, request: reqwest::RequestBuilder) -> Result<Value, String> {
        let mut answer = request.send().await.map_err(|e| e.to_string())?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|e| e.to_string())? {
            if body.len().saturating_add(chunk.len()) > MAX_ANSWER {
                return Err(format!("{} answered too much", answer.url()));
            }
            body.extend_from_slice(&chunk);
        }
        if !answer.status().is_success() {
            let said = String::from_utf8_lossy(&body).chars().take(300).collect::<String>();
            return Err(format!("{} answered {}: {said:?}", answer.url(), answer.status()));
        }
        serde_json::from_slice(&body).map_err(|e| format!("{}: {e}", answer.url()))
    }
}
