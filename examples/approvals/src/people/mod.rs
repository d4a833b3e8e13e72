//! What people reach: sign in, see what waits, decide.
//!
//! Nothing is shown to somebody who has not signed in, and nothing is decided without a form that this
//! service gave to that very session. Here is what is true of every page. Not here: HTML, and what a state
//! allows.

mod requests;
mod sign_in;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use maud::Markup;

use crate::eligible;
use crate::jose;
use crate::login::Cookies;
use crate::page::{self, Viewer};
use crate::service::Service;
use crate::signing::Approver;
use crate::store::Trouble;

/// A decision with a reason in four-byte characters, percent-encoded, is far below.
const MAX_BODY: usize = 16 << 10;

pub(crate) fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/", get(requests::list))
        .route("/r/{ticket}", get(requests::show).post(requests::decide))
        .route("/login", get(sign_in::login))
        .route("/login/callback", get(sign_in::callback))
        .route("/logout", post(sign_in::logout))
        .route("/page.css", get(style))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn(harden))
        .with_state(service)
}

/// No script at all, no frame, nothing from elsewhere. `same-origin`: with `no-referrer` a browser would say
/// `Origin: null` of its own forms.
async fn harden(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let all = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; \
             frame-ancestors 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
    ];
    for (name, value) in all {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    let no_store = HeaderValue::from_static("no-store");
    headers.entry(header::CACHE_CONTROL).or_insert(no_store);
    response
}

/// Somebody who is signed in and in the directory.
struct SignedIn {
    person: Approver,
    name: String,
    form_token: String,
}

impl SignedIn {
    fn viewer(&self) -> Viewer<'_> {
        Viewer { name: &self.name, form_token: &self.form_token }
    }
}

/// Why a page is not the one that was asked for.
enum Instead {
    SignIn(String),
    Said(StatusCode, Box<Markup>),
    Trouble(Trouble),
}

impl From<Trouble> for Instead {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl IntoResponse for Instead {
    fn into_response(self) -> Response {
        match self {
            Self::SignIn(return_to) => {
                Redirect::to(&format!("/login?return_to={return_to}")).into_response()
            }
            Self::Said(status, page) => (status, *page).into_response(),
            Self::Trouble(trouble) => {
                eprintln!("approvals: {trouble}");
                let said =
                    "Nothing was changed. Whoever runs this service finds the reason in its log.";
                let page = page::words(None, "Out of order", said, ("/", "Try again"));
                (StatusCode::INTERNAL_SERVER_ERROR, page).into_response()
            }
        }
    }
}

fn said(status: StatusCode, title: &str, said: &str, onward: (&str, &str)) -> Instead {
    Instead::Said(status, Box::new(page::words(None, title, said, onward)))
}

async fn signed_in(
    service: &Arc<Service>,
    headers: &HeaderMap,
) -> Result<Option<SignedIn>, Trouble> {
    let Some(token) = Cookies::of(headers, &service.config).session() else { return Ok(None) };
    let token = token.to_owned();
    let form_token = Cookies::form_token(&token);
    let session = service.stored(move |s| s.store.session(&token, s.now())).await?;
    let Some(session) = session else { return Ok(None) };
    // Whoever has left the directory has left.
    let name = eligible::person(&service.config, &session.person.id()).map(|p| p.name.clone());
    Ok(name.map(|name| SignedIn { person: session.person, name, form_token }))
}

/// The form is one that this session was given, and no other site sent it.
fn check_form(
    service: &Service,
    headers: &HeaderMap,
    token: &str,
    expected: &str,
) -> Result<(), Instead> {
    let origin = headers.get(header::ORIGIN).map(HeaderValue::as_bytes);
    let elsewhere = origin.is_some_and(|origin| origin != service.config.address.as_bytes());
    // By hashes: how long it takes says nothing about the token.
    if elsewhere || jose::hash(token) != jose::hash(expected) {
        let why = "The form did not come from a page of yours. Nothing was changed.";
        return Err(said(StatusCode::FORBIDDEN, "Not accepted", why, ("/", "Start again")));
    }
    Ok(())
}

fn page_of(ticket: &str) -> String {
    // A ticket has no such characters; what has them is no page, and is not echoed.
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if ticket.bytes().all(plain) { format!("/r/{ticket}") } else { "/".to_owned() }
}

async fn style() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "max-age=3600"),
    ];
    (headers, page::STYLE).into_response()
}
