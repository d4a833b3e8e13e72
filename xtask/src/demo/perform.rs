//! Performs one act with the real agent, and gathers what the three witnesses say of each request.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::expect::Evidence;
use super::scenes::{Act, CONNECT, Sender};
use super::stage::Stage;
use crate::place;

/// How long a line may take from a program's hand into its file.
const PATIENCE: Duration = Duration::from_secs(10);
const MARK: &str = "deputy-receipt ";

/// One decision, as it was written and as it reads.
#[derive(Clone)]
pub(crate) struct Receipt {
    pub(crate) text: String,
    pub(crate) value: Value,
}

/// What one act left.
pub(crate) struct Performed {
    /// One per scene, in order.
    pub(crate) scenes: Vec<Evidence>,
    /// Every decision of the act, the connection's own included.
    pub(crate) receipts: Vec<Receipt>,
}

impl Stage {
    /// Plays the act. What came of it is not judged here.
    pub(crate) fn perform(&self, act: &Act) -> Result<Performed> {
        let token = self.token(act.sender)?;
        let (receipts_before, upstream_before) = (self.receipts()?.len(), self.upstream()?.len());
        let lines = self.play(act, &token)?;
        let matched = self.matched(&lines, receipts_before)?;
        let receipts: Vec<_> = self.receipts()?.into_iter().skip(receipts_before).collect();
        let upstream: Vec<_> = self.upstream()?.into_iter().skip(upstream_before).collect();
        same_requests(&receipts, &upstream)?;
        let mut scenes = Vec::new();
        for scene in act.scenes {
            let mut pairs = lines.iter().cloned().zip(matched.iter().cloned());
            let (agent, receipt) = pairs
                .find(|(line, _)| is_about(line, scene.step))
                .with_context(|| unplayed(scene.shown, &lines))?;
            let about = |line: &&Value| evaluation_of(line) == id(&receipt.value);
            let upstream = upstream.iter().filter(about).cloned().collect();
            let token = token.clone();
            let Receipt { text: receipt_text, value: receipt } = receipt;
            scenes.push(Evidence { agent, receipt_text, receipt, upstream, token });
        }
        Ok(Performed { scenes, receipts })
    }

