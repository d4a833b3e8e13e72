//! `deputy tools`: the tools of an MCP server, pinned as somebody has seen them.

mod catalogue;
mod server;

use std::path::PathBuf;

use anyhow::bail;
use clap::{Args, Subcommand};
use deputy_engine::ListedTool;

use catalogue::Catalogue;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Lists a server's tools into the catalogue, each with the digest of its definition: look at them before
    /// this is signed. What the catalogue says of a tool besides (groups, risk, data, input) stays.
    Pull(Of),
    /// Shows how a server's tools differ from the catalogue; ends with 1 if they do.
    Diff(Of),
}

#[derive(Args)]
pub(crate) struct Of {
    /// The server's MCP endpoint (`http://…`), or a file with its answer to `tools/list`. An access token is
    /// taken from the environment variable ACCESS_TOKEN.
    source: String,
    /// The server's name: `mcp[].server` of the configuration.
    #[arg(long, value_name = "NAME")]
    server: String,
    /// The catalogue, such as policies/registry/tools.json.
    #[arg(long, value_name = "FILE")]
    catalogue: PathBuf,
}

pub(crate) fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Pull(of) => pull(&of),
        Command::Diff(of) => diff(&of),
    }
}

fn pull(of: &Of) -> anyhow::Result<()> {
    let mut catalogue = Catalogue::read(&of.catalogue)?;
    let listed = server::listed(&of.source)?;
    if let Some(tool) = listed.iter().find(|tool| tool.digest.is_none()) {
        bail!("{}: holds a number that readers don't agree on; it can't be pinned", shown(tool));
    }
    for tool in &listed {
        if let Some(problem) = catalogue.pin(&of.server, tool)? {
            println!("{}: policy reads none of its arguments: {problem}", shown(tool));
        }
    }
    for name in catalogue.others(&of.server, &listed) {
        println!("{}: is not listed any more, and stays as it was", name.escape_debug());
    }
    catalogue.write(&of.catalogue)?;
    let noun = if listed.len() == 1 { "tool" } else { "tools" };
    println!("wrote {}: {} {noun} of {}", of.catalogue.display(), listed.len(), of.server);
    Ok(())
}

fn diff(of: &Of) -> anyhow::Result<()> {
    let catalogue = Catalogue::read(&of.catalogue)?;
    let listed = server::listed(&of.source)?;
    let mut differ = 0_usize;
    for tool in &listed {
        let said = match catalogue.pin_of(&of.server, &tool.name) {
            None => "+ {}: is listed, and not in the catalogue",
            Some(None) => {
                println!("? {}: is not pinned", shown(tool));
                continue;
            }
            Some(pin) if pin == tool.digest.as_deref() => continue,
            Some(_) => "~ {}: is not what is pinned",
        };
        differ = differ.saturating_add(1);
        let digest = tool.digest.as_deref().unwrap_or("a number that readers don't agree on");
        println!("{} ({digest})", said.replace("{}", &shown(tool)));
    }
    for name in catalogue.others(&of.server, &listed) {
        differ = differ.saturating_add(1);
        println!("- {}: is in the catalogue, and not listed", name.escape_debug());
    }
    if differ > 0 {
        let noun = if differ == 1 { "tool differs" } else { "tools differ" };
        bail!("{differ} {noun} from {}", of.catalogue.display());
    }
    println!("{} tools of {} are as in {}", listed.len(), of.server, of.catalogue.display());
    Ok(())
}

/// A name is the server's to choose: no control character of it reaches a terminal.
fn shown(tool: &ListedTool) -> String {
    tool.name.escape_debug().to_string()
}
