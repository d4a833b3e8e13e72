//! Builds guests: a prelude with the host's functions, and callbacks given as WebAssembly text.

use host_tests::vm::{Exchange, Gateway, Module, Options, Pair, pairs};

/// Callbacks and the texts they refer to.
#[derive(Default)]
pub(crate) struct Guest {
    texts: Vec<u8>,
    callbacks: String,
}

impl Guest {
    /// Defines `export` with this body. Parameters are `$0 $1 …`, locals `$x $y`, and the body of a
    /// callback with a result must leave it.
    pub(crate) fn on(mut self, export: &str, body: &str) -> Self {
        let (parameters, result) = signature(export);
        let parameters: String =
            (0..parameters).map(|place| format!("(param ${place} i32) ")).collect();
        let result = if result { "(result i32)" } else { "" };
        let body = self.expand(body);
        self.callbacks.push_str(&format!(
            "(func (export \"{export}\") {parameters} {result} (local $x i32) (local $y i32) {body})\n"
        ));
        self
    }

    /// `'text'` in a body becomes pointer and length.
    fn expand(&mut self, body: &str) -> String {
        let mut expanded = String::new();
        for (place, part) in body.split('\'').enumerate() {
            if place % 2 == 0 {
                expanded.push_str(part);
            } else {
                let pointer = TEXTS + self.texts.len();
                self.texts.extend_from_slice(part.as_bytes());
                expanded.push_str(&format!("(i32.const {pointer}) (i32.const {})", part.len()));
            }
        }
        expanded
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let texts: String = self.texts.iter().map(|byte| format!("\\{byte:02x}")).collect();
        let text =
            format!("(module {PRELUDE} (data (i32.const {TEXTS}) \"{texts}\") {})", self.callbacks);
        wat::parse_str(&text).expect("the guest is valid text")
    }

    pub(crate) fn module(&self) -> Module {
        Module::load(&self.bytes()).expect("the guest loads")
    }

    pub(crate) fn start(&self, options: Options) -> Gateway {
        Gateway::start(&self.module(), options).expect("the guest starts")
    }
}

/// Number of parameters, and whether there is a result.
fn signature(export: &str) -> (usize, bool) {
    match export {
        "_initialize" => (0, false),
        "proxy_on_context_create" | "proxy_on_queue_ready" => (2, false),
        "proxy_on_vm_start" | "proxy_on_configure" => (2, true),
        "proxy_on_request_headers" | "proxy_on_response_headers" => (3, true),
        "proxy_on_request_body" | "proxy_on_response_body" => (3, true),
        "proxy_on_request_trailers" | "proxy_on_response_trailers" => (2, true),
        "proxy_on_http_call_response" => (5, false),
        "proxy_on_done" => (1, true),
        "proxy_on_log" | "proxy_on_delete" | "proxy_on_tick" => (1, false),
        other => panic!("no such callback: {other}"),
    }
}

const TEXTS: usize = 8192;

