//! The program itself, ended by `kill -9` while it decides: what it answered is kept, and nothing is half done.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use deputy_example_envoy_mcp::person::Browser;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::world::{Answer, audit, config, digest, found_issuer, listener, put, question};

/// Kills; enough for some to come before the commit and some after it.
const ROUNDS: u32 = 12;

async fn start(config: &Path, gateway: &str) -> Child {
    let child = Command::new(env!("CARGO_BIN_EXE_approvals"))
        .arg("--config")
        .arg(config)
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    for _ in 0..400 {
        if reqwest::get(format!("{gateway}/healthz")).await.is_ok_and(|a| a.status() == 200) {
            return child;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("the service did not start");
}

fn numbered(n: u32) -> Value {
    let mut binding = crate::world::binding();
    binding["arguments"]["id"] = json!(n);
    binding
}

async fn ask(gateway: &str, binding: &Value) -> Answer {
    put(gateway, &digest(binding), &question(binding).to_string()).await
}

#[tokio::test]
async fn a_kill_between_decision_and_answer_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    // Ports that were free a moment ago.
    let (people, gateway) = (listener().await.1, listener().await.1);
    let issuer = found_issuer(&folder, &people).await;
    config(&folder, &people, &gateway, &issuer, |_| ());
    let path = folder.path().join("approvals.json");
    let mut child = start(&path, &gateway).await;

    let mut browser = Browser::open().unwrap();
    let sign_in = browser.go(&people).await.unwrap();
    browser.press(&sign_in.form_with("user").unwrap(), "user", "lee").await.unwrap();
    let (mut kept, mut answered) = (0, 0);
    for n in 0..ROUNDS {
        let pending = ask(&gateway, &numbered(n)).await;
        assert_eq!(pending.status, 202);
        let ticket = pending.body["ticket"].as_str().unwrap().to_owned();
        // The session outlives the crash as well.
        let page = browser.go(&format!("{people}/r/{ticket}")).await.unwrap();
        let token = page.form_with("decision").unwrap().field("csrf").unwrap().to_owned();
        let cookie = browser.cookies("127.0.0.1")["session"].clone();
        let mut stream =
            send_approval(&people, &ticket, &cookie, &token, &digest(&numbered(n))).await;
        tokio::time::sleep(Duration::from_micros(u64::from(n) * 1500)).await;
        child.start_kill().unwrap();
        child.wait().await.unwrap();
        let mut answer = String::new();
        let _reset = stream.read_to_string(&mut answer).await;
        child = start(&path, &gateway).await;

        let after = ask(&gateway, &numbered(n)).await;
        match after.body["status"].as_str().unwrap() {
            "approved" => {
                kept += 1;
                assert_eq!(ask(&gateway, &numbered(n)).await.body, after.body);
            }
            "pending" => {
                assert_eq!(after.body["ticket"], json!(ticket));
                assert!(!answer.starts_with("HTTP/1.1 303"), "answered, and forgotten");
            }
            other => panic!("{other}"),
        }
        answered += u32::from(answer.starts_with("HTTP/1.1 303"));
    }
    // The chain of the audit is whole, and has one line for each approval that is there.
    let lines = audit(&gateway).await;
    let approved = lines.iter().filter(|line| line["event"] == "approved").count();
    assert_eq!(approved, kept);
    eprintln!("{ROUNDS} kills: {kept} approvals kept, {answered} of them answered before");
    assert!(kept > 0, "no kill came after a decision: this test has shown nothing");
}

/// Sends the form, and does not wait for what comes of it.
async fn send_approval(
    people: &str,
    ticket: &str,
    cookie: &str,
    token: &str,
    digest: &str,
) -> TcpStream {
    let host = people.trim_start_matches("http://");
    let body = format!("csrf={token}&digest={digest}&decision=approve&reason=crash");
    let request = format!(
        "POST /r/{ticket} HTTP/1.1\r\nhost: {host}\r\ncookie: session={cookie}\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}
