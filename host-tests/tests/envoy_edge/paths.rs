//! P: a path rule holds whatever form a path is sent in, under both of Envoy's profiles: it passes paths on as
//! they were sent (the default), or makes them plain before any filter (F12).

use host_tests::envoy::{Front, Plan, Request};
use serde_json::json;

use crate::world::World;

/// What comes of a path: who answers, and how.
#[derive(Clone, Copy)]
enum Comes {
    /// It reaches the upstream.
    Passes,
    /// The plugin refuses it, and says why.
    Refused(u16, &'static str),
    /// Envoy answers before any filter: an error, or a redirect to the plain form.
    Envoy(u16),
}

use Comes::{Envoy, Passes, Refused};

const AMBIGUOUS: Comes = Refused(400, "path_ambiguous");
const DENIED: Comes = Refused(403, "agent_not_allowed");
const UNMAPPED: Comes = Refused(403, "unmapped");

/// A path; what comes of it as it was sent, and once Envoy has made it plain.
#[rustfmt::skip]
const PATHS: &[(&str, Comes, Comes)] = &[
    ("/public/readme", Passes, Passes),
    ("/public/readme?x=../admin", Passes, Passes),
    ("/admin", DENIED, DENIED),
    ("/admin?x", DENIED, DENIED),
    // P1.
    ("/public/../admin", AMBIGUOUS, DENIED),
    ("/public/%2e%2e/admin", AMBIGUOUS, DENIED),
    ("/public/%2E./admin", AMBIGUOUS, DENIED),
    ("/public/./readme", AMBIGUOUS, Passes),
    // P2.
    ("//admin", AMBIGUOUS, DENIED),
    ("///admin", AMBIGUOUS, DENIED),
    ("//x/admin", AMBIGUOUS, UNMAPPED),
    ("/\\admin", AMBIGUOUS, DENIED),
    ("/admin//", AMBIGUOUS, UNMAPPED),
    // P3.
    ("/%61dmin", AMBIGUOUS, DENIED),
    ("/adm%69n", AMBIGUOUS, DENIED),
    // P4.
    ("/admin%2fx", AMBIGUOUS, Envoy(307)),
    ("/admin%5cx", AMBIGUOUS, Envoy(307)),
    ("/admin%252f", AMBIGUOUS, AMBIGUOUS),
    // P5.
    ("/admin;x=1", AMBIGUOUS, AMBIGUOUS),
    ("/admin;/x", AMBIGUOUS, AMBIGUOUS),
    ("/..;/admin", AMBIGUOUS, DENIED),
    // P6.
    ("/ADMIN", UNMAPPED, UNMAPPED),
    // P7.
    ("/admin%00", AMBIGUOUS, Envoy(400)),
    ("/admin%0a", AMBIGUOUS, AMBIGUOUS),
    ("/admin%20", AMBIGUOUS, AMBIGUOUS),
    ("/admin.", UNMAPPED, UNMAPPED),
    ("/admin/", UNMAPPED, UNMAPPED),
    // P8.
    ("/%c0%ae", AMBIGUOUS, AMBIGUOUS),
    ("/%zz", AMBIGUOUS, AMBIGUOUS),
    ("/%", AMBIGUOUS, AMBIGUOUS),
    // P9.
    ("/admin#x", Envoy(400), Envoy(400)),
    ("/?/../admin", UNMAPPED, UNMAPPED),
];

#[test]
fn a_path_is_decided_on_in_the_form_the_upstream_gets_as_it_was_sent() {
    holds(json!({}), |(path, raw, _)| (*path, *raw));
}

#[test]
fn a_path_is_decided_on_in_the_form_the_upstream_gets_once_it_is_plain() {
    let plain = json!({
        "normalize_path": true,
        "merge_slashes": true,
        "path_with_escaped_slashes_action": "UNESCAPE_AND_REDIRECT",
    });
    holds(plain, |(path, _, plain)| (*path, *plain));
}

fn holds(
    manager: serde_json::Value,
    of: impl Fn(&(&'static str, Comes, Comes)) -> (&'static str, Comes),
) {
    let world = World::changed(
        |document| {
            document["http"] = json!([
                {"method": "GET", "path": "/public/{file}", "action": "public:read", "resource": "public"},
                {"method": "GET", "path": "/admin", "action": "admin:read", "resource": "admin"},
            ]);
            let files = document["policy"]["files"].as_array_mut().unwrap();
            files.push(json!({"name": "paths.cedar", "text": POLICIES}));
        },
        |plan| Plan { front: Front::Bare, manager, ..plan },
    );
    let mut wrong = Vec::new();
    for (path, comes) in PATHS.iter().map(of) {
        wrong.extend(differs(&world, path, comes));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    world.still_works();
}

/// What came of it, if that is something else.
fn differs(world: &World, path: &str, comes: Comes) -> Option<String> {
    let mark = world.mark();
    let token = world.token();
    let request = Request::new("GET", path).header("authorization", format!("Bearer {token}"));
    let response = world.listener.send(&request);
    world.listener.wait_accesses(mark.accesses + 1);
    let receipts = world.listener.receipts().split_off(mark.receipts);
    let said = |receipt: &String| {
        let receipt: serde_json::Value = serde_json::from_str(receipt).unwrap();
        receipt["reason"].as_str().unwrap_or("allowed").to_owned()
    };
    let said: Vec<_> = receipts.iter().map(said).collect();
    let seen = world.listener.upstream.seen().len() - mark.upstream;
    let came = (response.status, said.iter().map(String::as_str).collect::<Vec<_>>(), seen);
    let expected = match comes {
        Passes => (200, vec!["allowed"], 1),
        Refused(status, reason) => (status, vec![reason], 0),
        Envoy(status) => (status, vec![], 0),
    };
    (came != expected).then(|| format!("{path}: {came:?}, not {expected:?}"))
}

const POLICIES: &str = r#"
@id("everybody-reads-what-is-public")
permit (principal, action == Action::"public:read", resource == Endpoint::"public");
"#;
