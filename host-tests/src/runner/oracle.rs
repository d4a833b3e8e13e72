//! The judge: what a host did, held against what the case says and what a verdict always means.
//!
//! A refusal is five things: the exact status; an upstream that saw nothing, not even a header;
//! exactly one receipt, with the right reason and no secret; an engine that still answers a good
//! request; memory that stays bounded. A permission is: the bytes that were decided on, our word
//! about who asks and nobody else's, and no token that is not meant for the upstream.

mod allowed;
mod published;
mod receipt;
mod refused;
mod signal;

use serde_json::Value;

use super::{Observed, Seen};
use crate::cases::{Case, Exchange, Expect, Expected};

/// Everything that is not as it has to be, one line each.
pub fn judge(case: &Case, observed: &Observed) -> Vec<String> {
    if let Some(texts) = &case.refused {
        return configuration_refused(texts, observed);
    }
    let mut found = observed.faults.clone();
    found.extend(
        observed.refused.iter().map(|said| format!("the configuration is refused: {said}")),
    );
    if observed.exchanges.len() != case.expected.len() {
        found.push(format!("{} exchanges, not {}", observed.exchanges.len(), case.expected.len()));
    }
    let count = case.expected.len();
    let exchanges = case.resolved.exchanges.iter().zip(&case.expected).zip(&observed.exchanges);
    for (i, ((exchange, expected), seen)) in exchanges.enumerate() {
        let label = match (i + 1 == count, count > 2) {
            (true, _) => "afterwards, a good request: ".to_owned(),
            (false, true) => format!("exchange {}: ", i + 1),
            (false, false) => String::new(),
        };
        let judged = judge_exchange(exchange, expected, seen);
        found.extend(judged.into_iter().map(|line| format!("{label}{line}")));
    }
    found.extend(grown(observed));
    found
}

/// The same for one exchange alone.
pub fn judge_exchange(exchange: &Exchange, expected: &Expected, seen: &Seen) -> Vec<String> {
    Judged { exchange, expected, seen }.all()
}

fn configuration_refused(texts: &[String], observed: &Observed) -> Vec<String> {
    let Some(said) = &observed.refused else {
        return vec!["the configuration is accepted".to_owned()];
    };
    let missing = texts.iter().filter(|text| !said.contains(text.as_str()));
    missing
        .map(|text| format!("{text:?} is not in what is said about the configuration: {said}"))
        .collect()
}

fn grown(observed: &Observed) -> Option<String> {
    let (before, after) = observed.pages?;
    let more = after.saturating_sub(before);
    (more > MOST_PAGES).then(|| format!("memory grew by {more} pages, from {before} to {after}"))
}

/// One exchange, what is expected of it, and what was seen of it.
struct Judged<'a> {
    exchange: &'a Exchange,
    expected: &'a Expected,
    seen: &'a Seen,
}

impl Judged<'_> {
    fn all(&self) -> Vec<String> {
        let mut found = Vec::new();
        if self.expect().verdict == PUBLISHED {
            published::judge(self, &mut found);
            return found;
        }
        signal::judge(self, &mut found);
        let receipt = receipt::judge(self, &mut found);
        match self.expect().verdict.as_str() {
            "allow" => allowed::judge(self, &receipt, &mut found),
            _ => refused::judge(self, &receipt, &mut found),
        }
        if let (Some(expected), Some(steps)) = (&self.expect().steps, &self.seen.steps)
            && expected != steps
        {
            found.push(format!("the engine asked for {steps:?}, not {expected:?}"));
        }
        found
    }

    fn expect(&self) -> &Expect {
        &self.expected.expect
    }
}

/// A header that has to have a value, or to be absent (`null`).
fn header<'h>(
    name: &str,
    expected: &Value,
    mut values: impl Iterator<Item = &'h [u8]>,
) -> Option<String> {
    let (first, more) = (values.next(), values.next());
    let text = |value: Option<&[u8]>| value.map(|v| String::from_utf8_lossy(v).into_owned());
    let good = match (expected, first, more) {
        (Value::Null, None, _) => true,
        (Value::String(expected), Some(value), None) => expected.as_bytes() == value,
        _ => false,
    };
    let (first, more) = (text(first), text(more));
    (!good).then(|| {
        format!("header {name}: expected {expected}, got {first:?} {}", more.unwrap_or_default())
    })
}

/// What a case says of a public document: nothing is decided about it.
const PUBLISHED: &str = "published";
/// 8 MiB: what one body at the default limit costs while it is read, many times over.
const MOST_PAGES: u64 = 128;
