//! The command as an operator calls it: what it prints, what it writes, how it ends.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod desk;

use std::path::Path;

use desk::{Desk, bad, deputy, good};

fn policies(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    root.join(name).to_str().unwrap().to_owned()
}

fn sign(desk: &Desk, from: &str, key: &str, revision: &str, out: &str) {
    let (from, key, out) = (desk.text(from), desk.text(key), desk.text(out));
    good(&[
        "bundle",
        "sign",
        &from,
        "--key",
        &key,
        "--revision",
        revision,
        "--valid-for",
        "7d",
        "--out",
        &out,
    ]);
}

#[test]
fn the_shipped_policies_build_to_the_same_bytes_every_time() {
    let desk = Desk::new();
    let said = good(&["bundle", "build", &policies(""), "--out", &desk.text("a.json")]);
    assert!(said.contains("16 policies in 7 files, 2 agents, 2 humans, 5 tools"), "{said}");
    good(&["bundle", "build", &policies(""), "--out", &desk.text("b.json")]);
    let read = |name| std::fs::read(desk.path(name)).unwrap();
    assert_eq!(read("a.json"), read("b.json"));
}

#[test]
fn every_problem_is_told_at_once_with_its_file_line_id_and_what_to_do() {
    let desk = Desk::new();
    let out = desk.path("out.json");
    let said =
        bad(&["bundle", "build", &policies("tests/broken"), "--out", out.to_str().unwrap()], &out);
    for text in [
        "agentes.json:1: is no section of a bundle; name it after one of attributes, teams",
        "agents.json:4: agents[0].onwer: is not known here (did you mean `owner`?",
        "agents.json:8: agents[1].id: must be written `issuer#subject`",
        "agents.json:10: agents[1].status: must be active, suspended or retired",
        "agents.json:11: agents[1].valid_until: must be an instant like",
        "agents.json:14: agents[2].id: is the id of another agent as well",
        "http.json:3: http[1].path: `GET /v1/orders/mine` fits requests that http[0].path fits too",
        "http.json:4: http[2].method: must be written in capitals",
        "humans.json:3:3: expected `,` or `]`",
        "syntax.cedar:3:1: unexpected token `when`",
        "unnamed.cedar:2:1: policy number 1 has no @id",
        "typo.cedar:3:8: policy `a-misspelt-attribute`",
        "did you mean `owner`",
        "typo.cedar:7:8: policy `a-misspelt-argument`",
        "did you mean `amount`",
        "typo.cedar:10:30: policy `a-misspelt-action`",
        "did you mean `Action::\"orders/refund\"`",
        "twice.cedar:4:1: policy `twice`: @id is taken by another policy in twice.cedar",
        "template.cedar:1:1: policy `a-template`: templates can't be proven",
        "optional.cedar:3:8: policy `an-argument-that-may-not-be-there`",
        "approval.cedar:1:1: policy `a-permit-to-approve`: @approval belongs on a forbid",
        "team.cedar:5:22: policy `a-misspelt-team-forbids-nobody`: Team::\"suport\" is not in `teams`",
        "deep.cedar:3:55: is nested too deeply",
        "nothing was written",
    ] {
        assert!(said.contains(text), "{text:?} is not in:\n{said}");
    }
}

/// Y12: `like` with several wild cards on a text without a bound.
#[test]
fn a_policy_that_never_applies_or_is_slow_is_refused_unless_warnings_are_allowed() {
    let desk = Desk::new();
    let out = desk.path("out.json");
    let arguments = ["bundle", "build", &policies("tests/warned"), "--out", out.to_str().unwrap()];
    let said = bad(&arguments, &out);
    assert!(said.contains("error: never.cedar:1:1: policy `never-applies`"), "{said}");
    assert!(said.contains("error: slow.cedar:1:1: policy `a-slow-pattern`: `like`"), "{said}");
    assert!(
        said.contains("error: nobody.cedar:2:31: policy `a-team-of-nobody`: nobody is in"),
        "{said}"
    );
    let said = good(&[&arguments[..], &["--allow-warnings"]].concat());
    assert!(said.contains("warning: never.cedar:1:1"), "{said}");
}

