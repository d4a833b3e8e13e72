//! Who is asked about when, what counts how long, and how much is kept.
#![allow(clippy::arithmetic_side_effects, reason = "a test may panic")]

use super::kept::MEAN_BYTES;
use super::*;
use crate::config;
use crate::fetch::ReplyHeaders;

const ATTRIBUTES: &str = r#","attributes":{"agents":{"clearance":"Long"}}"#;

/// A configuration, and its directory: what it says counts for 60 seconds, that there is nobody for 10.
fn world(more: &str, most: usize) -> (Configuration, Directory) {
    let text = format!(
        concat!(
            r#"{{"version":1,"gateway":{{"audience":"https://gateway.example"}},"#,
            r#""issuers":[{{"issuer":"https://i","algorithms":["ES256"],"#,
            r#""keys":{{"fetch":{{"cluster":"i","authority":"i","path":"/jwks"}}}}}}],"#,
            r#""http":[{{"method":"GET","path":"/o","action":"o","resource":"o"}}],"#,
            r#""agent_directory":{{"fetch":{{"cluster":"d","authority":"d.example","path":"/Agents"}},"#,
            r#""authorization":"Bearer secret","max_agents":{most}}},"#,
            r#""policy":{{"revision":1,"files":[]}}{more}}}"#,
        ),
        most = most,
        more = more,
    );
    let loaded = config::read(text.as_bytes()).unwrap_or_else(|problems| panic!("{problems}"));
    (loaded.configuration, Directory::new(loaded.directory.unwrap()))
}

fn id(subject: &str) -> PrincipalId {
    PrincipalId::parse(&format!("https://i#{subject}")).unwrap()
}

fn at(seconds: f64) -> Timestamp {
    Timestamp::from_unix_millis(1_800_000_000_000 + (seconds * 1000.0) as u64)
}

fn answered(status: u16, body: &str) -> FetchReply {
    let (headers, body) = (ReplyHeaders::default(), body.as_bytes().to_vec());
    FetchReply::Answered { status, headers, body }
}

/// A list of one agent.
fn agent(subject: &str, more: &str, extension: &str) -> FetchReply {
    answered(
        200,
        &format!(
            concat!(
                r#"{{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":1,"#,
                r#""Resources":[{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Agent"],"#,
                r#""externalId":"https://i#{}","active":true{},"#,
                r#""urn:deputy:scim:schemas:extension:1.0:Agent":{{"owner":"team"{}}}}}]}}"#,
            ),
            subject, more, extension
        ),
    )
}

fn nobody() -> FetchReply {
    let list =
        r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":0}"#;
    answered(200, list)
}

/// In a word: what is known of an agent at that time.
fn known(
    (configuration, directory): &(Configuration, Directory),
    who: &str,
    seconds: f64,
) -> &'static str {
    match directory.find(&id(who), configuration, at(seconds)) {
        Ok(Some(_)) => "agent",
        Ok(None) => "nobody",
        Err(Some(_)) => "ask",
        Err(None) => "unavailable",
    }
}

/// Asks, and takes in the answer at that time.
fn told(world: &(Configuration, Directory), who: &str, reply: FetchReply, seconds: f64) {
    let (configuration, directory) = world;
    let lookup = directory.lookup(&id(who));
    directory.learn(&lookup, reply, configuration, at(seconds));
}

fn due(world: &(Configuration, Directory)) -> usize {
    world.1.due().len()
}

#[test]
fn a_lookup_names_the_agent_in_a_filter_that_it_can_not_leave() {
    let (_, directory) = world("", 64);
    let lookup = directory.lookup(&id("é\"\\&x"));
    assert_eq!(
        lookup.endpoint().path,
        "/Agents?filter=externalId%20eq%20%22https%3A%2F%2Fi%23%C3%A9%5C%22%5C%5C%26x%22&count=2"
    );
    let headers: Vec<_> = lookup.headers().collect();
    assert_eq!(headers, [("accept", "application/scim+json"), ("authorization", "Bearer secret")]);
    assert_eq!((lookup.method(), lookup.body()), ("GET", "".into()));
    // Equal lookups are one to a host, and lookups of two agents are two.
    assert_eq!(lookup, directory.lookup(&id("é\"\\&x")));
    assert_ne!(lookup, directory.lookup(&id("b")));
    assert!(!format!("{lookup:?}").contains("secret"));
}

#[test]
fn what_is_said_counts_for_its_time() {
    let world = world("", 64);
    assert_eq!(known(&world, "a", 0.0), "ask");
    told(&world, "a", agent("a", "", ""), 0.0);
    told(&world, "b", nobody(), 0.0);
    for (seconds, a, b) in [(0.0, "agent", "nobody"), (9.9, "agent", "nobody")] {
        assert_eq!((known(&world, "a", seconds), known(&world, "b", seconds)), (a, b));
    }
    assert_eq!(known(&world, "b", 10.0), "ask");
    assert_eq!((known(&world, "a", 59.9), known(&world, "a", 60.0)), ("agent", "ask"));
}

