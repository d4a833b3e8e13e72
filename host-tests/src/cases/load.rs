//! Reading the files and resolving every case in them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use super::format::{self, ExchangeSpec, File, Frame};
use super::resolve::{Clock, World, resolve};
use super::{Case, Source, patch};

/// Every case of every file, in order of their names. Read once per process.
///
/// # Panics
/// When a file is not what `README.md` beside the cases says; the message names file and case.
pub fn all() -> &'static [Case] {
    static ALL: LazyLock<Vec<Case>> = LazyLock::new(|| match load(&folder()) {
        Ok(cases) => cases,
        Err(problem) => panic!("{problem:#}"),
    });
    &ALL
}

/// Where the files are.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cases")
}

fn load(folder: &Path) -> anyhow::Result<Vec<Case>> {
    let world = World::read(folder)?;
    let mut cases = Vec::new();
    for file in files(folder)? {
        let subject = subject(&file).with_context(|| format!("{}", file.display()))?;
        let text = std::fs::read_to_string(&file)?;
        let read: File =
            serde_json::from_str(&text).with_context(|| format!("{}", file.display()))?;
        for (i, case) in read.cases.iter().enumerate() {
            let made = variants(&world, &subject, &read.defaults, case);
            let name =
                case.get("name").map_or_else(|| format!("number {}", i + 1), Value::to_string);
            cases.extend(made.with_context(|| format!("{}: {name}", file.display()))?);
        }
    }
    unique(&cases)?;
    Ok(cases)
}

fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for subject in std::fs::read_dir(folder).with_context(|| format!("{}", folder.display()))? {
        let subject = subject?.path();
        if subject.is_dir() {
            let inside = std::fs::read_dir(subject)?.map(|entry| entry.map(|entry| entry.path()));
            files.extend(inside.collect::<Result<Vec<_>, _>>()?);
        }
    }
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    Ok(files)
}

fn subject(file: &Path) -> anyhow::Result<String> {
    let folder = file.parent().and_then(Path::file_name).context("a folder")?;
    Ok(folder.to_str().context("a folder with a readable name")?.to_owned())
}

fn variants(
    world: &World,
    subject: &str,
    defaults: &Value,
    case: &serde_json::Map<String, Value>,
) -> anyhow::Result<Vec<Case>> {
    let mut cases = Vec::new();
    for (variant, whole) in format::parts(defaults, case)? {
        let source = Source { subject: subject.to_owned(), variant: variant.clone(), whole };
        let made = one(world, source, Clock::Virtual);
        cases.push(made.with_context(|| format!("variant {variant:?}"))?);
    }
    Ok(cases)
}

/// The same case for a host whose clock can't be set.
pub(super) fn at(source: &Source, instant: u64) -> anyhow::Result<Case> {
    one(&World::read(&folder())?, source.clone(), Clock::Real(instant))
}

/// The same case with something over it.
pub(super) fn with(source: &Source, over: &Value) -> anyhow::Result<Case> {
    let mut source = source.clone();
    patch::overlay(&mut source.whole, over);
    one(&World::read(&folder())?, source, Clock::Virtual)
}

fn one(world: &World, source: Source, clock: Clock) -> anyhow::Result<Case> {
    let Source { subject, variant, whole } = &source;
    let (frame, first) = format::split(whole.clone())?;
    let gap = if variant.is_empty() { "" } else { "/" };
    let name = format!("{subject}/{}{gap}{variant}", frame.name);
    if frame.refs.is_empty() || !is_snake(&frame.name) {
        bail!("a case has refs, and a name in snake case");
    }
    let exchanges = if frame.refused.is_some() { Vec::new() } else { exchanges(&frame, first)? };
    resolve(world, source, (name, &frame), exchanges, clock)
}

/// The case's own exchanges and, as the last one, the probe.
fn exchanges(frame: &Frame, first: Value) -> anyhow::Result<Vec<ExchangeSpec>> {
    let mut specs = vec![first];
    for over in &frame.then {
        let mut over = over.clone();
        let again = over.as_object_mut().and_then(|over| over.remove("again"));
        let mut next = specs.last().cloned().unwrap_or_default();
        patch::overlay(&mut next, &over);
        let times = again.map_or(Some(1), |again| again.as_u64()).context("`again` is a number")?;
        specs.extend((0..times).map(|_| next.clone()));
    }
    let last = specs.last().and_then(|last| last.pointer("/times/now")?.as_f64());
    let mut probe = probe(last.unwrap_or_default());
    if !frame.probe.is_null() {
        patch::overlay(&mut probe, &frame.probe);
    }
    specs.push(probe);
    let read = |spec: (usize, Value)| {
        serde_json::from_value(spec.1).with_context(|| format!("exchange number {}", spec.0 + 1))
    };
    specs.into_iter().enumerate().map(read).collect()
}

/// An ordinary request that has to pass on the same engine afterwards. It comes later than every
/// limit on fetching again.
fn probe(last: f64) -> Value {
    json!({
        "request": {"call": ["get_order", {"id": 1042}]},
        "times": {"now": last + 120.0},
        "expect": {"verdict": "allow"},
    })
}

fn is_snake(name: &str) -> bool {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(good)
}

fn unique(cases: &[Case]) -> anyhow::Result<()> {
    let mut names = BTreeSet::new();
    match cases.iter().find(|case| !names.insert(case.name())) {
        Some(twin) => bail!("two cases are named {}", twin.name()),
        None => Ok(()),
    }
}
