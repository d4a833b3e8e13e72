//! What changes while requests run: from the moment something is published to every worker.

use std::time::{Duration, Instant};

use host_tests::envoy::{Answer, Issuer, Server, wait};
use serde_json::{Value, json};

use crate::world::World;

/// What the documents promise.
const PROMISED: Duration = Duration::from_secs(5);
const LONG: Duration = Duration::from_secs(30);

fn signed(signer: &Issuer, typ: &str, revision: u64, mut contents: Value) -> Answer {
    contents["version"] = 1.into();
    contents["revision"] = revision.into();
    contents["issued_at"] = "2026-01-01T00:00:00Z".into();
    contents["expires"] = "2099-01-01T00:00:00Z".into();
    Answer::ok("application/jose", signer.sign_document(typ, &contents).into_bytes())
}

fn revoked(signer: &Issuer, revision: u64, agents: &[&str]) -> Answer {
    let contents = json!({"revocations": {"agents": agents}});
    signed(signer, "deputy-revocations+jwt", revision, contents)
}

fn with_feed(signer: &Issuer, feed: &Server, more: &Value) -> World {
    let mut section = json!({
        "keys": signer.jwks(),
        "fetch": {"cluster": "feed", "authority": "feed.acme.example", "path": "/revocations"},
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        section[name] = value.clone();
    }
    let address = feed.address();
    World::changed(
        |configuration| configuration["revocation_feed"] = section,
        |plan| plan.cluster("feed", address),
    )
}

fn on_every_worker(world: &World, request: &host_tests::envoy::Request, status: u16) {
    let (mark, mut sent) = (world.mark(), 0);
    wait::until("the same on every worker", LONG, String::new, || {
        let mut all = true;
        world.listener.on_every_worker(1, |l| {
            all &= l.send(request).status == status;
            sent += 1;
        });
        all.then_some(())
    });
    // An access is logged a little after its response; whoever counts must not find these later.
    world.listener.wait_accesses(mark.accesses + sent);
}

#[test]
fn a_revoked_agent_is_refused_on_every_worker_within_five_seconds() {
    let signer = Issuer::named("revoker");
    let feed = Server::start(revoked(&signer, 1, &[]));
    let world = with_feed(&signer, &feed, &json!({}));
    let request = world.good();
    // The token is verified, and remembered, on every worker.
    world.listener.on_every_worker(2, |_| {
        world.allows(&request);
    });
    feed.answers(revoked(&signer, 2, &["https://idp.acme.example#refund-bot"]));
    let published = Instant::now();
    on_every_worker(&world, &request, 403);
    let took = published.elapsed();
    assert!(took < PROMISED, "{took:?} until every worker refused");
    world.listener.on_every_worker(2, |_| {
        world.refuses(&request, 403, "agent_revoked");
    });
    // An older list, validly signed, brings nobody back; a newer one does.
    feed.answers(revoked(&signer, 1, &[]));
    std::thread::sleep(PROMISED);
    world.listener.on_every_worker(2, |_| {
        world.refuses(&request, 403, "agent_revoked");
    });
    feed.answers(revoked(&signer, 3, &[]));
    on_every_worker(&world, &request, 200);
    world.still_works();
}

#[test]
fn an_open_stream_of_a_revoked_agent_ends_within_five_seconds() {
    let signer = Issuer::named("revoker");
    let feed = Server::start(revoked(&signer, 1, &[]));
    let world = with_feed(&signer, &feed, &json!({}));
    let request = world.good();
    let (answered, pieces) = Answer::live("text/event-stream");
    world.listener.upstream.answers(answered);
    let mut client = world.listener.connect();
    client.send(&request);
    let note = json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"n": 1}});
    let event = format!("data: {note}\n\n");
    pieces.send(event.clone().into_bytes()).unwrap();
    let (mut rest, mut published, mut text) = (Some(pieces), None::<Instant>, Vec::new());
    let response = client.response_as_it_comes(&request, |piece| {
        // The first event is through: from now on the agent is revoked, and the server goes on.
        let revoked =
            || feed.answers(revoked(&signer, 2, &["https://idp.acme.example#refund-bot"]));
        let published = *published.get_or_insert_with(|| {
            revoked();
            Instant::now()
        });
        text.extend_from_slice(piece);
        if String::from_utf8_lossy(&text).contains("refused") {
            rest = None;
        }
        assert!(published.elapsed() < LONG, "the stream is still open");
        std::thread::sleep(Duration::from_millis(100));
        if let Some(pieces) = &rest {
            pieces.send(event.clone().into_bytes()).unwrap();
        }
    });
    let took = published.unwrap().elapsed();
    assert!(took < PROMISED, "{took:?} until the stream ended");
    let text = response.unwrap().text();
    let events: Vec<Value> = text
        .lines()
        .filter_map(|line| serde_json::from_str(line.strip_prefix("data:")?).ok())
        .collect();
    let (last, notes) = events.split_last().unwrap();
    assert_eq!(last["error"]["data"]["withheld"], "refused", "{text}");
    assert!(notes.iter().all(|event| *event == note) && !notes.is_empty(), "{text}");
    let said = |line: &String| line.contains(r#""withheld":"stream","reason":"agent_revoked""#);
    assert!(world.listener.said().iter().any(said), "{:?}", world.listener.said());
    let result = json!({"jsonrpc": "2.0", "id": 1, "result": {}});
    world.listener.upstream.answers(Answer::json(&result));
    world.refuses(&request, 403, "agent_revoked");
    feed.answers(revoked(&signer, 3, &[]));
    on_every_worker(&world, &request, 200);
    world.still_works();
}

