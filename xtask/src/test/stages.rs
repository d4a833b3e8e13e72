//! The checks, in the order in which they find things out cheapest.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::JoinHandle;

use anyhow::{Context as _, Result, anyhow};

use super::targets;
use crate::artifacts::{self, first_line};
use crate::cargo::{cargo, run};
use crate::demo::{self, Gateway};
use crate::envoy::{self, Envoy};
use crate::peers;
use crate::place;
use crate::progress::{self, say};

/// One check.
pub(super) struct Stage {
    pub(super) name: &'static str,
    /// Checks whose results it stands on.
    pub(super) needs: &'static [&'static str],
    pub(super) run: fn(&mut World) -> Result<Outcome>,
}

/// What came of a check.
pub(super) enum Outcome {
    Passed {
        tests: usize,
    },
    Failed {
        passed: usize,
        failed: usize,
    },
    /// It could not run, and why.
    Absent(String),
}

impl Outcome {
    /// Of two runs that are one check.
    fn and(self, other: Self) -> Self {
        match (self.counted(), other.counted()) {
            ((passed, 0), (more, 0)) => Self::Passed { tests: passed + more },
            ((passed, failed), (more, worse)) => {
                Self::Failed { passed: passed + more, failed: failed + worse }
            }
        }
    }

    fn counted(&self) -> (usize, usize) {
        match self {
            Self::Passed { tests } => (*tests, 0),
            Self::Failed { passed, failed } => (*passed, *failed),
            Self::Absent(_) => (0, 1),
        }
    }
}

/// What earlier checks found out for later ones.
#[derive(Default)]
pub(super) struct World {
    /// The build of the programs, under way while the modules are made.
    programs: Option<JoinHandle<Result<Outcome>>>,
    /// Whether they are built at all.
    builds_programs: bool,
    envoy: Option<Envoy>,
    node: Option<String>,
    peers: Option<PathBuf>,
    browser: Option<String>,
    tests_ran: bool,
    envoy_tests_ran: bool,
    browser_tests_ran: bool,
    demos: Vec<String>,
}

/// Every check.
pub(super) const STAGES: &[Stage] = &[
    Stage { name: "fmt", needs: &[], run: fmt },
    Stage { name: "modules", needs: &[], run: modules },
    Stage { name: "programs", needs: &[], run: programs },
    Stage { name: "hosts", needs: &[], run: hosts },
    Stage { name: "tests", needs: &["modules", "programs", "hosts"], run: tests },
    Stage { name: "tests-envoy", needs: &["modules", "programs", "hosts"], run: tests_envoy },
    Stage { name: "tests-peers", needs: &["modules", "programs", "hosts"], run: tests_peers },
    Stage { name: "tests-browser", needs: &["programs", "hosts"], run: tests_browser },
    Stage { name: "demo-embedded", needs: &["modules", "programs"], run: demo_embedded },
    Stage { name: "demo-envoy", needs: &["modules", "programs", "hosts"], run: demo_envoy },
    Stage { name: "clippy", needs: &[], run: clippy },
    Stage { name: "clippy-proxy-wasm", needs: &[], run: clippy_proxy_wasm },
    Stage { name: "clippy-web", needs: &[], run: clippy_web },
    Stage { name: "deny", needs: &[], run: deny },
];

impl World {
    /// Before any of these checks has run.
    pub(super) fn of(chosen: &[&Stage]) -> Self {
        let builds_programs = chosen.iter().any(|stage| stage.name == "programs");
        Self { builds_programs, ..Self::default() }
    }

    /// By name and version.
    pub(super) fn hosts_that_ran(&self) -> Vec<String> {
        let mut ran = Vec::new();
        if self.tests_ran {
            ran.push("native".to_owned());
            ran.extend(place::module().is_file().then(|| "wasmtime (tests)".to_owned()));
            let node = self.node.as_ref().filter(|_| place::web().join("nodejs").is_dir());
            ran.extend(node.map(|node| format!("Node {node} (tests)")));
        }
        let envoy = self.envoy.as_ref().filter(|_| self.envoy_tests_ran);
        ran.extend(envoy.map(|envoy| format!("Envoy {} (tests)", envoy.version)));
        let browser = self.browser.as_ref().filter(|_| self.browser_tests_ran);
        ran.extend(browser.map(|browser| format!("{browser} (tests)")));
        ran.extend(self.demos.iter().map(|host| format!("{host} (demo)")));
        if ran.is_empty() { vec!["none".to_owned()] } else { ran }
    }
}

fn fmt(_: &mut World) -> Result<Outcome> {
    check("cargo fmt", cargo(&["fmt", "--all", "--check"]))
}

