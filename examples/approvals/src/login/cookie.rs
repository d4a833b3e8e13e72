//! Cookies: for this host alone, never for scripts, not sent along by other sites' forms.

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;

use super::Attempt;
use crate::config::Config;
use crate::jose;

/// Longer than anybody takes to sign in.
const ATTEMPT_SECONDS: i64 = 600;

/// What the service has a browser keep.
#[derive(Clone, Copy)]
pub(crate) enum Cookie {
    /// An [`Attempt`] to sign in.
    Attempt,
    /// The secret of a session.
    Session,
}

/// What a browser sent.
pub(crate) struct Cookies<'a> {
    headers: &'a HeaderMap,
    secure: bool,
}

impl Cookie {
    /// `__Host-` (RFC 6265bis §4.1.3.2): no other host can set it, and only TLS carries it. On loopback there
    /// is no TLS.
    fn name(self, secure: bool) -> &'static str {
        match (self, secure) {
            (Self::Attempt, true) => "__Host-login",
            (Self::Attempt, false) => "login",
            (Self::Session, true) => "__Host-session",
            (Self::Session, false) => "session",
        }
    }

    /// `Lax`, because people come from a link in a chat; what changes something is a POST, which `Lax`
    /// withholds from other sites, and it needs a token besides.
    fn set(self, config: &Config, value: &str, seconds: i64) -> Option<HeaderValue> {
        let secure = if config.secure() { "; Secure" } else { "" };
        let name = self.name(config.secure());
        let text =
            format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
        HeaderValue::try_from(text).ok()
    }

    pub(crate) fn keep_attempt(config: &Config, attempt: &Attempt) -> Option<HeaderValue> {
        let text = BASE64URL.encode(serde_json::to_string(attempt).ok()?);
        Self::Attempt.set(config, &text, ATTEMPT_SECONDS)
    }

    pub(crate) fn keep_session(config: &Config, token: &str, seconds: i64) -> Option<HeaderValue> {
        Self::Session.set(config, token, seconds)
    }

    pub(crate) fn forget(self, config: &Config) -> Option<HeaderValue> {
        self.set(config, "", 0)
    }
}

impl<'a> Cookies<'a> {
    pub(crate) fn of(headers: &'a HeaderMap, config: &Config) -> Self {
        Self { headers, secure: config.secure() }
    }

    pub(crate) fn attempt(&self) -> Option<Attempt> {
        let bytes = BASE64URL.decode(self.one(Cookie::Attempt)?).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    pub(crate) fn session(&self) -> Option<&'a str> {
        self.one(Cookie::Session)
    }

    /// The token that a page's forms carry (OWASP's synchronizer token): only who reads the page knows it.
    pub(crate) fn form_token(session: &str) -> String {
        jose::hash(&format!("form of {session}"))
    }

    /// Two of one name: one of them is not ours, and which one can't be told.
    fn one(&self, cookie: Cookie) -> Option<&'a str> {
        let name = cookie.name(self.secure);
        let lines = self.headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
        let mut values = pairs.filter(|(n, _)| n.trim() == name).map(|(_, value)| value.trim());
        let first = values.next()?;
        if values.next().is_some() { None } else { Some(first) }
    }
}
