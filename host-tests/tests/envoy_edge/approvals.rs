//! Approvals on two workers: the service is asked as `docs/approvals.md` says, and each approval is used
//! once, however many calls come at the same moment.

use std::collections::BTreeMap;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

use host_tests::cases::approvals;
use host_tests::envoy::{Answer, Client, Issuer, Reply, Request, Response, Seen, Server, wire};
use serde_json::{Value, json};

use crate::world::{World, call};

/// A gateway, and the service it asks.
struct Scene {
    world: World,
    service: Server,
}

/// What became of each request for approval: how many approvals of it were used.
type Used = Arc<Mutex<BTreeMap<String, usize>>>;

impl Scene {
    /// A human who says yes to everything at once.
    fn approving() -> Self {
        Self::with(|question, digest, used| match question["used"].is_string() {
            true => {
                *used.lock().unwrap().entry(digest.to_owned()).or_default() += 1;
                let pending = json!({"status": "pending", "ticket": "mX4oTq0yQm2n5x1Wb8kZ3w"});
                Answer::json(&pending).status(202)
            }
            false => Answer::json(&json!({"status": "approved", "approval": approval(digest)})),
        })
    }

    fn with(answer: impl Fn(&Value, &str, &Used) -> Answer + Send + Sync + 'static) -> Self {
        let used = Used::default();
        let service = Server::start(Reply::Reset);
        service.answers_by(move |seen| match question(seen) {
            Some((question, digest)) => answer(&question, &digest, &used).into(),
            None => Answer::json(&json!({})).status(422).into(),
        });
        let address = service.address();
        let world = World::changed(
            |configuration| {
                configuration["issuers"][0]["keys"] =
                    json!({"inline": Issuer::named("edge").jwks()});
                configuration["approvals"] = json!({
                    "endpoint": {
                        "cluster": "approvals", "authority": "approvals.acme.example",
                        "path": "/v1/requests",
                    },
                    "page": "https://approvals.acme.example/r/",
                    "issuer": SERVICE,
                    "algorithms": ["ES256"],
                    "keys": {"inline": Issuer::named("approvals").jwks()},
                });
            },
            |plan| plan.cluster("approvals", address),
        );
        Self { world, service }
    }

    /// All tests here share one store: each has an order of its own, so that none uses up another's
    /// approvals.
    fn refund(&self, order: u64, amount: u64) -> Request {
        call("refund", &json!({"id": order, "amount": amount}), &self.world.token())
    }

    /// Sends them all at the same moment, each on a connection of its own.
    fn at_once(&self, requests: &[Request]) -> Vec<Response> {
        let start = &Barrier::new(requests.len());
        let clients: Vec<_> = requests.iter().map(|_| self.world.listener.connect()).collect();
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

    fn reasons(&self, from: usize) -> Vec<Value> {
        let receipts = &self.world.listener.receipts()[from..];
        let reason =
            |receipt: &String| serde_json::from_str::<Value>(receipt).unwrap()["reason"].clone();
        receipts.iter().map(reason).collect()
    }
}

/// What was asked, and the digest it was asked by, if it was asked as specified.
fn question(seen: &Seen) -> Option<(Value, String)> {
    let (method, path) = (seen.head.word(0), seen.head.word(1));
    let question: Value = serde_json::from_slice(&seen.body).ok()?;
    let digest = approvals::digest(&question["binding"]).ok()?;
    let typed = wire::value(&seen.head.headers, "content-type") == Some(b"application/json");
    let good = method == b"PUT" && typed && path == format!("/v1/requests/{digest}").as_bytes();
    good.then_some((question, digest))
}

/// A yes of lee's. One request has one approval, so the digest is id enough.
fn approval(digest: &str) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    Issuer::named("approvals").sign_document(
        "agent-approval+jwt",
        &json!({
            "iss": SERVICE, "aud": "https://gateway.acme.example", "jti": format!("yes-{digest}"),
            "iat": now - 5, "exp": now + 200, "sub": "https://idp.acme.example#lee",
            "approver": {"iss": "https://idp.acme.example", "sub": "lee", "auth_time": now - 60},
            "digest": digest, "uses": 1,
        }),
    )
}

