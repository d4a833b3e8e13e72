//! What is built before anything can run: targets, the module, the web package, the programs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::cargo::{cargo, run};
use crate::place;
use crate::progress::{self, Running};

const PLUGIN_TARGET: &str = "wasm32-wasip1";
const WEB_TARGET: &str = "wasm32-unknown-unknown";
/// What to do, and the features that rustc turns on for its WebAssembly targets; the stripped module does not name
/// them.
const WASM_OPT: [&str; 8] = [
    "-O3",
    // What is made for several types is often the same but for a constant: 45 KB.
    "--merge-similar-functions",
    "--enable-bulk-memory",
    "--enable-sign-ext",
    "--enable-nontrapping-float-to-int",
    "--enable-mutable-globals",
    "--enable-reference-types",
    "--enable-multivalue",
];

/// `cargo xtask build`.
pub(crate) fn build(web: bool) -> Result<()> {
    let targets: &[&str] = if web { &[PLUGIN_TARGET, WEB_TARGET] } else { &[PLUGIN_TARGET] };
    wasm_targets(targets)?;
    plugin()?;
    if web { web_package() } else { Ok(()) }
}

/// Adds the targets that are missing.
pub(crate) fn wasm_targets(targets: &[&str]) -> Result<()> {
    progress::step("wasm targets", |running| {
        let missing: Vec<_> =
            targets.iter().filter(|target| !has_target(target)).copied().collect();
        if missing.is_empty() {
            return Ok(((), format!("{} installed", targets.join(", "))));
        }
        let mut rustup = Command::new("rustup");
        rustup.args(["target", "add"]).args(&missing).current_dir(place::root());
        run(rustup, running)
            .context("the Rust targets for WebAssembly can't be added; is rustup installed?")?;
        Ok(((), format!("{} added", missing.join(", "))))
    })
}

/// Whether the toolchain in use has the target's standard library.
fn has_target(target: &str) -> bool {
    let rustc =
        Command::new("rustc").args(["--print", "sysroot"]).current_dir(place::root()).output();
    let Ok(output) = rustc else { return false };
    let sysroot = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Path::new(&sysroot).join("lib/rustlib").join(target).join("lib").is_dir()
}

/// The module for proxy-wasm hosts, and where it is.
pub(crate) fn plugin() -> Result<PathBuf> {
    progress::step("plugin", |running| {
        let build =
            module_build(&["--package", "deputy-proxy-wasm", "--target", PLUGIN_TARGET], running)?;
        run(build, running)?;
        let made = place::target().join(PLUGIN_TARGET).join("plugin/deputy_proxy_wasm.wasm");
        let module = place::module();
        copy(&made, &module)?;
        let how = shrink(&module, running)?;
        Ok((module.clone(), format!("{} {}{how}", place::shown(&module), megabytes(&module))))
    })
}

/// How modules are built. What is in them says where a panic was: without the folder in which this machine keeps
/// its packages, which is nobody's business and eleven kilobytes.
pub(crate) fn module_build(arguments: &[&str], running: &Running) -> Result<Command> {
    // So that the folder is there.
    run(cargo(&["fetch", "--quiet"]), running)?;
    let mut build = cargo(&["build", "--profile", "plugin"]);
    build.args(arguments);
    let flags: Vec<_> = package_folders()?
        .iter()
        .map(|folder| format!("\"--remap-path-prefix={folder}=\""))
        .collect();
    for target in [PLUGIN_TARGET, WEB_TARGET] {
        let rustflags = format!("target.{target}.rustflags=[{}]", flags.join(", "));
        build.args(["--config", &rustflags]);
    }
    Ok(build)
}

/// Where cargo keeps the sources of packages, one folder per registry.
fn package_folders() -> Result<Vec<String>> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let sources = home.context("there is no home folder")?.join("registry/src");
    let mut folders = Vec::new();
    for entry in fs::read_dir(&sources).into_iter().flatten() {
        // A backslash would have to be escaped for TOML; there it stays as it is.
        let folder = format!("{}/", entry?.path().display());
        folders.extend((!folder.contains(['\\', '"', '='])).then_some(folder));
    }
    folders.sort_unstable();
    Ok(folders)
}

/// What the compiler leaves to be done: a tenth of the size and of the time, if Binaryen's `wasm-opt`
/// is there. The module is the same without.
fn shrink(module: &Path, running: &Running) -> Result<&'static str> {
    if first_line(Path::new("wasm-opt"), "--version").is_none() {
        return Ok(" (a tenth smaller with wasm-opt, of the package binaryen)");
    }
    running.doing("wasm-opt");
    let small = module.with_extension("small.wasm");
    let mut optimise = Command::new("wasm-opt");
    optimise.args(WASM_OPT).arg(module).arg("-o").arg(&small);
    run(optimise, running)?;
    fs::rename(&small, module).context("can't put the optimised module in its place")?;
    Ok(", optimised")
}

/// The module for JavaScript hosts with its glue: one folder for Node, one for the web.
fn web_package() -> Result<()> {
    progress::step("web package", |running| {
        let arguments = ["--package", "deputy-web", "--target", WEB_TARGET];
        let mut build = module_build(&arguments, running)?;
        // wasm-bindgen reads a section that stripping symbols would drop; it strips them itself.
        build.args(["--config", "profile.plugin.strip=\"debuginfo\""]);
        run(build, running)?;
        let made = place::target().join(WEB_TARGET).join("plugin/deputy_web.wasm");
        if !made.is_file() {
            bail!("cargo built deputy-web but there is no {}", made.display());
        }
        running.doing("JavaScript glue");
        let glue = [
            "run",
            "--quiet",
            "--package",
            "xtask",
            "--features",
            "web",
            "--bin",
            "web-glue",
            "--",
        ];
        let mut glue = cargo(&glue);
        glue.arg(&made).arg(place::web());
        run(glue, running)?;
        let wasm = place::web().join("web/deputy_bg.wasm");
        Ok(((), format!("{} {}", place::shown(&place::web()), megabytes(&wasm))))
    })
}

/// Programs of the workspace, built for this machine.
pub(crate) fn programs(packages: &[&str], running: &Running) -> Result<()> {
    let mut command = cargo(&["build", "--bins"]);
    for package in packages {
        command.args(["--package", package]);
    }
    run(command, running)
}

/// Copies a file into a folder that may not exist yet.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::copy(from, to)
        .with_context(|| format!("can't copy {} to {}", from.display(), to.display()))?;
    Ok(())
}

/// Whether a program runs at all, and the first line it says.
pub(crate) fn first_line(program: &Path, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find(|line| !line.trim().is_empty()).map(|line| line.trim().to_owned());
    output.status.success().then_some(line).flatten()
}

fn megabytes(file: &Path) -> String {
    let bytes = fs::metadata(file).map(|data| data.len()).unwrap_or_default();
    format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000)
}
