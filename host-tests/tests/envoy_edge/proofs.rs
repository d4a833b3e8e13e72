//! Proofs of possession on two workers: each is used once, however many send it at the same moment.

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::thread;

use host_tests::envoy::{Client, Issuer, Request, Response};
use serde_json::{Value, json};

use crate::world::{World, call};

/// A gateway that takes DPoP proofs, and its keys at hand.
fn world() -> World {
    World::changed(
        |configuration| {
            configuration["issuers"][0]["keys"] = json!({"inline": Issuer::named("edge").jwks()});
            configuration["proofs"] = json!({"origins": [ORIGIN], "dpop": {}});
        },
        |plan| plan,
    )
}

/// A call with a token that is bound to the client's key, and a proof of that name.
fn proven(world: &World, jti: &str) -> Request {
    let (request, proof) = with_proof(world, jti);
    request.header("dpop", proof)
}

/// The call, and the proof that it still lacks.
fn with_proof(world: &World, jti: &str) -> (Request, String) {
    bound(
        world,
        jti,
        &json!({
            "sub": "dana", "client_id": "refund-bot",
            "act": {"iss": "https://idp.acme.example", "sub": "refund-bot"},
        }),
    )
}

/// The same with a token of these claims.
fn bound(world: &World, jti: &str, claims: &Value) -> (Request, String) {
    let client = Issuer::named("client");
    let mut claims = claims.clone();
    claims["cnf"] = json!({"jkt": client.thumbprint()});
    let token = world.token_with(&claims);
    let proof = client.dpop("POST", &format!("{ORIGIN}/mcp"), &token, jti);
    world.note(proof.clone());
    let request = call("get_order", &json!({"id": 1042}), &token)
        .without("authorization")
        .header("authorization", format!("DPoP {token}"));
    (request, proof)
}

/// Sends them all at the same moment, each on a connection of its own.
fn at_once(world: &World, requests: &[Request]) -> Vec<Response> {
    let start = &Barrier::new(requests.len());
    let clients: Vec<_> = requests.iter().map(|_| world.listener.connect()).collect();
    thread::scope(|scope| {
        let send = |(mut client, request): (Client, _)| {
            scope.spawn(move || {
                start.wait();
                client.send(request);
                client.response(request).expect("an answer")
            })
        };
        let sent: Vec<_> = clients.into_iter().zip(requests).map(send).collect();
        sent.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    })
}

fn reasons(world: &World, from: usize) -> Vec<Value> {
    let receipts = &world.listener.receipts()[from..];
    receipts.iter().map(|r| serde_json::from_str::<Value>(r).unwrap()["reason"].clone()).collect()
}

#[test]
fn one_proof_sent_by_many_at_once_is_forwarded_once() {
    let world = world();
    for round in 0..20 {
        let mark = world.mark();
        let request = proven(&world, &format!("race-{round}"));
        let responses = at_once(&world, &vec![request; 16]);
        let passed = responses.iter().filter(|response| response.status == 200).count();
        assert_eq!(passed, 1, "round {round}: {responses:?}");
        assert!(responses.iter().all(|r| [200, 401].contains(&r.status)), "{responses:?}");
        world.listener.wait_accesses(mark.accesses + 16);
        assert_eq!(world.listener.upstream.seen().len(), mark.upstream + 1, "round {round}");
        let reasons = reasons(&world, mark.receipts);
        let replayed = reasons.iter().filter(|reason| *reason == "dpop_replayed").count();
        assert_eq!((reasons.len(), replayed), (16, 15), "{reasons:?}");
    }
    world.still_works();
}

#[test]
fn four_hundred_proofs_eight_at_a_time_all_pass_and_each_once() {
    let world = world();
    let requests: Vec<_> = (0..400).map(|i| proven(&world, &format!("many-{i}"))).collect();
    for eight in requests.chunks(8) {
        let responses = at_once(&world, eight);
        assert!(responses.iter().all(|response| response.status == 200), "{responses:?}");
    }
    // And each a second time.
    for eight in requests.chunks(8) {
        let responses = at_once(&world, eight);
        assert!(responses.iter().all(|response| response.status == 401), "{responses:?}");
    }
    world.listener.wait_accesses(800);
    assert_eq!(world.listener.upstream.seen().len(), 400);
    let reasons: BTreeSet<_> = reasons(&world, 0).iter().map(Value::to_string).collect();
    assert_eq!(reasons, ["\"dpop_replayed\"".to_owned(), "null".to_owned()].into());
    // `World::still_works` looks for every token in every line, which are too many here.
    world.listener.on_every_worker(1, |listener| {
        assert_eq!(listener.send(&world.good()).status, 200);
    });
}

#[test]
fn a_bound_token_is_no_bearer_token_and_no_proof_reaches_the_upstream() {
    let world = world();
    let good = proven(&world, "plain");
    world.allows(&good);
    let upstream = world.listener.upstream.seen();
    assert_eq!(upstream.last().unwrap().header("dpop"), None);
    world.refuses(&good, 401, "dpop_replayed");
    let (without_proof, proof) = with_proof(&world, "twice");
    world.refuses(&without_proof, 401, "proof_of_possession_missing");
    let twice = without_proof.header("dpop", proof.clone()).header("dpop", proof);
    let refused = world.refuses(&twice, 401, "dpop_malformed");
    let challenge = refused.header("www-authenticate").unwrap();
    assert!(challenge.starts_with("DPoP error=\"invalid_dpop_proof\", algs="), "{challenge}");
    world.still_works();
}

/// What one worker has seen every other knows.
#[test]
fn a_key_that_proved_one_agent_proves_no_other_on_any_worker() {
    let world = world();
    world.allows(&proven(&world, "whose"));
    let mut sent = 0;
    world.listener.on_every_worker(2, |_| {
        sent += 1;
        let claims = json!({"sub": "nightly-report", "client_id": "nightly-report"});
        let (request, proof) = bound(&world, &format!("another-{sent}"), &claims);
        world.refuses(&request.header("dpop", proof), 403, "shared_key");
    });
    world.allows(&proven(&world, "still ours"));
    world.still_works();
}

const ORIGIN: &str = "https://gateway.acme.example";