#[test]
fn an_agent_that_acts_is_asked_about_again_once_and_in_time() {
    let world = world("", 64);
    told(&world, "a", agent("a", "", ""), 0.0);
    assert_eq!((known(&world, "a", 29.9), due(&world)), ("agent", 0));
    for _ in 0..3 {
        assert_eq!(known(&world, "a", 30.0), "agent");
    }
    assert_eq!(due(&world), 1);
    assert_eq!((known(&world, "a", 31.0), due(&world)), ("agent", 0));
    // Lost, so again.
    assert_eq!((known(&world, "a", 32.0), due(&world)), ("agent", 1));
    told(&world, "a", FetchReply::Failed, 33.0);
    assert_eq!((known(&world, "a", 34.9), due(&world)), ("agent", 0));
    assert_eq!((known(&world, "a", 35.0), due(&world)), ("agent", 1));
    // That one is under way when what was said lapses, and a request needs it at once.
    assert_eq!(known(&world, "a", 60.0), "ask");
    told(&world, "a", agent("a", "", ""), 60.0);
    assert_eq!(known(&world, "a", 119.0), "agent");
}

#[test]
fn a_directory_that_does_not_answer_is_left_alone_for_a_moment() {
    let world = world("", 64);
    told(&world, "a", FetchReply::Failed, 0.0);
    assert_eq!((known(&world, "a", 1.9), known(&world, "a", 2.0)), ("unavailable", "ask"));
    assert_eq!(known(&world, "b", 0.0), "ask");
    let lookup = world.1.lookup(&id("a"));
    assert_eq!(world.1.error(&lookup).unwrap(), "agent https://i#a: no answer");
    assert_eq!(world.1.error(&world.1.lookup(&id("b"))), None);
}

#[test]
fn what_is_no_good_replaces_nothing_and_makes_nothing_younger() {
    let world = world("", 64);
    told(&world, "a", agent("a", "", ""), 0.0);
    let bad = [
        FetchReply::Failed,
        answered(200, "{}"),
        answered(404, ""),
        agent("b", "", ""),
        agent("a", "", r#","limit":1"#),
    ];
    for (n, reply) in bad.into_iter().enumerate() {
        told(&world, "a", reply, 10.0 + n as f64);
        assert!(world.1.error(&world.1.lookup(&id("a"))).is_some());
        assert_eq!(known(&world, "a", 10.0 + n as f64), "agent");
    }
    assert_eq!((known(&world, "a", 59.9), known(&world, "a", 60.0)), ("agent", "ask"));
}

#[test]
fn the_id_of_a_human_is_nobody_and_is_not_asked_about() {
    let world = world(r#","humans":[{"id":"https://i#dana"}]"#, 64);
    assert_eq!(known(&world, "dana", 0.0), "nobody");
}

#[test]
fn another_document_reads_again_what_is_kept() {
    let (stricter, _) = world("", 64);
    let world = world(ATTRIBUTES, 64);
    told(&world, "plain", agent("plain", "", ""), 0.0);
    told(&world, "cleared", agent("cleared", "", r#","attributes":{"clearance":3}"#), 0.0);
    let before = world.1.find(&id("plain"), &world.0, at(1.0)).unwrap().unwrap();
    let again = world.1.find(&id("plain"), &world.0, at(1.0)).unwrap().unwrap();
    assert!(Rc::ptr_eq(&before.entity, &again.entity));
    let world = (stricter, world.1);
    world.1.read_anew();
    let after = world.1.find(&id("plain"), &world.0, at(2.0)).unwrap().unwrap();
    assert!(!Rc::ptr_eq(&before.entity, &after.entity));
    // What can't be read by its rules is asked for again, and refused again.
    assert_eq!(known(&world, "cleared", 2.0), "ask");
    told(&world, "cleared", agent("cleared", "", r#","attributes":{"clearance":3}"#), 2.0);
    assert_eq!(known(&world, "cleared", 2.0), "unavailable");
    // A stream that is open does not end for that.
    assert!(world.1.last(&id("cleared")).unwrap().is_some());
}

#[test]
fn what_was_said_last_outlives_its_time_for_those_who_can_not_wait() {
    let world = world("", 64);
    assert!(world.1.last(&id("a")).is_none());
    told(&world, "a", FetchReply::Failed, 0.0);
    assert!(world.1.last(&id("a")).is_none());
    told(&world, "a", agent("a", "", ""), 0.0);
    assert_eq!(known(&world, "a", 1000.0), "ask");
    assert!(world.1.last(&id("a")).unwrap().is_some());
    told(&world, "a", nobody(), 1000.0);
    assert!(world.1.last(&id("a")).unwrap().is_none());
}

#[test]
fn what_is_kept_is_bounded_and_what_is_asked_for_stays() {
    let world = world("", 64);
    let size = || world.1.state.borrow().kept.size();
    told(&world, "used", agent("used", "", ""), 0.0);
    for n in 0..1000 {
        let reply = match n % 3 {
            0 => nobody(),
            1 => FetchReply::Failed,
            _ => agent(&n.to_string(), "", &format!(r#","purpose":"{}""#, "x".repeat(5000))),
        };
        told(&world, &n.to_string(), reply, 1.0);
        assert_eq!(known(&world, "used", 1.0), "agent", "{n}");
        let (count, bytes) = size();
        assert!(count <= 64 && bytes <= 64 * MEAN_BYTES, "{n}: {count} {bytes}");
    }
    for n in 0..1000 {
        known(&world, &n.to_string(), 31.0);
    }
    assert!(due(&world) <= MAX_WANTED);
}
