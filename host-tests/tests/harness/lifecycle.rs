//! Start, configuration, contexts, clock, randomness, properties, log.

use std::sync::Arc;
use std::time::Duration;

use host_tests::vm::{Entropy, Gateway, LogLevel, Module, Options, Status, pairs};

use crate::guest::{Guest, PAUSE, get, ok, post, said};

#[test]
fn a_plugin_that_refuses_its_configuration_does_not_start_and_its_log_says_why() {
    let refuse = "(drop (call $log (i32.const 4) 'config: path unknown')) (i32.const 0)";
    let guest = Guest::default().on("proxy_on_configure", refuse);
    let error = Gateway::start(&guest.module(), Options::default()).err().unwrap().to_string();
    assert!(error.contains("proxy_on_configure answered false"), "{error}");
    assert!(error.contains("config: path unknown"), "{error}");
}

#[test]
fn a_trap_during_start_is_a_refusal() {
    for callback in
        ["_initialize", "proxy_on_vm_start", "proxy_on_configure", "proxy_on_context_create"]
    {
        let guest = Guest::default().on(callback, "unreachable");
        let error = Gateway::start(&guest.module(), Options::default()).err().unwrap().to_string();
        assert!(error.contains(callback) && error.contains("trapped"), "{error}");
    }
}

#[test]
fn the_configuration_can_be_read_only_while_configuring() {
    let look = "(drop (call $body (i32.const 7) (i32.const 0) (i32.const 99) (i32.const 16) (i32.const 20))) (call $tell)
        (call $say 'size' (local.get $1)) (i32.const 1)";
    let late = "(call $say 'late' (call $body (i32.const 7) (i32.const 0) (i32.const 9) (i32.const 16) (i32.const 20))) (i32.const 0)";
    let guest =
        Guest::default().on("proxy_on_configure", look).on("proxy_on_request_headers", late);
    let gateway = guest.start(Options::configured("{}x"));
    let _stream = get(&gateway);
    assert_eq!(said(&gateway), ["{}x", "size=3", "late=1"]);
}

#[test]
fn a_refused_update_keeps_the_old_configuration() {
    let guest = Guest::default().on("proxy_on_configure", "(i32.eq (local.get $1) (i32.const 4))");
    let gateway = guest.start(Options::configured("good"));
    assert!(gateway.reconfigure(b"bad").is_err());
    assert!(get(&gateway).forwarded().is_complete());
    assert!(gateway.reconfigure(b"new.").is_ok());
    assert!(get(&gateway).forwarded().is_complete());
}

#[test]
fn a_module_that_needs_more_than_the_host_has_is_refused() {
    let load = |text: &str| Module::load(&wat::parse_str(text).unwrap()).err().unwrap().to_string();
    assert!(load("(module)").contains("proxy_abi_version"));
    let no_allocator = r#"(module (func (export "proxy_abi_version_0_2_1")))"#;
    assert!(load(no_allocator).contains("proxy_on_memory_allocate"));
    let foreign = r#"(module (import "env" "proxy_redis_init" (func)) (func (export "proxy_abi_version_0_2_1"))
        (func (export "malloc") (param i32) (result i32) (i32.const 0)))"#;
    assert!(load(foreign).contains("proxy_redis_init"));
}

#[test]
fn the_imports_of_a_module_are_listed() {
    let module = Guest::default().module();
    let log = module.imports().iter().find(|import| import.name == "proxy_log").unwrap();
    assert_eq!((log.module.as_str(), log.signature.as_str()), ("env", "(i32 i32 i32) -> (i32)"));
}

#[test]
fn time_stands_still_until_the_test_moves_it() {
    let look = "(drop (call $now (i32.const 32))) (i32.store (i32.const 16) (i32.const 32))
        (i32.store (i32.const 20) (i32.const 8)) (drop (call $set (i32.const 0) 'x' (i32.const 32) (i32.const 8))) (i32.const 0)";
    let gateway = Guest::default().on("proxy_on_request_headers", look).start(Options::default());
    let before = gateway.now();
    assert_eq!(get(&gateway).forwarded().header("x"), Some(&before.to_le_bytes()[..]));
    gateway.advance(Duration::from_millis(5));
    assert_eq!(
        get(&gateway).forwarded().header("x"),
        Some(&(before + 5_000_000).to_le_bytes()[..])
    );
}

#[test]
fn fixed_entropy_is_the_same_in_every_call() {
    let draw = "(drop (call $random (i32.const 32) (i32.const 3))) (drop (call $random (i32.const 32) (i32.const 4)))
        (drop (call $set (i32.const 0) 'x' (i32.const 32) (i32.const 4))) (i32.const 0)";
    let guest = Guest::default().on("proxy_on_request_headers", draw);
    let fixed =
        guest.start(Options { entropy: Entropy::Fixed(vec![1, 2, 3]), ..Options::default() });
    assert_eq!(get(&fixed).forwarded().header("x"), Some(&[1, 2, 3, 1][..]));
    let seeded = || {
        get(&guest.start(Options { entropy: Entropy::Seeded(7), ..Options::default() })).forwarded()
    };
    assert_eq!(seeded(), seeded());
}

