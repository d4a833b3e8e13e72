//! A folder for one test, and the command run in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub(crate) fn deputy(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_deputy")).args(arguments).output().unwrap()
}

fn told(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// Runs it and returns what it printed; it must end well.
pub(crate) fn good(arguments: &[&str]) -> String {
    let output = deputy(arguments);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    told(&output)
}

/// Runs it and returns what it printed; it must end with 1 and have written nothing.
pub(crate) fn bad(arguments: &[&str], out: &Path) -> String {
    let output = deputy(arguments);
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    assert!(!out.exists(), "something was written: {}", told(&output));
    told(&output)
}

/// A folder for one test, and a name in it.
pub(crate) struct Desk(tempfile::TempDir);

impl Desk {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn keys(&self, name: &str, alg: &str) {
        let (out, public) = (self.text(&format!("{name}.jwk")), self.text(&format!("{name}.jwks")));
        good(&["keys", "new", "--alg", alg, "--out", &out, "--public", &public]);
    }
}