/// V2.
#[test]
fn one_approval_of_many_calls_at_once_lets_one_through() {
    let scene = Scene::approving();
    for round in 0..20 {
        let mark = scene.world.mark();
        let responses = scene.at_once(&vec![scene.refund(1, 101 + round); 8]);
        let passed = responses.iter().filter(|response| response.status == 200).count();
        assert_eq!(passed, 1, "round {round}: {responses:?}");
        assert!(responses.iter().all(|r| [200, 403].contains(&r.status)), "{responses:?}");
        scene.world.listener.wait_accesses(mark.accesses + 8);
        assert_eq!(scene.world.listener.upstream.seen().len(), mark.upstream + 1, "round {round}");
        let reasons = scene.reasons(mark.receipts);
        let used = reasons.iter().filter(|reason| *reason == "approval_used").count();
        assert_eq!((reasons.len(), used), (8, 7), "{reasons:?}");
    }
    scene.world.still_works();
}

#[test]
fn four_hundred_approvals_eight_at_a_time_all_pass_and_each_once() {
    let scene = Scene::approving();
    let requests: Vec<_> = (101..=500).map(|amount| scene.refund(2, amount)).collect();
    for eight in requests.chunks(8) {
        let responses = scene.at_once(eight);
        assert!(responses.iter().all(|response| response.status == 200), "{responses:?}");
    }
    // And each a second time.
    for eight in requests.chunks(8) {
        let responses = scene.at_once(eight);
        assert!(responses.iter().all(|response| response.status == 403), "{responses:?}");
    }
    scene.world.listener.wait_accesses(800);
    assert_eq!(scene.world.listener.upstream.seen().len(), 400);
    let reasons = scene.reasons(0);
    let used = reasons.iter().filter(|reason| *reason == "approval_used").count();
    assert_eq!((reasons.len(), used), (800, 400));
}

#[test]
fn what_waits_for_a_human_is_refused_with_the_page_and_the_service_is_asked_once_each() {
    let scene = Scene::with(|_, _, _| {
        Answer::json(&json!({"status": "pending", "ticket": "mX4oTq0yQm2n5x1Wb8kZ3w"})).status(202)
    });
    let refused = scene.world.refuses(&scene.refund(3, 400), 403, "approval_required");
    let page = "https://approvals.acme.example/r/mX4oTq0yQm2n5x1Wb8kZ3w";
    assert!(refused.text().contains(page), "{}", refused.text());
    assert_eq!(scene.service.seen().len(), 1);
    scene.service.answers(Reply::Reset);
    scene.world.refuses(&scene.refund(3, 400), 503, "approval_unavailable");
    scene.world.allows(&scene.refund(3, 40));
    scene.world.still_works();
}

/// What a client has answered about the page does not reach the server, though the body is held and the
/// decision falls in the callback of another call.
#[test]
fn an_answer_about_the_page_is_taken_out_of_the_body() {
    let scene = Scene::approving();
    let params = json!({
        "name": "refund", "arguments": {"id": 4, "amount": 400},
        "inputResponses": {"deputy.approval": {"action": "accept"}},
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"url": {}}},
        },
    });
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    let request = crate::world::bare(&scene.world.token())
        .header("mcp-method", "tools/call")
        .header("mcp-name", "refund")
        .body(body.to_string());
    scene.world.allows(&request);
    let upstream = scene.world.listener.upstream.seen();
    let mut expected = body;
    expected["params"].as_object_mut().unwrap().remove("inputResponses");
    let got = upstream.last().unwrap();
    assert!(got.whole, "{got:?}");
    assert_eq!(serde_json::from_slice::<Value>(&got.body).unwrap(), expected);
    scene.world.still_works();
}

const SERVICE: &str = "https://approvals.acme.example";
