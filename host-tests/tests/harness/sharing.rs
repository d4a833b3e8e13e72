//! What workers share, seen from inside the guests.

use host_tests::vm::{Metric, Options};

use crate::guest::{Guest, get, post, said};

#[test]
fn workers_share_data_and_a_stale_cas_is_a_mismatch() {
    let claim = "(drop (call $shared 'key' (i32.const 16) (i32.const 20) (i32.const 24)))
        (call $say 'set' (call $share 'key' 'v' (i32.load (i32.const 24)))) (i32.const 0)";
    let gateway = Guest::default()
        .on("proxy_on_request_headers", claim)
        .start(Options { workers: 2, ..Options::default() });
    gateway.shared().set(b"key", b"first", 0);
    for worker in [0, 1] {
        gateway.exchange(worker).headers(post(), true);
    }
    assert_eq!(said(&gateway), ["set=0", "set=0"]);
    assert_eq!(gateway.shared().data(b"key"), Some((b"v".to_vec(), 3)));
}

#[test]
fn inserting_with_the_highest_cas_succeeds_once_across_workers() {
    let claim = "(call $say 'insert' (call $share 'jti' 'used' (i32.const -1))) (i32.const 0)";
    let gateway = Guest::default()
        .on("proxy_on_request_headers", claim)
        .start(Options { workers: 2, ..Options::default() });
    for worker in [0, 1, 0] {
        gateway.exchange(worker).headers(post(), true);
    }
    assert_eq!(said(&gateway), ["insert=0", "insert=8", "insert=8"]);
}

#[test]
fn an_emptied_value_hands_over_a_null_pointer() {
    let look = "(drop (call $share 'key' (i32.const 0) (i32.const 0) (i32.const 0)))
        (call $say 'get' (call $shared 'key' (i32.const 16) (i32.const 20) (i32.const 24)))
        (call $say 'pointer' (i32.load (i32.const 16))) (call $say 'cas' (i32.load (i32.const 24)))
        (call $say 'missing' (call $shared 'other' (i32.const 16) (i32.const 20) (i32.const 24))) (i32.const 0)";
    let gateway = Guest::default().on("proxy_on_request_headers", look).start(Options::default());
    let _stream = get(&gateway);
    assert_eq!(said(&gateway), ["get=0", "pointer=0", "cas=1", "missing=1"]);
}

#[test]
fn counters_only_grow_and_names_are_shared() {
    let count = "(drop (call $define_metric (i32.const 0) 'hits' (i32.const 32)))
        (call $say 'up' (call $increment (i32.load (i32.const 32)) (i64.const 2)))
        (call $say 'down' (call $increment (i32.load (i32.const 32)) (i64.const -1)))
        (call $say 'unknown' (call $increment (i32.const 400) (i64.const 1))) (i32.const 0)";
    let gateway = Guest::default()
        .on("proxy_on_request_headers", count)
        .start(Options { workers: 2, ..Options::default() });
    for worker in [0, 1] {
        gateway.exchange(worker).headers(post(), true);
    }
    assert_eq!(said(&gateway)[..3], ["up=0", "down=2", "unknown=1"]);
    assert_eq!(gateway.shared().metrics()["hits"], Metric::Value(4));
}

#[test]
fn a_queue_wakes_the_worker_that_registered_it_last() {
    let guest = Guest::default()
        .on("proxy_on_configure", "(drop (call $register_queue 'q' (i32.const 32))) (i32.const 1)")
        .on(
            "proxy_on_request_headers",
            "(drop (call $enqueue (i32.load (i32.const 32)) 'item')) (i32.const 0)",
        )
        .on(
            "proxy_on_queue_ready",
            "(drop (call $dequeue (local.get $1) (i32.const 16) (i32.const 20))) (call $tell)
             (call $say 'again' (call $dequeue (local.get $1) (i32.const 16) (i32.const 20)))",
        );
    let gateway = guest.start(Options { workers: 2, ..Options::default() });
    let _stream = get(&gateway);
    gateway.announce_queues();
    let logs = gateway.take_logs();
    assert_eq!((logs[0].worker, logs[0].message.as_str()), (1, "item"));
    assert_eq!(logs[1].message, "again=7");
}
