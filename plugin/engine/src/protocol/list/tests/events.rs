//! Lists in event streams.

use super::*;

#[test]
fn an_event_stream_is_read_by_the_standard() {
    let (list, left) = (answer(LIST), answer(LEFT));
    let (head, tail) = list.split_at(list.find(",\"id\"").unwrap());
    for (sent, expected) in [
        (format!("\u{feff}data: {list}\n\n"), format!("data: {left}\n\n")),
        (format!("data: {list}\r\n\r\n"), format!("data: {left}\n\n")),
        (format!("data: {list}\r\r"), format!("data: {left}\n\n")),
        (format!("data:{list}\n\n"), format!("data: {left}\n\n")),
        (format!(":secret\n\n:\ndata: {list}\n\n"), format!(":\n\n:\ndata: {left}\n\n")),
        (format!("data: {head}\ndata: {tail}\n\n"), format!("data: {left}\n\n")),
        (format!("Data: secret\nsecret: x\nsecret\ndata: {list}\n\n"), format!("data: {left}\n\n")),
        (
            format!("id: a\nid: b\nretry: 10\nretry: x\ndata: {list}\n\n"),
            format!("id: b\nretry: 10\ndata: {left}\n\n"),
        ),
        ("id: 1\ndata:\n\n".to_owned(), "id: 1\ndata: \n\n".to_owned()),
        ("id: 1\nretry: 5\n\n".to_owned(), "id: 1\nretry: 5\n\n".to_owned()),
        (format!("data: {list}"), format!("data: {left}\n\n")),
        (format!("data: {list}\n"), format!("data: {left}\n\n")),
    ] {
        assert_eq!(sse(&sent), expected, "{sent}");
    }
}

#[test]
fn what_a_server_says_meanwhile_passes() {
    let progress =
        r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":0.5}}"#;
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let sent = format!("data: {progress}\n\ndata: {ping}\n\ndata: {}\n\n", answer(LIST));
    let left = format!("data: {progress}\n\ndata: {ping}\n\ndata: {}\n\n", answer(LEFT));
    assert_eq!(sse(&sent), left);
}

#[test]
fn nothing_follows_an_event_that_was_withheld() {
    let good = answer(r#"{"tools":[]}"#);
    for bad in [
        "data: secret\n\n",
        "data: {\"a\":1}\n\n",
        "data: \u{fffd}\n\n",
        "event: endpoint\ndata: /x\n\n",
    ] {
        let out = sse(&format!("{bad}data: {good}\n\n"));
        assert!(withheld(&out).is_some(), "{bad} {out}");
    }
    let endless = "data: x\n".repeat(LIMIT);
    assert_eq!(withheld(&sse(&endless)).as_deref(), Some("too_long"));
    assert_eq!(withheld(&sse(&"x".repeat(LIMIT + 1))).as_deref(), Some("too_long"));
    // A stream may be longer than its longest event.
    let event = format!("data: {}\n\n", answer(LIST));
    assert_eq!(sse(&event.repeat(100)).matches("ok2").count(), 100);
}

#[test]
fn the_result_does_not_depend_on_where_chunks_end() {
    let body = format!(
        "\u{feff}:c\r\n\r\nid: é\r\ndata: {}\r\ndata:\r\n\r\nretry: 1\rdata: {}\r\r",
        answer(LIST).replace("ok1", "ok世界"),
        answer(LIST)
    );
    for (media, body) in
        [("text/event-stream", body), ("application/json", answer(LIST).replace("ok1", "ok世界"))]
    {
        let bytes = body.as_bytes();
        let whole = run(200, media, &[bytes]);
        assert!(whole.contains("世界") && !whole.contains("secret"));
        for at in 0..=bytes.len() {
            assert_eq!(run(200, media, &[&bytes[..at], &bytes[at..]]), whole, "{media} {at}");
        }
        assert_eq!(run(200, media, &bytes.chunks(1).collect::<Vec<_>>()), whole, "{media}");
    }
}
