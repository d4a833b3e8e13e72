//! What must come of a scene, and every way in which what came differs from it.
//!
//! Three witnesses are asked: the agent (what it saw), the receipt (what was decided and why), and
//! the MCP server (what reached it).

use serde_json::{Value, json};

use super::scenes::Sender;

/// The issuer that vouches for everybody in the demo.
pub(crate) const ISSUER: &str = "https://idp.acme.example";

/// What must come of one request.
pub(crate) struct Expected {
    pub(crate) verdict: Verdict,
    reason: Option<&'static str>,
    status: u16,
    /// The policies that decided: for the agent, for the human.
    policies: Option<(&'static [&'static str], &'static [&'static str])>,
    approvers: &'static [&'static str],
    tools: Option<&'static [&'static str]>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Allow,
    Ask,
    /// What was approved is gone; it can be approved anew.
    AskAgain,
    Deny,
}

impl Expected {
    pub(crate) const fn allow(
        agent: &'static [&'static str],
        human: &'static [&'static str],
    ) -> Self {
        let policies = Some((agent, human));
        Self {
            verdict: Verdict::Allow,
            reason: None,
            status: 200,
            policies,
            approvers: &[],
            tools: None,
        }
    }

    pub(crate) const fn ask(
        agent: &'static [&'static str],
        human: &'static [&'static str],
        approvers: &'static [&'static str],
    ) -> Self {
        let reason = Some("approval_required");
        let policies = Some((agent, human));
        Self { verdict: Verdict::Ask, reason, status: 403, policies, approvers, tools: None }
    }

    /// Denied for `reason`, and told whom to ask.
    pub(crate) const fn ask_again(
        reason: &'static str,
        approvers: &'static [&'static str],
    ) -> Self {
        Self { verdict: Verdict::AskAgain, approvers, ..Self::deny(reason, 403) }
    }

    pub(crate) const fn deny(reason: &'static str, status: u16) -> Self {
        let reason = Some(reason);
        Self { verdict: Verdict::Deny, reason, status, policies: None, approvers: &[], tools: None }
    }

    /// Which policies said so.
    pub(crate) const fn by(
        mut self,
        agent: &'static [&'static str],
        human: &'static [&'static str],
    ) -> Self {
        self.policies = Some((agent, human));
        self
    }

    /// The tools that the answer lists, no more and no fewer.
    pub(crate) const fn showing(mut self, tools: &'static [&'static str]) -> Self {
        self.tools = Some(tools);
        self
    }
}

impl Verdict {
    /// As receipts write it.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Ask => "needs_approval",
            Self::AskAgain | Self::Deny => "deny",
        }
    }
}

/// Everything the three witnesses say of one request.
pub(crate) struct Evidence {
    /// The agent's line.
    pub(crate) agent: Value,
    /// The receipt, as it was written and as it reads.
    pub(crate) receipt_text: String,
    pub(crate) receipt: Value,
    /// The MCP server's lines about it.
    pub(crate) upstream: Vec<Value>,
    /// The token that was used; it must show up nowhere.
    pub(crate) token: String,
}

impl Evidence {
    /// Every difference from what was expected, in plain words.
    pub(crate) fn differences(&self, sender: Sender, expected: &Expected) -> Vec<String> {
        let mut found = Differences(Vec::new());
        self.check_receipt(sender, expected, &mut found);
        match expected.verdict {
            Verdict::Allow => self.check_allowed(sender, expected, &mut found),
            Verdict::Ask | Verdict::AskAgain | Verdict::Deny => {
                self.check_refused(expected, &mut found);
            }
        }
        found.0
    }

