//! Requests to an A2A agent: what they ask for, what is made of their ids, and what is refused.

use proptest::prelude::*;

use super::*;
use crate::model::{Actor, PrincipalId};
use crate::protocol::mcp::{Catalogue, Sealer, ToolEntry};
use crate::protocol::tests::head;

const LIMIT: usize = 4000;

fn endpoint(tenant: Option<&str>) -> A2aEndpoint {
    let skill = |typed_input| ToolEntry { typed_input, ..ToolEntry::default() };
    let skills = [("book".to_owned(), skill(true)), ("search".to_owned(), skill(false))].into();
    A2aEndpoint::new(A2aParts {
        at: "a2a[0]".to_owned(),
        server: "travel".to_owned(),
        json_rpc: Some("/a2a".to_owned()),
        http_json: Some("/a2a/v1".to_owned()),
        card: Some("/.well-known/agent-card.json".to_owned()),
        versions: Version::ALL.to_vec(),
        origin: Some("https://gateway.example".to_owned()),
        tenant: tenant.map(str::to_owned),
        catalogue: Catalogue { skills, ..Catalogue::default() },
        skill_member: Some("skillId".to_owned()),
        push_hosts: vec!["hooks.example".to_owned()],
        response_limit: 10_000,
        ..A2aParts::default()
    })
}

fn sessions(agent: &str) -> Sessions {
    let sealer = Sealer::new(&["AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA"]).unwrap();
    sealer.of("travel", &Actor { agent: PrincipalId::parse(agent).unwrap(), delegation: None })
}

fn mine() -> Sessions {
    sessions("https://i#mine")
}

fn sent(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Read {
    let endpoint = endpoint(None);
    let (path, query) = match path.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path, None),
    };
    let call = Call::of(&endpoint, method, path, query).unwrap();
    let head = head(method, path, headers);
    read(&endpoint, &call, &head, (Some(body.as_bytes()), LIMIT), &mine())
}

fn rpc(version: &str, method: &str, params: &str) -> Read {
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
    let headers = [("content-type", "application/json"), ("a2a-version", version)];
    sent("POST", "/a2a", &headers, &body)
}

fn rest(method: &str, path: &str, body: &str) -> Read {
    let mut headers = vec![("a2a-version", "1.0")];
    headers.extend((!body.is_empty()).then_some(("content-type", "application/a2a+json")));
    sent(method, &format!("/a2a/v1{path}"), &headers, body)
}

/// Everything it asks for, as text, or why not.
fn told(read: Read) -> Result<String, Reason> {
    match read {
        Read::Asked { asked, .. } => {
            let one = |asked: Asked| {
                let resource = format!("{}::{}", asked.resource.kind.as_str(), asked.resource.id);
                format!("{} {resource}", asked.action.as_str())
            };
            Ok(asked.into_iter().map(one).collect::<Vec<_>>().join(", "))
        }
        Read::Refused { reason, .. } => Err(reason),
        Read::NeedsBody { .. } => panic!("the body was there"),
    }
}

fn onward(read: Read) -> Onward {
    match read {
        Read::Asked { exchange: Some(exchange), .. } => *exchange.a2a.unwrap(),
        other => panic!("{other:?}"),
    }
}

fn message(more: &str) -> String {
    format!(
        r#"{{"message":{{"messageId":"m","role":"ROLE_USER","parts":[{{"text":"hi"}}]{more}}}}}"#
    )
}