#[test]
fn properties_come_from_the_request_the_stream_and_the_gateway() {
    let look = [
        "request\0url_path",
        "request\0query",
        "request\0host",
        "source\0address",
        "connection\0mtls",
        "plugin_name",
    ]
    .map(|path| {
        format!("(drop (call $property '{path}' (i32.const 16) (i32.const 20))) (call $tell)")
    })
    .concat();
    let guest = Guest::default().on("proxy_on_request_headers", &(look + "(i32.const 0)"));
    let gateway = guest.start(Options::default().property(&["source", "address"], "10.0.0.1:5"));
    let exchange = gateway.exchange(0);
    exchange.property(&["connection", "mtls"], [b'1']);
    exchange.headers(post(), true);
    assert_eq!(said(&gateway), ["/p", "q=1", "a.example", "10.0.0.1:5", "1", "deputy"]);
}

#[test]
fn filter_state_shows_what_on_log_wrote_but_not_what_on_done_wrote() {
    let guest = Guest::default()
        .on("proxy_on_request_headers", "(drop (call $set_property 'deputy' 'early')) (i32.const 0)")
        .on("proxy_on_response_headers", "(drop (call $property 'deputy' (i32.const 16) (i32.const 20))) (call $tell) (i32.const 0)")
        .on("proxy_on_log", "(drop (call $set_property 'deputy' 'logged'))")
        .on("proxy_on_done", "(drop (call $set_property 'deputy' 'late')) (i32.const 1)")
        .on("proxy_on_configure", "(call $say 'root' (call $set_property 'deputy' 'x')) (i32.const 1)");
    let gateway = guest.start(Options::default());
    let exchange = get(&gateway);
    assert_eq!(exchange.filter_state(&["deputy"]), Some(b"early".to_vec()));
    exchange.response_headers(ok(), true);
    assert_eq!(said(&gateway), ["root=1", "early"]);
    assert_eq!(exchange.filter_state(&["deputy"]), Some(b"logged".to_vec()));
}

#[test]
fn standard_error_is_an_error_line_and_a_wrong_level_is_refused() {
    let write =
        "(i32.store (i32.const 64) (i32.const 200)) (i32.store (i32.const 68) (i32.const 3))
        (i32.store (i32.const 200) (i32.const 0x0a6968))
        (drop (call $fd_write (i32.const 2) (i32.const 64) (i32.const 1) (i32.const 72)))
        (call $say 'level' (call $log (i32.const 9) 'x')) (i32.const 0)";
    let gateway = Guest::default().on("proxy_on_request_headers", write).start(Options::default());
    let _stream = get(&gateway);
    let logs = gateway.take_logs();
    assert_eq!((logs[0].level, logs[0].message.as_str()), (LogLevel::Error, "hi"));
    assert_eq!(logs[1].message, "level=2");
}

#[test]
fn foreign_functions_are_those_the_test_gives() {
    let call = |name: &str| {
        format!("(call $say '{name}' (call $foreign '{name}' 'ab' (i32.const 16) (i32.const 20)))")
    };
    let body = call("double") + "(call $tell)" + &call("fails") + &call("other") + "(i32.const 0)";
    let mut options = Options::default();
    options.foreign.insert("double".into(), Arc::new(|bytes| Ok([bytes, bytes].concat())));
    options.foreign.insert("fails".into(), Arc::new(|_| Err(Status::BadArgument)));
    let gateway = Guest::default().on("proxy_on_request_headers", &body).start(options);
    let _stream = get(&gateway);
    assert_eq!(said(&gateway), ["double=0", "abab", "fails=2", "other=1"]);
}

#[test]
fn an_aborted_stream_still_logs_and_is_forgotten() {
    let guest = Guest::default()
        .on("proxy_on_request_headers", PAUSE)
        .on("proxy_on_log", "(drop (call $log (i32.const 2) 'log'))")
        .on("proxy_on_done", "(drop (call $log (i32.const 2) 'done')) (i32.const 1)");
    let gateway = guest.start(Options::default());
    let exchange = get(&gateway);
    exchange.abort();
    assert_eq!(said(&gateway), ["log", "done"]);
    assert_eq!(exchange.details(), "downstream_remote_disconnect");
    exchange.data("late", true);
    exchange.trailers(pairs([("late", "1")]));
    assert!(exchange.forwarded().is_empty());
}

/// Logs `done` and `delete` of contexts, and lives until the next tick.
fn lingering() -> Guest {
    Guest::default()
        .on("proxy_on_configure", "(i32.eqz (call $tick_every (i32.const 1)))")
        .on("proxy_on_done", "(call $say 'done' (local.get $0)) (i32.const 0)")
        .on("proxy_on_delete", "(call $say 'delete' (local.get $0))")
        .on("proxy_on_tick", "(call $say 'finish' (call $done))")
}

#[test]
fn a_root_context_that_is_not_done_lives_until_proxy_done() {
    let gateway = lingering().start(Options::default());
    gateway.tick();
    gateway.shut_down();
    assert_eq!(said(&gateway), ["finish=1", "done=1"]);
    gateway.tick();
    assert_eq!(said(&gateway), ["finish=0", "delete=1"]);
    assert_eq!(gateway.tick(), 0);
}

#[test]
fn streams_in_flight_finish_under_the_configuration_they_began_with() {
    let guest = Guest::default()
        .on("proxy_on_context_create", "(call $say 'root' (local.get $1))")
        .on("proxy_on_done", "(call $say 'done' (local.get $0)) (i32.const 1)");
    let gateway = guest.start(Options::default());
    let old = get(&gateway);
    gateway.reconfigure(b"new").unwrap();
    let new = get(&gateway);
    assert_eq!(said(&gateway), ["root=0", "root=1", "root=0", "root=3"]);
    old.response_headers(ok(), true);
    assert_eq!(said(&gateway), ["done=2", "done=1"], "the stream, then its root context");
    new.response_headers(ok(), true);
    assert_eq!(said(&gateway), ["done=4"]);
}
