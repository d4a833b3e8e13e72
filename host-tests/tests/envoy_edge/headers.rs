//! Headers: bytes that are no text, names that are ours, tokens that are not the upstream's.

use host_tests::envoy::{Front, Plan, Request};

use crate::world::{World, bare};

fn bare_front(plan: Plan) -> Plan {
    Plan { front: Front::Bare, ..plan }
}

/// Sends it to every worker, and then good requests to every worker.
fn survives(request: impl Fn(&World) -> Request, status: u16, reason: &str) {
    let world = World::changed(|_| (), bare_front);
    world.listener.on_every_worker(2, |_| {
        world.refuses(&request(&world), status, reason);
    });
    world.still_works();
}

#[test]
fn a_byte_that_is_no_text_in_authorization_kills_no_worker() {
    survives(
        |world| {
            let value = [b"Bearer \xff\xfe".as_slice(), world.token().as_bytes()].concat();
            world.good().without("authorization").header("authorization", value)
        },
        400,
        "request_malformed",
    );
}

#[test]
fn a_byte_that_is_no_text_in_a_cookie_kills_no_worker() {
    survives(|world| world.good().header("cookie", b"a=\x80\xc3"), 400, "request_malformed");
}

/// Envoy's own HTTP/1 codec takes no such path; should it ever, the plugin has to.
#[test]
fn a_byte_that_is_no_text_in_the_path_kills_no_worker() {
    let world = World::changed(|_| (), bare_front);
    for target in [&b"/mcp\xc3\x28"[..], b"/mcp\xff", b"/\x80", b"/mcp?a=\xc3\xa4"] {
        let mark = world.mark();
        let response = world.listener.send(&Request { target: target.to_vec(), ..world.good() });
        assert_eq!(response.status, 400, "{target:?}");
        world.refused_by_envoy(&mark, &response, "http1.codec_error");
    }
    world.still_works();
}

#[test]
fn a_byte_that_is_no_text_in_user_agent_kills_no_worker() {
    survives(
        |world| world.good().header("user-agent", b"\xf0\x28\x8c\xbc"),
        400,
        "request_malformed",
    );
}

#[test]
fn a_byte_that_is_no_text_in_mcp_name_kills_no_worker() {
    let name =
        |world: &World| world.good().without("mcp-name").header("mcp-name", b"get_\xfforder");
    survives(name, 400, "request_malformed");
}

#[test]
fn a_byte_that_is_no_text_in_a_header_nobody_knows_kills_no_worker() {
    survives(|world| world.good().header("x-anything", b"\xff"), 400, "request_malformed");
}

#[test]
fn a_client_can_not_say_who_it_is() {
    let world = World::changed(|_| (), bare_front);
    let request = world
        .good()
        .header("x-deputy-agent", "root")
        .header("X-Deputy-Agent", "root")
        .header("x_deputy_agent", "root")
        .header("X-Deputy_On-Behalf-Of", "root")
        .header("x-deputy-evaluation-id", "root")
        .header("x-deputy-anything", "root");
    world.allows(&request);
    let seen = world.listener.upstream.seen().pop().unwrap();
    let forged: Vec<_> = seen.head.headers.iter().filter(|(_, value)| value == b"root").collect();
    assert!(forged.is_empty(), "{:?}", seen.head);
    let ours = |name: &[u8]| String::from_utf8_lossy(name).to_lowercase().starts_with("x-deputy");
    let count = seen.head.headers.iter().filter(|(name, _)| ours(name)).count();
    assert_eq!(count, 3, "{:?}", seen.head);
    world.still_works();
}

#[test]
fn a_name_with_an_underscore_is_refused_by_the_recommended_envoy() {
    let world = World::open();
    let mark = world.mark();
    let response = world.listener.send(&world.good().header("x_deputy_agent", "root"));
    assert_eq!(response.status, 400);
    let accesses = world.listener.wait_accesses(1);
    assert_eq!(accesses[0].receipt, None, "{accesses:?}");
    world.upstream_saw_nothing(&mark);
    world.still_works();
}

/// H14: nobody decides about a request that two servers could see end in two places.
#[test]
fn a_request_with_two_lengths_is_refused_by_envoy() {
    let world = World::open();
    let both = "http1.content_length_and_chunked_not_allowed";
    let lengths: [(&[(&str, &str)], &str); 4] = [
        (&[("content-length", "5"), ("transfer-encoding", "chunked")], both),
        (&[("transfer-encoding", "chunked"), ("content-length", "5")], both),
        (&[("content-length", "5"), ("content-length", "6")], "http1.codec_error"),
        (&[("content-length", "5, 6")], "http1.codec_error"),
    ];
    for (lengths, details) in lengths {
        let request = lengths
            .iter()
            .fold(world.good(), |request, (name, value)| request.header(name, *value));
        let mark = world.mark();
        let response = world.listener.send(&request);
        assert_eq!(response.status, 400, "{lengths:?}: {response:?}");
        world.refused_by_envoy(&mark, &response, details);
    }
    world.still_works();
}

#[test]
fn a_token_ends_at_the_gateway() {
    let world = World::open();
    world.allows(&world.good());
    let seen = world.listener.upstream.seen().pop().unwrap();
    let token = world.token();
    let header = token.split('.').next().unwrap().as_bytes();
    let holds = |value: &[u8]| value.windows(header.len()).any(|window| window == header);
    assert!(!seen.head.headers.iter().any(|(_, value)| holds(value)), "{:?}", seen.head);
    world.still_works();
}

#[test]
fn two_credentials_are_refused() {
    let world = World::open();
    let token = world.token();
    let twice = world.good().header("authorization", format!("Bearer {token}"));
    world.refuses(&twice, 400, "ambiguous_credential");
    let other = world.good().header("authorization", "Basic eDp5");
    world.refuses(&other, 400, "ambiguous_credential");
    let empty = bare("").without("authorization").header("authorization", "").body("{}");
    let mark = world.mark();
    let response = world.listener.send(&empty);
    assert_eq!(response.status, 401, "{response:?}");
    world.upstream_saw_nothing(&mark);
    world.still_works();
}

#[test]
fn sixty_kilobytes_of_headers_are_decided_or_refused_by_envoy() {
    let world = World::open();
    let many = (0..90)
        .fold(world.good(), |request, i| request.header(&format!("x-filler-{i}"), "x".repeat(400)));
    world.allows(&many);
    let too_many = (0..300)
        .fold(world.good(), |request, i| request.header(&format!("x-filler-{i}"), "x".repeat(400)));
    let mark = world.mark();
    let response = world.listener.send(&too_many);
    assert_eq!(response.status, 431);
    world.upstream_saw_nothing(&mark);
    world.still_works();
}
