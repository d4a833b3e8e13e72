//! Header maps: which can be reached in which callback, and what their bytes survive.

use host_tests::vm::{HeaderMap, Options, Profile, pairs};

use crate::guest::{CONTINUE, Guest, PAUSE, ok, post, read, said, write};

/// Reads and writes of request headers, response headers, and a write of request trailers.
fn probe(callback: &str) -> String {
    let probes = [
        read(&format!("{callback} request get"), 0),
        write(&format!("{callback} request set"), 0),
        read(&format!("{callback} response get"), 2),
        write(&format!("{callback} response set"), 2),
        write(&format!("{callback} trailers set"), 1),
        format!(
            "(call $say '{callback} property' (call $property 'request\\00method' (i32.const 16) (i32.const 20)))"
        ),
    ];
    probes.concat().replace("\\00", "\0")
}

fn row(said: &[String], callback: &str) -> String {
    let row = said.iter().filter_map(|line| line.strip_prefix(&format!("{callback} ")));
    row.map(|line| line.split('=').nth(1).unwrap()).collect::<Vec<_>>().join("")
}

fn probing(headers: &str) -> Guest {
    let with = |callback: &str, result: &str| probe(callback) + result;
    Guest::default()
        .on("proxy_on_request_headers", &with("headers", headers))
        .on("proxy_on_request_body", &with("body", CONTINUE))
        .on("proxy_on_request_trailers", &with("trailers", CONTINUE))
        .on("proxy_on_response_headers", &with("response", CONTINUE))
        .on("proxy_on_response_body", &with("reply", CONTINUE))
        .on("proxy_on_log", &probe("log"))
        .on("proxy_on_done", &with("done", "(i32.const 1)"))
}

/// The table of what Envoy 1.40 answers, row by row: request get/set, response get/set, request
/// trailers set, property `request.method`.
#[test]
fn header_maps_are_reachable_exactly_in_their_own_callbacks() {
    let gateway =
        probing(CONTINUE).start(Options { profile: Profile::Envoy, ..Options::default() });
    let exchange = gateway.exchange(0);
    exchange.headers(post(), false);
    exchange.data("1", false);
    exchange.trailers(pairs([("x", "t")]));
    exchange.response_headers(ok(), false);
    exchange.response_data("2", true);
    let said = said(&gateway);
    assert_eq!(row(&said, "headers"), "002220");
    assert_eq!(row(&said, "body"), "222221");
    assert_eq!(row(&said, "trailers"), "222201");
    assert_eq!(row(&said, "response"), "220021");
    assert_eq!(row(&said, "reply"), "222221");
    assert_eq!(row(&said, "log"), "020220");
    assert_eq!(row(&said, "done"), "222221");
}

#[test]
fn held_request_headers_stay_writable_in_the_body_callback() {
    let gateway = probing(PAUSE).start(Options::default());
    let exchange = gateway.exchange(0);
    exchange.headers(post(), false);
    exchange.data("1", true);
    assert_eq!(row(&said(&gateway), "body"), "002200");
    assert_eq!(exchange.forwarded().header("x"), Some(&b"new"[..]));
}

#[test]
fn the_end_of_a_body_lets_the_plugin_add_trailers() {
    let gateway = probing(CONTINUE).start(Options::default());
    let exchange = gateway.exchange(0);
    exchange.headers(post(), false);
    exchange.data("1", true);
    let forwarded = exchange.forwarded();
    assert_eq!(forwarded.trailers(), Some(&pairs([("x", "new")])[..]));
    assert_eq!(forwarded.body(), b"1");
    assert!(forwarded.is_complete());
}

#[test]
fn bytes_that_are_not_utf8_pass_unchanged() {
    let copy = "(drop (call $get (i32.const 0) 'x' (i32.const 16) (i32.const 20)))
        (drop (call $add (i32.const 0) 'y' (i32.load (i32.const 16)) (i32.load (i32.const 20))))
        (drop (call $pairs (i32.const 0) (i32.const 16) (i32.const 20)))
        (drop (call $set_pairs (i32.const 0) (i32.load (i32.const 16)) (i32.load (i32.const 20))))
        (i32.const 0)";
    let gateway = Guest::default().on("proxy_on_request_headers", copy).start(Options::default());
    let exchange = gateway.exchange(0);
    exchange.headers(pairs([(&b"X"[..], &b"\xff\xfe"[..]), (b"z", b"\xc3")]), true);
    let expected = pairs([(&b"x"[..], &b"\xff\xfe"[..]), (b"z", b"\xc3"), (b"y", b"\xff\xfe")]);
    assert_eq!(exchange.forwarded().headers().unwrap().pairs(), expected);
}

#[test]
fn a_single_read_sees_the_first_duplicate_and_the_property_sees_all() {
    let look = "(drop (call $get (i32.const 0) 'dpop' (i32.const 16) (i32.const 20))) (call $tell)
        (drop (call $property 'request\0headers\0dpop' (i32.const 16) (i32.const 20))) (call $tell)
        (call $say 'missing' (call $get (i32.const 0) 'absent' (i32.const 16) (i32.const 20)))
        (i32.const 0)";
    let gateway = Guest::default().on("proxy_on_request_headers", look).start(Options::default());
    gateway.exchange(0).headers(pairs([("dpop", "A"), ("dpop", "B")]), true);
    assert_eq!(said(&gateway), ["A", "A,B", "missing=1"]);
}

#[test]
fn an_unreachable_map_lists_no_pairs_and_says_ok() {
    let look = "(call $say 'pairs' (call $pairs (i32.const 2) (i32.const 16) (i32.const 20)))
        (call $say 'size' (i32.load (i32.const 20))) (i32.const 0)";
    let gateway = Guest::default().on("proxy_on_request_headers", look).start(Options::default());
    gateway.exchange(0).headers(post(), true);
    assert_eq!(said(&gateway), ["pairs=0", "size=0"]);
}

#[test]
fn removing_takes_every_duplicate() {
    let remove = "(drop (call $remove (i32.const 0) 'X')) (i32.const 0)";
    let gateway = Guest::default().on("proxy_on_request_headers", remove).start(Options::default());
    let exchange = gateway.exchange(0);
    exchange.headers(pairs([("x", "1"), ("y", "2"), ("X", "3")]), true);
    assert_eq!(exchange.forwarded().headers(), Some(&HeaderMap::new(pairs([("y", "2")]))));
}

#[test]
fn an_unknown_map_is_a_bad_argument() {
    let gateway = Guest::default()
        .on("proxy_on_request_headers", &(read("status", 99) + CONTINUE))
        .start(Options::default());
    gateway.exchange(0).headers(post(), true);
    assert_eq!(said(&gateway), ["status=2"]);
}

#[test]
fn after_continue_stream_the_request_is_out_of_reach() {
    let resume = format!("(drop (call $continue (i32.const 0))) {} {PAUSE}", write("set", 0));
    let gateway =
        Guest::default().on("proxy_on_request_headers", &resume).start(Options::default());
    let exchange = gateway.exchange(0);
    exchange.headers(post(), true);
    assert_eq!(said(&gateway), ["set=2"]);
    assert!(exchange.forwarded().is_complete());
}
