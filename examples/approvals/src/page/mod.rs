//! The pages: a list, one request, and a few words where there is nothing to decide.
//!
//! HTML from the server, one style sheet, no script: it works on a phone, with a keyboard and with a screen
//! reader, and there is nothing to inject into. Not here: who may see what.

mod request;
mod value;

use maud::{DOCTYPE, Markup, html};

pub(crate) use request::{Standing, request};

use crate::store::Request;
use crate::text::Kind;
use crate::time::rfc3339;
use value::text;

/// The style sheet.
pub(crate) const STYLE: &str = include_str!("style.css");

/// Who is looking, as every page greets them.
pub(crate) struct Viewer<'a> {
    pub(crate) name: &'a str,
    pub(crate) form_token: &'a str,
}

fn layout(title: &str, viewer: Option<&Viewer<'_>>, main: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Approvals" }
                link rel="stylesheet" href="/page.css";
                link rel="icon" href="data:,";
            }
            body {
                a.skip href="#main" { "Skip to content" }
                header {
                    nav aria-label="Site" { a href="/" { "Approvals" } }
                    @if let Some(viewer) = viewer {
                        form.out method="post" action="/logout" {
                            input type="hidden" name="csrf" value=(viewer.form_token);
                            span { (text(viewer.name, Kind::Content).0) }
                            button type="submit" { "Sign out" }
                        }
                    }
                }
                main #main tabindex="-1" { (main) }
            }
        }
    }
}

/// What waits for this person, and how much waits for others.
pub(crate) fn list(viewer: &Viewer<'_>, mine: &[Request], others: usize) -> Markup {
    let main = html! {
        h1 { "Waiting for you" }
        @if mine.is_empty() { p { "Nothing waits for your decision." } }
        ul.requests {
            @for request in mine {
                li { a href={ "/r/" (request.ticket) } {
                    strong { (text(&request.binding.action, Kind::Name).0) }
                    span { "by " (text(&request.binding.agent.id, Kind::Name).0) }
                    @if let Some(delegator) = &request.binding.delegator {
                        span { "for " (text(delegator, Kind::Name).0) }
                    }
                    span.when { "asked first " (rfc3339(request.opened)) ", last " (rfc3339(request.last_asked)) }
                } }
            }
        }
        @if others > 0 { p { (others) " more wait for others to decide." } }
        p { a href="/" { "Look again" } }
    };
    layout("Waiting for you", Some(viewer), &main)
}

/// A few words, and the way on.
pub(crate) fn words(
    viewer: Option<&Viewer<'_>>,
    title: &str,
    said: &str,
    onward: (&str, &str),
) -> Markup {
    let main = html! {
        h1 { (title) }
        p role="status" { (said) }
        p { a href=(onward.0) { (onward.1) } }
    };
    layout(title, viewer, &main)
}
