//! The token endpoint's rules: who gets which token.
//!
//! `client_credentials`: an agent on its own account, `sub` = `client_id`. Token exchange (RFC 8693): an
//! agent for a human; the human's token is the subject, the authenticated client is the actor.
//! `authorization_code`: who signed in to the approval service, see `authorize`. Not here: HTTP.

use std::fmt;

use serde_json::{Value, json};

use super::Issuer;
use super::directory::{self, APPROVALS, Agent, PEOPLE, PORTAL, PORTAL_SCOPES};
use crate::jose;

pub(super) const CLIENT_CREDENTIALS: &str = "client_credentials";
pub(super) const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
pub(super) const AUTHORIZATION_CODE: &str = "authorization_code";
/// Every grant type.
pub(super) const TYPES: &[&str] = &[CLIENT_CREDENTIALS, TOKEN_EXCHANGE, AUTHORIZATION_CODE];
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// RFC 9068 §2.1.
const TYP: &str = "at+jwt";
/// Five minutes: an agent asks again, it does not hoard.
const LIFETIME: u64 = 300;

/// The form of a token request.
pub(super) struct Form<'a>(pub(super) &'a [(String, String)]);

impl<'a> Form<'a> {
    /// RFC 6749 §3.2: a parameter comes once, and without a value it counts as absent.
    pub(super) fn one(&self, name: &str) -> Result<Option<&'a str>, Refused> {
        let mut values = self.0.iter().filter(|(n, v)| n == name && !v.is_empty());
        let first = values.next().map(|(_, value)| value.as_str());
        if values.next().is_some() {
            return Err(Refused::InvalidRequest("a parameter came twice"));
        }
        Ok(first)
    }

    pub(super) fn required(&self, name: &str) -> Result<&'a str, Refused> {
        self.one(name)?.ok_or(Refused::InvalidRequest("a parameter is missing"))
    }
}

/// An issued token.
pub(super) struct Granted {
    token: String,
    scope: String,
    expires_in: u64,
    exchanged: bool,
    id_token: Option<String>,
}

impl Granted {
    /// RFC 6749 §5.1, RFC 8693 §2.2.1.
    pub(super) fn body(&self) -> Value {
        let mut body = json!({
            "access_token": self.token,
            "token_type": "Bearer",
            "expires_in": self.expires_in,
            "scope": self.scope,
        });
        if let (true, Some(members)) = (self.exchanged, body.as_object_mut()) {
            members.insert("issued_token_type".into(), ACCESS_TOKEN.into());
        }
        if let (Some(id_token), Some(members)) = (&self.id_token, body.as_object_mut()) {
            members.insert("id_token".into(), id_token.as_str().into());
        }
        body
    }
}

/// Why no token was issued (RFC 6749 §5.2, RFC 8693 §2.2.2).
#[derive(Debug)]
pub(super) enum Refused {
    InvalidClient(&'static str),
    InvalidRequest(&'static str),
    InvalidGrant(&'static str),
    InvalidScope,
    InvalidTarget,
    UnauthorizedClient,
    UnsupportedGrantType,
}

impl Refused {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::InvalidClient(_) => "invalid_client",
            Self::InvalidRequest(_) => "invalid_request",
            Self::InvalidGrant(_) => "invalid_grant",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
        }
    }

    pub(super) fn status(&self) -> u16 {
        match self {
            Self::InvalidClient(_) => 401,
            _ => 400,
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::InvalidClient(why) | Self::InvalidRequest(why) | Self::InvalidGrant(why) => why,
            Self::InvalidScope => "a scope was asked for that can't be had",
            Self::InvalidTarget => "tokens are issued for the gateway only",
            Self::UnauthorizedClient => "this client may not use this grant type",
            Self::UnsupportedGrantType => "unknown grant type",
        })
    }
}

impl Issuer {
    /// Answers one token request.
    pub(super) fn grant(&self, form: &[(String, String)], now: u64) -> Result<Granted, Refused> {
        let form = Form(form);
        let client = self.authenticate(&form, now)?;
        let agent = || directory::agent(client).ok_or(Refused::UnauthorizedClient);
        match form.required("grant_type")? {
            CLIENT_CREDENTIALS => self.autonomous(agent()?, &form, now),
            TOKEN_EXCHANGE => self.delegated(agent()?, &form, now),
            AUTHORIZATION_CODE if client == APPROVALS => self.signed_in(&form, now),
            AUTHORIZATION_CODE => Err(Refused::UnauthorizedClient),
            _ => Err(Refused::UnsupportedGrantType),
        }
    }

    /// A human's own token, as a web application gets it. It names no agent.
    pub(super) fn sign_in(&self, user: &str, now: u64) -> Result<Granted, Refused> {
        if !PEOPLE.contains(&user) {
            return Err(Refused::InvalidGrant("nobody of this name signs in here"));
        }
        let scope = PORTAL_SCOPES.join(" ");
        let claims = json!({ "sub": user, "client_id": PORTAL, "scope": scope });
        Ok(self.issue(claims, scope, now + LIFETIME, now))
    }

