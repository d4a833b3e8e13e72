//! People sign in: OpenID Connect's authorization code flow with PKCE, for the approval service.
//!
//! The page asks who one is and believes it: this is a demo, and the page says so. Everything a client
//! relies on is real: exact redirect address, `state`, `nonce`, PKCE, codes that are good once and for
//! a minute, a signed ID token. Not here: the other grants.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::Issuer;
use super::directory::{APPROVALS, PEOPLE};
use super::grant::{Form as TokenForm, Refused};
use crate::{clock, jose};

/// A code is used at once (RFC 6749 §4.1.2 allows ten minutes).
const CODE_LIFETIME: u64 = 60;
/// Codes that were never redeemed; more people than a demo has.
const MAX_CODES: usize = 1000;
const ID_TOKEN_LIFETIME: u64 = 300;

/// What a code stands for.
pub(super) struct Code {
    user: &'static str,
    nonce: String,
    challenge: String,
    signed_in: u64,
}

/// The parameters that are carried through the page.
const CARRIED: [&str; 8] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
];

type Parameters = HashMap<String, String>;

/// Why somebody can't sign in.
enum Wrong {
    /// Told to the person: the address to send them back to is not to be trusted (RFC 6749 §4.1.2.1).
    Here(&'static str),
    /// Told to the client.
    Back(&'static str),
}

/// `GET /authorize`: who are you?
pub(super) async fn page(
    State(issuer): State<Arc<Issuer>>,
    Query(asked): Query<Parameters>,
) -> Response {
    match issuer.check_asked(&asked) {
        Err(wrong) => issuer.refuse(&asked, &wrong),
        Ok(()) => {
            let headers = [
                ("cache-control", "no-store"),
                ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
            ];
            (headers, Html(sign_in_page(&asked))).into_response()
        }
    }
}

/// `POST /authorize`: one button of the page.
pub(super) async fn answer(
    State(issuer): State<Arc<Issuer>>,
    Form(asked): Form<Parameters>,
) -> Response {
    if let Err(wrong) = issuer.check_asked(&asked) {
        return issuer.refuse(&asked, &wrong);
    }
    let named = asked.get("user").map_or("", String::as_str);
    match PEOPLE.iter().find(|person| **person == named) {
        None => issuer.refuse(&asked, &Wrong::Back("access_denied")),
        Some(user) => match issuer.new_code(user, &asked, clock::unix_seconds()) {
            Some(code) => issuer.send_back(&asked, &[("code", &code)]),
            None => issuer.refuse(&asked, &Wrong::Back("temporarily_unavailable")),
        },
    }
}

impl Issuer {
    /// RFC 6749 §4.1.1, RFC 7636 §4.3, OpenID Connect Core 1.0 §3.1.2.1.
    fn check_asked(&self, asked: &Parameters) -> Result<(), Wrong> {
        let text = |name: &str| asked.get(name).map_or("", String::as_str);
        if text("client_id") != APPROVALS {
            return Err(Wrong::Here("no application of this name signs people in here"));
        }
        if self.approvals_callback.is_empty() || text("redirect_uri") != self.approvals_callback {
            return Err(Wrong::Here("the address to return to is not the registered one"));
        }
        if text("response_type") != "code" {
            return Err(Wrong::Back("unsupported_response_type"));
        }
        if !text("scope").split(' ').any(|scope| scope == "openid") {
            return Err(Wrong::Back("invalid_scope"));
        }
        let s256 = text("code_challenge_method") == "S256" && text("code_challenge").len() == 43;
        if !s256 || text("nonce").is_empty() || text("state").is_empty() {
            return Err(Wrong::Back("invalid_request"));
        }
        Ok(())
    }

    pub(super) fn new_code(
        &self,
        user: &'static str,
        asked: &Parameters,
        now: u64,
    ) -> Option<String> {
        let mut codes = self.codes.lock().expect("no holder panics");
        codes.retain(|_, code| code.signed_in + CODE_LIFETIME > now);
        if codes.len() >= MAX_CODES {
            return None;
        }
        let text = |name: &str| asked.get(name).cloned().unwrap_or_default();
        let (nonce, challenge) = (text("nonce"), text("code_challenge"));
        let code = jose::unguessable();
        codes.insert(code.clone(), Code { user, nonce, challenge, signed_in: now });
        Some(code)
    }

    /// The ID token for a code: once, in time, to the one who holds the verifier.
    pub(super) fn redeem(&self, form: &TokenForm<'_>, now: u64) -> Result<String, Refused> {
        let code = form.required("code")?;
        let code = self.codes.lock().expect("no holder panics").remove(code);
        let code = code.filter(|code| code.signed_in + CODE_LIFETIME > now);
        let code = code.ok_or(Refused::InvalidGrant("the code is unknown, used or too old"))?;
        if form.required("redirect_uri")? != self.approvals_callback {
            return Err(Refused::InvalidGrant("`redirect_uri` is not the one of the request"));
        }
        let verifier = form.required("code_verifier")?;
        if BASE64URL.encode(Sha256::digest(verifier)) != code.challenge {
            return Err(Refused::InvalidGrant("`code_verifier` does not fit"));
        }
        Ok(self.key.sign(
            "JWT",
            &json!({
                "iss": self.identifier,
                "sub": code.user,
                "aud": APPROVALS,
                "iat": now,
                "exp": now + ID_TOKEN_LIFETIME,
                "auth_time": code.signed_in,
                "nonce": code.nonce,
                "name": code.user,
                // OpenID Connect Core 1.0 §2: nobody should rely on how this person was authenticated.
                "acr": "0",
            }),
        ))
    }

    fn refuse(&self, asked: &Parameters, wrong: &Wrong) -> Response {
        match wrong {
            Wrong::Here(why) => {
                let page = format!("<!doctype html><title>Not possible</title><p>{why}");
                (StatusCode::BAD_REQUEST, Html(page)).into_response()
            }
            Wrong::Back(code) => self.send_back(asked, &[("error", code)]),
        }
    }

    /// With `iss` (RFC 9207), so that the client knows who answers.
    fn send_back(&self, asked: &Parameters, answer: &[(&str, &str)]) -> Response {
        let state = asked.get("state").map_or("", String::as_str);
        let more = [("state", state), ("iss", &self.identifier)];
        let address = reqwest::Url::parse_with_params(
            &self.approvals_callback,
            answer.iter().copied().chain(more),
        );
        match address {
            Ok(address) => Redirect::to(address.as_str()).into_response(),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
}

fn sign_in_page(asked: &Parameters) -> String {
    let mut hidden = String::new();
    for name in CARRIED {
        let value = escaped(asked.get(name).map_or("", String::as_str));
        let _ = write!(hidden, r#"<input type="hidden" name="{name}" value="{value}">"#);
    }
    let button = |person: &&str| {
        format!(r#"<p><button name="user" value="{person}">I am {person}</button></p>"#)
    };
    let buttons: String = PEOPLE.iter().map(button).collect();
    format!(
        r#"<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>Demo issuer: sign in</title>
<h1>Sign in</h1>
<p><strong>This is a demo.</strong> It asks for no password and believes whoever you say you are. A real
identity provider stands here in production.</p>
<form method="post" action="/authorize">{hidden}{buttons}</form></html>
"#
    )
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}
