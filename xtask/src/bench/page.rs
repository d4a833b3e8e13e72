//! The figures in docs/benchmarks.md, each group between its own two marks.

use std::fs;

use anyhow::{Context as _, Result};

use super::figure::Figure;
use super::groups::Group;
use crate::{place, progress};

const PAGE: &str = "docs/benchmarks.md";

/// Replaces the tables of the groups that were measured, and leaves the others.
pub(super) fn write(measured: &[(&Group, Vec<Figure>)], rounds: u32) -> Result<()> {
    let path = place::root().join(PAGE);
    let mut text =
        fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))?;
    for (group, figures) in measured {
        text = replaced(&text, group.name, &table(figures, rounds))?;
    }
    fs::write(&path, text).with_context(|| format!("can't write {}", path.display()))?;
    progress::done(PAGE, "written");
    Ok(())
}

fn replaced(text: &str, group: &str, table: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- figures: {group} -->\n"), format!("<!-- end: {group} -->"));
    let parts =
        text.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
    let (before, after) =
        parts.with_context(|| format!("{PAGE} has lost its marks for {group}"))?;
    Ok(format!("{before}{begin}{table}{end}{after}"))
}

fn table(figures: &[Figure], rounds: u32) -> String {
    let mut table = format!(
        "Median of {rounds} rounds.\n\n| figure | | value | middle half | bar | |\n|---|---|---:|---|---|---|\n"
    );
    for figure in figures {
        let met = match (figure.bar, figure.is_met()) {
            (None, _) => "",
            (Some(_), true) => "met",
            (Some(_), false) => "**not met**",
        };
        let (value, spread, bar) = (figure.shown(), figure.spread_shown(), figure.bar_shown());
        let Figure { name, says, unit, .. } = figure;
        table.push_str(&format!(
            "| `{name}` | {says} | {value} {unit} | {spread} | {bar} | {met} |\n"
        ));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::super::groups::GROUPS;
    use super::*;

    #[test]
    fn only_the_table_of_the_group_changes() {
        let page = "a\n<!-- figures: core -->\nold\n<!-- end: core -->\nb\n<!-- figures: web -->\nw\n<!-- end: web -->\n";
        let written = replaced(page, "core", "new\n").unwrap();
        assert_eq!(written, page.replace("old", "new"));
        assert!(replaced(page, "audit", "").is_err());
    }

    #[test]
    fn the_page_has_a_place_for_every_group_that_is_measured() {
        let page = fs::read_to_string(place::root().join(PAGE)).unwrap();
        for group in GROUPS.iter().filter(|group| group.measure.is_some()) {
            assert!(replaced(&page, group.name, "").is_ok(), "{}", group.name);
        }
    }
}
