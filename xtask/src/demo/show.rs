//! What a person reads while the demo plays.

use console::style;
use serde_json::Value;

use super::expect::{Evidence, Verdict};
use super::perform::Receipt;
use super::scenes::{Scene, Sender};
use crate::progress::say;

const WIDTH: usize = 100;

/// Who acts now, and who answers for it: from the first receipt of the act.
pub(crate) fn sender(sender: Sender, receipt: &Value) {
    let who = match sender {
        Sender::Delegate { agent, human } => format!("{agent} acts for {human}"),
        Sender::Autonomous { agent } => format!("{agent} acts on its own account"),
        Sender::Human { human } => format!("somebody holds {human}'s token"),
    };
    let part = |name: &str| Some(format!("{name}: {}", text(receipt, &format!("/agent/{name}"))?));
    let answers: Vec<_> = ["owner", "sponsor"].into_iter().filter_map(part).collect();
    say(&format!("\n  {:<43}{}", style(who).bold(), style(answers.join(" · ")).dim()));
}

/// One scene: what was decided and why, and what the agent saw.
pub(crate) fn scene(number: usize, scene: &Scene, evidence: &Evidence) {
    let verdict = match scene.expected.verdict {
        Verdict::Allow => style("ALLOW").green(),
        Verdict::Ask | Verdict::AskAgain => style("ASK  ").yellow(),
        Verdict::Deny => style("DENY ").red(),
    };
    say(&format!("\n  {number:>2}  {:<37}{}  {}", scene.shown, verdict.bold(), scene.lesson));
    detail("because", &because(&evidence.receipt));
    detail("agent saw", text(&evidence.agent, "/saw").unwrap_or_default());
}

/// A scene that went wrong.
pub(crate) fn wrong(number: usize, scene: &Scene, evidence: &Evidence, differences: &[String]) {
    say(&format!("\n  {number:>2}  {:<37}{}", scene.shown, style("WRONG").red().bold()));
    for difference in differences {
        say(&format!("      {}", style(difference).red()));
    }
    detail("agent", &evidence.agent.to_string());
    detail("receipt", &evidence.receipt_text);
}

/// One receipt, word for word, folded to the width of a page.
pub(crate) fn receipt(receipt: &Receipt) {
    say(&format!("\n  {}", style("A receipt (one line in the log, folded here)").bold()));
    for line in folded(&receipt.text, WIDTH) {
        say(&format!("  {}", style(line).cyan()));
    }
}

/// The four questions, answered from a receipt.
pub(crate) fn answers(receipt: &Value, proofs: &[String]) {
    let get = |pointer: &str| text(receipt, pointer).unwrap_or("nobody").to_owned();
    say("");
    answer(
        "Who is the agent?",
        &[
            format!(
                "{}, proven by an {} of {}",
                get("/agent/name"),
                get("/credential/kind"),
                get("/credential/issuer")
            ),
            format!("owner {}, sponsor {}", get("/agent/owner"), get("/agent/sponsor")),
        ],
    );
    answer(
        "On whose behalf?",
        &[format!(
            "{}, as the token's `{}` says, until {}",
            get("/on_behalf_of/id"),
            get("/on_behalf_of/proof"),
            get("/credential/expires")
        )],
    );
    answer(
        "What may it do now?",
        &[format!(
            "{}: {}, revision {}",
            get("/action"),
            because(receipt),
            receipt.get("revision").unwrap_or(&Value::Null)
        )],
    );
    answer("Can it be verified?", proofs);
}

fn answer(question: &str, lines: &[String]) {
    for (index, line) in lines.iter().enumerate() {
        let question = if index == 0 { question } else { "" };
        say(&format!("  {:<22}{line}", style(question).bold()));
    }
}

pub(crate) fn detail(name: &str, text: &str) {
    let mut text = text.to_owned();
    if text.chars().count() > 200 {
        text = text.chars().take(199).chain(['…']).collect();
    }
    say(&format!("      {}", style(format!("{name:<11}{text}")).dim()));
}

/// The reason, and the policies that decided for each.
fn because(receipt: &Value) -> String {
    let policies = |who: &str| {
        let ids = receipt.pointer(&format!("/policies/{who}"))?.as_array()?;
        let ids: Vec<_> = ids.iter().filter_map(Value::as_str).collect();
        Some(if ids.is_empty() { "no policy permits it".to_owned() } else { ids.join(", ") })
    };
    let mut parts: Vec<String> = text(receipt, "/reason").map(str::to_owned).into_iter().collect();
    parts.extend(policies("agent").map(|ids| format!("agent: {ids}")));
    if receipt.get("on_behalf_of").is_some() {
        parts.extend(policies("delegator").map(|ids| format!("human: {ids}")));
    }
    parts.join(" · ")
}

/// Breaks after a member of the document itself, never inside one, where lines would get too long.
fn folded(json: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for member in members(json) {
        let line =
            lines.last_mut().filter(|line| line.is_empty() || line.len() + member.len() <= width);
        match line {
            Some(line) => line.push_str(member),
            None => lines.push(format!(" {member}")),
        }
    }
    lines
}

/// The text cut after every comma of the outermost object.
fn members(json: &str) -> Vec<&str> {
    let (mut depth, mut quoted, mut escaped, mut start) = (0_usize, false, false, 0);
    let mut parts = Vec::new();
    for (at, c) in json.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            ',' if depth == 1 => {
                parts.extend(json.get(start..=at));
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.extend(json.get(start..));
    parts
}

fn text<'v>(value: &'v Value, pointer: &str) -> Option<&'v str> {
    value.pointer(pointer)?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_folds_between_its_members() {
        let json = r#"{"v":1,"agent":{"id":"a,b","n":[1,2]},"x":"q\",","z":2}"#;
        assert_eq!(
            members(json),
            [r#"{"v":1,"#, r#""agent":{"id":"a,b","n":[1,2]},"#, r#""x":"q\",","#, r#""z":2}"#]
        );
        assert_eq!(folded(json, 20).concat().replace(' ', ""), json);
    }
}