    /// OpenID Connect Core 1.0 §3.1.3.3. The access token opens nothing here: an OAuth answer must have one.
    fn signed_in(&self, form: &Form<'_>, now: u64) -> Result<Granted, Refused> {
        let id_token = self.redeem(form, now)?;
        let (token, scope) = (jose::unguessable(), "openid".to_owned());
        Ok(Granted { token, scope, expires_in: 60, exchanged: false, id_token: Some(id_token) })
    }

    fn autonomous(&self, agent: &Agent, form: &Form<'_>, now: u64) -> Result<Granted, Refused> {
        self.check_target(form)?;
        let scope = narrowed(form, |scope| agent.scopes.contains(&scope), agent.scopes)?;
        let claims = json!({ "sub": agent.id, "client_id": agent.id, "scope": scope });
        Ok(self.issue(claims, scope, now + LIFETIME, now))
    }

    fn delegated(&self, agent: &Agent, form: &Form<'_>, now: u64) -> Result<Granted, Refused> {
        self.check_target(form)?;
        let subject = self.subject(form, now)?;
        let human = subject.get("sub").and_then(Value::as_str).unwrap_or_default();
        if !agent.acts_for.contains(&human) {
            return Err(Refused::InvalidGrant(
                "the human has not agreed that this agent acts for them",
            ));
        }
        let theirs = subject.get("scope").and_then(Value::as_str).unwrap_or_default();
        let both =
            |scope: &str| agent.scopes.contains(&scope) && theirs.split(' ').any(|s| s == scope);
        let scope = narrowed(form, both, agent.scopes)?;
        let mut act = json!({ "iss": self.identifier, "sub": agent.id });
        // RFC 8693 §4.1: who acted before stays visible, one level down.
        if let (Some(prior), Some(members)) = (subject.get("act"), act.as_object_mut()) {
            members.insert("act".into(), prior.clone());
        }
        let claims = json!({ "sub": human, "client_id": agent.id, "scope": scope, "act": act });
        // A delegation never outlives what it was made from.
        let until = subject.get("exp").and_then(Value::as_u64).unwrap_or(0).min(now + LIFETIME);
        Ok(Granted { exchanged: true, ..self.issue(claims, scope, until, now) })
    }

    /// RFC 8693 §2.1: the human's token, which this issuer itself must have signed.
    fn subject(&self, form: &Form<'_>, now: u64) -> Result<Value, Refused> {
        if form.required("subject_token_type")? != ACCESS_TOKEN {
            return Err(Refused::InvalidRequest("the subject token must be an access token"));
        }
        if form.one("actor_token")?.is_some() {
            return Err(Refused::InvalidRequest("the actor is the authenticated client"));
        }
        let subject = jose::verify(form.required("subject_token")?, TYP, &self.key.verifying_key())
            .map_err(|_| Refused::InvalidGrant("the subject token is not valid"))?;
        match subject.get("exp").and_then(Value::as_u64) {
            Some(expires) if expires > now => Ok(subject),
            _ => Err(Refused::InvalidGrant("the subject token has expired")),
        }
    }

    /// RFC 8707 §2, RFC 8693 §2.1: `resource` and `audience` name who the token is for.
    fn check_target(&self, form: &Form<'_>) -> Result<(), Refused> {
        for name in ["resource", "audience"] {
            if form.one(name)?.is_some_and(|target| target != self.gateway) {
                return Err(Refused::InvalidTarget);
            }
        }
        Ok(())
    }

    fn issue(&self, mut claims: Value, scope: String, expires: u64, now: u64) -> Granted {
        if let Some(members) = claims.as_object_mut() {
            members.insert("iss".into(), self.identifier.clone().into());
            members.insert("aud".into(), self.gateway.clone().into());
            members.insert("iat".into(), now.into());
            members.insert("exp".into(), expires.into());
            members.insert("jti".into(), jose::unguessable().into());
        }
        let token = self.key.sign(TYP, &claims);
        Granted { token, scope, expires_in: expires - now, exchanged: false, id_token: None }
    }
}

/// The scopes asked for, if they may be had; by default all that may be had.
fn narrowed(
    form: &Form<'_>,
    allowed: impl Fn(&str) -> bool,
    default: &[&'static str],
) -> Result<String, Refused> {
    match form.one("scope")? {
        None => Ok(default.iter().filter(|s| allowed(s)).copied().collect::<Vec<_>>().join(" ")),
        Some(asked) if asked.split(' ').all(&allowed) => Ok(asked.to_owned()),
        Some(_) => Err(Refused::InvalidScope),
    }
}
