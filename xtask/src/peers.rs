//! Peers for interoperation tests: programs and libraries that nobody here wrote, from npm and PyPI.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::cargo::run;
use crate::place;
use crate::progress::Running;

/// The folder they are in, installed if they are not there or are others than those asked for.
pub(crate) fn obtain(running: &Running) -> Result<PathBuf> {
    let home = place::out().join("peers");
    let wanted = place::root().join("host-tests").join("peers");
    let asked = ["package.json", "requirements.txt"].map(|name| wanted.join(name));
    let asked = asked.iter().map(fs::read_to_string).collect::<Result<Vec<_>, _>>()?.concat();
    let done = home.join("installed");
    if fs::read_to_string(&done).is_ok_and(|installed| installed == asked) {
        return Ok(home);
    }
    fs::create_dir_all(&home)?;
    fs::copy(wanted.join("package.json"), home.join("package.json"))?;
    running.doing("token libraries, an identity provider, the SDKs of MCP and A2A, a conformance suite from npm");
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]);
    npm.arg("--prefix").arg(&home);
    run(npm, running).context("the peers can't be installed from npm")?;
    running.doing("joserfc, authlib and the SDKs of MCP and A2A from PyPI");
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"]);
    pip.arg("--target").arg(home.join("python"));
    pip.arg("--requirement").arg(wanted.join("requirements.txt"));
    run(pip, running).context("the peers can't be installed from PyPI")?;
    fs::write(&done, asked)?;
    Ok(home)
}
