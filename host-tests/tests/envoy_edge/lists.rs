//! Lists of tools on their way back.

use std::time::Duration;

use host_tests::envoy::wait;
use host_tests::envoy::{Answer, Response};
use serde_json::{Value, json};

use crate::world::{World, list};

const TOOLS: [&str; 7] = [
    "get_order",
    "list_orders",
    "refund",
    "cancel_order",
    "delete_customer",
    "export_customers",
    "unheard_of",
];
/// What refund-bot for dana could be permitted to call.
const VISIBLE: [&str; 3] = ["get_order", "list_orders", "refund"];

fn answer() -> Value {
    let tools = TOOLS.map(|name| {
        json!({"name": name, "description": "döes things – 🦀", "inputSchema": {"type": "object"}})
    });
    json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": tools, "cacheScope": "public"}})
}

fn tools(list: &Value) -> Vec<String> {
    let tools = list["result"]["tools"].as_array().cloned().unwrap_or_default();
    tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

fn is_filtered(list: &Value) {
    assert_eq!(tools(list), VISIBLE, "{list}");
    assert_eq!(list["result"]["cacheScope"], "private", "{list}");
}

#[test]
fn a_list_in_json_loses_what_may_not_be_called() {
    let world = World::open();
    let plain = Answer::json(&answer());
    let length = answer().to_string().len().to_string();
    let sized = plain.clone().header("content-length", &length).header("etag", "\"1\"");
    for upstream in [plain.clone(), plain.in_pieces_of(1), sized] {
        world.listener.upstream.answers(upstream);
        let response = world.allows(&list(&world.token()).header("accept-encoding", "gzip"));
        assert!(response.whole, "{response:?}");
        is_filtered(&response.json());
        assert_eq!(response.header("etag"), None);
        let seen = world.listener.upstream.seen().pop().unwrap();
        assert_eq!(seen.header("accept-encoding"), None, "a compressed list can't be read");
    }
    works(&world);
}

/// Pieces that end in the middle of a line end, a field name and a character.
#[test]
fn a_list_in_events_loses_what_may_not_be_called_in_whatever_pieces_it_comes() {
    let world = World::open();
    let note = json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {"n": 1}});
    let stream = format!(
        ": hello\r\n\r\nevent: message\r\ndata: {note}\r\n\r\nid: 7\ndata: {}\n\ndata: {note}\n\n",
        answer()
    );
    let crab = stream.find('🦀').unwrap();
    for cuts in
        [vec![], vec![1, 8, 9, 10, 20, 35, 36], vec![crab + 1, crab + 2], vec![stream.len() - 1]]
    {
        let response = streamed(&world, &pieces(stream.as_bytes(), &cuts));
        let events = events(&response.text());
        assert_eq!(events.len(), 3, "{:?}", response.text());
        assert_eq!((&events[0], &events[2]), (&note, &note));
        is_filtered(&events[1]);
        assert!(!response.text().contains("delete_customer"), "{:?}", response.text());
    }
    works(&world);
}

#[test]
fn an_event_is_passed_on_before_the_stream_ends() {
    let world = World::open();
    let (answered, pieces) = Answer::live("text/event-stream");
    world.listener.upstream.answers(answered);
    let request = list(&world.token());
    let mut client = world.listener.connect();
    client.send(&request);
    pieces.send(format!("data: {}\n\n", answer()).into_bytes()).unwrap();
    let mut rest = Some(pieces);
    let response = client.response_as_it_comes(&request, |_| {
        // Only now the upstream ends; a client that had to wait for that would wait for ever.
        rest = None;
    });
    let response = response.unwrap();
    assert!(response.whole && rest.is_none(), "{response:?}");
    is_filtered(&events(&response.text())[0]);
    works(&world);
}

