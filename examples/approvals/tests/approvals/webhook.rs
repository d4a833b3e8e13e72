//! Somebody is told of every new request, however often it takes; and of none twice.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::world::{World, binding, listener, serve};

type Seen = Arc<Mutex<Vec<Value>>>;

/// A receiver that fails as often as it is told.
async fn receiver(failures: usize) -> (String, Seen) {
    let (listener, address) = listener().await;
    let seen = Seen::default();
    let answer = move |State(seen): State<Seen>, Json(body): Json<Value>| async move {
        let mut seen = seen.lock().unwrap();
        seen.push(body);
        if seen.len() <= failures { StatusCode::BAD_GATEWAY } else { StatusCode::NO_CONTENT }
    };
    serve(listener, Router::new().route("/hook", post(answer)).with_state(Arc::clone(&seen)));
    (format!("{address}/hook"), seen)
}

async fn until(what: impl AsyncFn() -> bool) {
    for _ in 0..400 {
        if what().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it did not happen in 20 s");
}

#[tokio::test]
async fn the_webhook_is_told_of_a_new_request_and_tried_again() {
    let (url, seen) = receiver(1).await;
    let world =
        World::with(|config| config["webhook"] = json!({ "url": url, "attempts": 4 })).await;
    tokio::spawn(Arc::clone(&world.service).tell_webhook());
    let asked = world.ask(&binding()).await;
    world.ask(&binding()).await;
    until(async || seen.lock().unwrap().len() >= 2).await;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let seen = seen.lock().unwrap().clone();
    assert_eq!(
        seen.len(),
        2,
        "the one that failed, the one that did not, and none for asking again"
    );
    assert_eq!(seen[1]["url"], world.page_of(&asked));
    assert_eq!(seen[1]["type"], "approval.requested");
    assert!(!seen[1].to_string().contains("1042"), "an argument left the house");
}

#[tokio::test]
async fn a_webhook_that_never_answers_is_given_up_and_the_audit_says_so() {
    let (url, seen) = receiver(usize::MAX).await;
    let world =
        World::with(|config| config["webhook"] = json!({ "url": url, "attempts": 2 })).await;
    tokio::spawn(Arc::clone(&world.service).tell_webhook());
    world.ask(&binding()).await;
    until(async || world.events().await.contains(&"webhook_failed".to_owned())).await;
    assert_eq!(seen.lock().unwrap().len(), 2);
    let last = world.audit().await.pop().unwrap();
    assert_eq!((&last["attempts"], &last["problem"]), (&json!(2), &json!("status 502")));
}
