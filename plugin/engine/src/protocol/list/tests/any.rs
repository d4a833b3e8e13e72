//! Whatever arrives, in whatever chunks.

use proptest::prelude::*;

use super::*;

/// Messages around a list, good and bad.
fn message() -> impl Strategy<Value = String> {
    let tool = prop_oneof![
        Just(r#"{"name":"ok1","description":"d"}"#.to_owned()),
        Just(r#"{"name":"secret","description":"d"}"#.to_owned()),
        Just(r#"{"Name":"secret"}"#.to_owned()),
        Just(r#"{"name":"ok","name":"secret"}"#.to_owned()),
        Just("[{\"name\":\"secret\"}]".to_owned()),
    ];
    let key = prop_oneof![3 => Just("tools"), 1 => Just("Tools"), 1 => Just("tool\u{17f}"), 1 => Just("items")];
    let around = prop_oneof![
        4 => Just(("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":", "}")),
        1 => Just(("[{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":", "}]")),
        1 => Just(("{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":", "}")),
        1 => Just(("{\"jsonrpc\":\"2.0\",\"id\":1,\"Result\":", "}")),
        1 => Just(("{\"jsonrpc\":\"2.0\",\"method\":\"x\",\"result\":", "}")),
        1 => Just(("", "")),
    ];
    (proptest::collection::vec(tool, 0..4), key, around).prop_map(|(tools, key, (open, close))| {
        format!("{open}{{\"{key}\":[{}]}}{close}", tools.join(","))
    })
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let end = prop_oneof![Just("\n"), Just("\r\n"), Just("\r")];
    let event = (message(), end, any::<bool>()).prop_map(|(message, end, multi)| {
        let message = if multi { message.replace(',', &format!(",{end}data: ")) } else { message };
        format!("data: {message}{end}{end}")
    });
    proptest::collection::vec(event, 1..4).prop_map(|events| events.concat().into_bytes())
}

type Edits = Vec<(prop::sample::Index, u8, u8)>;

fn edited(mut bytes: Vec<u8>, edits: &Edits) -> Vec<u8> {
    for (at, kind, with) in edits {
        let at = at.index(bytes.len());
        match kind % 3 {
            0 if bytes.len() > 1 => {
                bytes.remove(at);
            }
            1 => bytes[at] = *with,
            _ => bytes.insert(at, *with),
        }
    }
    bytes
}

fn edits() -> impl Strategy<Value = Edits> {
    let byte = prop_oneof![
        any::<u8>(),
        Just(b'\n'),
        Just(b'\r'),
        Just(b':'),
        Just(b'"'),
        Just(b','),
        Just(b'}')
    ];
    proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), byte), 0..4)
}

fn chunked(media: &str, bytes: &[u8], size: usize) -> Vec<u8> {
    let (mut filter, _) = filter(200, &[("content-type", media)]);
    let mut out = Vec::new();
    for chunk in bytes.chunks(size) {
        out.extend(filter.push(chunk, false, &mut Strict));
    }
    out.extend(filter.push(b"", true, &mut Strict));
    out
}

/// The tools that the sloppiest of readers would find.
fn found(out: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(out);
    let events = text.split("\n\n").map(|event| {
        let data = event.lines().filter_map(|line| line.strip_prefix("data: "));
        data.collect::<Vec<_>>().join("\n")
    });
    let documents = std::iter::once(text.to_string()).chain(events);
    let values = documents.filter_map(|d| serde_json::from_str::<serde_json::Value>(&d).ok());
    let batches = values.flat_map(|v| v.as_array().cloned().unwrap_or_else(|| vec![v]));
    let results = batches.flat_map(|v| alike(&v, "result"));
    let tools = results.flat_map(|r| alike(&r, "tools"));
    let tools = tools.flat_map(|t| t.as_array().cloned().unwrap_or_default());
    tools.flat_map(|t| alike(&t, "name")).filter_map(|n| n.as_str().map(str::to_owned)).collect()
}

fn alike(value: &serde_json::Value, name: &str) -> Vec<serde_json::Value> {
    let fold = |n: &str| n.trim().to_lowercase().replace('\u{17f}', "s");
    let members = value.as_object().into_iter().flatten();
    members.filter(|(n, _)| fold(n) == name).map(|(_, v)| v.clone()).collect()
}

proptest! {
    #[test]
    fn a_tool_that_may_not_be_called_never_gets_through(
        body in message(), stream in stream(), edits in edits(), size in 1..40usize,
    ) {
        for (media, sent) in [("application/json", body.into_bytes()), ("text/event-stream", stream)] {
            let out = chunked(media, &edited(sent, &edits), size);
            let text = String::from_utf8_lossy(&out);
            prop_assert!(found(&out).iter().all(|tool| may_call(tool)), "{}", text);
            // Unless an edit renamed it, nothing but a tool holds the word.
            prop_assert!(!edits.is_empty() || !text.contains("secret"), "{}", text);
        }
    }

    #[test]
    fn whatever_arrives_chunks_make_no_difference(
        stream in stream(), edits in edits(), noise in proptest::collection::vec(any::<u8>(), 0..60), size in 1..40usize,
    ) {
        for bytes in [edited(stream, &edits), noise] {
            for media in ["text/event-stream", "application/json"] {
                let whole = chunked(media, &bytes, bytes.len().max(1));
                prop_assert_eq!(&chunked(media, &bytes, size), &whole);
            }
        }
    }

    #[test]
    fn what_the_filter_writes_it_leaves_alone(stream in stream()) {
        let once = chunked("text/event-stream", &stream, usize::MAX);
        prop_assert_eq!(chunked("text/event-stream", &once, usize::MAX), once);
    }
}
