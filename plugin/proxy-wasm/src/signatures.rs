//! Signatures verified by the host: Envoy's foreign function `verify_signature`, which is its
//! BoringSSL and some ten to fifty times faster than WebAssembly.
//!
//! What may be asked, and whether the host can be believed, is the engine's to say. Not here: how
//! question and answer are written (`verify_signature`).

use std::collections::BTreeMap;

use deputy_engine::engine::Engine;
use deputy_engine::{HostCheck, HostFitness, HostVerifier};

use crate::abi::{Level, host};
use crate::verify_signature::{argument, verdict};

/// Has the engine use the host for what it is good for, and tells the operator.
pub(crate) fn by_host(engine: &mut Engine, counters: &BTreeMap<String, u32>) {
    let counter = |event| counters.get(&format!("deputy.signature.{event}")).copied();
    let function = Function { asked: counter("host"), silent: counter("fallback") };
    let found = engine.verify_by(Box::new(function));
    let named = |fitness| -> Vec<_> {
        found.iter().filter(|(_, f)| *f == fitness).map(|(algorithm, _)| algorithm.name()).collect()
    };
    let used = named(HostFitness::Used);
    if !used.is_empty() {
        let line = format!("deputy: signatures: the host verifies {}", used.join(", "));
        host::log(Level::Info, &line);
    }
    let wrong = named(HostFitness::Wrong);
    if !wrong.is_empty() {
        let line = format!(
            "deputy: signatures: the host answers known answers wrong for {}; not used",
            wrong.join(", ")
        );
        host::log(Level::Error, &line);
    }
}

/// The host's function, and how often it was asked and did not answer.
#[derive(Debug)]
struct Function {
    asked: Option<u32>,
    silent: Option<u32>,
}

impl HostVerifier for Function {
    fn verify(&self, check: &HostCheck<'_>) -> Option<bool> {
        let argument = argument(check)?;
        let answer = host::call_function("verify_signature", &argument).ok();
        let verdict = answer.and_then(|answer| verdict(&answer));
        if let Some(metric) = if verdict.is_some() { self.asked } else { self.silent } {
            host::count(metric);
        }
        verdict
    }
}
