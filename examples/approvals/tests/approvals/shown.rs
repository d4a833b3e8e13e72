//! What is on the page: all of the binding, and nothing of it acted on.

use serde_json::{Value, json};

use crate::world::{World, binding, client, digest};

/// V10.
#[tokio::test]
async fn what_an_agent_writes_is_shown_and_never_acted_on() {
    let world = World::new().await;
    let mut binding = binding();
    binding["arguments"] = json!({
        "note": "<script>alert(1)</script>\" onload=x <img src=//evil.example>",
        "to": "safe\u{202E}evil\u{200B}",
        "long": "x".repeat(5000),
        "\u{0430}mount": 400,
    });
    let (_, page) = world.signed_in("lee", &world.page_of(&world.ask(&binding).await)).await;
    assert_eq!(page.status, 200);
    let html = &page.html;
    assert!(!html.contains("<script") && !html.contains("<img") && !html.contains("\" onload"));
    assert!(!html.contains('\u{202E}') && !html.contains('\u{200B}'));
    for shown in [
        "U+202E right-to-left override",
        "U+200B zero width space",
        "U+0430",
        "show all 5000 characters",
        "Look closely",
    ] {
        assert!(html.contains(shown), "{shown}");
    }
    assert!(html.contains(&"x".repeat(5000)));
}

/// V10: what is shown is what is hashed.
#[tokio::test]
async fn every_member_of_the_binding_is_on_the_page() {
    let world = World::new().await;
    let mut binding = binding();
    binding["agent"]["key"] = json!("key-thumbprint");
    binding["actors"] =
        json!(["https://idp.acme.example#actor-1", "spiffe://acme.example/actor-2"]);
    binding["tool"] = json!("sha-256:tool-digest");
    binding["arguments"] = json!({ "id": 1042, "deep": { "list": [true, null, "x", -7] } });
    let (_, page) = world.signed_in("lee", &world.page_of(&world.ask(&binding).await)).await;
    let (facts, _) = page.html.split_once("byte for byte").unwrap();
    fn leaves(value: &Value, out: &mut Vec<String>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| leaves(item, out)),
            Value::Object(members) => members.values().for_each(|value| leaves(value, out)),
            Value::String(text) => out.push(text.clone()),
            other => out.push(other.to_string()),
        }
    }
    let mut all = Vec::new();
    leaves(&binding, &mut all);
    for leaf in all {
        assert!(facts.contains(&format!(">{leaf}<")), "{leaf}");
    }
    let canonical = serde_json_canonicalizer::to_string(&binding).unwrap().replace('"', "&quot;");
    assert!(page.html.contains(&canonical) && page.html.contains(&digest(&binding)));
}

#[tokio::test]
async fn every_page_is_without_scripts_frames_and_caches() {
    let world = World::new().await;
    for path in ["/", "/login", "/login/callback?state=x", "/r/x", "/nothing", "/page.css"] {
        let answer = client().get(format!("{}{path}", world.people)).send().await.unwrap();
        let header = |name: &str| answer.headers()[name].to_str().unwrap();
        let policy = header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'self'"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"));
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "same-origin");
        assert!(path == "/page.css" || header("cache-control") == "no-store", "{path}");
    }
}
