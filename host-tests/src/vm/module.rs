//! Compiling a module once, so that every gateway of a test binary starts from ready code.

use std::sync::{Arc, OnceLock};

use anyhow::{anyhow, bail};
use wasmtime::{Config, Engine, ExternType, InstancePre, Linker};

use super::exports::{ABI_VERSIONS, ALLOCATORS, signature};
use super::imports;
use super::state::HostState;

/// A compiled module with all its imports resolved. Cloning is cheap.
#[derive(Clone)]
pub struct Module {
    inner: Arc<Inner>,
}

struct Inner {
    instance: InstancePre<HostState>,
    imports: Vec<Import>,
}

/// One function a module needs from its host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Import {
    /// `env` or `wasi_snapshot_preview1`.
    pub module: String,
    /// Function name.
    pub name: String,
    /// Parameter and result types.
    pub signature: String,
}

impl Module {
    /// Compiles and links. A module that imports what this host lacks, that speaks another ABI
    /// version or that cannot allocate is refused, as every host must.
    pub fn load(bytes: &[u8]) -> anyhow::Result<Self> {
        let module = wasmtime::Module::new(engine(), bytes)
            .map_err(|error| anyhow!("the module does not compile: {error:?}"))?;
        let exports = |names: &[&str]| names.iter().any(|name| module.get_export(name).is_some());
        if !exports(&ABI_VERSIONS) {
            bail!("the module exports none of {ABI_VERSIONS:?}");
        }
        if !exports(&ALLOCATORS) {
            bail!("the module exports none of {ALLOCATORS:?}");
        }
        let imports = module.imports().map(import).collect();
        let linked = linker()?.instantiate_pre(&module);
        let instance = linked.map_err(|error| anyhow!("the module cannot be linked: {error:?}"))?;
        Ok(Self { inner: Arc::new(Inner { instance, imports }) })
    }

    /// Has no fuel counted in this process, which takes as long again as what is counted: for who measures
    /// time, before the first module is loaded. Nothing ends what does not end by itself then.
    ///
    /// # Errors
    /// A module was loaded before.
    pub fn without_fuel() -> anyhow::Result<()> {
        COUNTS_FUEL.set(false).map_err(|_| anyhow!("a module was loaded before"))
    }

    /// Every function the module imports.
    pub fn imports(&self) -> &[Import] {
        &self.inner.imports
    }

    pub(super) fn instance(&self) -> &InstancePre<HostState> {
        &self.inner.instance
    }
}

/// One engine for the process: compiled modules can only meet stores of their own engine.
pub(super) fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let mut config = Config::new();
        config.consume_fuel(counts_fuel());
        Engine::new(&config).expect("a valid engine configuration")
    })
}

/// Whether fuel is counted: unless somebody measures time.
pub(super) fn counts_fuel() -> bool {
    *COUNTS_FUEL.get_or_init(|| true)
}

static COUNTS_FUEL: OnceLock<bool> = OnceLock::new();

fn linker() -> anyhow::Result<Linker<HostState>> {
    let mut linker = Linker::new(engine());
    imports::link(&mut linker).map_err(|error| anyhow!("{error:?}"))?;
    Ok(linker)
}

fn import(import: wasmtime::ImportType<'_>) -> Import {
    let signature = match import.ty() {
        ExternType::Func(function) => {
            let (parameters, results): (Vec<_>, Vec<_>) =
                (function.params().collect(), function.results().collect());
            signature(&parameters, &results)
        }
        other => format!("{other:?}"),
    };
    Import { module: import.module().into(), name: import.name().into(), signature }
}
