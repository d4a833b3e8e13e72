//! Sign in, come back from the identity provider, sign out.

use std::sync::Arc;

use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::{Instead, check_form, said};
use crate::eligible::{self, Ineligible};
use crate::jose;
use crate::login::{Attempt, Cookie, Cookies};
use crate::page;
use crate::service::Service;
use crate::signing::Approver;
use crate::store::Trouble;

#[derive(Deserialize)]
pub(super) struct ReturnTo {
    #[serde(default)]
    return_to: String,
}

pub(super) async fn login(
    State(service): State<Arc<Service>>,
    Query(query): Query<ReturnTo>,
) -> Result<Response, Instead> {
    let attempt = Attempt::new(&query.return_to).map_err(Trouble::from)?;
    let address = attempt.address(&service.config).map_err(Trouble::from)?;
    let response = Redirect::to(&address).into_response();
    Ok(with_cookie(response, Cookie::keep_attempt(&service.config, &attempt)))
}

/// RFC 6749 §4.1.2, RFC 9207.
#[derive(Deserialize)]
pub(super) struct Answer {
    #[serde(default)]
    state: String,
    code: Option<String>,
    error: Option<String>,
    iss: Option<String>,
}

pub(super) async fn callback(
    State(service): State<Arc<Service>>,
    Query(answer): Query<Answer>,
    headers: HeaderMap,
) -> Result<Response, Instead> {
    let failed =
        |why: &str| said(StatusCode::BAD_REQUEST, "Not signed in", why, ("/login", "Try again"));
    let attempt = Cookies::of(&headers, &service.config).attempt();
    let attempt = attempt
        .filter(|attempt| jose::hash(&attempt.state) == jose::hash(&answer.state))
        .ok_or_else(|| {
            failed("This browser did not begin to sign in here, or began anew since.")
        })?;
    if answer.iss.is_some_and(|iss| iss != service.config.login.issuer) {
        return Err(failed("Another issuer answered."));
    }
    let code = match (answer.code, answer.error) {
        (Some(code), None) => code,
        _ => return Err(failed("The identity provider did not sign you in.")),
    };
    let redeemed = service.provider.redeem(&code, &attempt, service.now()).await;
    let person = redeemed.map_err(|why| {
        eprintln!("approvals: sign-in: {why}");
        failed(
            "The identity provider's answer could not be used. The log of this service says why.",
        )
    })?;
    if eligible::person(&service.config, &person.id()).is_none() {
        let why = Ineligible::Unknown.explained();
        return Err(said(
            StatusCode::FORBIDDEN,
            "Not here",
            &why,
            ("/login", "Sign in as somebody else"),
        ));
    }
    let response = Redirect::to(&attempt.return_to).into_response();
    let response = with_cookie(response, Cookie::Attempt.forget(&service.config));
    begin_session(&service, &headers, person, response).await
}

/// A new secret for a new session: one that was set before the sign-in is worth nothing after it.
async fn begin_session(
    service: &Arc<Service>,
    headers: &HeaderMap,
    person: Approver,
    response: Response,
) -> Result<Response, Instead> {
    let old = Cookies::of(headers, &service.config).session().map(str::to_owned);
    let token = jose::unguessable().map_err(Trouble::from)?;
    let seconds = service.config.login.max_age_seconds;
    let cookie = Cookie::keep_session(&service.config, &token, seconds);
    let begun = service.stored(move |service| {
        let (now, until) = (service.now(), person.auth_time.saturating_add(seconds));
        if let Some(old) = old {
            service.store.sign_out(&old, now)?;
        }
        service.store.sign_in(&token, &person, (now, until))
    });
    begun.await?;
    Ok(with_cookie(response, cookie))
}

#[derive(Deserialize)]
pub(super) struct Out {
    csrf: String,
}

pub(super) async fn logout(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Form(form): Form<Out>,
) -> Result<Response, Instead> {
    let Some(token) = Cookies::of(&headers, &service.config).session().map(str::to_owned) else {
        return Ok(Redirect::to("/login").into_response());
    };
    check_form(&service, &headers, &form.csrf, &Cookies::form_token(&token))?;
    service.stored(move |service| service.store.sign_out(&token, service.now())).await?;
    let page = page::words(None, "Signed out", "You are signed out here.", ("/login", "Sign in"));
    Ok(with_cookie(page.into_response(), Cookie::Session.forget(&service.config)))
}

fn with_cookie(mut response: Response, cookie: Option<HeaderValue>) -> Response {
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}
