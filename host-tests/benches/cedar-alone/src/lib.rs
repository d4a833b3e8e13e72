//! Cedar alone, as a proxy-wasm 0.2.1 module: reads a schema and the policies it is configured with,
//! validates them strictly, decides one request, and from then on lets everything pass. That is what
//! Deputy has Cedar do when it starts; nothing else of Deputy is in it.

use std::alloc::{Layout, alloc};

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityUid, PolicySet, Request, Schema, ValidationMode, Validator,
};

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_get_buffer_bytes(buffer: u32, start: usize, max: usize, bytes: *mut *mut u8, size: *mut usize) -> u32;
}

unsafe extern "C" {
    fn __wasm_call_ctors();
}

#[unsafe(no_mangle)]
extern "C" fn _initialize() {
    // SAFETY: the host calls this once, before anything else.
    unsafe { __wasm_call_ctors() };
}

#[unsafe(no_mangle)]
extern "C" fn proxy_abi_version_0_2_1() {}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
    match Layout::array::<u8>(size) {
        // SAFETY: the size is not zero.
        Ok(layout) if size > 0 => unsafe { alloc(layout) },
        _ => std::ptr::null_mut(),
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_context_create(_context: u32, _root: u32) {}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_vm_start(_root: u32, _size: usize) -> u32 {
    1
}

/// Envoy starts only if the decision is the expected one.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_configure(_root: u32, size: usize) -> u32 {
    const PLUGIN_CONFIGURATION: u32 = 7;
    let (mut bytes, mut length) = (std::ptr::null_mut(), 0);
    // SAFETY: the host writes where it has put the configuration and how long it is.
    let status = unsafe { proxy_get_buffer_bytes(PLUGIN_CONFIGURATION, 0, size, &raw mut bytes, &raw mut length) };
    if status != 0 || bytes.is_null() {
        return 0;
    }
    // SAFETY: allocated above by the host's request, in exactly this size, and left to us.
    let policies = unsafe { Vec::from_raw_parts(bytes, length, length) };
    (decide(&policies) == Some(Decision::Deny)).into()
}

/// Nobody in particular asks for nothing in particular: every policy is looked at, none permits it.
fn decide(policies: &[u8]) -> Option<Decision> {
    let policies: PolicySet = std::str::from_utf8(policies).ok()?.parse().ok()?;
    let (schema, _warnings) = Schema::from_cedarschema_str(SCHEMA).ok()?;
    // The tools of the policies are not in this schema, so there is something to find.
    let found = Validator::new(schema.clone()).validate(&policies, ValidationMode::Strict);
    if found.validation_passed() {
        return None;
    }
    let uid = |text: &str| text.parse::<EntityUid>().ok();
    let request = Request::new(
        uid(r#"Agent::"nobody""#)?,
        uid(r#"Action::"nothing""#)?,
        uid(r#"Tool::"none""#)?,
        Context::empty(),
        None,
    );
    let team = Entity::new_no_attrs(uid(r#"Team::"nobody""#)?, std::iter::empty().collect());
    let entities = Entities::from_entities([team], Some(&schema)).ok()?;
    let response = Authorizer::new().is_authorized(&request.ok()?, &policies, &entities);
    Some(response.decision())
}

/// What Deputy adds a configuration's tools and routes to.
const SCHEMA: &str = include_str!("../../../../policies/schema/deputy.cedarschema");
