//! The vectors of the documentation, answers that are none, and who may approve.

use super::*;
use crate::json::{Limits, read};
use crate::model::{
    ActionName, Actor, Asked, Delegation, PrincipalId, ProtocolName, ResourceId, ResourceKind,
    Typing,
};

const LIMITS: Limits = Limits { bytes: 100_000, depth: 16, items: 10_000 };

fn object(text: &str) -> Object {
    read(text.as_bytes(), &LIMITS).unwrap().as_object().unwrap().clone()
}

fn text<'o>(object: &'o Object, name: &str) -> &'o str {
    object.get(name).and_then(Value::as_str).unwrap()
}

#[test]
fn the_vectors_of_the_documentation_hold() {
    let document = include_str!("../../../../docs/approvals.md");
    let (_, rest) = document.split_once("```json\n").unwrap();
    let (vectors, _) = rest.split_once("```").unwrap();
    let vectors = read(vectors.as_bytes(), &LIMITS).unwrap();
    let vectors = vectors.as_array().unwrap();
    assert!(vectors.len() >= 9);
    for vector in vectors {
        let vector = vector.as_object().unwrap();
        let bound = vector.get("binding").and_then(Value::as_object).unwrap();
        let binding = Binding::of_object(bound.clone()).unwrap();
        assert_eq!(binding.digest(), text(vector, "digest"), "{}", text(vector, "about"));
    }
}

fn asked(input: &str) -> Asked {
    Asked {
        protocol: ProtocolName::Mcp,
        action: ActionName("orders/refund".to_owned()),
        resource: ResourceId { kind: ResourceKind::Tool, id: "orders/refund".to_owned() },
        input: Some(object(input)),
        typing: Typing::Opaque,
    }
}

fn actor() -> Actor {
    let id = |text: &str| PrincipalId::parse(text).unwrap();
    let delegator = id("https://idp.acme.example#dana");
    let delegation = Some(Delegation { delegator, prior: Vec::new() });
    Actor { agent: id("https://idp.acme.example#refund-bot"), delegation }
}

fn binding(input: &str) -> Option<Binding> {
    bound_by(asked(input).input.as_ref())
}

fn bound_by(arguments: Option<&Object>) -> Option<Binding> {
    let (asked, actor) = (asked("{}"), actor());
    Binding::of(Bound {
        gateway: "https://gateway.acme.example",
        actor: &actor,
        key: None,
        server: Some("orders"),
        content: Content::Arguments(arguments),
        asked: &asked,
        resource: "Tool::orders/refund".to_owned(),
        tool: None,
        revision: 7,
    })
}

#[test]
fn what_is_decided_about_is_what_the_vectors_bind() {
    let digest = |input| binding(input).unwrap().digest().to_owned();
    let first = "zNJFIXbqWZRLD6HG5gOXYRt5v_aHqv-VlQNivSizw-s";
    assert_eq!(digest(r#"{"id":1042,"amount":400}"#), first);
    assert_eq!(digest(r#"{ "amount":400, "id":1042 }"#), first);
    for (other, of) in [
        (r#"{"id":1042,"amount":401}"#, "C6auk0I4oqpaFGUDe1ElN62o_XhD9PgtgKycaW3UsBQ"),
        (r#"{"id":1042,"amount":"400"}"#, "NhNnpAXrevJstwSGoFuN9g-iy6LvARxDfBhbkTiypKQ"),
        (r#"{"id":1042,"amount":400,"note":""}"#, "BrVLC4OEek3StF7RVXtYgxdiRkTcZvVS7xcVG06a4NI"),
    ] {
        assert_eq!(digest(other), of);
    }
}

#[test]
fn what_two_readers_could_take_for_two_things_is_bound_by_nothing() {
    for inexact in [
        r#"{"amount":10.5}"#,
        r#"{"amount":10.0}"#,
        r#"{"amount":1e3}"#,
        r#"{"a":[1,{"b":[0.1]}]}"#,
        &format!("{{\"note\":\"{}\"}}", "x".repeat(64 << 10)),
    ] {
        assert!(binding(inexact).is_none(), "{inexact:.40}");
    }
    // As long as it is written, whatever it is made of.
    let most = 64 << 10;
    for (item, text) in
        [("9007199254740991,", "1"), ("-1,", "null"), ("\"\\u0001\\n\",", "{}"), ("[],", "0")]
    {
        let list = |count: usize| format!("{{\"a\":[{}{text}]}}", item.repeat(count));
        let fits = (most - list(0).len()) / item.len();
        let limits = Limits { bytes: 1 << 20, items: 1 << 20, ..LIMITS };
        let bound = |text: &str| {
            let value = read(text.as_bytes(), &limits).unwrap();
            bound_by(value.as_object()).is_some()
        };
        assert!(bound(&list(fits)) && !bound(&list(fits + 1)), "{item}");
    }
    assert!(binding(r#"{"amount":9007199254740991,"a":[null,true,-9007199254740991]}"#).is_some());
    assert!(read(br#"{"amount":9007199254740993}"#, &LIMITS).is_err());
}

#[test]
fn an_answer_that_is_not_understood_is_no_approval() {
    let answered = |status: u16, body: &str| {
        let (headers, body) = (crate::fetch::ReplyHeaders::default(), body.as_bytes().to_vec());
        Answer::read(crate::fetch::FetchReply::Answered { status, headers, body })
    };
    let ticket = "mX4oTq0yQm2n5x1Wb8kZ3w";
    let pending = format!(r#"{{"status":"pending","ticket":"{ticket}","since":1}}"#);
    assert_eq!(answered(202, &pending), Answer::Pending(ticket.to_owned()));
    assert_eq!(answered(200, r#"{"status":"denied"}"#), Answer::Denied);
    assert_eq!(answered(429, ""), Answer::TooMany);
    let approved = answered(200, r#"{"status":"approved","approval":"a.b.c"}"#);
    assert_eq!(approved, Answer::Approved("a.b.c".to_owned()));
    for (status, body) in [
        (200, pending.as_str()),
        (202, r#"{"status":"approved","approval":"a.b.c"}"#),
        (202, r#"{"status":"denied"}"#),
        (202, r#"{"status":"pending","ticket":"short"}"#),
        (202, r#"{"status":"pending","ticket":"mX4oTq0yQm2n5x1Wb8kZ3w\"x"}"#),
        (202, r#"{"status":"pending","ticket":"../../mX4oTq0yQm2n5x1Wb8kZ3w"}"#),
        (202, r#"{"status":"pending"}"#),
        (200, r#"{"status":"Approved","approval":"a.b.c"}"#),
        (200, r#"{"status":"denied","status":"approved","approval":"a.b.c"}"#),
        (200, r#"{"status":"approved","approval":7}"#),
        (200, r#"["approved"]"#),
        (200, ""),
        (201, r#"{"status":"denied"}"#),
        (304, ""),
        (422, ""),
        (500, r#"{"status":"approved","approval":"a.b.c"}"#),
    ] {
        assert!(matches!(answered(status, body), Answer::Unavailable(_)), "{status} {body}");
    }
    let failed = Answer::read(crate::fetch::FetchReply::Failed);
    assert!(matches!(failed, Answer::Unavailable(_)));
}