#[test]
fn an_operation_has_one_name_in_each_version_and_one_place() {
    let mut names: Vec<_> = operations::all().map(|o| o.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), operations::all().count());
    for operation in operations::all() {
        assert_eq!(operations::find(operation.name, Version::V1_0).unwrap().name, operation.name);
        assert!(operations::find(operation.name, Version::V0_3).is_none());
        for verb in operation.rest.verbs {
            let path = operation.rest.path.join("/");
            let path = path.replace(operations::TASK, "t1").replace(operations::CONFIG, "c1");
            assert_eq!(rest::find(verb, &path).unwrap().operation.name, operation.name);
        }
    }
    for (old, new) in [
        ("message/send", "SendMessage"),
        ("message/stream", "SendStreamingMessage"),
        ("tasks/get", "GetTask"),
        ("tasks/cancel", "CancelTask"),
        ("tasks/resubscribe", "SubscribeToTask"),
        ("tasks/pushNotificationConfig/set", "CreateTaskPushNotificationConfig"),
        ("tasks/pushNotificationConfig/get", "GetTaskPushNotificationConfig"),
        ("tasks/pushNotificationConfig/list", "ListTaskPushNotificationConfigs"),
        ("tasks/pushNotificationConfig/delete", "DeleteTaskPushNotificationConfig"),
        ("agent/getAuthenticatedExtendedCard", "GetExtendedAgentCard"),
    ] {
        assert_eq!(operations::find(old, Version::V0_3).unwrap().name, new);
        assert!(operations::find(old, Version::V1_0).is_none(), "{old}");
    }
}

