//! How the agent gets a token: it signs a statement with its own key, and nothing else.
//!
//! For a human it exchanges the token that the human's application holds (RFC 8693). Not here: any
//! password or shared secret; there is none in the demo.

use std::fmt;
use std::path::Path;

use serde_json::{Value, json};

use crate::clock;
use crate::jose::{self, Jwk, Signatory};

/// Where tokens come from.
pub struct Login {
    /// Where the issuer can be reached.
    pub address: String,
    /// What the issuer calls itself.
    pub issuer: String,
}

/// No token was had: the reason in plain words.
#[derive(Debug)]
pub struct NoToken(String);

impl fmt::Display for NoToken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for NoToken {}

impl Login {
    /// A token for the agent whose key is in the file; for a human, if one is named.
    ///
    /// # Errors
    /// If the key can't be read or the issuer refuses.
    pub async fn agent(&self, key: &Path, human: Option<&str>) -> Result<String, NoToken> {
        let (key, client) = read_key(key)?;
        let mut form = vec![
            ("client_id", client.clone()),
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".to_owned(),
            ),
            ("client_assertion", self.assertion(&key, &client)),
        ];
        match human {
            None => form.push(("grant_type", "client_credentials".to_owned())),
            Some(human) => {
                let access_token = "urn:ietf:params:oauth:token-type:access_token".to_owned();
                let exchange = "urn:ietf:params:oauth:grant-type:token-exchange".to_owned();
                form.push(("grant_type", exchange));
                form.push(("subject_token_type", access_token));
                form.push(("subject_token", self.human(human).await?));
            }
        }
        self.fetch(reqwest::Client::new().post(self.at("/token")).form(&form)).await
    }

    /// The token that the human's own application holds after they signed in.
    ///
    /// # Errors
    /// If the issuer refuses.
    pub async fn human(&self, name: &str) -> Result<String, NoToken> {
        self.fetch(reqwest::Client::new().get(self.at("/demo/login")).query(&[("user", name)]))
            .await
    }

    /// RFC 7523 §3, with the issuer as its only audience.
    fn assertion(&self, key: &Signatory, client: &str) -> String {
        let now = clock::unix_seconds();
        key.sign(
            "client-authentication+jwt",
            &json!({
                "iss": client,
                "sub": client,
                "aud": self.issuer,
                "jti": jose::unguessable(),
                "iat": now,
                "exp": now + 60,
            }),
        )
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.address.trim_end_matches('/'))
    }

    async fn fetch(&self, request: reqwest::RequestBuilder) -> Result<String, NoToken> {
        let unreachable =
            |e| NoToken(format!("the issuer at {} can't be reached: {e}", self.address));
        let response = request.send().await.map_err(unreachable)?;
        let body: Value = response.json().await.map_err(unreachable)?;
        match body.get("access_token").and_then(Value::as_str) {
            Some(token) => Ok(token.to_owned()),
            None => Err(NoToken(format!("the issuer refused: {body}"))),
        }
    }
}

fn read_key(path: &Path) -> Result<(Signatory, String), NoToken> {
    let problem = |e: String| NoToken(format!("the key {} can't be used: {e}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|e| problem(e.to_string()))?;
    let jwk: Jwk = serde_json::from_str(&text).map_err(|e| problem(e.to_string()))?;
    let key = Signatory::from_jwk(&jwk).map_err(|e| problem(e.to_string()))?;
    let client = jwk.client_id.ok_or_else(|| problem("it has no `client_id`".to_owned()))?;
    Ok((key, client))
}