/// The linker makes a module on one core; on the other the programs are built meanwhile, which go into
/// another folder.
fn modules(world: &mut World) -> Result<Outcome> {
    if world.builds_programs {
        world.programs = Some(std::thread::spawn(build_programs));
    }
    artifacts::build(true)?;
    Ok(Outcome::Passed { tests: 0 })
}

fn programs(world: &mut World) -> Result<Outcome> {
    match world.programs.take() {
        Some(build) => build.join().map_err(|_| anyhow!("the build of the programs panicked"))?,
        None => build_programs(),
    }
}

/// Programs and tests in one go: built apart, their dependencies would have other features, and be
/// compiled twice.
fn build_programs() -> Result<Outcome> {
    check("cargo build", cargo(&["build", "--all-targets"]))
}

/// Which hosts there are; one that is missing is named here and by whoever needs it.
fn hosts(world: &mut World) -> Result<Outcome> {
    let mut missing = Vec::new();
    world.node = first_line(&PathBuf::from("node"), "--version");
    match &world.node {
        Some(version) => progress::done("node", version),
        None => missing.push("there is no `node` on PATH".to_owned()),
    }
    let found = progress::step("envoy", |running| match envoy::obtain(running) {
        Ok(envoy) => {
            let said = format!("{} at {}", envoy.version, place::shown(&envoy.program));
            Ok((Ok(envoy), said))
        }
        Err(problem) => Ok((Err(format!("{problem:#}")), "absent".to_owned())),
    })?;
    match found {
        Ok(envoy) => world.envoy = Some(envoy),
        Err(problem) => missing.push(problem),
    }
    let peers = progress::step("peers", |running| match peers::obtain(running) {
        Ok(folder) => {
            let said = place::shown(&folder);
            Ok((Ok(folder), said))
        }
        Err(problem) => Ok((Err(format!("{problem:#}")), "absent".to_owned())),
    })?;
    match peers {
        Ok(folder) => world.peers = Some(folder),
        Err(problem) => missing.push(problem),
    }
    // By its driver's version: the browser itself would open a window to say it.
    world.browser = first_line(Path::new(CHROMEDRIVER), "--version");
    match &world.browser {
        Some(version) => progress::done("browser", version),
        None => missing.push(format!("there is no `{CHROMEDRIVER}` on PATH, so no browser")),
    }
    for what in &missing {
        progress::absent("absent", what);
    }
    Ok(if missing.is_empty() {
        Outcome::Passed { tests: 0 }
    } else {
        Outcome::Absent(missing.join("; "))
    })
}

/// Unit tests, cases on every host but Envoy, examples in the documentation: all of them are cargo
/// tests.
fn tests(world: &mut World) -> Result<Outcome> {
    let (_, others) = targets::by_need_of_envoy()?;
    let mut arguments = vec!["test", "--no-fail-fast", "--lib", "--bins"];
    arguments.extend(others.iter().flat_map(|name| ["--test", name]));
    let run = cargo_test(&arguments, None, None)?;
    let documented = cargo_test(&["test", "--no-fail-fast", "--doc"], None, None)?;
    world.tests_ran = true;
    Ok(run.and(documented))
}

/// Everything that needs a real Envoy.
fn tests_envoy(world: &mut World) -> Result<Outcome> {
    let Some(envoy) = &world.envoy else {
        return Ok(Outcome::Absent("there is no Envoy".to_owned()));
    };
    let (names, _) = targets::by_need_of_envoy()?;
    let mut arguments = vec!["test", "--no-fail-fast"];
    arguments.extend(names.iter().flat_map(|name| ["--test", name]));
    let outcome = cargo_test(&arguments, Some(&envoy.program), None)?;
    world.envoy_tests_ran = true;
    Ok(outcome)
}

/// With peers that nobody here wrote, and a real Envoy between them.
fn tests_peers(world: &mut World) -> Result<Outcome> {
    let (Some(envoy), Some(peers)) = (&world.envoy, &world.peers) else {
        return Ok(Outcome::Absent("there is no Envoy, or there are no peers".to_owned()));
    };
    let arguments = ["test", "--no-fail-fast", "--test", targets::PEERS];
    cargo_test(&arguments, Some(&envoy.program), Some(peers))
}

/// Drives Chromium; comes with it (Debian: chromium, chromium-driver).
const CHROMEDRIVER: &str = "chromedriver";

/// The approval service's page in a real browser.
fn tests_browser(world: &mut World) -> Result<Outcome> {
    if world.browser.is_none() {
        return Ok(Outcome::Absent("there is no Chromium with its chromedriver".to_owned()));
    }
    let arguments = ["test", "--no-fail-fast", "--test", targets::BROWSER];
    let outcome = cargo_test(&arguments, None, None)?;
    world.browser_tests_ran = true;
    Ok(outcome)
}