    /// A token from the issuer, as that sender gets one.
    pub(crate) fn token(&self, sender: Sender) -> Result<String> {
        let mut command = agent();
        let key = |agent: &str| self.agents().join(format!("{agent}.jwk"));
        match sender {
            Sender::Delegate { agent, human } => {
                command.arg("token").arg("--key").arg(key(agent)).args(["--on-behalf-of", human])
            }
            Sender::Autonomous { agent } => command.arg("token").arg("--key").arg(key(agent)),
            Sender::Human { human } => command.args(["login", human]),
        };
        let output = succeeded(command.args(["--address", &self.issuer_address()]))?;
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    fn play(&self, act: &Act, token: &str) -> Result<Vec<Value>> {
        let steps = act.scenes.iter().map(|scene| scene.step);
        // A connection that will be refused still has a purpose.
        let steps = steps.map(|step| if step == CONNECT { "tools/list" } else { step });
        let mut command = agent();
        command.env("ACCESS_TOKEN", token);
        command
            .args(["play", "--gateway", &self.mcp_address(), "--protocol", act.protocol])
            .args(steps);
        let output = succeeded(&mut command)?;
        parse_lines(&String::from_utf8(output.stdout)?)
    }

    /// For each of the agent's lines the receipt of the same request.
    fn matched(&self, lines: &[Value], before: usize) -> Result<Vec<Receipt>> {
        let started = Instant::now();
        loop {
            let all: Vec<_> = self.receipts()?.into_iter().skip(before).collect();
            match assign(lines, &all) {
                Ok(matched) => return Ok(matched),
                Err(missing) if started.elapsed() > PATIENCE => {
                    bail!("no receipt was written for what the agent saw as: {missing}")
                }
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// Every receipt so far.
    pub(crate) fn receipts(&self) -> Result<Vec<Receipt>> {
        let text = read(&self.gateway.receipts(&self.folder))?;
        let mut receipts = Vec::new();
        for line in complete_lines(&text) {
            let text = match line.split_once(MARK) {
                Some((_, text)) => text.trim(),
                None if line.starts_with('{') => line,
                None => continue,
            };
            let value =
                serde_json::from_str(text).with_context(|| format!("not a receipt: {text}"))?;
            receipts.push(Receipt { text: text.to_owned(), value });
        }
        Ok(receipts)
    }

    /// Every request that reached the MCP server so far.
    pub(crate) fn upstream(&self) -> Result<Vec<Value>> {
        parse_lines(&read(&self.witness())?)
    }
}

/// Nothing reached the server that no receipt allows, and nothing twice.
fn same_requests(receipts: &[Receipt], upstream: &[Value]) -> Result<()> {
    let allowed = |r: &&Receipt| r.value.get("verdict").is_some_and(|verdict| verdict == "allow");
    let allowed: BTreeSet<_> = receipts.iter().filter(allowed).map(|r| id(&r.value)).collect();
    let mut seen = BTreeSet::new();
    for line in upstream {
        let id = evaluation_of(line);
        ensure!(
            allowed.contains(&id),
            "the MCP server saw a request that no receipt allows: {line}"
        );
        ensure!(seen.insert(id), "the MCP server saw a request twice: {line}");
    }
    ensure!(
        seen.len() == allowed.len(),
        "{} requests were allowed, {} arrived",
        allowed.len(),
        seen.len()
    );
    Ok(())
}

/// By evaluation id where the agent was told one, else the next permitted receipt of that action.
fn assign(lines: &[Value], receipts: &[Receipt]) -> Result<Vec<Receipt>, Value> {
    let mut unused: Vec<&Receipt> = receipts.iter().collect();
    let mut matched = Vec::new();
    for line in lines {
        let told = line.get("evaluation_id");
        let fits = |receipt: &&Receipt| match told {
            Some(told) => receipt.value.get("id") == Some(told),
            None => receipt.value.get("action").and_then(Value::as_str) == Some(&action(line)),
        };
        let at = unused.iter().position(fits).ok_or_else(|| line.clone())?;
        matched.push(unused.remove(at).clone());
    }
    Ok(matched)
}

/// The action a step asks for: a tool's own, or the method.
fn action(line: &Value) -> String {
    let step = line.get("step").and_then(Value::as_str).unwrap_or_default();
    match step.strip_prefix("tools/call ").and_then(|call| call.split(' ').next()) {
        Some(tool) => format!("orders/{tool}"),
        None => step.to_owned(),
    }
}

/// Whether an agent's line tells of a step; arguments may stand in another order there.
fn is_about(line: &Value, step: &str) -> bool {
    let said = line.get("step").and_then(Value::as_str).unwrap_or_default();
    if step == CONNECT {
        return matches!(said, "server/discover" | "initialize");
    }
    let parse = |text: &str| -> (String, Option<Value>) {
        match text.split_once('{') {
            Some((head, rest)) => {
                (head.to_owned(), serde_json::from_str(&format!("{{{rest}")).ok())
            }
            None => (text.to_owned(), None),
        }
    };
    parse(said) == parse(step)
}

fn unplayed(shown: &str, lines: &[Value]) -> String {
    let lines: Vec<_> = lines.iter().map(|line| format!("    {line}")).collect();
    format!("the agent never got to: {shown}\n  it saw:\n{}", lines.join("\n"))
}

fn agent() -> Command {
    Command::new(place::program("demo-agent"))
}

fn succeeded(command: &mut Command) -> Result<Output> {
    let output = command.stdin(Stdio::null()).output().context("can't start demo-agent")?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(output)
}

fn id(receipt: &Value) -> Option<String> {
    Some(receipt.get("id")?.as_str()?.to_owned())
}

fn evaluation_of(upstream: &Value) -> Option<String> {
    Some(upstream.pointer("/identity/x-deputy-evaluation-id/0")?.as_str()?.to_owned())
}

fn parse_lines(text: &str) -> Result<Vec<Value>> {
    let parse =
        |line| serde_json::from_str(line).with_context(|| format!("not a line of JSON: {line}"));
    complete_lines(text).map(parse).collect()
}

/// Without a last line that is still being written.
fn complete_lines(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive('\n')
        .filter(|line| line.ends_with('\n'))
        .map(str::trim)
        .filter(|l| !l.is_empty())
}

fn read(path: &Path) -> Result<String> {
    match fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(e) => Err(e).with_context(|| format!("can't read {}", PathBuf::from(path).display())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn receipt(value: Value) -> Receipt {
        Receipt { text: value.to_string(), value }
    }

    #[test]
    fn a_step_is_found_whatever_the_order_of_its_arguments() {
        let line = json!({ "step": r#"tools/call refund {"amount":40,"id":1042}"# });
        assert!(is_about(&line, r#"tools/call refund {"id":1042,"amount":40}"#));
        assert!(!is_about(&line, r#"tools/call refund {"id":1042,"amount":400}"#));
    }

    #[test]
    fn a_refused_line_is_matched_by_its_evaluation_and_no_other() {
        let receipts = [receipt(json!({ "id": "1", "action": "orders/refund" }))];
        let line = |id| json!({ "step": "tools/call refund {}", "evaluation_id": id });
        assert!(assign(&[line("1")], &receipts).is_ok());
        assert!(assign(&[line("2")], &receipts).is_err());
        assert!(assign(&[line("1"), line("1")], &receipts).is_err());
    }

    #[test]
    fn the_server_sees_what_was_allowed_and_nothing_else() {
        let allowed = receipt(json!({ "id": "1", "verdict": "allow" }));
        let denied = receipt(json!({ "id": "2", "verdict": "deny" }));
        let seen = |id| json!({ "identity": { "x-deputy-evaluation-id": [id] } });
        let both = [allowed, denied];
        assert!(same_requests(&both, &[seen("1")]).is_ok());
        assert!(same_requests(&both, &[seen("1"), seen("2")]).is_err());
        assert!(same_requests(&both, &[seen("1"), seen("1")]).is_err());
        assert!(same_requests(&both, &[seen("1"), json!({ "identity": {} })]).is_err());
        assert!(same_requests(&both, &[]).is_err());
    }
}
