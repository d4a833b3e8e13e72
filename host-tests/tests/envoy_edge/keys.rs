//! Keys that come late, or not at all.

use std::time::{Duration, Instant};

use host_tests::envoy::wait;
use host_tests::envoy::{Answer, ISSUER, Issuer, Request, Server};
use serde_json::Value;

use crate::world::World;

/// The engine's: after a failure, keys are asked for again no sooner than this.
const BACKOFF: Duration = Duration::from_secs(5);
/// The engine's: a call is given up after this.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);

fn cold(idp: impl FnOnce(&Server)) -> World {
    let issuer = Issuer::named("edge");
    let server = Server::start(Answer::json(&issuer.jwks()));
    idp(&server);
    World::with_idp(issuer, server, |_| (), |plan| plan)
}

#[test]
fn without_keys_nothing_is_allowed_and_with_them_everything_is_well_soon() {
    let world = cold(Server::down);
    world.listener.on_every_worker(2, |_| {
        let response = world.refuses(&world.good(), 503, "keys_unavailable");
        assert!(response.header("retry-after").is_some(), "{response:?}");
    });
    let up = Instant::now();
    world.idp.up();
    wait::until("keys", 3 * BACKOFF, String::new, || {
        let response = world.listener.send(&world.good());
        assert!([200, 503].contains(&response.status), "{response:?}");
        (response.status == 200).then_some(())
    });
    // One worker has them; the other asked at about the same time.
    wait::until("keys on every worker", 3 * BACKOFF, String::new, || {
        let mut all = true;
        world.listener.on_every_worker(1, |l| all &= l.send(&world.good()).status == 200);
        all.then_some(())
    });
    let took = up.elapsed();
    assert!(took < 2 * BACKOFF, "keys were up for {took:?} before every worker had them");
    world.still_works();
}

#[test]
fn a_hundred_requests_that_wait_for_keys_cost_one_fetch_per_vm() {
    let world = in_time(|world| {
        let requests: Vec<_> = (0..100).map(|_| world.good()).collect();
        let mut clients: Vec<_> = requests.iter().map(|_| world.listener.connect()).collect();
        for (client, request) in clients.iter_mut().zip(&requests) {
            client.send(request);
        }
        world.listener.wait_under_way(100);
        world.upstream_saw_nothing(&world.mark());
        let waited = world.idp.seen().len();
        Some((requests, clients, waited))
    });
    let (world, (requests, mut clients, waited)) = world;
    assert!((1..=3).contains(&waited), "{waited} fetches for two workers and the main thread");
    for (client, request) in clients.iter_mut().zip(&requests) {
        let response = client.response(request).unwrap();
        assert_eq!(response.status, 200, "{response:?}");
    }
    assert!(world.idp.seen().len() <= 3, "{} fetches", world.idp.seen().len());
    world.listener.wait_accesses(100);
    assert_eq!(world.listener.receipts().len(), 100);
    assert_eq!(world.listener.upstream.seen().len(), 100);
    world.still_works();
}

#[test]
fn a_client_that_goes_away_while_it_waits_for_keys_leaves_nothing_behind() {
    let (world, ()) = in_time(|world| {
        let mark = world.mark();
        let mut client = world.listener.connect();
        client.send(&world.good());
        world.listener.wait_under_way(1);
        drop(client);
        let access = world.abandoned(&mark);
        assert_eq!((access.status, access.flags.as_str()), (0, "DC"), "{access:?}");
        Some(())
    });
    world.listener.on_every_worker(3, |_| {
        let response = world.listener.send(&world.good());
        assert_eq!(response.status, 200, "{response:?}");
    });
    let receipts = world.listener.receipts().len();
    let upstream = world.listener.upstream.seen().len();
    let accesses = world.listener.wait_accesses(upstream + 1).len();
    assert_eq!((receipts, accesses), (upstream + 1, upstream + 1), "one of them left undecided");
    world.still_works();
}

