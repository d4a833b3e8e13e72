//! The functions a module offers to the host, looked up once per VM.

use std::collections::BTreeMap;

use wasmtime::{Func, Instance, Store, Val, ValType};

use super::state::HostState;

/// What a module must export besides callbacks.
pub(super) const ABI_VERSIONS: [&str; 2] = ["proxy_abi_version_0_2_1", "proxy_abi_version_0_2_0"];

/// Names under which a module offers its allocator; the first that exists is used.
pub(super) const ALLOCATORS: [&str; 2] = ["malloc", "proxy_on_memory_allocate"];

/// Every exported function of one instance.
#[derive(Default)]
pub(super) struct Exports {
    functions: BTreeMap<String, Func>,
}

impl Exports {
    pub(super) fn of(instance: &Instance, store: &mut Store<HostState>) -> Self {
        let found: Vec<(String, Func)> = instance
            .exports(&mut *store)
            .filter_map(|export| Some((export.name().to_owned(), export.into_func()?)))
            .collect();
        Self { functions: found.into_iter().collect() }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.functions.contains_key(name)
    }

    /// Calls an export with 32-bit arguments. `None`: there is no such export.
    pub(super) fn call(
        &self,
        store: &mut Store<HostState>,
        name: &str,
        arguments: &[u32],
    ) -> Option<wasmtime::Result<u32>> {
        let function = *self.functions.get(name)?;
        let arguments: Vec<Val> =
            arguments.iter().map(|argument| Val::I32(*argument as i32)).collect();
        let mut results: Vec<Val> = match function.ty(&*store).results().len() {
            0 => Vec::new(),
            count => vec![Val::null_func_ref(); count],
        };
        let called = function.call(store, &arguments, &mut results);
        Some(called.map(|()| results.first().map_or(0, number)))
    }
}

fn number(value: &Val) -> u32 {
    match value {
        Val::I32(number) => *number as u32,
        Val::I64(number) => *number as u32,
        _ => 0,
    }
}

/// The type of an import or export as text, for error messages.
pub(super) fn signature(parameters: &[ValType], results: &[ValType]) -> String {
    let list =
        |types: &[ValType]| types.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    format!("({}) -> ({})", list(parameters), list(results))
}