#[test]
fn what_is_signed_is_verified_with_the_public_key_and_no_other() {
    let desk = Desk::new();
    good(&["bundle", "build", &policies(""), "--out", &desk.text("c.json")]);
    for alg in ["Ed25519", "ES256"] {
        desk.keys(alg, alg);
        sign(&desk, "c.json", &format!("{alg}.jwk"), "7", alg);
        let (bundle, keys) = (desk.text(alg), desk.text(&format!("{alg}.jwks")));
        let said = good(&["bundle", "verify", &bundle, "--keys", &keys]);
        assert!(said.contains("is good") && said.contains("revision: 7"), "{said}");
        let said = good(&["bundle", "inspect", &bundle]);
        assert!(said.contains("signature NOT checked") && said.contains("2 agents"), "{said}");
    }
    let none = desk.path("none");
    let (bundle, other) = (desk.text("ES256"), desk.text("Ed25519.jwks"));
    let said = bad(&["bundle", "verify", &bundle, "--keys", &other], &none);
    assert!(said.contains("is signed with a key that is not among `keys`"), "{said}");
    let spoiled = std::fs::read_to_string(desk.path("ES256")).unwrap().replacen(".ey", ".eyJ", 1);
    std::fs::write(desk.path("spoiled"), spoiled).unwrap();
    let keys = desk.text("ES256.jwks");
    let said = bad(&["bundle", "verify", &desk.text("spoiled"), "--keys", &keys], &none);
    assert!(said.contains("has a signature that is not of the key it names"), "{said}");
    let late = ["bundle", "verify", &bundle, "--keys", &keys, "--at", "2999-01-01T00:00:00Z"];
    assert!(bad(&late, &none).contains("expired at"));
}

#[test]
fn a_bundle_follows_the_one_before_or_is_not_signed() {
    let desk = Desk::new();
    desk.keys("k", "Ed25519");
    good(&["bundle", "build", &policies(""), "--out", &desk.text("c.json")]);
    sign(&desk, "c.json", "k.jwk", "7", "seven");
    let contents = std::fs::read_to_string(desk.path("c.json")).unwrap();
    std::fs::write(desk.path("revived.json"), contents.replace("retired", "active")).unwrap();
    let out = desk.path("out");
    let after = |from: &str, revision: &str| {
        let (from, key, before) = (desk.text(from), desk.text("k.jwk"), desk.text("seven"));
        bad(
            &[
                "bundle",
                "sign",
                &from,
                "--key",
                &key,
                "--revision",
                revision,
                "--valid-for",
                "1h",
                "--after",
                &before,
                "--out",
                out.to_str().unwrap(),
            ],
            &out,
        )
    };
    assert!(after("c.json", "7").contains("revision 7 does not follow revision 7"));
    assert!(after("revived.json", "8").contains("#old-bot is retired"));
}

#[test]
fn a_key_is_never_overwritten_and_its_private_half_is_its_owners_alone() {
    let desk = Desk::new();
    desk.keys("k", "ES256");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(desk.path("k.jwk")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let public = std::fs::read_to_string(desk.path("k.jwks")).unwrap();
    assert!(!public.contains("\"d\""), "{public}");
    let (out, new) = (desk.text("k.jwk"), desk.path("new.jwks"));
    let said = bad(&["keys", "new", "--out", &out, "--public", new.to_str().unwrap()], &new);
    assert!(said.contains("is there already; a key is never overwritten"), "{said}");
}

#[test]
fn what_is_no_bundle_is_told_apart_from_one() {
    let desk = Desk::new();
    let none = desk.path("none");
    std::fs::write(desk.path("x"), "{}").unwrap();
    let said = bad(&["bundle", "inspect", &desk.text("x")], &none);
    assert!(said.contains("is not a compact JWS"), "{said}");
    let said = bad(&["bundle", "inspect", &desk.text("nothing")], &none);
    assert!(said.contains("can't be read"), "{said}");
    assert_eq!(deputy(&["bundle", "bild"]).status.code(), Some(2));
}