#[test]
fn a_list_that_can_not_be_read_is_withheld() {
    let world = World::open();
    let doubled = answer().to_string().replacen('{', "{\"result\":{\"tools\":[]},", 1);
    for upstream in [
        Answer::json(&answer()).header("content-encoding", "gzip"),
        Answer::ok("text/event-stream", format!("data: {}\n\n", answer()))
            .header("content-encoding", "br"),
        Answer::ok("text/plain", answer().to_string()),
        Answer::ok("application/json", doubled),
        Answer::json(&json!([answer()])),
        Answer::json(&answer()).trailer("t", "1").header("content-encoding", "zstd"),
    ] {
        let what = format!("{upstream:?}");
        world.listener.upstream.answers(upstream);
        let response = world.allows(&list(&world.token()));
        let text = response.text();
        assert!(TOOLS.iter().all(|tool| !text.contains(tool)), "{what}: {response:?}");
        assert_eq!(response.header("content-encoding"), None, "{what}: {response:?}");
        assert!(response.whole, "{what}: {response:?}");
    }
    works(&world);
}

#[test]
fn a_list_with_trailers_is_filtered_to_its_end() {
    let world = World::open();
    world.listener.upstream.answers(Answer::json(&answer()).trailer("x-checksum", "1"));
    let response = world.allows(&list(&world.token()));
    is_filtered(&response.json());
    world.listener.upstream.answers(Answer::json(&answer()).in_pieces_of(100).trailer("t", "1"));
    let response = world.allows(&list(&world.token()));
    is_filtered(&response.json());
    works(&world);
}

#[test]
fn an_answer_to_anything_else_passes_as_it_is() {
    let world = World::open();
    let body = answer().to_string();
    world.listener.upstream.answers(Answer::json(&answer()).in_pieces_of(64));
    let response = world.allows(&world.good());
    assert_eq!(response.text(), body);
    works(&world);
}

fn works(world: &World) {
    world
        .listener
        .upstream
        .answers(Answer::json(&json!({"jsonrpc": "2.0", "id": 1, "result": {}})));
    world.still_works();
}

/// Hands the pieces to the upstream one by one: the next when Envoy has read the one before.
fn streamed(world: &World, pieces: &[Vec<u8>]) -> Response {
    let mark = world.mark();
    let (answered, sender) = Answer::live("text/event-stream");
    world.listener.upstream.answers(answered);
    let request = list(&world.token());
    let mut client = world.listener.connect();
    client.send(&request);
    for piece in pieces {
        let before = world.listener.read_from_upstream();
        sender.send(piece.clone()).unwrap();
        wait::until("Envoy to read a piece", wait::PATIENCE, String::new, || {
            (world.listener.read_from_upstream() >= before + piece.len() as u64).then_some(())
        });
    }
    drop(sender);
    let response = client.response(&request).unwrap();
    world.allowed(&mark, &response);
    response
}

fn pieces(bytes: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
    let edges: Vec<_> = [0].iter().chain(cuts).chain([&bytes.len()]).copied().collect();
    edges.windows(2).map(|edge| bytes[edge[0]..edge[1]].to_vec()).collect()
}

fn events(text: &str) -> Vec<Value> {
    let data = |line: &str| serde_json::from_str(line.strip_prefix("data:")?).ok();
    text.lines().filter_map(data).collect()
}

#[test]
fn a_tool_that_has_drifted_is_refused_on_every_worker_within_a_second() {
    let world = World::changed(
        |configuration| {
            let tools = configuration["mcp"][0]["tools"].as_array_mut().unwrap();
            let pinned = tools.iter_mut().find(|tool| tool["name"] == "get_order").unwrap();
            pinned["digest"] = format!("sha-256:{}", "A".repeat(43)).into();
        },
        |plan| plan,
    );
    let call = world.good();
    // Nobody has seen the list.
    world.listener.on_every_worker(1, |_| {
        world.allows(&call);
    });
    world.listener.upstream.answers(Answer::json(&answer()));
    let listed = world.allows(&list(&world.token()));
    assert!(!tools(&listed.json()).contains(&"get_order".to_owned()), "{listed:?}");
    std::thread::sleep(Duration::from_millis(1100));
    world.listener.on_every_worker(2, |_| {
        world.refuses(&call, 403, "tool_drifted");
    });
}
