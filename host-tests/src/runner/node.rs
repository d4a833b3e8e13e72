//! The module for JavaScript hosts, in Node: one process for all cases.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{Host, Observed, artifact};
use crate::cases::Resolved;

/// What Node saw of every case it was given.
pub struct Node {
    observed: BTreeMap<String, Observed>,
}

impl Node {
    /// Runs the cases with the package that `DEPUTY_WEB` names.
    ///
    /// # Panics
    /// When the package or `node` is not there, or the runner fails as a whole.
    pub fn run_all<'c>(cases: impl IntoIterator<Item = &'c Resolved>) -> Self {
        let package = artifact::path("DEPUTY_WEB", "the package for JavaScript hosts");
        let runner = Path::new(env!("CARGO_MANIFEST_DIR")).join("web/run.mjs");
        let cases: Vec<_> = cases.into_iter().collect();
        let input = serde_json::to_vec(&cases).expect("cases serialise");
        let output = piped(Command::new("node").arg(&runner).arg(&package), &input);
        let observed =
            serde_json::from_slice(&output).unwrap_or_else(|e| panic!("what Node says: {e}"));
        Self { observed }
    }
}

impl Host for Node {
    fn name(&self) -> String {
        "web, in Node".to_owned()
    }

    fn run(&mut self, case: &Resolved) -> Observed {
        let nothing = || Observed {
            faults: vec!["Node said nothing of this case".to_owned()],
            ..Observed::default()
        };
        self.observed.remove(&case.name).unwrap_or_else(nothing)
    }
}

fn piped(command: &mut Command, input: &[u8]) -> Vec<u8> {
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child
        .unwrap_or_else(|e| panic!("node does not start ({e}); it is needed for the web tests"));
    let mut stdin = child.stdin.take().expect("piped");
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output().expect("node can be waited for")
    });
    assert!(output.status.success(), "the runner in Node failed: {}", output.status);
    output.stdout
}
