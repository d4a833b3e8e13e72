//! `--serve`: everything stays up, and lines to paste that work as they are.

use std::fs;
use std::path::Path;

use anyhow::Result;
use console::style;

use super::stage::Stage;
use crate::place;
use crate::progress::say;

const REFUND_40: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"refund","arguments":{"id":1042,"amount":40},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#;

/// Says what can be tried, and stays until it is told to stop.
pub(crate) fn until_stopped(stage: &Stage) -> Result<()> {
    write_files(stage)?;
    let files = place::shown(&stage.folder);
    let agent = place::shown(&place::program("demo-agent"));
    let call = format!("curl -sK {files}/mcp.curl -H \"authorization: Bearer $TOKEN\"");
    let refund = format!("{call} -H 'mcp-method: tools/call' -H 'mcp-name: refund'");

    heading("Everything stays up until Ctrl-C. A token of refund-bot for dana, good for 5 minutes:");
    line(&format!(
        "TOKEN=$({agent} token --address {} --key {files}/agents/refund-bot.jwk --on-behalf-of dana)",
        stage.issuer_address()
    ));
    heading("A refund of 40 (allowed), of 400 (asks), of 4000 (denied):");
    line(&format!("{refund} -d @{files}/refund-40.json; echo"));
    line(&format!("{refund} -d @{files}/refund-400.json; echo"));
    line(&format!("{refund} -d @{files}/refund-4000.json; echo"));
    heading("Try to break it. A forged identity: the call is allowed, the forgery does not arrive");
    line(&format!(
        "{refund} -H 'x-deputy-agent: root' -d @{files}/refund-40.json; echo; tail -1 {files}/upstream.jsonl"
    ));
    heading("A second call hidden in a batch: refused");
    line(&format!("{refund} -d \"[$(cat {files}/refund-40.json),$(cat {files}/refund-4000.json)]\"; echo"));
    heading("Two methods in one message, for readers who disagree which counts: refused");
    line(&format!("{refund} -d \"$(sed 's/\"id\":1,/\"id\":1,\"method\":\"tools\\/list\",/' {files}/refund-40.json)\"; echo"));
    heading("The agent itself, and the last receipt:");
    line(&format!("ACCESS_TOKEN=$TOKEN {agent} play --gateway {} tools/list", stage.mcp_address()));
    let receipts = stage.gateway.receipts(&stage.folder);
    line(&format!("grep -h -o '{{\"v\":1,.*' {} | tail -1", place::shown(&receipts)));
    say("");
    loop {
        std::thread::park();
    }
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
    for amount in ["40", "400", "4000"] {
        let body = REFUND_40.replace("\"amount\":40", &format!("\"amount\":{amount}"));
        fs::write(folder.join(format!("refund-{amount}.json")), body)?;
    }
    Ok(())
}

fn heading(text: &str) {
    say(&format!("\n  {}", style(text).bold()));
}

fn line(text: &str) {
    say(&format!("  {text}"));
}
