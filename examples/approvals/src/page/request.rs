//! One request: what exactly would be done, and the two buttons.

use maud::{Markup, html};

use super::value::{self, text, unfolded};
use super::{Viewer, layout};
use crate::store::{Request, State};
use crate::text::{Kind, Warnings};
use crate::time::rfc3339;

/// What the viewer can do about it.
pub(crate) enum Standing {
    /// They may decide.
    May,
    /// They may not, and why: then they are not shown what it is called with either.
    MayNot(String),
}

/// The page of a request.
pub(crate) fn request(viewer: &Viewer<'_>, request: &Request, standing: &Standing) -> Markup {
    let main = match standing {
        Standing::MayNot(why) => html! {
            h1 { "Not yours to decide" }
            p role="status" { (why) }
            p { "It is " (request.state.name()) ". Asked for: " (names(&request.approvers)) "." }
            p { a href="/" { "What waits for you" } }
        },
        Standing::May => {
            let (binding, warnings) = binding(request);
            html! {
                h1 { (title(request.state)) }
                (state(request))
                (warned(warnings))
                (binding)
                (exact(request))
                (said_besides(request))
                (decide(viewer, request))
            }
        }
    };
    layout("A request", Some(viewer), &main)
}

fn title(state: State) -> &'static str {
    match state {
        State::Pending => "May this be done?",
        State::Approved => "Approved",
        State::Denied => "Denied",
        State::Withdrawn => "Approval withdrawn",
        State::Used => "Approved, and used",
        State::Expired => {
            "Approved; its time is over (the gateway's receipts say whether it was done)"
        }
        State::Lapsed => "Nobody asks for it any more",
    }
}

fn state(request: &Request) -> Markup {
    html! {
        div.state role="status" {
            @match request.state {
                State::Pending => p { "Waiting since " (rfc3339(request.opened)) ". Open until " (rfc3339(request.until)) "." },
                State::Approved => p { "Good for one use until " (rfc3339(request.until)) "." },
                State::Denied | State::Withdrawn => p { "Until " (rfc3339(request.until)) " the same is denied; then it can be asked for again." },
                State::Used | State::Expired | State::Lapsed => p { "This is over. The same would have to be asked for again." },
            }
            @if let Some(approver) = &request.approver {
                p { "Decided by " (text(approver, Kind::Name).0) "." }
            }
            @if let Some(reason) = &request.reason {
                p { "Reason: " (text(reason, Kind::Content).0) }
            }
        }
    }
}

fn warned(warnings: Warnings) -> Markup {
    let count = |n: usize, one: &str, more: &str| {
        if n == 1 { format!("One {one}") } else { format!("{n} {more}") }
    };
    html! {
        @if warnings.any() {
            div.warning role="alert" {
                h2 { "Look closely" }
                ul {
                    @if warnings.hidden > 0 {
                        li { (count(warnings.hidden, "character", "characters")) " that can't be seen or that move others, shown like " span.hidden { "U+200B" } "." }
                    }
                    @if warnings.look_alike > 0 {
                        li { (count(warnings.look_alike, "place", "places")) " with letters that pass for others, shown like " span.foreign { "а" span.code { "U+0430" } } "." }
                    }
                    @if warnings.right_to_left {
                        li { "Letters that are read from right to left. They stand in the order in which they are stored, from left to right." }
                    }
                }
            }
        }
    }
}

/// Every member of the binding, and nothing that is not in it.
fn binding(request: &Request) -> (Markup, Warnings) {
    let binding = &request.binding;
    let mut warnings = Warnings::default();
    let mut name = |shown: &str| {
        let (markup, found) = text(shown, Kind::Name);
        warnings.add(found);
        markup
    };
    let maybe = |text: &Option<String>, name: &mut dyn FnMut(&str) -> Markup| match text {
        Some(text) => name(text),
        None => html! { span.plain { "null" } },
    };
    let actors: Vec<_> = binding.actors.iter().map(|actor| name(actor)).collect();
    let rows = [
        ("action", name(&binding.action)),
        ("resource", name(&binding.resource)),
        ("agent", name(&binding.agent.id)),
        ("delegator", maybe(&binding.delegator, &mut name)),
        (
            "actors",
            html! { @if actors.is_empty() { span.plain { "none" } } @else { ol { @for a in &actors { li { (a) } } } } },
        ),
        ("agent's key", maybe(&binding.agent.key, &mut name)),
        ("protocol", name(&binding.protocol)),
        ("server", maybe(&binding.server, &mut name)),
        ("gateway", name(&binding.gateway)),
        ("tool", maybe(&binding.tool, &mut name)),
        ("revision", name(&binding.revision.to_string())),
        ("v", name(&binding.v.number().to_string())),
    ];
    let (arguments, found) = value::value(&binding.arguments);
    warnings.add(found);
    let [action, resource, agent, delegator, rest @ ..] = rows;
    let row = |(label, value): &(&str, Markup)| html! { div { dt { (label) } dd { (value) } } };
    let markup = html! {
        section aria-labelledby="what" {
            h2 #what { "What would be done" }
            dl.facts { (row(&action)) (row(&resource)) (row(&agent)) (row(&delegator)) }
            h3 { "arguments" }
            (arguments)
            dl.facts.rest { @for fact in &rest { (row(fact)) } }
        }
    };
    (markup, warnings)
}

/// The bytes themselves.
fn exact(request: &Request) -> Markup {
    html! {
        details {
            summary { "The same, byte for byte as it is signed" }
            p.raw { (unfolded(&request.canonical, Kind::Content).0) }
            p { "RFC 8785. SHA-256 in base64url: " code { (request.digest) } }
        }
    }
}

/// What the gateway says of the request, which an approval does not bind.
fn said_besides(request: &Request) -> Markup {
    html! {
        details {
            summary { "Why it is asked (not part of what is signed)" }
            dl.facts {
                div { dt { "asked for" } dd { (names(&request.approvers)) } }
                div { dt { "policies" } dd { (names(&request.policies)) } }
                div { dt { "evaluation id" } dd { (text(&request.evaluation_id, Kind::Name).0) } }
                div { dt { "asked at" } dd { (text(&request.asked_at, Kind::Name).0) } }
            }
        }
    }
}

fn decide(viewer: &Viewer<'_>, request: &Request) -> Markup {
    let buttons = match request.state {
        State::Pending => html! {
            button.yes type="submit" name="decision" value="approve" { "Approve once" }
            button.no type="submit" name="decision" value="deny" { "Deny" }
        },
        State::Approved => html! {
            button.no type="submit" name="decision" value="withdraw" { "Withdraw the approval" }
        },
        _ => return html! { p { a href="/" { "What waits for you" } } },
    };
    html! {
        form.decide method="post" action={ "/r/" (request.ticket) } {
            input type="hidden" name="csrf" value=(viewer.form_token);
            // What is decided is what was shown.
            input type="hidden" name="digest" value=(request.digest);
            label for="reason" { "Reason (optional, is kept and signed)" }
            textarea #reason name="reason" maxlength="500" rows="2" autocomplete="off" {}
            div.buttons { (buttons) }
        }
    }
}

fn names(names: &[String]) -> Markup {
    html! {
        @for (index, name) in names.iter().enumerate() {
            @if index > 0 { ", " }
            (text(name, Kind::Name).0)
        }
    }
}