#[test]
fn keys_that_are_none_are_not_taken() {
    for answer in [
        Answer::json(&serde_json::json!({"keys": []})),
        Answer::ok("text/html", "<html>200</html>"),
        Answer::json(&Issuer::named("edge").jwks()).status(500),
        Answer::json(&Issuer::named("edge").jwks())
            .status(302)
            .header("location", "http://127.0.0.1/"),
        Answer::ok("application/json", vec![b' '; 300 * 1024]),
    ] {
        let world = cold(|idp| idp.answers(answer));
        world.listener.on_every_worker(1, |_| {
            world.refuses(&world.good(), 503, "keys_unavailable");
        });
    }
}

/// K4: within a minute of the last fetch nobody's invention costs another one.
#[test]
fn invented_key_ids_make_no_flood_of_fetches() {
    let world = World::open();
    world.still_works();
    let fetched = world.idp.seen().len();
    for i in 0..100 {
        let token = world.note(Issuer::named(&format!("invented-{i}")).token("refund-bot", "dana"));
        let request = world.good().without("authorization");
        let request = request.header("authorization", format!("Bearer {token}"));
        world.refuses(&request, 401, "key_unknown");
    }
    assert_eq!(world.idp.seen().len(), fetched, "fetches for keys that nobody has");
    world.still_works();
}

#[test]
fn a_forged_token_is_no_token_even_if_its_key_id_is_known() {
    let world = World::open();
    let token = world.note(Issuer::named("another").token("refund-bot", "dana"));
    let parts: Vec<_> = token.split('.').collect();
    let header = world.token().split('.').next().unwrap().to_owned();
    let renamed = [header.as_str(), parts[1], parts[2]].join(".");
    for (token, reason) in [(token.clone(), "key_unknown"), (renamed, "signature_invalid")] {
        let request = world.good().without("authorization");
        let request = request.header("authorization", format!("Bearer {token}"));
        world.refuses(&request, 401, reason);
    }
    let receipts: Vec<Value> =
        world.listener.receipts().iter().map(|r| serde_json::from_str(r).unwrap()).collect();
    assert!(receipts.iter().all(|receipt| receipt["agent"].is_null()), "{receipts:?}");
    world.still_works();
}

/// Every VM asks Envoy the known answers when it starts, and every new token afterwards. The
/// counters are those of all VMs of this Envoy, so other tests may add to them.
#[test]
fn signatures_are_verified_by_the_gateway_itself_and_wrong_ones_found() {
    let world = World::open();
    let admin = world.listener.gateway().admin();
    let count = |event: &str| admin.stat(&format!("wasmcustom.deputy.signature.{event}"));
    world.allows(&world.good());
    let before = count("host");
    for n in 0..10 {
        let token = world.token_with(&serde_json::json!({
            "sub": "dana", "client_id": "refund-bot", "jti": format!("new {n}"),
            "act": {"iss": ISSUER, "sub": "refund-bot"},
        }));
        world.allows(&authorized(&world.good(), &token));
        let (message, signature) = token.rsplit_once('.').unwrap();
        let other = if signature.starts_with('A') { "B" } else { "A" };
        let forged = world.note(format!("{message}.{other}{}", &signature[1..]));
        world.refuses(&authorized(&world.good(), &forged), 401, "signature_invalid");
    }
    assert!(count("host") >= before + 20, "{} after {before}", count("host"));
    assert_eq!(count("fallback"), 0);
    world.still_works();
}

fn authorized(request: &Request, token: &str) -> Request {
    request.clone().without("authorization").header("authorization", format!("Bearer {token}"))
}

/// Does something while the first fetch of every VM is kept waiting, then lets it through. On a
/// machine so busy that the fetch was given up meanwhile, once more.
fn in_time<T>(act: impl Fn(&World) -> Option<T>) -> (World, T) {
    for _ in 0..5 {
        let begun = Instant::now();
        let world = cold(Server::hold);
        let done = act(&world);
        let late = begun.elapsed() >= CALL_TIMEOUT;
        world.idp.release();
        if let (false, Some(done)) = (late, done) {
            return (world, done);
        }
    }
    panic!("this machine is too busy to do it within {CALL_TIMEOUT:?}");
}
