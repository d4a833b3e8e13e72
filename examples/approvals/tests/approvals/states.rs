//! Every state of a request, as a gateway sees it.

use serde_json::{Value, json};

use crate::world::{World, binding, digest};

#[tokio::test]
async fn a_question_is_approved_used_and_has_to_be_asked_anew() {
    let world = World::new().await;
    let asked = world.ask(&binding()).await;
    assert_eq!((asked.status, &asked.body["status"]), (202, &json!("pending")));
    assert!(asked.body["ticket"].as_str().unwrap().len() >= 22);
    // Asking again changes nothing.
    assert_eq!(world.ask(&binding()).await.body, asked.body);

    let page = world.decide(&asked, "lee", "approve").await;
    assert!(page.html.contains("Approved") && page.html.contains("Withdraw"), "{}", page.html);
    let approved = world.ask(&binding()).await;
    assert_eq!(world.ask(&binding()).await.body, approved.body);
    let claims = world.verified(&approved).await;
    check_claims(&claims);

    let used = json!({ "used": claims["jti"] });
    let anew = world.ask_with(&binding(), used.clone()).await;
    assert_eq!(anew.status, 202);
    assert_ne!(anew.body["ticket"], asked.body["ticket"]);
    // A worker that tells the same a moment later changes nothing.
    assert_eq!(world.ask_with(&binding(), used).await.body, anew.body);
    assert_eq!(world.ask(&binding()).await.body, anew.body);
    assert_eq!(world.events().await, ["requested", "signed_in", "approved", "used", "requested"]);
}

fn check_claims(claims: &Value) {
    let lee = "https://idp.acme.example#lee";
    assert_eq!(claims["iss"], "https://approvals.acme.example");
    assert_eq!(claims["aud"], "https://gateway.acme.example");
    assert_eq!((&claims["sub"], &claims["approver"]["sub"]), (&json!(lee), &json!("lee")));
    assert_eq!(claims["approver"]["iss"], "https://idp.acme.example");
    assert!(claims["approver"]["auth_time"].is_i64());
    assert_eq!(claims["digest"], digest(&binding()));
    assert_eq!((&claims["uses"], &claims["reason"]), (&json!(1), &json!("looks right")));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 300);
}

/// What two gateways that share a service rely on: whoever says first that it uses an approval does.
#[tokio::test]
async fn of_gateways_that_are_about_to_use_one_approval_one_does() {
    let world = std::sync::Arc::new(World::new().await);
    let asked = world.ask(&binding()).await;
    world.decide(&asked, "lee", "approve").await;
    let claims = world.verified(&world.ask(&binding()).await).await;
    // Another one's id uses nothing.
    let other = world.ask_with(&binding(), json!({ "use": "another" })).await;
    assert_eq!(other.body["status"], "approved");
    let mut answers = Vec::new();
    let all: Vec<_> = (0..8)
        .map(|_| {
            let (world, to_use) = (std::sync::Arc::clone(&world), claims["jti"].clone());
            tokio::spawn(async move { world.ask_with(&binding(), json!({ "use": to_use })).await })
        })
        .collect();
    for answer in all {
        answers.push(answer.await.unwrap().body);
    }
    assert_eq!(answers.iter().filter(|body| **body == json!({ "status": "used" })).count(), 1);
    // For the others a human is asked anew, once.
    let pending: Vec<_> = answers.iter().filter(|body| body["status"] == "pending").collect();
    assert_eq!(pending.len(), 7);
    assert!(pending.iter().all(|body| **body == *pending[0]), "{pending:?}");
    assert_ne!(pending[0]["ticket"], asked.body["ticket"]);
    assert_eq!(world.events().await.iter().filter(|event| *event == "used").count(), 1);
}

/// A human may still take it back, until then.
#[tokio::test]
async fn a_withdrawn_approval_can_not_be_used() {
    let world = World::new().await;
    let asked = world.ask(&binding()).await;
    world.decide(&asked, "lee", "approve").await;
    let claims = world.verified(&world.ask(&binding()).await).await;
    world.decide(&asked, "lee", "withdraw").await;
    let told = world.ask_with(&binding(), json!({ "use": claims["jti"] })).await;
    assert_eq!(told.body, json!({ "status": "denied" }));
}

