//! An agent that asks too much, and others that it must not crowd out.

use serde_json::{Value, json};

use crate::world::{World, binding};

fn numbered(n: u32, agent: &str) -> Value {
    let mut binding = binding();
    binding["arguments"]["id"] = json!(n);
    binding["agent"]["id"] = json!(format!("https://idp.acme.example#{agent}"));
    binding
}

/// V11.
#[tokio::test]
async fn a_thousand_questions_of_one_agent_leave_room_for_others() {
    let world = World::new().await;
    let mut statuses = Vec::new();
    for n in 0..1000 {
        statuses.push(world.ask(&numbered(n, "loud-bot")).await.status);
    }
    assert_eq!(statuses.iter().filter(|s| **s == 202).count(), 20);
    assert_eq!(statuses.iter().filter(|s| **s == 429).count(), 980);
    assert_eq!(world.ask(&numbered(1, "quiet-bot")).await.status, 202);
    // What is open stays open, and can be asked for again.
    assert_eq!(world.ask(&numbered(7, "loud-bot")).await.status, 202);
    let floods = world.events().await.iter().filter(|event| *event == "flooded").count();
    assert_eq!(floods, 1, "one line an hour, not one for each request");
}

#[tokio::test]
async fn people_are_not_worn_out_by_an_agent_that_asks_anew_and_anew() {
    let world = World::with(|config| {
        config["limits"]["opened_per_agent_per_hour"] = json!(3);
    })
    .await;
    for n in 0..3 {
        let asked = world.ask(&numbered(n, "refund-bot")).await;
        world.decide(&asked, "lee", "deny").await;
    }
    assert_eq!(world.ask(&numbered(3, "refund-bot")).await.status, 429);
    world.later(3601);
    assert_eq!(world.ask(&numbered(3, "refund-bot")).await.status, 202);
}

#[tokio::test]
async fn the_same_question_asked_at_once_is_one_request() {
    let world = std::sync::Arc::new(World::new().await);
    let ask = || {
        let world = std::sync::Arc::clone(&world);
        tokio::spawn(async move { world.ask(&binding()).await.body["ticket"].clone() })
    };
    let mut tickets = Vec::new();
    for asked in (0..16).map(|_| ask()).collect::<Vec<_>>() {
        tickets.push(asked.await.unwrap());
    }
    tickets.dedup();
    assert_eq!(tickets.len(), 1);
    assert_eq!(world.events().await, ["requested"]);
}
