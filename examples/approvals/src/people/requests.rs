//! See what waits, see one request, decide it.

use std::sync::Arc;

use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::{Instead, SignedIn, check_form, page_of, said, signed_in};
use crate::eligible::{self, Ineligible};
use crate::jose;
use crate::page::{self, Standing};
use crate::service::Service;
use crate::signing::{Approval, Approver};
use crate::store::{Decision, Event, Request, State as Stands};

/// As the page's field has it.
const MAX_REASON: usize = 500;

pub(super) async fn list(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
) -> Result<Response, Instead> {
    let signed_in = signed_in(&service, &headers).await?;
    let signed_in = signed_in.ok_or_else(|| Instead::SignIn("/".to_owned()))?;
    let all = service.stored(|service| service.store.pending(service.now())).await?;
    let count = all.len();
    let may = |request: &Request| may(&service, &signed_in.person, request).is_ok();
    let mine: Vec<_> = all.into_iter().filter(may).collect();
    let others = count.saturating_sub(mine.len());
    Ok(page::list(&signed_in.viewer(), &mine, others).into_response())
}

pub(super) async fn show(
    State(service): State<Arc<Service>>,
    Path(ticket): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Instead> {
    let signed_in = signed_in(&service, &headers).await?;
    let signed_in = signed_in.ok_or_else(|| Instead::SignIn(page_of(&ticket)))?;
    let request = found(&service, ticket).await?;
    let (status, standing) = match may(&service, &signed_in.person, &request) {
        Ok(()) => (StatusCode::OK, Standing::May),
        Err(why) => (StatusCode::FORBIDDEN, Standing::MayNot(why.explained())),
    };
    Ok((status, page::request(&signed_in.viewer(), &request, &standing)).into_response())
}

async fn found(service: &Arc<Service>, ticket: String) -> Result<Request, Instead> {
    let found = service.stored(move |s| s.store.by_ticket(&ticket, s.now())).await?;
    found.ok_or_else(|| {
        let why = "There is no request at this address.";
        said(StatusCode::NOT_FOUND, "Not found", why, ("/", "What waits for you"))
    })
}

fn may(service: &Service, person: &Approver, request: &Request) -> Result<(), Ineligible> {
    eligible::check(&service.config, &person.id(), &request.binding, &request.approvers)
}

/// A form of a request's page.
#[derive(Deserialize)]
pub(super) struct Decided {
    csrf: String,
    digest: String,
    decision: String,
    #[serde(default)]
    reason: String,
}

pub(super) async fn decide(
    State(service): State<Arc<Service>>,
    Path(ticket): Path<String>,
    headers: HeaderMap,
    Form(form): Form<Decided>,
) -> Result<Response, Instead> {
    let onward = page_of(&ticket);
    let signed_in = signed_in(&service, &headers).await?;
    let signed_in = signed_in.ok_or_else(|| {
        let why = "You are not signed in, or signed in too long ago. Nothing was decided.";
        let sign_in = format!("/login?return_to={onward}");
        said(StatusCode::UNAUTHORIZED, "Sign in again", why, (&sign_in, "Sign in"))
    })?;
    check_form(&service, &headers, &form.csrf, &signed_in.form_token)?;
    let request = found(&service, ticket).await?;
    if let Err(why) = may(&service, &signed_in.person, &request) {
        return refuse(&service, &signed_in, &request, &why).await;
    }
    if form.digest != request.digest {
        let why = "The form is of another request. Nothing was decided.";
        return Err(said(StatusCode::CONFLICT, "Not decided", why, (&onward, "Look at it")));
    }
    let reason = form.reason.trim().to_owned();
    if reason.chars().count() > MAX_REASON {
        let why = "The reason is longer than 500 characters. Nothing was decided.";
        return Err(said(StatusCode::BAD_REQUEST, "Not decided", why, (&onward, "Back")));
    }
    let done = carry_out(&service, signed_in, request, &form.decision, reason).await?;
    if done {
        // Seen again by GET: going back or reloading decides nothing twice.
        return Ok(Redirect::to(&onward).into_response());
    }
    let why = "It had been decided, or was over, before this arrived. Nothing was changed.";
    Err(said(StatusCode::CONFLICT, "Too late", why, (&onward, "How it stands")))
}

/// Whether it was still there to be decided like this.
async fn carry_out(
    service: &Arc<Service>,
    signed_in: SignedIn,
    request: Request,
    decision: &str,
    reason: String,
) -> Result<bool, Instead> {
    let stands = match decision {
        "approve" | "deny" => Stands::Pending,
        "withdraw" => Stands::Approved,
        _ => {
            let why = "There is no such decision.";
            return Err(said(StatusCode::BAD_REQUEST, "Not decided", why, ("/", "Back")));
        }
    };
    if request.state != stands {
        return Ok(false);
    }
    let decision = decision.to_owned();
    let decided = service.stored(move |service| {
        let (now, approver) = (service.now(), signed_in.person);
        let until = now.saturating_add(service.config.approval_seconds);
        let reason = Some(reason.as_str()).filter(|reason| !reason.is_empty());
        let decision = match decision.as_str() {
            "approve" => {
                let jti = jose::unguessable()?;
                let approval = service.signer.approve(&Approval {
                    jti: &jti,
                    gateway: &request.binding.gateway,
                    digest: &request.digest,
                    approver: &approver,
                    reason,
                    issued: now,
                    expires: until,
                });
                Decision::Approve { jti, approval }
            }
            "deny" => Decision::Deny,
            _ => Decision::Withdraw,
        };
        service.store.decide(request.id, &decision, (&approver, reason), (now, until))
    });
    Ok(decided.await?.is_some())
}

/// Somebody tried to decide what is not theirs: the audit says so.
async fn refuse(
    service: &Arc<Service>,
    signed_in: &SignedIn,
    request: &Request,
    why: &Ineligible,
) -> Result<Response, Instead> {
    let (person, code) = (signed_in.person.id(), why.code());
    let (agent, digest) = (request.binding.agent.id.clone(), request.digest.clone());
    let noted = service.stored(move |service| {
        let about =
            vec![("digest", digest.into()), ("person", person.into()), ("why", code.into())];
        let event = Event { name: "decision_refused", agent: Some(&agent), about };
        service.store.note(&event, service.now())
    });
    noted.await?;
    let standing = Standing::MayNot(why.explained());
    let page = page::request(&signed_in.viewer(), request, &standing);
    Ok((StatusCode::FORBIDDEN, page).into_response())
}
