//! Who somebody is: OpenID Connect's authorization code flow with PKCE, and what their browser keeps.
//!
//! Between the two halves of the flow everything is in a cookie of the browser that began it, so an answer
//! that another browser brings is refused, and nobody fills a table by beginning to sign in.

mod cookie;
mod id_token;
mod provider;

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::jose;
pub(crate) use cookie::{Cookie, Cookies};
pub(crate) use provider::Provider;

/// What a browser keeps while its user signs in.
#[derive(Serialize, Deserialize)]
pub(crate) struct Attempt {
    pub(crate) state: String,
    pub(crate) nonce: String,
    /// RFC 7636 §4.1.
    pub(crate) verifier: String,
    pub(crate) return_to: String,
}

impl Attempt {
    pub(crate) fn new(return_to: &str) -> Result<Self, String> {
        Ok(Self {
            state: jose::unguessable()?,
            nonce: jose::unguessable()?,
            verifier: jose::unguessable()?,
            return_to: local(return_to).to_owned(),
        })
    }

    /// Where the browser is sent (RFC 6749 §4.1.1, RFC 7636 §4.3, OpenID Connect Core 1.0 §3.1.2.1).
    pub(crate) fn address(&self, config: &Config) -> Result<String, String> {
        let login = &config.login;
        let parameters = [
            ("response_type", "code"),
            ("client_id", &login.client_id),
            ("redirect_uri", &config.callback()),
            ("scope", "openid profile"),
            ("state", &self.state),
            ("nonce", &self.nonce),
            ("code_challenge", &jose::hash(&self.verifier)),
            ("code_challenge_method", "S256"),
            ("max_age", &login.max_age_seconds.to_string()),
        ];
        let address = reqwest::Url::parse_with_params(&login.authorization_endpoint, parameters);
        address.map(String::from).map_err(|e| e.to_string())
    }
}

/// A page of this service; anything else becomes the list. Open redirects help phishing (RFC 9700 §4.11).
fn local(return_to: &str) -> &str {
    let ticket = return_to.strip_prefix("/r/").unwrap_or_default();
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if !ticket.is_empty() && ticket.len() <= 128 && ticket.bytes().all(plain) {
        return return_to;
    }
    "/"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_this_service_are_returned_to() {
        assert_eq!(local("/r/abc_-1"), "/r/abc_-1");
        for elsewhere in [
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "/r/../x",
            "/r/",
            "/r/a/b",
            "/r/a?b",
        ] {
            assert_eq!(local(elsewhere), "/", "{elsewhere}");
        }
    }
}
