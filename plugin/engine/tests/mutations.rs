//! Threats R4. Hostile bytes close to good ones: every entry of the engine takes them without panic, and what must
//! not be allowed is not.
//!
//! `DEPUTY_MUTATIONS` says how many for each entry, where more than the usual few are wanted.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "tests"
)]

#[path = "mutations/entry.rs"]
mod entry;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// What is done to a good input, at a place that is a part of its length.
#[derive(Clone, Debug)]
enum Change {
    Flip(f64, u8),
    Put(f64, Vec<u8>),
    Cut(f64, usize),
    Repeat(f64, usize, usize),
    Swap(f64, f64),
}

fn change() -> impl Strategy<Value = Change> {
    let at = || 0.0..1.0_f64;
    let pieces: Vec<Vec<u8>> = INTERESTING.iter().map(|piece| piece.as_bytes().to_vec()).collect();
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, bits)| Change::Flip(at, bits)),
        (at(), prop::sample::select(pieces)).prop_map(|(at, piece)| Change::Put(at, piece)),
        (at(), prop::collection::vec(any::<u8>(), 1..4)).prop_map(|(at, b)| Change::Put(at, b)),
        (at(), 1..24_usize).prop_map(|(at, length)| Change::Cut(at, length)),
        (at(), 1..40_usize, 1..5_usize).prop_map(|(at, l, times)| Change::Repeat(at, l, times)),
        (at(), at()).prop_map(|(from, to)| Change::Swap(from, to)),
    ]
}

/// What parsers have stumbled over.
const INTERESTING: &[&str] = &[
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "true",
    "-1",
    "1e400",
    "9007199254740993",
    "\"alg\":\"none\",",
    "\"kid\":\"a\",",
    "\"iss\":\"https://idp.example\",",
    "=",
    ".",
    "..",
    " ",
    "\n",
    "\0",
    "%00",
    ";",
    "\u{200b}",
    "é",
    "{\"a\":",
    "[[[[[[[[",
];

fn changed(good: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for change in changes {
        let place = |at: f64| (at * bytes.len() as f64) as usize;
        match change {
            Change::Flip(at, bits) => {
                let at = place(*at);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= bits;
                }
            }
            Change::Put(at, piece) => {
                let at = place(*at);
                bytes.splice(at..at, piece.iter().copied());
            }
            Change::Cut(at, length) => {
                let at = place(*at);
                bytes.drain(at..(at + length).min(bytes.len()));
            }
            Change::Repeat(at, length, times) => {
                let at = place(*at);
                let piece = bytes[at..(at + length).min(bytes.len())].repeat(*times);
                bytes.splice(at..at, piece);
            }
            Change::Swap(from, to) => {
                let (from, to) = (place(*from), place(*to));
                if from < bytes.len() && to < bytes.len() {
                    bytes.swap(from, to);
                }
            }
        }
    }
    bytes
}

/// Runs an entry on that many mutations of a good input.
fn mutate(good: &str, entry: impl Fn(&[u8])) {
    let named = std::env::var("DEPUTY_MUTATIONS").ok();
    let cases = named.and_then(|number| number.parse().ok()).unwrap_or(500);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new(config);
    entry(good.as_bytes());
    let changes = prop::collection::vec(change(), 1..6);
    let ran = runner.run(&changes, |changes| {
        entry(&changed(good.as_bytes(), &changes));
        Ok(())
    });
    ran.unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn a_token_that_was_changed_anywhere_is_never_allowed() {
    mutate(&entry::good().token, entry::token);
}

#[test]
fn no_header_of_a_token_breaks_anything() {
    mutate(&entry::good().header, entry::header);
}

#[test]
fn no_claims_break_anything_or_pass_without_their_issuer() {
    mutate(&entry::good().claims, entry::claims);
}

#[test]
fn no_key_set_makes_a_foreign_key_good() {
    mutate(&entry::good().keys, entry::keys);
}

#[test]
fn no_metadata_leads_to_another_host() {
    mutate(&entry::good().metadata, entry::metadata);
}

#[test]
fn no_answer_of_a_directory_lets_an_agent_act_that_it_does_not_say_is_active() {
    mutate(&entry::good().listed, entry::listed);
}

#[test]
fn no_body_breaks_anything() {
    mutate(&entry::good().body, entry::body);
}

#[test]
fn no_header_about_identity_breaks_anything() {
    let certificate =
        "By=spiffe://td/gw;Hash=00;URI=spiffe://td/agent;Subject=\"CN=a,O=\\\"b\\\"\"";
    mutate(certificate, |bytes| entry::identity_header("x-forwarded-client-cert", bytes));
    mutate(&entry::good().token, |bytes| entry::identity_header("dpop", bytes));
    let input =
        "sig1=(\"@authority\" \"@method\");created=1800000000;keyid=\"a\";tag=\"web-bot-auth\"";
    mutate(input, |bytes| entry::identity_header("signature-input", bytes));
}

#[test]
fn no_configuration_breaks_anything() {
    mutate(&entry::good().configuration, entry::whole_configuration);
}
