//! A folder into the contents of a bundle, or into everything that is wrong with it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use deputy_engine::check_bundle;
use serde_json::{Value, json};

use crate::files;
use crate::lines::line_of;

/// The text of each section, and the file it is in.
type Sections = BTreeMap<&'static str, (String, String)>;

pub(super) fn run(folder: &Path, out: &Path, allow_warnings: bool) -> anyhow::Result<()> {
    let found = find(folder)?;
    let mut problems = found.problems;
    let mut contents = json!({"policies": found.policies});
    for (section, (file, text)) in &found.sections {
        match serde_json::from_str::<Value>(text) {
            Ok(value) => contents[*section] = value,
            Err(e) => problems.push(format!("{file}:{}:{}: {e}", e.line(), e.column())),
        }
    }
    let text = format!("{}\n", serde_json::to_string(&contents)?);
    let warnings = match check_bundle(text.as_bytes()) {
        Ok(warnings) => warnings,
        Err(wrong) => {
            problems.extend(wrong.iter().map(|p| placed(&found.sections, &p.path, &p.message)));
            Vec::new()
        }
    };
    for warning in &warnings {
        eprintln!("{}: {warning}", if allow_warnings { "warning" } else { "error" });
    }
    for problem in &problems {
        eprintln!("error: {problem}");
    }
    let wrong = problems.len().saturating_add(if allow_warnings { 0 } else { warnings.len() });
    if wrong > 0 {
        let noun = if wrong == 1 { "problem" } else { "problems" };
        bail!("{wrong} {noun} in {}; nothing was written", folder.display());
    }
    files::write(out, &text)?;
    println!("wrote {}: {}", out.display(), summary(&contents));
    println!(
        "sign it: deputy bundle sign {} --key … --revision … --valid-for 7d --out …",
        out.display()
    );
    Ok(())
}

/// What is in a bundle, in one line.
pub(super) fn summary(contents: &Value) -> String {
    let counted = |section: &str| contents[section].as_array().map_or(0, Vec::len);
    let policies: usize = contents["policies"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|file| file["text"].as_str().map_or(0, |text| text.matches("@id(").count()))
        .sum();
    let tools: usize = contents["tools"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(_, tools)| tools.as_array().map_or(0, Vec::len))
        .sum();
    format!(
        "{policies} policies in {} files, {} agents, {} humans, {tools} tools, {} routes, {} grants",
        counted("policies"),
        counted("agents"),
        counted("humans"),
        counted("http"),
        counted("grants"),
    )
}

struct Found {
    policies: Vec<Value>,
    sections: Sections,
    problems: Vec<String>,
}

fn find(folder: &Path) -> anyhow::Result<Found> {
    let mut found = Found { policies: Vec::new(), sections: Sections::new(), problems: Vec::new() };
    for path in all(folder)? {
        let name = name(folder, &path);
        let stem = path.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
        match path.extension().and_then(|e| e.to_str()) {
            Some("cedar") => {
                let text = files::read(&path)?;
                // An empty text is no policy file, but says nothing wrong either.
                if !text.is_empty() {
                    found.policies.push(json!({"name": name, "text": text}));
                }
            }
            Some("json") => match SECTIONS.into_iter().find(|section| *section == stem) {
                None => found.problems.push(format!(
                    "{name}:1: is no section of a bundle; name it after one of {}",
                    SECTIONS.join(", ")
                )),
                Some(section) => {
                    let text = files::read(&path)?;
                    if let Some((other, _)) = found.sections.get(section) {
                        let other = other.clone();
                        let message = format!(
                            "{name}:1: `{section}` is in {other} as well; put both into one"
                        );
                        found.problems.push(message);
                    } else {
                        found.sections.insert(section, (name, text));
                    }
                }
            },
            _ => {}
        }
    }
    Ok(found)
}

/// All files of a folder in the order of their names, so that it makes the same bytes everywhere.
fn all(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut todo = vec![folder.to_owned()];
    while let Some(dir) = todo.pop() {
        let entries =
            fs::read_dir(&dir).with_context(|| format!("{} can't be read", dir.display()))?;
        for entry in entries {
            let path = entry?.path();
            let left_out = dir == folder && LEFT_OUT.iter().any(|name| path.ends_with(name));
            match path.is_dir() {
                true if left_out => {}
                true => todo.push(path),
                false => files.push(path),
            }
        }
    }
    files.sort_by_key(|path| name(folder, path));
    Ok(files)
}

/// Relative to the folder, with `/` on every system.
fn name(folder: &Path, path: &Path) -> String {
    let relative = path.strip_prefix(folder).unwrap_or(path);
    let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

/// A problem of the engine with its file and line: a path in a section is in that section's file;
/// anything else begins with its file already.
fn placed(sections: &Sections, path: &str, message: &str) -> String {
    let end = path.find(['.', '[']).unwrap_or(path.len());
    let section = path.get(..end).unwrap_or(path);
    match sections.get(section) {
        Some((file, text)) => {
            let line = line_of(text, path.get(end..).unwrap_or_default());
            format!("{file}:{line}: {path}: {message}")
        }
        None => format!("{path}: {message}"),
    }
}

const SECTIONS: [&str; 9] =
    ["attributes", "teams", "humans", "agents", "grants", "revocations", "tools", "skills", "http"];
const LEFT_OUT: [&str; 3] = ["schema", "tests", "proofs"];