    fn check_receipt(&self, sender: Sender, expected: &Expected, found: &mut Differences) {
        let receipt = &self.receipt;
        found.compare("the verdict", receipt.get("verdict"), &expected.verdict.label().into());
        found.compare("the reason", receipt.get("reason"), &expected.reason.into());
        if let Some((agent, human)) = expected.policies {
            let both = json!({ "agent": sorted(agent), "delegator": sorted(human) });
            found.compare("the deciding policies", Some(&policies(receipt)), &both);
        }
        if expected.verdict == Verdict::Ask {
            found.compare("who may approve", receipt.get("approvers"), &json!(expected.approvers));
        }
        let (agent, human) = sender.ids();
        found.compare("the agent", receipt.pointer("/agent/id"), &agent.into());
        found.compare("whom it acts for", receipt.pointer("/on_behalf_of/id"), &human.into());
        if let Some(own) = self.agent.get("arguments") {
            found.compare("the hash of the arguments", receipt.get("arguments"), own);
        }
        let thumbprint = self.agent.get("credential").unwrap_or(&Value::Null);
        found.compare(
            "the hash of the token",
            receipt.pointer("/credential/thumbprint"),
            thumbprint,
        );
        let signature = self.token.rsplit('.').next().unwrap_or_default();
        if signature.is_empty() || self.receipt_text.contains(signature) {
            found.add("the receipt holds the token itself".to_owned());
        }
    }

    fn check_allowed(&self, sender: Sender, expected: &Expected, found: &mut Differences) {
        found.compare("what came back", self.agent.get("outcome"), &"answered".into());
        if self.agent.get("tool_failed").is_some() {
            found.add(format!("the tool failed: {}", self.agent));
        }
        if let Some(tools) = expected.tools {
            found.compare("the tools shown", self.agent.get("tools"), &json!(tools));
            let scope = self.agent.get("cache_scope").filter(|scope| !scope.is_null());
            if scope.is_some_and(|scope| scope != "private") {
                found.add("a filtered list may be cached for others".to_owned());
            }
        }
        let [seen] = self.upstream.as_slice() else {
            return found
                .add(format!("the MCP server saw it {} times, not once", self.upstream.len()));
        };
        found.compare("the client's token upstream", seen.get("authorization"), &false.into());
        let (agent, human) = sender.ids();
        let mut identity = json!({
            "x-deputy-agent": [agent],
            "x-deputy-evaluation-id": [self.receipt.get("id")],
        });
        if let (Some(human), Some(headers)) = (human, identity.as_object_mut()) {
            headers.insert("x-deputy-on-behalf-of".to_owned(), json!([human]));
        }
        found.compare("what the MCP server was told", seen.get("identity"), &identity);
    }

    fn check_refused(&self, expected: &Expected, found: &mut Differences) {
        found.compare("what came back", self.agent.get("outcome"), &"refused".into());
        found.compare("the HTTP status", self.agent.get("http"), &expected.status.into());
        found.compare(
            "the evaluation id",
            self.agent.get("evaluation_id"),
            self.receipt.get("id").unwrap_or(&Value::Null),
        );
        for line in &self.upstream {
            found.add(format!("it reached the MCP server: {line}"));
        }
        if matches!(expected.verdict, Verdict::Ask | Verdict::AskAgain) {
            let approvers = self.agent.pointer("/error/data/access_request/approvers");
            found.compare("whom the agent is told to ask", approvers, &json!(expected.approvers));
        }
    }
}

impl Sender {
    /// The agent and the human as receipts name them.
    pub(crate) fn ids(self) -> (Option<String>, Option<String>) {
        let id = |name: &str| Some(format!("{ISSUER}#{name}"));
        match self {
            Self::Delegate { agent, human } => (id(agent), id(human)),
            Self::Autonomous { agent } => (id(agent), None),
            Self::Human { human } => (None, id(human)),
        }
    }
}

struct Differences(Vec<String>);

impl Differences {
    /// An absent value and null are the same here.
    fn compare(&mut self, what: &str, is: Option<&Value>, expected: &Value) {
        let is = is.unwrap_or(&Value::Null);
        if is != expected {
            self.add(format!("{what}: is {is}, should be {expected}"));
        }
    }

    fn add(&mut self, difference: String) {
        self.0.push(difference);
    }
}

