//! `cargo xtask test`: every check, timed, and what could not run named loudly.
//!
//! With `CI=true` a check that can't run is a check that failed. The last line is for machines:
//! `N passed, M failed`, where a check without tests of its own counts as one.

mod fuzz;
mod stages;
mod targets;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use clap::Args;
use console::style;

use crate::progress::{elapsed, say};
use stages::{Outcome, STAGES, Stage, World};

/// Which checks.
#[derive(Args)]
pub(crate) struct Options {
    /// Only the checks whose name contains this.
    #[arg(long, value_name = "SUBJECT")]
    only: Option<String>,
    /// The fuzz targets too, a minute each.
    #[arg(long)]
    long: bool,
}

/// One line of the table.
struct Row {
    name: &'static str,
    outcome: Outcome,
    took: Duration,
}

/// Runs the checks; the exit code says whether all went well.
pub(crate) fn run(options: &Options) -> ExitCode {
    let strict = std::env::var("CI").is_ok_and(|value| value == "true");
    let chosen = chosen(options.only.as_deref(), options.long);
    if chosen.is_empty() {
        let names: Vec<_> = STAGES.iter().map(|stage| stage.name).collect();
        eprintln!("no check has that in its name; there are: {}", names.join(", "));
        return ExitCode::FAILURE;
    }
    let mut world = World::of(&chosen);
    let mut rows: Vec<Row> = Vec::new();
    for stage in chosen {
        let row = row(stage, &rows, &mut world);
        rows.push(row);
    }
    table(&rows, strict);
    hosts(&world, &rows, strict);
    let (passed, failed) = count(&rows, strict);
    say(&format!("\n{passed} passed, {failed} failed"));
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The checks asked for and, before them, what they need.
fn chosen(only: Option<&str>, long: bool) -> Vec<&'static Stage> {
    let all = || STAGES.iter().chain(long.then_some(&fuzz::STAGE));
    let wanted = |stage: &&Stage| only.is_none_or(|only| stage.name.contains(only));
    let needed: Vec<_> = all().filter(wanted).flat_map(|stage| stage.needs).collect();
    all().filter(|stage| wanted(stage) || needed.contains(&&stage.name)).collect()
}

/// Runs one check, unless what it stands on has failed: yesterday's programs prove nothing.
fn row(stage: &Stage, before: &[Row], world: &mut World) -> Row {
    say(&format!("\n{}", style(format!("── {} ", stage.name)).bold()));
    let started = Instant::now();
    let outcome = match broken(stage, before) {
        Some(need) => Err(anyhow!("not run, because {need} failed")),
        None => (stage.run)(world),
    };
    let outcome = outcome.unwrap_or_else(|problem| {
        say(&format!("{} {problem:#}", style("failed:").red().bold()));
        Outcome::Failed { passed: 0, failed: 1 }
    });
    Row { name: stage.name, outcome, took: started.elapsed() }
}

fn broken(stage: &Stage, before: &[Row]) -> Option<&'static str> {
    let failed = |row: &&Row| matches!(row.outcome, Outcome::Failed { .. });
    before.iter().filter(failed).map(|row| row.name).find(|name| stage.needs.contains(name))
}

fn table(rows: &[Row], strict: bool) {
    say(&format!(
        "\n{}",
        style(format!("{:<18}{:<10}{:<12}{}", "check", "result", "tests", "time")).bold()
    ));
    for row in rows {
        let (result, tests) = match &row.outcome {
            Outcome::Passed { tests: 0 } => (style("ok").green(), String::new()),
            Outcome::Passed { tests } => (style("ok").green(), tests.to_string()),
            Outcome::Failed { passed, failed } => {
                (style("FAILED").red().bold(), format!("{failed} of {}", passed + failed))
            }
            Outcome::Absent(_) if strict => (style("ABSENT").red().bold(), String::new()),
            Outcome::Absent(_) => (style("ABSENT").yellow().bold(), String::new()),
        };
        say(&format!("{:<18}{result:<10}{tests:<12}{}", row.name, elapsed(row.took)));
    }
}

fn hosts(world: &World, rows: &[Row], strict: bool) {
    say(&format!("\nhosts that ran: {}", world.hosts_that_ran().join(", ")));
    let absent_rows = rows.iter().filter_map(|row| match &row.outcome {
        Outcome::Absent(why) => Some(format!("{}: {why}", row.name)),
        _ => None,
    });
    for absent in absent_rows {
        let line = format!("NOT RUN  {absent}");
        say(&if strict { style(line).red().bold() } else { style(line).yellow().bold() }
            .to_string());
    }
}

fn count(rows: &[Row], strict: bool) -> (usize, usize) {
    let (mut passed, mut failed) = (0, 0);
    for row in rows {
        match row.outcome {
            Outcome::Passed { tests } => passed += tests.max(1),
            Outcome::Failed { passed: p, failed: f } => {
                passed += p;
                failed += f.max(1);
            }
            Outcome::Absent(_) => failed += usize::from(strict),
        }
    }
    (passed, failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_runs_on_what_failed() {
        let before = |outcome| [Row { name: "programs", outcome, took: Duration::ZERO }];
        let tests = STAGES.iter().find(|stage| stage.name == "tests").unwrap();
        let failed = before(Outcome::Failed { passed: 0, failed: 1 });
        assert_eq!(broken(tests, &failed), Some("programs"));
        assert_eq!(broken(tests, &before(Outcome::Passed { tests: 0 })), None);
    }

    fn row(outcome: Outcome) -> Row {
        Row { name: "x", outcome, took: Duration::ZERO }
    }

    #[test]
    fn a_check_that_cannot_run_fails_where_it_must_run() {
        let rows = [row(Outcome::Passed { tests: 7 }), row(Outcome::Absent("no envoy".to_owned()))];
        assert_eq!(count(&rows, false), (7, 0));
        assert_eq!(count(&rows, true), (7, 1));
        let rows =
            [row(Outcome::Failed { passed: 2, failed: 1 }), row(Outcome::Passed { tests: 0 })];
        assert_eq!(count(&rows, true), (3, 1));
    }

    #[test]
    fn what_a_check_needs_comes_along_and_before_it() {
        let names = |only| {
            chosen(Some(only), false).into_iter().map(|stage| stage.name).collect::<Vec<_>>()
        };
        assert_eq!(names("fmt"), ["fmt"]);
        assert_eq!(
            names("tests"),
            [
                "modules",
                "programs",
                "hosts",
                "tests",
                "tests-envoy",
                "tests-peers",
                "tests-browser"
            ]
        );
        assert_eq!(names("tests-envoy"), ["modules", "programs", "hosts", "tests-envoy"]);
        assert_eq!(chosen(None, false).len(), STAGES.len());
        assert_eq!(chosen(None, true).len(), STAGES.len() + 1);
    }
}
