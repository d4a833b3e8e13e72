//! Starting, or refusing to.

use std::process::Command;

use host_tests::envoy::{Gateway, Plan, Program};
use serde_json::json;

use crate::world::{example, example_folder, gateway};

#[test]
fn envoy_does_not_start_with_a_wrong_configuration_and_says_everything_that_is_wrong() {
    let mut wrong = example();
    wrong["unheard_of"] = json!(1);
    wrong["agents"][0]["status"] = json!("asleep");
    wrong["issuers"][0]["algorithms"] = json!(["HS256"]);
    wrong["mcp"][0]["path"] = json!("mcp");
    let (ended, log) = Gateway::refuses_to_start(&Plan::new(wrong.to_string()));
    assert!(!ended.success(), "{ended}");
    for path in ["unheard_of", "agents[0].status", "issuers[0].algorithms", "mcp[0].path"] {
        let line = log.lines().find(|line| line.contains(&format!("deputy: {path}")));
        assert!(line.is_some_and(|line| line.starts_with("error|wasm|")), "{path} in\n{log}");
    }
}

#[test]
fn a_wrong_policy_is_refused_with_its_place() {
    let mut wrong = example();
    let text = "@id(\"a\")\npermit (principal, action, resource)\nwhen { context.nothing };";
    wrong["policy"]["files"] = json!([{"name": "wrong.cedar", "text": text}]);
    let refused = gateway().open(Plan::new(wrong.to_string())).unwrap_err();
    assert!(refused.contains("wrong.cedar"), "{refused}");
}

#[test]
fn a_configuration_that_is_no_json_is_refused() {
    for text in [&b""[..], b"{", b"\xff\xfe", b"[]", br#"{"version": 1} x"#] {
        let refused = gateway().open(Plan::new(text));
        assert!(refused.is_err(), "{text:?}");
    }
}

#[test]
fn the_examples_configuration_is_valid_for_envoy() {
    validate(&file("envoy.yaml"));
}

#[test]
fn so_it_is_with_the_global_rate_limit_service_behind_deputy() {
    let pieces = file("rate-limit.yaml");
    let mut text = file("envoy.yaml");
    let mut pieces = pieces.split("# --- ").skip(1);
    for _ in 0..3 {
        let (place, piece) = pieces.next().unwrap().split_once(" ---\n").unwrap();
        let (side, line) = place.split_once(" `").unwrap();
        let line = line.strip_suffix('`').unwrap();
        let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
        let at: Vec<_> = (0..lines.len()).filter(|n| lines[*n].trim() == line).collect();
        assert_eq!(at.len(), 1, "{line}");
        lines.insert(if side == "after" { at[0] + 1 } else { at[0] }, piece);
        text = lines.concat();
    }
    assert_eq!(pieces.next(), None);
    validate(&text);
}

fn file(name: &str) -> String {
    std::fs::read_to_string(example_folder().join(name)).unwrap()
}

fn validate(text: &str) {
    let program = Program::find();
    let folder = tempfile::tempdir().unwrap();
    let module = program.module.display().to_string();
    let named = "../../target/deputy/deputy.wasm";
    assert_eq!(text.matches(named).count(), 1, "the example names the module once");
    let file = folder.path().join("envoy.yaml");
    std::fs::write(&file, text.replace(named, &module)).unwrap();
    let output = Command::new(program.envoy)
        .args(["--mode", "validate", "--disable-hot-restart", "-c"])
        .arg(&file)
        .current_dir(example_folder())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}
