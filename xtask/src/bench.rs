//! `cargo xtask bench`: measures every figure there is and holds it against its bar.
//!
//! Never a test: a busy machine must not break a build. It fails only when nothing can be measured,
//! or when what was measured is not what it is called, such as requests that were refused.

mod approval;
mod authority;
mod bundles;
mod core;
mod figure;
mod gateway;
mod groups;
mod http;
mod identity;
mod load;
mod native;
mod page;
mod protocols;
mod proxy;
mod reload;
mod requests;
mod sample;
mod slices;
mod startup;
mod stop;
mod storm;
mod vm;
mod world;

use anyhow::Result;
use clap::Args;
use clap::builder::PossibleValuesParser;
use console::style;

use crate::progress::{self, say};
use figure::Figure;
use groups::{GROUPS, Group};

/// What is measured, and where it goes.
#[derive(Args)]
pub(crate) struct Options {
    /// Only the figures of this group.
    #[arg(long, value_name = "GROUP", value_parser = PossibleValuesParser::new(groups::names()))]
    only: Option<String>,
    /// One JSON object instead of the table: `name: {value, unit, bar, ok}`.
    #[arg(long)]
    json: bool,
    /// Also writes the figures into docs/benchmarks.md.
    #[arg(long)]
    write: bool,
    /// How often every variant takes its turn; the median counts.
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
}

/// Measures, says, and writes.
pub(crate) fn run(options: &Options) -> Result<()> {
    if options.json {
        progress::say_on_stderr();
    }
    stop::on_signal()?;
    let mut measured = Vec::new();
    for group in
        GROUPS.iter().filter(|group| options.only.as_ref().is_none_or(|only| only == group.name))
    {
        match group.measure {
            Some(measure) => {
                let figures = measure(options.rounds)?;
                table(group, &figures);
                measured.push((group, figures));
            }
            None => say(&format!("\n{}: there are no figures yet", group.name)),
        }
    }
    if options.write {
        page::write(&measured, options.rounds)?;
    }
    let all = measured.iter().flat_map(|(_, figures)| figures);
    if options.json {
        println!("{:#}", figure::to_json(all));
    } else {
        verdict(all);
    }
    Ok(())
}

fn table(group: &Group, figures: &[Figure]) {
    say(&format!("\n{}", style(format!("{}: {}", group.name, group.about)).bold()));
    for figure in figures {
        let met = match figure.is_met() {
            _ if figure.bar.is_none() => String::new(),
            true => style("met").green().to_string(),
            false => style("NOT MET").red().bold().to_string(),
        };
        let line = format!(
            "  {:<62}{:>11} {:<6}{:<17}",
            figure.says,
            figure.shown(),
            figure.unit,
            figure.spread_shown()
        );
        say(&format!("{line}{:<9}{met}", figure.bar_shown()));
    }
}

fn verdict<'f>(figures: impl Iterator<Item = &'f Figure>) {
    let with_bar: Vec<_> = figures.filter(|figure| figure.bar.is_some()).collect();
    let met = with_bar.iter().filter(|figure| figure.is_met()).count();
    if !with_bar.is_empty() {
        say(&format!("\n{met} of {} bars met", with_bar.len()));
    }
}
