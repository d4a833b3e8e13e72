//! `deputy routes import`: an OpenAPI document becomes a route table, or everything that is wrong with it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

#[allow(dead_code, reason = "shared with the other commands' tests")]
mod desk;

use desk::{Desk, bad, good};
use serde_json::{Value, json};

fn import(desk: &Desk, document: &Value, more: &[&str]) -> (String, Option<String>) {
    let (from, out) = (desk.text("openapi.json"), desk.text("http.json"));
    std::fs::write(&from, document.to_string()).unwrap();
    let _ = std::fs::remove_file(&out);
    let mut arguments = vec!["routes", "import", &from, "--out", &out];
    arguments.extend(more);
    let output = desk::deputy(&arguments);
    match output.status.code() {
        Some(0) => (good(&arguments), Some(std::fs::read_to_string(&out).unwrap())),
        _ => (bad(&arguments, &desk.path("http.json")), None),
    }
}

fn orders() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {"title": "Orders", "version": "1"},
        "servers": [{"url": "https://api.acme.example/v1/"}, {"url": "/v1"}],
        "paths": {
            "/orders": {
                "summary": "All orders",
                "post": {"operationId": "orders:create", "requestBody": {}},
                "get": {"operationId": "orders:list"},
            },
            "/orders/{id}": {"$ref": "#/components/pathItems/order"},
            "x-internal": {"anything": 1},
        },
        "components": {"pathItems": {"order": {
            "parameters": [{"name": "id", "in": "path", "required": true}],
            "get": {"operationId": "orders:read"},
            "delete": {"operationId": "orders:delete", "deprecated": true},
            "x-owner": "payments",
        }}},
        "webhooks": {"shipped": {"post": {"operationId": "shipped"}}},
    })
}

#[test]
fn each_operation_becomes_a_route_in_the_same_bytes_every_time() {
    let desk = Desk::new();
    let (said, text) = import(&desk, &orders(), &[]);
    let expected = concat!(
        "[\n",
        r#"  { "method": "GET", "path": "/v1/orders", "action": "orders:list" },"#,
        "\n",
        r#"  { "method": "POST", "path": "/v1/orders", "action": "orders:create" },"#,
        "\n",
        r#"  { "method": "DELETE", "path": "/v1/orders/{id}", "action": "orders:delete" },"#,
        "\n",
        r#"  { "method": "GET", "path": "/v1/orders/{id}", "action": "orders:read" }"#,
        "\n",
        "]\n"
    );
    assert_eq!(text.as_deref(), Some(expected), "{said}");
    assert!(said.contains("http.json: 4 routes"), "{said}");
    assert_eq!(import(&desk, &orders(), &[]).1.as_deref(), Some(expected));
}

#[test]
fn what_is_written_is_a_section_that_a_bundle_is_built_from() {
    let desk = Desk::new();
    import(&desk, &orders(), &[]);
    let folder = desk.path("folder");
    std::fs::create_dir(&folder).unwrap();
    std::fs::copy(desk.path("http.json"), folder.join("http.json")).unwrap();
    let policy = r#"@id("p") permit (principal is Agent, action == Action::"orders:read", resource)
        when { context.input.id == "7" };"#;
    std::fs::write(folder.join("p.cedar"), policy).unwrap();
    let said = good(&["bundle", "build", folder.to_str().unwrap(), "--out", &desk.text("b.json")]);
    assert!(said.contains("4 routes"), "{said}");
}

#[test]
fn the_base_path_is_the_gateways_word_where_servers_differ() {
    let desk = Desk::new();
    let mut document = orders();
    document["servers"] = json!([{"url": "https://{region}.acme.example/{v}"}, {"url": "/v2"}]);
    document["paths"]["/orders"]["get"]["servers"] = json!([{"url": "/other"}]);
    let (said, text) = import(&desk, &document, &[]);
    assert_eq!(text, None);
    for at in ["/servers/0/url: has variables", "/paths/~1orders/get/servers: differs by operation"]
    {
        assert!(said.contains(at), "{at}: {said}");
    }
    let (said, text) = import(&desk, &document, &["--base-path", "/shop/"]);
    assert!(text.unwrap().contains(r#""path": "/shop/orders""#), "{said}");
}

#[test]
fn every_problem_is_told_at_once_with_its_json_pointer_and_nothing_is_written() {
    let desk = Desk::new();
    let document = json!({
        "openapi": "3.0.4",
        "servers": [{"url": "https://api.acme.example/a"}, {"url": "https://api.acme.example/b"}],
        "paths": {
            "/a": {"get": {"summary": "no id"}, "post": {"operationId": "twice"}},
            "/b": {"post": {"operationId": "twice"}, "gett": {"operationId": "x"}},
            "/c/{order-id}": {"get": {"operationId": "dashed"}},
            "/d/../e": {"get": {"operationId": "dots"}},
            "/f": {"$ref": "other.json#/f"},
            "/g": {"trace": {"operationId": "traced"}},
            "/h/{x}": {"get": {"operationId": "any"}},
            "/h/mine": {"get": {"operationId": "mine"}},
            "/i": [],
        },
    });
    let (said, text) = import(&desk, &document, &[]);
    assert_eq!(text, None);
    for line in [
        "/servers/1/url: has another path than the server before",
        "/paths/~1a/get: has no operationId",
        "/paths/~1b/post/operationId: is that of /paths/~1a/post as well",
        "/paths/~1b/gett: is no operation",
        "/paths/~1c~1{order-id}/get: has a parameter whose name is not an identifier",
        "/paths/~1d~1..~1e/get: is one that no request can have",
        "/paths/~1f/$ref: must lead to a path item in this document",
        "/paths/~1g/trace: is one that is never served",
        "fits requests that /paths/~1h~1mine/get",
        "/paths/~1i: must be a path item",
        "nothing was written",
    ] {
        assert!(said.contains(line), "{line:?} is not in:\n{said}");
    }
}

#[test]
fn what_is_no_openapi_3_document_is_refused() {
    let desk = Desk::new();
    for (document, at) in [
        (json!({"swagger": "2.0", "paths": {}}), "/swagger: must be OpenAPI 3.x"),
        (json!({"openapi": "4.0"}), "/openapi: must be OpenAPI 3.x"),
        (json!([]), "/openapi: must be OpenAPI 3.x"),
        (json!({"openapi": "3.1.0"}), "/paths: must be an object"),
        (json!({"openapi": "3.1.0", "paths": {}}), "/paths: has no operation"),
    ] {
        let (said, text) = import(&desk, &document, &[]);
        assert!(text.is_none() && said.contains(at), "{at}: {said}");
    }
    let yaml = desk.text("openapi.yaml");
    std::fs::write(&yaml, "openapi: 3.1.0\n").unwrap();
    let arguments = ["routes", "import", &yaml, "--out", &desk.text("http.json")];
    let said = bad(&arguments, &desk.path("http.json"));
    assert!(said.contains("is not JSON"), "{said}");
}

#[test]
fn the_example_has_the_routes_that_its_document_makes() {
    let desk = Desk::new();
    let example =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/envoy-http");
    let read = |name: &str| std::fs::read_to_string(example.join(name)).unwrap();
    let document: Value = serde_json::from_str(&read("openapi.json")).unwrap();
    let routes: Value = serde_json::from_str(&import(&desk, &document, &[]).1.unwrap()).unwrap();
    let template: Value = serde_json::from_str(&read("deputy.template.json")).unwrap();
    assert_eq!(template["http"], routes);
}
