//! Documents that are made from the code, or that name files of the repository, are true.
//! `UPDATE=1 cargo test -p deputy-engine --test docs` rewrites the generated ones.
#![allow(clippy::unwrap_used, reason = "clippy excuses #[test] functions, not their helpers")]
#![allow(clippy::disallowed_methods, reason = "UPDATE is for the person who runs the test")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use deputy_engine::CredentialPlace;
use deputy_engine::decision::Reason;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn the_table_of_reasons_is_the_one_in_the_code() {
    let mut text =
        "# Reasons\n\nEvery refusal has one. The receipt names it; the caller sees only \
        the status and the class, and in\nthe header `x-deputy-evaluation-id` (as in the body) the \
        `id` of the receipt.\nMade from `plugin/engine/src/decision/reason.rs`.\n\n\
        | reason | question | status | class on the wire | meaning |\n|---|---|---|---|---|\n"
            .to_owned();
    for reason in Reason::ALL {
        let (wire, question) = (reason.wire(), reason.question().code());
        let (code, status, class) = (reason.code(), wire.status(), wire.code());
        writeln!(text, "| `{code}` | {question} | {status} | `{class}` | {} |", reason.meaning())
            .unwrap();
    }
    let path = root().join("docs/reasons.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == text, "docs/reasons.md is stale: run with UPDATE=1");
}

#[test]
fn the_table_of_credentials_is_the_one_in_the_code() {
    let mut text = "# Credentials\n\nEvery way to say who the agent is, what it needs and what it proves. \
        Kinds exclude each other: a token is of the one kind that its place and its `typ` name. Several in \
        one request must name one agent. Rule ids are those of the standards each kind follows.\nMade from \
        `plugin/engine/src/credential`.\n\n\
        | kind | where | accepted if configured in | proves | bound by | rules |\n|---|---|---|---|---|---|\n"
        .to_owned();
    for kind in deputy_engine::CREDENTIAL_KINDS {
        let deputy_engine::CredentialKind { name, from, proves, bound, rules, .. } = kind;
        let place = match kind.place {
            CredentialPlace::Authorization => "`Authorization`",
            CredentialPlace::WorkloadIdentityToken => "`Workload-Identity-Token`",
            CredentialPlace::TxnToken => "`Txn-Token`",
            CredentialPlace::Certificate => "the TLS connection",
            CredentialPlace::Signature => "`Signature-Input`, `Signature`, `Signature-Agent`",
        };
        writeln!(text, "| `{name}` | {place} | {from} | {proves} | {bound} | {rules} |").unwrap();
    }
    text.push_str(
        "\nNever an identity: Basic authentication, API keys (`x-api-key` and the like), cookies, tokens in \
         the query, `User-Agent`, MCP's `clientInfo`. A request with nothing else is refused, and its \
         receipt says what to use instead (`advice`). ID-JAGs, ID tokens, logout tokens, security events, \
         DPoP proofs and approvals in `Authorization` are refused.\n",
    );
    let path = root().join("docs/credentials.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == text, "docs/credentials.md is stale: run with UPDATE=1");
}

#[test]
fn the_documented_configuration_loads_and_every_member_of_it_is_explained() {
    let text = std::fs::read_to_string(root().join("docs/configuration.md")).unwrap();
    let (_, rest) = text.split_once("```json\n").unwrap();
    let (example, table) = rest.split_once("```").unwrap();
    if let Err(problems) = deputy_engine::engine::Engine::new(example.as_bytes()) {
        panic!("{problems}");
    }
    for quoted in example.split('"').skip(1).step_by(2) {
        let is_member = example.contains(&format!("\"{quoted}\":"));
        assert!(!is_member || table.contains(quoted), "{quoted} is not explained");
    }
}

#[test]
fn the_configuration_in_the_readme_loads() {
    let text = std::fs::read_to_string(root().join("README.md")).unwrap();
    let (_, rest) = text.split_once("value: |\n").unwrap();
    let (configuration, _) = rest.split_once("- name: envoy.filters.http.router").unwrap();
    if let Err(problems) = deputy_engine::engine::Engine::new(configuration.as_bytes()) {
        panic!("{problems}");
    }
}

#[test]
fn a_file_that_a_document_names_exists() {
    let mut wrong = Vec::new();
    let mut documents = vec![];
    for dir in ["", "docs", "docs/decisions", "examples/envoy-mcp", "examples/envoy-a2a"] {
        for entry in std::fs::read_dir(root().join(dir)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|e| e == "md") {
                documents.push(path);
            }
        }
    }
    for document in documents {
        let text = std::fs::read_to_string(&document).unwrap();
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|l| !l.contains("://") && !l.starts_with('#')) {
            if !document.parent().unwrap().join(link.split('#').next().unwrap()).exists() {
                wrong.push(format!("{}: {link}", document.display()));
            }
        }
        for quoted in text.split('`').skip(1).step_by(2) {
            let is_path = ["plugin/", "host-tests/", "examples/", "policies/", "docs/", "xtask/"]
                .iter()
                .any(|top| quoted.starts_with(top));
            let plain = quoted.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
            if is_path && plain && !root().join(quoted).exists() {
                wrong.push(format!("{}: {quoted}", document.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