#[tokio::test]
async fn the_approval_of_a_used_id_is_only_closed_by_its_own_id() {
    let world = World::new().await;
    world.decide(&world.ask(&binding()).await, "lee", "approve").await;
    let approved = world.ask(&binding()).await;
    let other = world.ask_with(&binding(), json!({ "used": "another" })).await;
    assert_eq!(other.body, approved.body);
}

#[tokio::test]
async fn a_denial_holds_as_long_as_an_approval_would_and_no_longer() {
    let world = World::new().await;
    let asked = world.ask(&binding()).await;
    world.decide(&asked, "lee", "deny").await;
    assert_eq!(world.ask(&binding()).await.body, json!({ "status": "denied" }));
    world.later(299);
    assert_eq!(world.ask(&binding()).await.body, json!({ "status": "denied" }));
    world.later(1);
    let anew = world.ask(&binding()).await;
    assert_eq!(anew.status, 202);
    assert_ne!(anew.body["ticket"], asked.body["ticket"]);
}

/// V9.
#[tokio::test]
async fn a_withdrawn_approval_is_a_denial() {
    let world = World::new().await;
    let asked = world.ask(&binding()).await;
    world.decide(&asked, "lee", "approve").await;
    assert_eq!(world.ask(&binding()).await.body["status"], "approved");
    world.decide(&asked, "lee", "withdraw").await;
    assert_eq!(world.ask(&binding()).await.body, json!({ "status": "denied" }));
    assert_eq!(world.events().await.last().unwrap(), "withdrawn");
}

#[tokio::test]
async fn an_approval_that_was_not_used_in_time_has_to_be_asked_for_anew() {
    let world = World::new().await;
    let asked = world.ask(&binding()).await;
    world.decide(&asked, "lee", "approve").await;
    world.later(299);
    assert_eq!(world.ask(&binding()).await.status, 200);
    world.later(1);
    assert_eq!(world.ask(&binding()).await.status, 202);
    assert!(world.events().await.contains(&"expired".to_owned()));
}

#[tokio::test]
async fn a_request_stays_open_while_it_is_asked_for_and_lapses_after() {
    let world = World::new().await;
    let asked = world.ask(&binding()).await;
    for _ in 0..3 {
        world.later(3599);
        assert_eq!(world.ask(&binding()).await.body, asked.body);
    }
    world.later(3600);
    let anew = world.ask(&binding()).await;
    assert_ne!(anew.body["ticket"], asked.body["ticket"]);
    assert!(world.events().await.contains(&"lapsed".to_owned()));
}

#[tokio::test]
async fn other_arguments_are_another_question() {
    let world = World::new().await;
    world.decide(&world.ask(&binding()).await, "lee", "approve").await;
    for arguments in [
        json!({ "id": 1042, "amount": 4000 }),
        json!({ "id": 1042, "amount": "400" }),
        json!({ "id": 1042, "amount": 400, "note": "" }),
        json!({ "id": 1042 }),
    ] {
        let mut other = binding();
        other["arguments"] = arguments;
        assert_eq!(world.ask(&other).await.status, 202, "{other}");
    }
    for (member, value) in [
        ("agent", json!({ "id": "https://idp.acme.example#other-bot", "key": null })),
        ("agent", json!({ "id": "https://idp.acme.example#refund-bot", "key": "k" })),
        ("delegator", json!(null)),
        ("actors", json!(["https://idp.acme.example#x"])),
        ("revision", json!("8")),
        ("tool", json!("sha-256:x")),
        ("server", json!("orders2")),
    ] {
        let mut other = binding();
        other[member] = value;
        assert_eq!(world.ask(&other).await.status, 202, "{other}");
    }
}

#[tokio::test]
async fn the_list_shows_what_waits_for_this_person() {
    let world = World::new().await;
    world.ask(&binding()).await;
    let (_, lees) = world.signed_in("lee", &world.people).await;
    assert!(lees.html.contains("orders/refund") && lees.html.contains("refund-bot"));
    let (_, danas) = world.signed_in("dana", &world.people).await;
    assert!(!danas.html.contains("orders/refund"));
    assert!(danas.html.contains("1 more wait for others"));
}
