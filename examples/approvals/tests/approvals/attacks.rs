//! What must not work, and that nothing comes of it.

use deputy_example_envoy_mcp::person::{Browser, Page};
use reqwest::header::{COOKIE, LOCATION, ORIGIN};
use serde_json::{Value, json};

use crate::world::{Answer, World, binding, client, digest, put, question};

/// Posts a decision by hand; the status.
async fn post(address: &str, cookie: &str, origin: Option<&str>, form: &[(&str, &str)]) -> u16 {
    let mut request = client().post(address).header(COOKIE, cookie).form(form);
    if let Some(origin) = origin {
        request = request.header(ORIGIN, origin);
    }
    request.send().await.unwrap().status().as_u16()
}

/// Somebody who has the page open: cookie line, form token.
fn held(browser: &Browser, page: &Page) -> (String, String) {
    let cookies = browser.cookies("127.0.0.1");
    let form = page.form_with("decision").unwrap();
    (format!("session={}", cookies["session"]), form.field("csrf").unwrap().to_owned())
}

async fn still_pending(world: &World, asked: &Answer) {
    assert_eq!(world.ask(&binding()).await.body, asked.body);
    assert!(!world.events().await.iter().any(|event| event == "approved" || event == "denied"));
}

#[tokio::test]
async fn a_question_with_another_digest_opens_nothing() {
    let world = World::new().await;
    let body = question(&binding());
    let mut other = binding();
    other["arguments"]["amount"] = json!(4000);
    assert_eq!(put(&world.gateway, &digest(&other), &body.to_string()).await.status, 422);
    assert_eq!(put(&world.gateway, "..%2F", &body.to_string()).await.status, 422);
    assert!(world.events().await.is_empty());
}

