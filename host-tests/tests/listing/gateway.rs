//! One engine for one world, asked as a gateway asks it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use deputy_engine::engine::Engine;
use deputy_engine::evidence::Head;
use deputy_engine::model::Timestamp;
use deputy_engine::step::{Arrival, Disposition, Outcome, Step};
use host_tests::envoy::{ISSUER, Issuer};
use serde_json::{Value, json};

use crate::World;
use crate::rules::Target;

pub(crate) struct Gateway {
    engine: Engine,
    token: String,
    lists: BTreeMap<&'static str, BTreeSet<String>>,
}

impl Gateway {
    /// With the policies of that world; `best` as in [`crate::rules::Rule::text`].
    pub(crate) fn new(world: &World, best: bool) -> Self {
        let issuer = Issuer::named("listing");
        let document = document(world, best, &issuer).to_string();
        let engine = Engine::new(document.as_bytes()).unwrap_or_else(|e| panic!("{e}"));
        let scope: Vec<_> = world.scopes.iter().copied().collect();
        let mut claims = json!({"sub": "dana", "client_id": "bot", "scope": scope.join(" ")});
        match world.autonomous {
            true => claims["sub"] = json!("bot"),
            false => claims["act"] = json!({"iss": ISSUER, "sub": "bot"}),
        }
        Self { engine, token: issuer.sign(&claims), lists: BTreeMap::new() }
    }

    /// What is left of a list of everything.
    pub(crate) fn lists(&mut self, list: &'static str) -> &BTreeSet<String> {
        if !self.lists.contains_key(list) {
            let names = self.filtered(list);
            self.lists.insert(list, names);
        }
        &self.lists[list]
    }

    /// Whether a call is permitted, at once or after an approval.
    pub(crate) fn takes(&mut self, target: Target, params: &Value) -> bool {
        let method = match target {
            Target::Read => "resources/read",
            Target::Prompt => "prompts/get",
            Target::Tools | Target::Pay | Target::Flag | Target::Look => "tools/call",
        };
        let receipt = receipt(&self.ask(method, params));
        match (receipt["verdict"].as_str().unwrap(), receipt["reason"].as_str()) {
            ("allow" | "needs_approval", _) => true,
            (_, Some("agent_not_allowed" | "delegator_not_allowed" | "beyond_limits")) => false,
            _ => panic!("{receipt}"),
        }
    }

    fn filtered(&mut self, list: &str) -> BTreeSet<String> {
        let (method, member) = match list {
            "resourceTemplates" => ("resources/templates/list", "uriTemplate"),
            "resources" => ("resources/list", "uri"),
            "tools" => ("tools/list", "name"),
            _ => ("prompts/list", "name"),
        };
        let entries: Vec<_> = crate::offered()
            .into_iter()
            .filter(|(of, ..)| *of == list)
            .map(|(_, name, ..)| json!({member: name}))
            .collect();
        let outcome = self.ask(method, &json!({}));
        let receipt = receipt(&outcome);
        assert_eq!(receipt["verdict"], "allow", "{receipt}");
        let Disposition::Forward(forward) = outcome.disposition else { panic!("{outcome:?}") };
        let mut filter = forward.into_response().unwrap();
        filter.head(200, &[(b"content-type".to_vec(), b"application/json".to_vec())]);
        let answer = json!({"jsonrpc": "2.0", "id": 1, "result": {list: entries}}).to_string();
        let left = filter.push(answer.as_bytes(), true, now());
        let left: Value = serde_json::from_slice(&left).unwrap();
        let left = left["result"][list].as_array().unwrap_or_else(|| panic!("{left}")).clone();
        left.iter().map(|entry| entry[member].as_str().unwrap().to_owned()).collect()
    }

    fn ask(&mut self, method: &str, params: &Value) -> Outcome {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let authorization = format!("Bearer {}", self.token);
        let headers = [
            (":method", "POST"),
            (":path", "/mcp"),
            (":authority", "gateway.acme.example"),
            ("content-type", "application/json"),
            ("mcp-protocol-version", "2025-11-25"),
            ("authorization", authorization.as_str()),
        ];
        let pairs = headers.map(|(name, value)| (name.into(), value.into())).to_vec();
        let arrival = Arrival { now: now(), entropy: [7; 10] };
        let step = match self.engine.begin(Head::from_pairs(pairs), arrival) {
            Step::Body(need) => {
                need.provide(&mut self.engine, body.to_string().into_bytes(), now())
            }
            step => step,
        };
        let Step::Decided(outcome) = step else { panic!("not decided: {step:?}") };
        *outcome
    }
}

fn document(world: &World, best: bool, issuer: &Issuer) -> Value {
    let rules = world.rules.iter().enumerate().map(|(number, rule)| rule.text(number, best));
    let connect = r#"@id("c") permit (principal, action in Action::"mcp/connect", resource);"#;
    let text = format!("{connect}\n{}", rules.collect::<String>());
    let mut agent = json!({
        "id": format!("{ISSUER}#bot"), "owner": "o", "status": "active", "teams": ["a", "b"],
    });
    if let Some(limits) = &world.limits {
        agent["limits"] = limits.clone();
    }
    json!({
        "version": 1,
        "gateway": {"audience": "https://gateway.acme.example"},
        "issuers": [{"issuer": ISSUER, "algorithms": ["ES256"], "keys": {"inline": issuer.jwks()}}],
        "agents": [agent],
        "humans": [{"id": format!("{ISSUER}#dana"), "teams": ["b"]}],
        "mcp": [{
            "server": "s", "path": "/mcp",
            "tools": [
                {"name": "pay", "input": "{ amount: Long, note?: String }"},
                {"name": "flag", "input": "{ on: Bool }"},
                {"name": "look"},
            ],
            "resources": [{"uri": "s://a"}, {"prefix": "s://f/"}],
            "prompts": [{"name": "ask"}],
        }],
        "policy": {"revision": 1, "files": [{"name": "p.cedar", "text": text}]},
    })
}

fn receipt(outcome: &Outcome) -> Value {
    serde_json::from_str(&outcome.receipt.to_json()).unwrap()
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    Timestamp::from_unix_millis(u64::try_from(since).unwrap())
}