/// A receipt's policies in alphabetical order; Cedar has none.
fn policies(receipt: &Value) -> Value {
    let of = |who: &str| {
        let ids = receipt.pointer(&format!("/policies/{who}")).and_then(Value::as_array);
        sorted(&ids.into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>())
    };
    json!({ "agent": of("agent"), "delegator": of("delegator") })
}

fn sorted(ids: &[&str]) -> Value {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    json!(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENDER: Sender = Sender::Delegate { agent: "bot", human: "dana" };

    fn evidence() -> Evidence {
        let receipt = json!({
            "id": "01", "verdict": "allow", "arguments": "sha-256:a",
            "agent": { "id": "https://idp.acme.example#bot" },
            "on_behalf_of": { "id": "https://idp.acme.example#dana" },
            "policies": { "agent": ["b", "a"], "delegator": ["c"] },
            "credential": { "thumbprint": "sha-256:t" },
        });
        let upstream = json!({
            "authorization": false,
            "identity": {
                "x-deputy-agent": ["https://idp.acme.example#bot"],
                "x-deputy-on-behalf-of": ["https://idp.acme.example#dana"],
                "x-deputy-evaluation-id": ["01"],
            },
        });
        Evidence {
            agent: json!({ "outcome": "answered", "arguments": "sha-256:a", "credential": "sha-256:t" }),
            receipt_text: receipt.to_string(),
            receipt,
            upstream: vec![upstream],
            token: "head.claims.signature".to_owned(),
        }
    }

    fn differences(change: impl FnOnce(&mut Evidence)) -> Vec<String> {
        let mut evidence = evidence();
        change(&mut evidence);
        evidence.differences(SENDER, &Expected::allow(&["a", "b"], &["c"]))
    }

    #[test]
    fn what_was_expected_differs_in_nothing() {
        assert_eq!(differences(|_| ()), [""; 0]);
    }

    #[test]
    fn every_witness_can_fail_a_scene() {
        let one = |difference: &str, change: fn(&mut Evidence)| {
            let found = differences(change);
            assert!(found.iter().any(|d| d.contains(difference)), "{difference}: {found:?}");
        };
        one("the verdict", |e| e.receipt["verdict"] = json!("deny"));
        one("deciding policies", |e| e.receipt["policies"]["agent"] = json!(["a"]));
        one("whom it acts for", |e| e.receipt["on_behalf_of"]["id"] = json!("lee"));
        one("hash of the arguments", |e| e.receipt["arguments"] = json!("sha-256:b"));
        one("hash of the token", |e| e.receipt["credential"]["thumbprint"] = json!("sha-256:u"));
        one("token itself", |e| e.receipt_text.push_str("signature"));
        one("what came back", |e| e.agent["outcome"] = json!("refused"));
        one("tool failed", |e| e.agent["tool_failed"] = json!(true));
        one("saw it 0 times", |e| e.upstream.clear());
        one("saw it 2 times", |e| e.upstream.push(json!({})));
        one("token upstream", |e| e.upstream[0]["authorization"] = json!(true));
        one("was told", |e| e.upstream[0]["identity"]["x-deputy-agent"] = json!(["root"]));
        one("was told", |e| e.upstream[0]["identity"]["x_deputy_agent"] = json!(["root"]));
    }

    #[test]
    fn a_refusal_must_stop_short_of_the_server() {
        let expected = Expected::deny("impersonation", 403);
        let mut evidence = evidence();
        evidence.receipt = json!({ "id": "01", "verdict": "deny", "reason": "impersonation",
            "credential": { "thumbprint": "sha-256:t" },
            "on_behalf_of": { "id": "https://idp.acme.example#dana" } });
        evidence.agent = json!({ "outcome": "refused", "http": 403, "evaluation_id": "01",
            "credential": "sha-256:t" });
        let sender = Sender::Human { human: "dana" };
        assert!(evidence.differences(sender, &expected)[0].contains("reached the MCP server"));
        evidence.upstream.clear();
        assert_eq!(evidence.differences(sender, &expected), [""; 0]);
        evidence.agent["http"] = json!(200);
        assert!(evidence.differences(sender, &expected)[0].contains("HTTP status"));
    }
}
