//! A2A clients and agents that nobody here wrote: with the gateway between them, and a policy that permits
//! everything, they see what they see without it, by either binding, and in 0.3 by the SDK of that time.
//!
//! What differs is listed here with the reason why, and in `docs/interoperability.md`.

use std::process::Command;

use host_tests::envoy::{Gateway, Issuer, Listener, Plan, unused_port};
use serde_json::{Value, json};

use crate::mcp::{issuer, said, token, unusual};
use crate::server::Server;
use crate::{example, peers, script};

#[test]
fn the_a2a_sdk_of_typescript_sees_through_the_gateway_what_it_sees_without() {
    for agent in [Server::agent(), Server::typescript_agent()] {
        sees_the_same(&agent, &BINDINGS, typescript);
    }
}

#[test]
fn the_a2a_sdk_of_python_sees_through_the_gateway_what_it_sees_without() {
    for agent in [Server::agent(), Server::typescript_agent()] {
        sees_the_same(&agent, &BINDINGS, |url, binding, token| {
            let mut command = Command::new("python3");
            command.arg("-B").arg(script("agent_client.py")).arg(peers().join("python"));
            said(command.args([url, binding]).args(token))
        });
    }
}

/// `@a2a-js/sdk` 0.3, which knows nothing of 1.0.
#[test]
fn the_a2a_sdk_of_0_3_sees_through_the_gateway_what_it_sees_without() {
    for agent in [Server::agent(), Server::typescript_agent()] {
        sees_the_same(&agent, &["0.3"], typescript);
    }
}

/// What a client saw of the agent at that address, by that binding, with that token.
type See = fn(&str, &str, Option<&str>) -> Value;

const BINDINGS: [&str; 2] = ["JSONRPC", "HTTP+JSON"];

fn typescript(url: &str, binding: &str, token: Option<&str>) -> Value {
    let mut command = Command::new("node");
    command.arg(script("agent_client.mjs")).arg(peers()).args([url, binding]).args(token);
    said(&mut command)
}

fn sees_the_same(agent: &Server, bindings: &[&str], see: See) {
    let listener = gateway(agent);
    for binding in bindings {
        let direct = see(&agent.url, binding, None);
        assert!(direct["joined"].as_array().is_some_and(|events| !events.is_empty()), "{direct}");
        let through = see(&origin(&listener), binding, Some(&token()));
        // The card leads to the gateway.
        let leads = direct.to_string().replace(&agent.url, &origin(&listener));
        let mut direct: Value = serde_json::from_str(&leads).unwrap();
        without_nothing(&mut direct["card"]);
        same(&direct, &through, (binding, &listener));
    }
}

/// What says nothing in a card is not repeated in the one that is shown: a tenant that is none, and a list of no
/// signatures (which would not be of what is shown).
fn without_nothing(card: &mut Value) {
    let members = card.as_object_mut().unwrap();
    members.retain(|name, value| name != "signatures" || *value != json!([]));
    let interfaces = members.get_mut("supportedInterfaces").and_then(Value::as_array_mut);
    for interface in interfaces.into_iter().flatten() {
        let members = interface.as_object_mut().unwrap();
        members.retain(|name, value| name != "tenant" || value != "");
    }
}

fn same(direct: &Value, through: &Value, (binding, listener): (&str, &Listener)) {
    let (direct, through) = (direct.as_object().unwrap(), through.as_object().unwrap());
    assert!(direct.keys().eq(through.keys()), "{through:?}");
    let mut wrong = Vec::new();
    for (what, saw) in direct {
        let sees = &through[what];
        // The SDK of 0.3 has words of its own for every error.
        let mut different = DIFFERENT.iter().filter(|_| binding != "0.3");
        match different.find(|(name, _)| name == what) {
            Some((_, why)) => assert_ne!(sees, saw, "{what}: not because {why}"),
            None if sees != saw => wrong.push(format!("{what}: {sees}\nwithout: {saw}")),
            None => {}
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), unusual(listener));
}

/// Of what clients saw: what is not the same, and why.
const DIFFERENT: &[(&str, &str)] = &[(
    "missing",
    "an id that was not given to this caller is refused before the agent hears of it, with words of the gateway's",
)];

/// A gateway that permits everything.
fn gateway(agent: &Server) -> Listener {
    let port = unused_port();
    let mut document = example();
    document["issuers"][0]["keys"] = json!({"inline": issuer().jwks()});
    document.as_object_mut().unwrap().remove("mcp");
    let skills = ["echo", "count", "ask", "wait"].map(|id| json!({"id": id}));
    document["a2a"] = json!([{
        "server": "peer", "json_rpc": "/rpc", "http_json": "/rest",
        "card": "/.well-known/agent-card.json", "origin": format!("http://127.0.0.1:{port}"),
        "name": "Peer", "versions": ["1.0", "0.3"], "skill_member": "skillId",
        "skills": skills,
    }]);
    document["sessions"] = json!({"keys": ["AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA"]});
    let all = r#"@id("all") permit (principal, action, resource);"#;
    document["policy"]["files"] = json!([{"name": "all.cedar", "text": all}]);
    let mut plan = Plan::new(document.to_string());
    plan.upstream = Some(agent.address);
    plan.port = Some(port);
    let gateway = Gateway::shared(|| {
        document["issuers"][0]["keys"] = json!({"inline": Issuer::named("stays").jwks()});
        document.to_string().into_bytes()
    });
    gateway.open(plan).unwrap_or_else(|refused| panic!("{refused}"))
}

fn origin(listener: &Listener) -> String {
    format!("http://{}", listener.address())
}