#[tokio::test]
async fn a_question_that_can_be_read_in_two_ways_opens_nothing() {
    let world = World::new().await;
    let text = question(&binding()).to_string();
    let digest = digest(&binding());
    for (from, to) in [
        (r#""amount":400"#, r#""amount":4000,"amount":400"#),
        (r#""amount":400"#, r#""amount":400.0"#),
        (r#""amount":400"#, r#""amount":9007199254740993"#),
        (r#"["role:finance"]"#, "[]"),
        (r#"["role:finance"]"#, r#"["role:finance"],"approvers":["role:anybody"]"#),
    ] {
        assert!(text.contains(from));
        let answer = put(&world.gateway, &digest, &text.replace(from, to)).await;
        assert_eq!(answer.status, 400, "{to}");
    }
    let mut more = binding();
    more["note"] = json!("would be signed, and shown nowhere");
    assert_eq!(world.ask(&more).await.status, 400);
    assert!(world.events().await.is_empty());
}

#[tokio::test]
async fn what_is_no_question_of_a_known_gateway_is_refused() {
    let world = World::new().await;
    let mut other = binding();
    other["gateway"] = json!("https://gateway.evil.example");
    assert_eq!(world.ask(&other).await.status, 403);
    let mut large = binding();
    large["arguments"]["note"] = json!("x".repeat(600 << 10));
    assert_eq!(world.ask(&large).await.status, 413);
    let path = format!("{}/v1/requests/{}", world.gateway, digest(&binding()));
    let no_type = client().put(path).body(question(&binding()).to_string()).send().await.unwrap();
    assert_eq!(no_type.status(), 415);
    assert!(world.events().await.is_empty());
}

#[tokio::test]
async fn people_reach_no_gateway_address_and_gateways_no_page() {
    let world = World::new().await;
    let answer = put(&world.people, &digest(&binding()), &question(&binding()).to_string()).await;
    assert_eq!(answer.status, 404);
    for path in ["/audit", "/jwks"] {
        assert_eq!(reqwest::get(format!("{}{path}", world.people)).await.unwrap().status(), 404);
    }
    for path in ["/", "/login", "/r/x"] {
        assert_eq!(reqwest::get(format!("{}{path}", world.gateway)).await.unwrap().status(), 404);
    }
}

/// V9: a guessed id of a request shows and decides nothing.
#[tokio::test]
async fn who_has_not_signed_in_sees_and_decides_nothing() {
    let world = World::new().await;
    let asked = world.ask(&binding()).await;
    let page = world.page_of(&asked);
    for cookie in ["", "session=forged", "session=", "session=a; session=b", "__Host-session=x"] {
        for address in [&page, &world.people, &format!("{}/r/no-such-ticket", world.people)] {
            let answer = client().get(address).header(COOKIE, cookie).send().await.unwrap();
            let to = answer.headers()[LOCATION].to_str().unwrap().to_owned();
            assert!(answer.status() == 303 && to.starts_with("/login?return_to=/"), "{to}");
        }
        let form = [("csrf", ""), ("digest", &digest(&binding())), ("decision", "approve")];
        assert_eq!(post(&page, cookie, Some(&world.people), &form).await, 401);
    }
    still_pending(&world, &asked).await;
}

#[tokio::test]
async fn a_form_of_another_site_or_session_decides_nothing() {
    let world = World::new().await;
    let asked = world.ask(&binding()).await;
    let address = world.page_of(&asked);
    let (browser, page) = world.signed_in("lee", &address).await;
    let (cookie, token) = held(&browser, &page);
    let (other_browser, other_page) = world.signed_in("lee", &address).await;
    let (_, others_token) = held(&other_browser, &other_page);
    assert_ne!(token, others_token);
    let digest = digest(&binding());
    let form = |csrf| [("csrf", csrf), ("digest", &*digest), ("decision", "approve")];
    let here = Some(&*world.people);
    assert_eq!(post(&address, &cookie, here, &form("")).await, 403);
    assert_eq!(post(&address, &cookie, here, &form(&others_token)).await, 403);
    assert_eq!(post(&address, &cookie, Some("https://evil.example"), &form(&token)).await, 403);
    assert_eq!(post(&address, &cookie, Some("null"), &form(&token)).await, 403);
    // Without the field, the form is none.
    assert_eq!(post(&address, &cookie, here, &[("decision", "approve")]).await, 422);
    still_pending(&world, &asked).await;
    assert_eq!(post(&address, &cookie, here, &form(&token)).await, 303);
    assert_eq!(world.ask(&binding()).await.body["status"], "approved");
}

#[tokio::test]
async fn a_form_of_another_request_decides_nothing() {
    let world = World::new().await;
    let asked = world.ask(&binding()).await;
    let address = world.page_of(&asked);
    let (browser, page) = world.signed_in("lee", &address).await;
    let (cookie, token) = held(&browser, &page);
    let form = [("csrf", &*token), ("digest", "another"), ("decision", "approve")];
    assert_eq!(post(&address, &cookie, None, &form).await, 409);
    let digest = digest(&binding());
    let form = [("csrf", &*token), ("digest", &*digest), ("decision", "approve all")];
    assert_eq!(post(&address, &cookie, None, &form).await, 400);
    let reason = "x".repeat(501);
    let form =
        [("csrf", &*token), ("digest", &*digest), ("decision", "approve"), ("reason", &*reason)];
    assert_eq!(post(&address, &cookie, None, &form).await, 400);
    still_pending(&world, &asked).await;
}

/// Asks with a changed binding, and tries to approve as `name`.
async fn tries(name: &str, approvers: Value, change: impl FnOnce(&mut Value)) -> (u16, Vec<Value>) {
    let world = World::new().await;
    let mut binding = binding();
    change(&mut binding);
    let asked = world.ask_with(&binding, json!({ "approvers": approvers })).await;
    let address = world.page_of(&asked);
    let (browser, shown) = world.signed_in(name, &address).await;
    let cookie = format!("session={}", browser.cookies("127.0.0.1")["session"]);
    // By hand: an ineligible person's page has no such form, but its token is in the one to sign out.
    let token = shown.form_with("decision").map_or_else(
        |_| {
            let (_, rest) = shown.html.split_once("name=\"csrf\" value=\"").unwrap();
            assert!(!shown.html.contains("1042"), "shown to somebody who may not decide");
            rest.split('"').next().unwrap().to_owned()
        },
        |form| form.field("csrf").unwrap().to_owned(),
    );
    let digest = digest(&binding);
    let form = [("csrf", &*token), ("digest", &*digest), ("decision", "approve")];
    (post(&address, &cookie, None, &form).await, world.audit().await)
}

/// V5.
#[tokio::test]
async fn nobody_approves_what_they_do_or_have_done_themselves() {
    let lee = "https://idp.acme.example#lee";
    let finance = json!(["role:finance"]);
    for (why, change) in [
        ("acts_themselves", json!({ "agent": { "id": lee, "key": null } })),
        ("acts_themselves", json!({ "actors": ["https://idp.acme.example#x", lee] })),
        ("delegator", json!({ "delegator": lee })),
    ] {
        let change = |binding: &mut Value| {
            binding.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        };
        let (status, audit) = tries("lee", finance.clone(), change).await;
        let last = audit.last().unwrap();
        assert_eq!(
            (status, &last["event"], &last["why"]),
            (403, &json!("decision_refused"), &json!(why))
        );
    }
}

#[tokio::test]
async fn nobody_approves_without_all_that_is_asked_for() {
    let lacks = json!("lacks_role");
    for (name, approvers) in [
        ("dana", json!(["role:finance"])),
        ("lee", json!(["role:finance", "role:legal"])),
        ("lee", json!(["https://idp.acme.example#dana"])),
        ("lee", json!(["finance"])),
        ("lee", json!(["team:finance"])),
        ("lee", json!(["role:Finance"])),
    ] {
        let (status, audit) =
            tries(name, approvers.clone(), |b| b["delegator"] = json!(null)).await;
        assert_eq!((status, &audit.last().unwrap()["why"]), (403, &lacks), "{name} {approvers}");
    }
    let (status, _) =
        tries("dana", json!(["team:support"]), |b| b["delegator"] = json!(null)).await;
    assert_eq!(status, 303);
}

#[tokio::test]
async fn an_old_sign_in_decides_nothing() {
    let world = World::with(|config| config["login"]["max_age_seconds"] = json!(120)).await;
    let asked = world.ask(&binding()).await;
    let address = world.page_of(&asked);
    let (mut browser, page) = world.signed_in("lee", &address).await;
    world.later(121);
    let form = page.form_with("decision").unwrap();
    let answer = browser.press(&form, "decision", "approve").await.unwrap();
    assert_eq!(answer.status, 401);
    assert!(answer.html.contains("Sign in again"));
    still_pending(&world, &asked).await;
}

#[tokio::test]
async fn an_answer_of_the_issuer_is_worth_nothing_in_another_browser() {
    let world = World::new().await;
    let begin = client().get(format!("{}/login", world.people)).send().await.unwrap();
    let cookie = begin.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.contains("HttpOnly; SameSite=Lax"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let authorize = begin.headers()[LOCATION].to_str().unwrap().to_owned();
    for part in
        ["code_challenge_method=S256", "nonce=", "state=", "max_age=900", "response_type=code"]
    {
        assert!(authorize.contains(part), "{authorize}");
    }
    let back = signed_in_at_issuer(&authorize).await;
    let go = |address: String, cookie: String| async move {
        let answer = client().get(address).header(COOKIE, cookie).send().await.unwrap();
        (
            answer.status().as_u16(),
            answer.headers().get_all("set-cookie").iter().any(|line| {
                line.to_str().is_ok_and(|line| {
                    line.starts_with("session=") && !line.starts_with("session=;")
                })
            }),
        )
    };
    let refused = (400, false);
    // No attempt of this browser; another attempt; another issuer; an error; a changed code.
    assert_eq!(go(back.clone(), String::new()).await, refused);
    let other = client().get(format!("{}/login", world.people)).send().await.unwrap();
    let other =
        other.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    assert_eq!(go(back.clone(), other).await, refused);
    let iss = "iss=https%3A%2F%2Fidp.acme.example";
    assert!(back.contains(iss), "{back}");
    assert_eq!(
        go(back.replace(iss, "iss=https%3A%2F%2Fevil.example"), cookie.clone()).await,
        refused
    );
    assert_eq!(go(back.replace("code=", "error="), cookie.clone()).await, refused);
    assert_eq!(go(back.replace("code=", "code=x"), cookie.clone()).await, refused);
    // The browser that began; and the code only once.
    assert_eq!(go(back.clone(), cookie.clone()).await, (303, true));
    assert_eq!(go(back, cookie).await, refused);
}

/// Where the issuer sends the browser back to.
async fn signed_in_at_issuer(authorize: &str) -> String {
    let mut browser = Browser::open().unwrap();
    let page = browser.go(authorize).await.unwrap();
    let form = page.form_with("user").unwrap();
    let names = [
        "response_type",
        "client_id",
        "redirect_uri",
        "scope",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
    ];
    let mut fields: Vec<_> = names.iter().map(|name| (*name, form.field(name).unwrap())).collect();
    fields.push(("user", "lee"));
    let answer = client().post(page.address.clone()).form(&fields).send().await.unwrap();
    answer.headers()[LOCATION].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn of_two_decisions_at_once_one_counts() {
    let world = World::new().await;
    let asked = world.ask(&binding()).await;
    let address = world.page_of(&asked);
    let (browser, page) = world.signed_in("lee", &address).await;
    let (cookie, token) = held(&browser, &page);
    let digest = digest(&binding());
    let decide = |decision: &'static str| {
        let (address, cookie, token, digest) =
            (address.clone(), cookie.clone(), token.clone(), digest.clone());
        tokio::spawn(async move {
            post(
                &address,
                &cookie,
                None,
                &[("csrf", &token), ("digest", &digest), ("decision", decision)],
            )
            .await
        })
    };
    let all: Vec<_> = (0..8).map(|n| decide(if n % 2 == 0 { "approve" } else { "deny" })).collect();
    let mut statuses = Vec::new();
    for one in all {
        statuses.push(one.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 409, 409, 409, 409, 409, 409, 409]);
    let decided = world.events().await;
    assert_eq!(decided.iter().filter(|e| *e == "approved" || *e == "denied").count(), 1);
}

#[tokio::test]
async fn signing_out_ends_the_session_and_needs_its_form() {
    let world = World::new().await;
    let (mut browser, page) = world.signed_in("lee", &world.people).await;
    let cookie = format!("session={}", browser.cookies("127.0.0.1")["session"]);
    let out = format!("{}/logout", world.people);
    assert_eq!(post(&out, &cookie, None, &[("csrf", "x")]).await, 403);
    let (_, rest) = page.html.split_once("name=\"csrf\" value=\"").unwrap();
    let token = rest.split('"').next().unwrap();
    assert_eq!(
        browser.go(&world.people).await.unwrap().address.as_str(),
        format!("{}/", world.people)
    );
    assert_eq!(post(&out, &cookie, None, &[("csrf", token)]).await, 200);
    let answer = client().get(&world.people).header(COOKIE, cookie).send().await.unwrap();
    assert_eq!(answer.status(), 303);
}

#[tokio::test]
async fn the_audit_cannot_be_changed_and_holds_no_argument() {
    let world = World::new().await;
    world.decide(&world.ask(&binding()).await, "lee", "approve").await;
    let database = world.folder.path().join("data").join("approvals.sqlite");
    let db = rusqlite::Connection::open(database).unwrap();
    for sql in
        ["UPDATE audit SET line = ''", "DELETE FROM audit", "UPDATE audit SET at = 0 WHERE seq = 1"]
    {
        assert!(db.execute(sql, []).unwrap_err().to_string().contains("append-only"), "{sql}");
    }
    let lines = world.audit().await;
    let text = Value::from(lines).to_string();
    assert!(!text.contains("1042") && text.contains("looks right"));
}
