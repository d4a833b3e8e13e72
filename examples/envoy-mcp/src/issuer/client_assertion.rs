//! `private_key_jwt`: a client proves who it is with a signature over a short statement (RFC 7523 §3).
//!
//! As draft-ietf-oauth-rfc7523bis asks, the audience is the issuer identifier and nothing else, and
//! the type is explicit. Not here: what the client may then have.

use serde_json::Value;

use super::Issuer;
use super::directory;
use super::grant::{Form, Refused};
use crate::jose;

/// RFC 7523 §2.2.
pub(super) const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// draft-ietf-oauth-rfc7523bis.
pub(super) const TYP: &str = "client-authentication+jwt";
/// Longest life of an assertion: it's used at once.
const MAX_LIFETIME: u64 = 300;

impl Issuer {
    /// The client that signed the form's assertion.
    pub(super) fn authenticate(&self, form: &Form<'_>, now: u64) -> Result<&'static str, Refused> {
        if form.one("client_assertion_type")? != Some(ASSERTION_TYPE) {
            return Err(Refused::InvalidClient("authenticate with private_key_jwt"));
        }
        let assertion = form.required("client_assertion")?;
        // RFC 7521 §4.2: `client_id` only says whose key to check with; the signature decides.
        let named = form.required("client_id")?;
        let client = directory::clients().find(|client| *client == named);
        let known = client.and_then(|client| Some((client, self.client_keys.get(client)?)));
        let (client, key) = known.ok_or(Refused::InvalidClient("unknown client"))?;
        let claims = jose::verify(assertion, TYP, key)
            .map_err(|_| Refused::InvalidClient("the assertion does not verify"))?;
        self.check(&claims, client, now)?;
        Ok(client)
    }

    fn check(&self, claims: &Value, client: &str, now: u64) -> Result<(), Refused> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        if text("iss") != Some(client) || text("sub") != Some(client) {
            return Err(Refused::InvalidClient("`iss` and `sub` must be the client"));
        }
        if text("aud") != Some(&self.identifier) {
            return Err(Refused::InvalidClient("`aud` must be this issuer"));
        }
        let expires = claims.get("exp").and_then(Value::as_u64).unwrap_or(0);
        if expires <= now || expires > now + MAX_LIFETIME {
            return Err(Refused::InvalidClient("`exp` must be in the next five minutes"));
        }
        let id = text("jti").ok_or(Refused::InvalidClient("`jti` is missing"))?;
        self.use_once(format!("{client}#{id}"), expires, now)
    }

    fn use_once(&self, id: String, expires: u64, now: u64) -> Result<(), Refused> {
        let mut used = self.used_assertions.lock().expect("no holder panics");
        used.retain(|_, until| *until > now);
        match used.insert(id, expires) {
            None => Ok(()),
            Some(_) => Err(Refused::InvalidClient("the assertion was used before")),
        }
    }
}
