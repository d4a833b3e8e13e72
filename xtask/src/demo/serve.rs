//! `--serve`: everything stays up, and lines to paste that work as they are.

use std::fs;
use std::path::Path;

use anyhow::Result;
use console::style;

use super::expect::ISSUER;
use super::revocation;
use super::stage::Stage;
use crate::place;
use crate::progress::say;

const REFUND_40: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"refund","arguments":{"id":1042,"amount":40},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#;

const AMOUNTS: [u32; 3] = [40, 400, 4000];

/// Says what can be tried, and stays until it is told to stop.
pub(crate) fn until_stopped(stage: &Stage) -> Result<()> {
    write_files(stage)?;
    say(&format!(
        "\n  {}\n",
        style("Everything stays up until Ctrl-C. To paste into another terminal:").bold()
    ));
    for line in script(stage).lines() {
        say(&if line.starts_with('#') { style(line).dim().to_string() } else { line.to_owned() });
    }
    loop {
        std::thread::park();
    }
}

/// A shell script, comments included.
fn script(stage: &Stage) -> String {
    let files = place::shown(&stage.folder);
    let agent = place::shown(&place::program("demo-agent"));
    let (issuer, gateway) = (stage.issuer_address(), stage.mcp_address());
    let page = stage.page_address();
    let receipts = place::shown(&stage.gateway.receipts(&stage.folder));
    let refund = "-H 'mcp-method: tools/call' -H 'mcp-name: refund'";
    let pull = revocation::command_line(&stage.folder);
    let twice = r#"s/"id":1,/"id":1,"method":"tools\/list",/"#;
    format!(
        r#"# A token of refund-bot for dana, good for 5 minutes, and a word for calls of the tool `refund`
token() {{ {agent} token --address {issuer} --key {files}/agents/refund-bot.jwk --on-behalf-of dana; }}
TOKEN=$(token)
refund() {{ curl -sK {files}/mcp.curl -H "authorization: Bearer $TOKEN" {refund} "$@"; echo; }}
# 40 is allowed, 400 asks, 4000 is denied
refund -d @{files}/refund-40.json
refund -d @{files}/refund-400.json
refund -d @{files}/refund-4000.json
# Approve it yourself: open the page below, be lee (in finance; dana is not), and see this loop come to an end.
# {page}
until TOKEN=$(token); refund -d @{files}/refund-400.json | tee {files}/answer.json | grep -q '"result"'; do grep -o '"url":"[^"]*"' {files}/answer.json; sleep 3; done; cat {files}/answer.json
# Try to break it. A forged identity: the call is allowed, the forgery does not arrive
refund -H 'x-deputy-agent: root' -d @{files}/refund-40.json; tail -1 {files}/upstream.jsonl
# A second call hidden in a batch
refund -d "[$(cat {files}/refund-40.json),$(cat {files}/refund-4000.json)]"
# Two methods in one message, for readers who disagree which one counts
refund -d "$(sed '{twice}' {files}/refund-40.json)"
# Pull the switch, and take it back: either counts on every worker within five seconds
{pull} --agent {ISSUER}#refund-bot; sleep 5; refund -d @{files}/refund-40.json
{pull} {files}/nothing.json; sleep 5; refund -d @{files}/refund-40.json
# The agent itself, and the last receipt
ACCESS_TOKEN=$TOKEN {agent} play --gateway {gateway} tools/list
grep -o '{{"v":1,.*' {receipts} | tail -1
"#
    )
}

/// The long parts of the lines above, so that these stay readable.
fn write_files(stage: &Stage) -> Result<()> {
    let folder: &Path = &stage.folder;
    let curl = format!(
        "url = \"{}\"\nheader = \"content-type: application/json\"\n\
         header = \"accept: application/json, text/event-stream\"\n\
         header = \"mcp-protocol-version: 2026-07-28\"\n",
        stage.mcp_address()
    );
    fs::write(folder.join("mcp.curl"), curl)?;
    for amount in AMOUNTS {
        let body = REFUND_40.replace("\"amount\":40", &format!("\"amount\":{amount}"));
        fs::write(folder.join(format!("refund-{amount}.json")), body)?;
    }
    Ok(())
}