#[test]
fn a_message_is_about_its_skill_or_the_whole_agent() {
    let skill = |name: &str, part: &str| {
        format!(
            r#"{{"message":{{"messageId":"m","role":"ROLE_USER","parts":[{part}],"metadata":{{"skillId":"{name}"}}}}}}"#
        )
    };
    let text = r#"{"text":"hi"}"#;
    let data = r#"{"data":{"city":"Graz"}}"#;
    let config = r#"{"taskPushNotificationConfig":{"url":"https://hooks.example/x"}}"#;
    let push =
        message("").replace(r#"{"message""#, &format!(r#"{{"configuration":{config},"message""#));
    for (params, expected) in [
        (message(""), Ok("SendMessage RemoteAgent::travel")),
        (skill("search", text), Ok("travel/search Skill::travel/search")),
        (skill("book", data), Ok("travel/book Skill::travel/book")),
        (skill("book", text), Err(Reason::ArgumentsInvalid)),
        (skill("book", &format!("{data},{data}")), Err(Reason::ArgumentsInvalid)),
        (skill("Search", text), Err(Reason::SkillUnknown)),
        (
            push.clone(),
            Ok(
                "SendMessage RemoteAgent::travel, CreateTaskPushNotificationConfig RemoteAgent::travel",
            ),
        ),
        (push.replace("hooks.", "evil."), Err(Reason::PushUrlRefused)),
        (push.replace(r#"{"url""#, r#"{"taskId":"t","url""#), Err(Reason::ParametersInvalid)),
    ] {
        let expected = expected.map(str::to_owned);
        assert_eq!(told(rpc("1.0", "SendMessage", &params)), expected, "{params}");
    }
}

#[test]
fn a_message_says_nothing_that_nobody_here_reads() {
    let legacy = r#"{"message":{"kind":"message","messageId":"m","role":"user","parts":[{"kind":"text","text":"x"}]}}"#;
    assert!(told(rpc("0.3", "message/send", legacy)).is_ok());
    assert!(told(rpc("", "message/send", legacy)).is_ok());
    let bad = Err(Reason::ParametersInvalid);
    for params in [
        // What a protobuf reader takes for `taskId`.
        message(r#","task_id":"t""#),
        message(r#","message":{}"#),
        message(r#","referenceTaskIds":"t""#),
        message(r#","taskId":null"#),
        message("").replace("ROLE_USER", "ROLE_AGENT"),
        message("").replace(r#"{"text":"hi"}"#, r#"{"text":"hi","url":"https://a/"}"#),
        message("").replace(r#"{"text":"hi"}"#, r#"{"url":"https://a@b/"}"#),
        message("").replace(r#"[{"text":"hi"}]"#, "[]"),
        message("").replace(r#"{"message""#, r#"{"tenant":"other","message""#),
        message("").replace(r#"{"message""#, r#"{"message_":1,"message""#),
        "{}".to_owned(),
    ] {
        assert_eq!(told(rpc("1.0", "SendMessage", &params)), bad, "{params}");
    }
}

#[test]
fn the_id_of_a_task_is_open_to_whom_it_was_given() {
    let sealed = mine().seal_id(IdKind::Task, "t-1").unwrap();
    let get = |id: &str| rpc("1.0", "GetTask", &format!(r#"{{"id":"{id}","historyLength":1.0}}"#));
    let body = onward(get(&sealed)).body.unwrap();
    assert_eq!(
        String::from_utf8(body).unwrap(),
        r#"{"jsonrpc":"2.0","id":1,"method":"GetTask","params":{"id":"t-1","historyLength":1.0}}"#
    );
    let others = sessions("https://i#other").seal_id(IdKind::Task, "t-1").unwrap();
    let context = mine().seal_id(IdKind::Context, "t-1").unwrap();
    for id in ["t-1", "", &others, &context, "deputy-approval-1"] {
        let expected = if id.is_empty() {
            Ok("GetTask RemoteAgent::travel")
        } else {
            Err(Reason::TaskForeign)
        };
        assert_eq!(told(get(id)), expected.map(str::to_owned), "{id}");
    }
    for (method, path, expected) in [
        ("GET", format!("/tasks/{sealed}?historyLength=2"), "/a2a/v1/tasks/t-1?historyLength=2"),
        ("POST", format!("/tasks/{sealed}:cancel"), "/a2a/v1/tasks/t-1:cancel"),
        ("GET", format!("/tasks/{sealed}:subscribe"), "/a2a/v1/tasks/t-1:subscribe"),
        (
            "DELETE",
            format!("/tasks/{sealed}/pushNotificationConfigs/c"),
            "/a2a/v1/tasks/t-1/pushNotificationConfigs/c",
        ),
    ] {
        assert_eq!(onward(rest(method, &path, "")).path.as_deref(), Some(expected), "{path}");
        assert_eq!(told(rest(method, &path.replace(&sealed, "t-1"), "")), Err(Reason::TaskForeign));
    }
}

#[test]
fn a_list_is_of_a_context_of_the_caller() {
    let sealed = mine().seal_id(IdKind::Context, "c-1").unwrap();
    let listed = onward(rest("GET", &format!("/tasks?pageSize=5&contextId={sealed}"), ""));
    assert_eq!(listed.path.as_deref(), Some("/a2a/v1/tasks?pageSize=5&contextId=c-1"));
    for (path, reason) in [
        ("/tasks", Reason::TasksUnowned),
        ("/tasks?contextId=c-1", Reason::TaskForeign),
        ("/tasks?context_id=c-1", Reason::PathAmbiguous),
        ("/tasks?contextid=c-1", Reason::ParametersInvalid),
        ("/tasks?contextId=a&contextId=b", Reason::PathAmbiguous),
        ("/tasks?contextId=%61", Reason::ParametersInvalid),
        ("/tasks?tenant=x", Reason::ParametersInvalid),
        ("/tasks?", Reason::PathAmbiguous),
    ] {
        assert_eq!(told(rest("GET", path, "")), Err(reason), "{path}");
    }
}

#[test]
fn a_message_that_waited_for_a_human_is_sent_again_with_the_id_of_its_task_or_without() {
    let more = r#","taskId":"deputy-approval-01","contextId":"deputy-approval-01""#;
    let again = onward(rpc("1.0", "SendMessage", &message(more)));
    let body = String::from_utf8(again.body.unwrap()).unwrap();
    assert!(!body.contains("deputy-approval"), "{body}");
    let first = onward(rpc("1.0", "SendMessage", &message("").replace(r#""m""#, r#""n""#)));
    assert_eq!(again.content, first.content);
}

#[test]
fn what_is_not_served_is_refused() {
    let json = ("content-type", "application/json");
    let get = r#"{"jsonrpc":"2.0","id":1,"method":"GetExtendedAgentCard"}"#;
    for (headers, body, reason) in [
        (vec![json, ("a2a-version", "1.1")], get, Reason::VersionUnsupported),
        (vec![json, ("a2a-version", "1.0.0")], get, Reason::VersionUnsupported),
        (vec![json], get, Reason::MethodUnknown),
        (vec![json, ("a2a-version", "1.0"), ("a2a_version", "0.3")], get, Reason::RequestMalformed),
        (vec![json, ("a2a-version", "1.0"), ("a2a-version", "1.0")], get, Reason::RequestMalformed),
        (vec![json, ("origin", "https://evil.example")], get, Reason::OriginNotAllowed),
        (
            vec![("content-type", "text/plain"), ("a2a-version", "1.0")],
            get,
            Reason::MediaTypeUnsupported,
        ),
        (vec![json, ("a2a-version", "1.0")], "[]", Reason::BatchRefused),
        (vec![json, ("a2a-version", "1.0")], "{", Reason::BodyMalformed),
        (
            vec![json, ("a2a-version", "1.0")],
            r#"{"jsonrpc":"2.0","method":"GetExtendedAgentCard"}"#,
            Reason::MessageMalformed,
        ),
        (
            vec![json, ("a2a-version", "1.0")],
            r#"{"jsonrpc":"2.0","id":1,"method":"getTask"}"#,
            Reason::MethodUnknown,
        ),
    ] {
        assert_eq!(told(sent("POST", "/a2a", &headers, body)), Err(reason), "{headers:?} {body}");
    }
    assert_eq!(told(sent("GET", "/a2a", &[], "")), Err(Reason::MethodNotServed));
    for (method, path, reason) in [
        ("PUT", "/tasks", Reason::MethodNotServed),
        ("DELETE", "/tasks/x", Reason::MethodUnknown),
        ("GET", "/message:send", Reason::MethodUnknown),
        ("POST", "/acme/message:send", Reason::MethodUnknown),
        ("GET", "/extendedAgentCard/", Reason::MethodUnknown),
    ] {
        assert_eq!(told(rest(method, path, "")), Err(reason), "{method} {path}");
    }
    let old = sent("GET", "/a2a/v1/extendedAgentCard", &[("a2a-version", "0.3")], "");
    assert_eq!(told(old), Err(Reason::VersionUnsupported));
    let both = [("content-type", "application/json"), ("a2a-version", "1.0")];
    let differ = sent("POST", "/a2a?A2A-Version=0.3", &both, get);
    assert_eq!(told(differ), Err(Reason::HeaderMismatch));
    let by_query = sent("POST", "/a2a?A2A-Version=1.0", &both[..1], get);
    assert!(told(by_query).is_ok());
}

proptest! {
    #[test]
    fn whatever_comes_a_method_is_an_operation_of_its_version_or_none(name in "[A-Za-z/]{0,40}") {
        for version in Version::ALL {
            if let Some(operation) = operations::find(&name, version) {
                prop_assert!(version.is_legacy() || operation.name == name);
            }
        }
    }

    #[test]
    fn whatever_path_comes_nothing_of_it_but_ids_varies(path in "(tasks|message|:send|/|pushNotificationConfigs|[a-z.%]{1,3}){0,6}") {
        for verb in ["GET", "POST", "DELETE"] {
            if let Some(called) = rest::find(verb, &path) {
                let pattern = called.operation.rest.path.len();
                prop_assert_eq!(path.split('/').count(), pattern);
                prop_assert!(!path.contains('%') && !path.split('/').any(|s| s == ".." || s == "."));
            }
        }
    }

    #[test]
    fn an_id_comes_back_as_it_was(id in "[!-~]{1,40}") {
        let sealed = mine().seal_id(IdKind::Task, &id).unwrap();
        prop_assert_eq!(mine().open_id(IdKind::Task, &sealed), Some(id.clone()));
        prop_assert_eq!(mine().open_id(IdKind::Context, &sealed), None);
        prop_assert_eq!(sessions("https://i#other").open_id(IdKind::Task, &sealed), None);
    }
}
