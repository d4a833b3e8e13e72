//! The host functions this module imports: those it uses and no others.
//!
//! A host that lacks one of a module's imports refuses the module, so every line here narrows the
//! choice of hosts. `proxy-wasm` 0.2.5 would import 35 of them.
#![allow(unsafe_code, reason = "declarations of the host's functions")]

/// A status as the host returns it.
pub(super) type RawStatus = u32;

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    pub(super) fn proxy_log(level: u32, text: *const u8, text_size: usize) -> RawStatus;
    pub(super) fn proxy_get_current_time_nanoseconds(time: *mut u64) -> RawStatus;
    pub(super) fn proxy_set_tick_period_milliseconds(period: u32) -> RawStatus;
    pub(super) fn proxy_set_effective_context(context: u32) -> RawStatus;

    pub(super) fn proxy_get_property(
        path: *const u8,
        path_size: usize,
        value: *mut *mut u8,
        value_size: *mut usize,
    ) -> RawStatus;
    pub(super) fn proxy_set_property(
        path: *const u8,
        path_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> RawStatus;

    pub(super) fn proxy_get_header_map_pairs(
        map: u32,
        pairs: *mut *mut u8,
        pairs_size: *mut usize,
    ) -> RawStatus;
    pub(super) fn proxy_get_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *mut *mut u8,
        value_size: *mut usize,
    ) -> RawStatus;
    pub(super) fn proxy_replace_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> RawStatus;
    pub(super) fn proxy_remove_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
    ) -> RawStatus;

    pub(super) fn proxy_get_buffer_bytes(
        buffer: u32,
        start: usize,
        max_size: usize,
        bytes: *mut *mut u8,
        bytes_size: *mut usize,
    ) -> RawStatus;
    pub(super) fn proxy_set_buffer_bytes(
        buffer: u32,
        start: usize,
        size: usize,
        bytes: *const u8,
        bytes_size: usize,
    ) -> RawStatus;

    pub(super) fn proxy_continue_stream(stream: u32) -> RawStatus;
    pub(super) fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_size: usize,
        body: *const u8,
        body_size: usize,
        headers: *const u8,
        headers_size: usize,
        grpc_status: i32,
    ) -> RawStatus;
    pub(super) fn proxy_http_call(
        upstream: *const u8,
        upstream_size: usize,
        headers: *const u8,
        headers_size: usize,
        body: *const u8,
        body_size: usize,
        trailers: *const u8,
        trailers_size: usize,
        timeout_ms: u32,
        token: *mut u32,
    ) -> RawStatus;

    pub(super) fn proxy_get_shared_data(
        name: *const u8,
        name_size: usize,
        value: *mut *mut u8,
        value_size: *mut usize,
        cas: *mut u32,
    ) -> RawStatus;
    pub(super) fn proxy_set_shared_data(
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
        cas: u32,
    ) -> RawStatus;

    pub(super) fn proxy_call_foreign_function(
        name: *const u8,
        name_size: usize,
        argument: *const u8,
        argument_size: usize,
        result: *mut *mut u8,
        result_size: *mut usize,
    ) -> RawStatus;

    pub(super) fn proxy_define_metric(
        kind: u32,
        name: *const u8,
        name_size: usize,
        metric: *mut u32,
    ) -> RawStatus;
    pub(super) fn proxy_increment_metric(metric: u32, by: i64) -> RawStatus;
    pub(super) fn proxy_record_metric(metric: u32, value: u64) -> RawStatus;
}

// The ABI has no random source of its own; hosts of 0.2.1 offer WASI's.
#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    /// Returns an errno, zero for success.
    pub(super) fn random_get(bytes: *mut u8, size: usize) -> u32;
}