/// Memory: 0..64 results of host functions, 1024.. a number as text, 8192.. texts, 65536.. allocated.
const PRELUDE: &str = r#"
(import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
(import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_replace_header_map_value" (func $set (param i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_remove_header_map_value" (func $remove (param i32 i32 i32) (result i32)))
(import "env" "proxy_get_header_map_pairs" (func $pairs (param i32 i32 i32) (result i32)))
(import "env" "proxy_set_header_map_pairs" (func $set_pairs (param i32 i32 i32) (result i32)))
(import "env" "proxy_get_buffer_bytes" (func $body (param i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_set_buffer_bytes" (func $set_body (param i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_get_property" (func $property (param i32 i32 i32 i32) (result i32)))
(import "env" "proxy_set_property" (func $set_property (param i32 i32 i32 i32) (result i32)))
(import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
(import "env" "proxy_close_stream" (func $close (param i32) (result i32)))
(import "env" "proxy_set_effective_context" (func $become (param i32) (result i32)))
(import "env" "proxy_send_local_response"
  (func $respond (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_http_call" (func $http_call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_get_shared_data" (func $shared (param i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_set_shared_data" (func $share (param i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_register_shared_queue" (func $register_queue (param i32 i32 i32) (result i32)))
(import "env" "proxy_enqueue_shared_queue" (func $enqueue (param i32 i32 i32) (result i32)))
(import "env" "proxy_dequeue_shared_queue" (func $dequeue (param i32 i32 i32) (result i32)))
(import "env" "proxy_define_metric" (func $define_metric (param i32 i32 i32 i32) (result i32)))
(import "env" "proxy_increment_metric" (func $increment (param i32 i64) (result i32)))
(import "env" "proxy_set_tick_period_milliseconds" (func $tick_every (param i32) (result i32)))
(import "env" "proxy_call_foreign_function" (func $foreign (param i32 i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_done" (func $done (result i32)))
(import "env" "proxy_get_current_time_nanoseconds" (func $now (param i32) (result i32)))
(import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
(memory (export "memory") 4)
(global $free (mut i32) (i32.const 65536))
(global $state (mut i32) (i32.const 0))
(func (export "proxy_abi_version_0_2_1"))
(func $allocate (export "proxy_on_memory_allocate") (param $size i32) (result i32)
  (local $at i32)
  (local.set $at (global.get $free))
  (global.set $free (i32.add (global.get $free) (local.get $size)))
  (block $enough
    (br_if $enough (i32.le_u (global.get $free) (i32.mul (memory.size) (i32.const 65536))))
    (if (i32.lt_s (memory.grow (i32.add (i32.shr_u (local.get $size) (i32.const 16)) (i32.const 1))) (i32.const 0))
      (then unreachable)))
  (local.get $at))
;; Logs a label and a number of up to two digits.
(func $say (param $text i32) (param $size i32) (param $number i32)
  (memory.copy (i32.const 1024) (local.get $text) (local.get $size))
  (local.set $size (i32.add (local.get $size) (i32.const 1024)))
  (i32.store8 (local.get $size) (i32.const 61))
  (i32.store8 offset=1 (local.get $size) (i32.add (i32.const 48) (i32.div_u (local.get $number) (i32.const 10))))
  (i32.store8 offset=2 (local.get $size) (i32.add (i32.const 48) (i32.rem_u (local.get $number) (i32.const 10))))
  (if (i32.lt_u (local.get $number) (i32.const 10))
    (then (i32.store8 offset=1 (local.get $size) (i32.load8_u offset=2 (local.get $size))))
    (else (local.set $size (i32.add (local.get $size) (i32.const 1)))))
  (drop (call $log (i32.const 2) (i32.const 1024) (i32.sub (local.get $size) (i32.const 1022)))))
;; Logs the bytes a host function stored at 16 (pointer) and 20 (size).
(func $tell (drop (call $log (i32.const 2) (i32.load (i32.const 16)) (i32.load (i32.const 20)))))
"#;

pub(crate) const CONTINUE: &str = "(i32.const 0)";
pub(crate) const PAUSE: &str = "(i32.const 1)";

/// Logs `label=<status>` of a read of the header `x` of a map (0 request, 1 request trailers, 2
/// response, 3 response trailers).
pub(crate) fn read(label: &str, map: u32) -> String {
    format!("(call $say '{label}' (call $get (i32.const {map}) 'x' (i32.const 16) (i32.const 20)))")
}

/// Logs `label=<status>` of a write of the header `x`.
pub(crate) fn write(label: &str, map: u32) -> String {
    format!("(call $say '{label}' (call $set (i32.const {map}) 'x' 'new'))")
}

/// Answers 403 with the body `no`.
pub(crate) const REFUSE: &str = "(drop (call $respond (i32.const 403) 'refused by guest' 'no' (i32.const 0) (i32.const 0) (i32.const -1)))";

/// Pauses unless this is the end (`$2`).
pub(crate) const PAUSE_UNTIL_END: &str = "(i32.eqz (local.get $2))";

/// `POST /p` with the header `x: old`.
pub(crate) fn post() -> Vec<Pair> {
    pairs([
        (":method", "POST"),
        (":path", "/p?q=1"),
        (":authority", "a.example"),
        (":scheme", "https"),
        ("x", "old"),
    ])
}

pub(crate) fn ok() -> Vec<Pair> {
    pairs([(":status", "200"), ("x", "old")])
}

/// All log messages so far.
pub(crate) fn said(gateway: &Gateway) -> Vec<String> {
    gateway.take_logs().into_iter().map(|line| line.message).collect()
}

/// A stream that has been forwarded without a body.
pub(crate) fn get(gateway: &Gateway) -> Exchange {
    let exchange = gateway.exchange(0);
    exchange.headers(post(), true);
    exchange
}