#[test]
fn without_the_feed_nothing_is_permitted_for_long() {
    let signer = Issuer::named("revoker");
    let feed = Server::start(revoked(&signer, 1, &[]));
    let world = with_feed(&signer, &feed, &json!({"poll_seconds": 1, "max_age_seconds": 5}));
    let request = world.good();
    world.listener.on_every_worker(2, |_| {
        world.allows(&request);
    });
    feed.down();
    on_every_worker(&world, &request, 503);
    world.listener.on_every_worker(1, |_| {
        world.refuses(&request, 503, "revocations_unavailable");
    });
    feed.up();
    on_every_worker(&world, &request, 200);
    world.still_works();
}

/// Moves what says who may do what out of a configuration, into the contents of a bundle.
fn contents(configuration: &mut Value) -> Value {
    let mut contents = json!({"tools": {}});
    for section in ["attributes", "teams", "humans", "agents", "grants", "http"] {
        if let Some(value) = configuration.as_object_mut().unwrap().remove(section) {
            contents[section] = value;
        }
    }
    contents["policies"] = configuration["policy"]["files"].take();
    configuration.as_object_mut().unwrap().remove("policy");
    for server in configuration["mcp"].as_array_mut().unwrap() {
        let name = server["server"].as_str().unwrap().to_owned();
        contents["tools"][&name] = server["tools"].take();
        server.as_object_mut().unwrap().remove("tools");
    }
    contents
}

#[test]
fn a_new_bundle_replaces_the_old_one_under_load_and_no_request_fails() {
    let signer = Issuer::named("publisher");
    let mut law = Value::Null;
    let bundles = Server::start(Answer::ok("text/plain", "not yet"));
    let address = bundles.address();
    let world = World::changed(
        |configuration| {
            law = contents(configuration);
            configuration["bundle"] = json!({
                "keys": signer.jwks(),
                "poll_seconds": 2,
                "fetch": {"cluster": "bundles", "authority": "b.acme.example", "path": "/b"},
            });
        },
        |plan| plan.cluster("bundles", address),
    );
    let request = world.good();
    world.refuses(&request, 503, "bundle_unavailable");
    let publish = |revision, law: &Value| {
        bundles.answers(signed(&signer, "deputy-bundle+jwt", revision, law.clone()));
    };
    publish(1, &law);
    on_every_worker(&world, &request, 200);
    let mark = world.mark();
    publish(2, &law);
    let begun = Instant::now();
    let mut sent = 0;
    while begun.elapsed() < PROMISED {
        world.listener.on_every_worker(4, |l| {
            assert_eq!(l.send(&request).status, 200);
            sent += 1;
        });
    }
    world.listener.wait_accesses(mark.accesses + sent);
    let receipts = &world.listener.receipts()[mark.receipts..];
    let revision = |receipt: &String| {
        serde_json::from_str::<Value>(receipt).unwrap()["revision"].as_u64().unwrap()
    };
    let revisions: Vec<u64> = receipts.iter().map(revision).collect();
    assert!(revisions.iter().all(|r| [1, 2].contains(r)), "{revisions:?}");
    assert_eq!(revisions.last(), Some(&2), "{revisions:?}");
    // A bundle that is no good changes nothing.
    publish(1, &json!({"policies": []}));
    std::thread::sleep(PROMISED);
    world.listener.on_every_worker(2, |_| {
        world.allows(&request);
    });
}

/// A listener that is opened anew is a new engine on every worker; what they all know outlives it.
#[test]
fn an_older_bundle_is_refused_on_every_worker_of_a_listener_that_is_opened_anew() {
    let signer = Issuer::named("publisher");
    let mut law = Value::Null;
    let bundles = Server::start(Answer::ok("text/plain", "not yet"));
    let address = bundles.address();
    let mut section = json!({
        "keys": signer.jwks(),
        "poll_seconds": 2,
        "fetch": {"cluster": "bundles", "authority": "b.acme.example", "path": "/anew"},
    });
    let first = World::changed(
        |configuration| {
            law = contents(configuration);
            configuration["bundle"] = section.clone();
        },
        |plan| plan.cluster("bundles", address),
    );
    let publish = |revision| {
        bundles.answers(signed(&signer, "deputy-bundle+jwt", revision, law.clone()));
    };
    publish(2);
    on_every_worker(&first, &first.good(), 200);
    let cluster = first.listener.own("bundles");
    drop(first);
    publish(1);
    section["fetch"]["cluster"] = cluster.into();
    let world = World::changed(
        |configuration| {
            contents(configuration);
            configuration["bundle"] = section;
        },
        |plan| plan,
    );
    let request = world.good();
    world.listener.on_every_worker(2, |_| {
        world.refuses(&request, 503, "bundle_unavailable");
    });
    let older = |line: &String| line.contains("revision 1 is older than revision 2");
    assert!(world.listener.said().iter().any(older), "{:?}", world.listener.said());
    let gauge =
        |name: &str| world.listener.gateway().admin().stat(&format!("wasmcustom.deputy.{name}"));
    publish(2);
    on_every_worker(&world, &request, 200);
    // They are one for all listeners here, so others may have told theirs in between.
    wait::until("the gauges", LONG, String::new, || {
        (gauge("bundle.revision") == 2 && gauge("bundle.age_seconds") <= 3).then_some(())
    });
    world.still_works();
}
