//! The page in a real browser: headless Chromium, driven through `chromedriver` by the WebDriver protocol.
//!
//! Needs `DEPUTY_CHROMEDRIVER`, the path of `chromedriver`; without it the test fails, and `cargo xtask test`
//! names it absent. Screenshots go where `DEPUTY_SCREENSHOTS` says.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests may end, and have an environment"
)]

mod chromium;
#[path = "../approvals/world.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod world;

use chromium::Chromium;
use serde_json::{Value, json};
use world::{World, binding};

const DESKTOP: (u32, u32) = (1280, 1000);
const PHONE: (u32, u32) = (390, 844);
const ENTER: &str = "\u{E007}";
const TAB: &str = "\u{E004}";

/// What an agent would write who wants to be misunderstood.
fn hostile() -> Value {
    let mut binding = binding();
    binding["agent"]["id"] = json!("https://idp.\u{0430}cme.example#refund-bot");
    binding["arguments"] = json!({
        "id": 1042,
        "amount": 400,
        "account": "DE02\u{202E}8118603117801090012\u{2066}",
        "note": "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">",
        "pay_to": "p\u{0430}yments\u{200B} team",
        "memo": "Long. ".repeat(200),
        "rtl": "שלום 400",
        "lines": "one\ntwo\tthree",
    });
    binding
}

#[tokio::test]
async fn a_person_signs_in_sees_exactly_what_would_be_done_and_approves_by_keyboard() {
    let world = World::new().await;
    let asked = world.ask(&binding()).await;
    let browser = Chromium::start(DESKTOP).await;
    browser.go(&world.page_of(&asked)).await;
    browser.screenshot("1-issuer-desktop").await;
    browser.click("button[value=lee]").await;
    browser.wait_for_heading("May this be done?").await;
    let shown = browser.text("main").await;
    for part in
        ["orders/refund", "https://idp.acme.example#refund-bot", "1042", "400", "role:finance"]
    {
        let seen = shown.contains(part) || browser.source().await.contains(part);
        assert!(seen, "{part}: {shown}");
    }
    browser.screenshot("2-request-desktop").await;
    // By keyboard alone, from the field for the reason to the button after it.
    browser.keys("#reason", "invoice 77 checked").await;
    browser.keys("#reason", TAB).await;
    assert_eq!(browser.focused().await, "approve");
    browser.type_into_focused(ENTER).await;
    browser.wait_for_heading("Approved").await;
    browser.screenshot("3-approved-desktop").await;
    let claims = world.verified(&world.ask(&binding()).await).await;
    assert_eq!(claims["reason"], "invoice 77 checked");
    browser.end().await;
}

#[tokio::test]
async fn on_a_phone_nothing_is_wider_than_the_screen_and_buttons_are_large_enough() {
    let world = World::new().await;
    let asked = world.ask(&hostile()).await;
    world.ask(&binding()).await;
    let browser = Chromium::start(PHONE).await;
    browser.go(&world.people).await;
    browser.screenshot("4-issuer-phone").await;
    browser.click("button[value=lee]").await;
    browser.wait_for_heading("Waiting for you").await;
    browser.screenshot("5-list-phone").await;
    check_layout(&browser).await;
    browser.go(&world.page_of(&asked)).await;
    browser.screenshot("6-hostile-phone").await;
    check_layout(&browser).await;
    browser.click(".long summary").await;
    check_layout(&browser).await;
    browser.click("button[value=deny]").await;
    browser.wait_for_heading("Denied").await;
    browser.screenshot("7-denied-phone").await;
    assert_eq!(world.ask(&hostile()).await.body, json!({ "status": "denied" }));
    browser.end().await;
}

/// WCAG 2.2: 1.4.10 (reflow), 2.5.8 (target size).
async fn check_layout(browser: &Chromium) {
    let wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
    assert_eq!(browser.run(wide).await, json!(0), "something is wider than the screen");
    let small = "return [...document.querySelectorAll('button')].map(b => b.getBoundingClientRect())\
                 .filter(r => r.height < 44 || r.width < 44).length";
    assert_eq!(browser.run(small).await, json!(0), "a button is smaller than a finger");
}

#[tokio::test]
async fn hostile_arguments_are_shown_and_not_run() {
    let world = World::new().await;
    let asked = world.ask(&hostile()).await;
    let browser = Chromium::start(DESKTOP).await;
    browser.go(&world.page_of(&asked)).await;
    browser.click("button[value=lee]").await;
    browser.screenshot("8-hostile-desktop").await;
    browser.wait_for_heading("May this be done?").await;
    let title = browser.run("return document.title").await;
    assert!(title.as_str().is_some_and(|title| title.ends_with("Approvals")), "{title}");
    let none =
        "return document.querySelectorAll('script, img, iframe, [onerror], [onload]').length";
    assert_eq!(browser.run(none).await, json!(0));
    let shown = browser.text("main").await;
    for part in [
        "U+202E right-to-left override",
        "U+200B zero width space",
        "U+0430",
        "<script>",
        "show all 1200 characters",
        "Look closely",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    check_accessible(&browser).await;
    browser.end().await;
}

/// What a screen reader needs: a language, one main part, one first heading, a name for every control.
async fn check_accessible(browser: &Chromium) {
    let script = "const all = s => [...document.querySelectorAll(s)];\
      const named = e => e.textContent.trim() || (e.labels && e.labels.length) || e.getAttribute('aria-label');\
      return [document.documentElement.lang, all('main').length, all('h1').length,\
      all('button, a, summary, textarea, input:not([type=hidden])').filter(e => !named(e)).length]";
    assert_eq!(browser.run(script).await, json!(["en", 1, 1, 0]));
}