/// Runs tests and counts them. Without an Envoy a test that needs one fails.
fn cargo_test(arguments: &[&str], envoy: Option<&Path>, peers: Option<&Path>) -> Result<Outcome> {
    let mut command = cargo(arguments);
    command.env("DEPUTY_WASM", place::module()).env("DEPUTY_WEB", place::web().join("nodejs"));
    match envoy {
        Some(program) => command.env("DEPUTY_ENVOY", program),
        None => command.env_remove("DEPUTY_ENVOY"),
    };
    command.env("DEPUTY_CHROMEDRIVER", CHROMEDRIVER);
    command.env("DEPUTY_SCREENSHOTS", place::out().join("screenshots"));
    match peers {
        Some(folder) => command.env("DEPUTY_PEERS", folder),
        None => command.env_remove("DEPUTY_PEERS"),
    };
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("can't start cargo test")?;
    let (mut passed, mut failed) = (0, 0);
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            say(&line);
            if let Some((p, f)) = result_line(&line) {
                passed += p;
                failed += f;
            }
        }
    }
    if child.wait()?.success() {
        Ok(Outcome::Passed { tests: passed })
    } else {
        // A test program that does not compile or crashes has no result line.
        Ok(Outcome::Failed { passed, failed: failed.max(1) })
    }
}

/// `test result: ok. 12 passed; 0 failed; …`
fn result_line(line: &str) -> Option<(usize, usize)> {
    let rest = line.trim().strip_prefix("test result: ")?;
    let number = |word: &str| {
        let before = rest.split(word).next()?;
        before.trim_end().rsplit(' ').next()?.parse().ok()
    };
    Some((number(" passed")?, number(" failed")?))
}

fn demo_embedded(world: &mut World) -> Result<Outcome> {
    demo::check(Gateway::Embedded)?;
    world.demos.push("embedded wasmtime host".to_owned());
    Ok(Outcome::Passed { tests: 0 })
}

fn demo_envoy(world: &mut World) -> Result<Outcome> {
    let Some(envoy) = &world.envoy else {
        return Ok(Outcome::Absent("there is no Envoy".to_owned()));
    };
    let host = format!("Envoy {}", envoy.version);
    demo::check(Gateway::Envoy(envoy.clone()))?;
    world.demos.push(host);
    Ok(Outcome::Passed { tests: 0 })
}

fn clippy(_: &mut World) -> Result<Outcome> {
    let arguments = ["clippy", "--all-targets", "--features", "xtask/web", "--", "-D", "warnings"];
    check("cargo clippy", cargo(&arguments))
}

fn clippy_proxy_wasm(_: &mut World) -> Result<Outcome> {
    artifacts::wasm_targets(&["wasm32-wasip1"])?;
    clippy_for("deputy-proxy-wasm", "wasm32-wasip1")
}

fn clippy_web(_: &mut World) -> Result<Outcome> {
    artifacts::wasm_targets(&["wasm32-unknown-unknown"])?;
    clippy_for("deputy-web", "wasm32-unknown-unknown")
}

fn clippy_for(package: &str, target: &str) -> Result<Outcome> {
    let arguments = ["clippy", "--package", package, "--target", target, "--", "-D", "warnings"];
    check(package, cargo(&arguments))
}

/// Licences, sources and banned crates. Advisories need a database that can't be had everywhere.
fn deny(_: &mut World) -> Result<Outcome> {
    if first_line(&PathBuf::from("cargo-deny"), "--version").is_none() {
        return Ok(Outcome::Absent(
            "cargo-deny is not installed (cargo install --locked cargo-deny)".to_owned(),
        ));
    }
    check("cargo deny", cargo(&["deny", "check", "bans", "licenses", "sources"]))
}

fn check(name: &str, command: Command) -> Result<Outcome> {
    progress::step(name, |running| {
        run(command, running).map(|()| ((), "nothing to say".to_owned()))
    })?;
    Ok(Outcome::Passed { tests: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_runs_are_one_check_that_fails_if_either_does() {
        let passed = || Outcome::Passed { tests: 3 };
        assert!(matches!(passed().and(passed()), Outcome::Passed { tests: 6 }));
        let failed = Outcome::Failed { passed: 1, failed: 2 };
        assert!(matches!(passed().and(failed), Outcome::Failed { passed: 4, failed: 2 }));
    }

    #[test]
    fn result_lines_of_cargo_are_counted() {
        let ok = "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s";
        assert_eq!(result_line(ok), Some((12, 0)));
        let failed =
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(result_line(failed), Some((3, 2)));
        assert_eq!(result_line("running 3 tests"), None);
    }
}
