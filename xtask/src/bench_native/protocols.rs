//! What it costs to read a request exactly, and to filter a list: the example's world with a tool that takes
//! any arguments, and five hundred that are listed.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use deputy_engine::model::Timestamp;
use deputy_engine::step::Disposition;
use serde_json::{Value, json};

use crate::asking::Asking;
use crate::decide::Host;
use crate::subject::{self, Once, Subject};
use crate::world::{World, set, write};

/// The world with these tools.
pub(crate) struct Protocols {
    world: World,
}

impl Protocols {
    pub(crate) fn new(repository: &Path) -> Result<Self> {
        let mut world = World::new(repository)?;
        let configuration = &mut world.configuration;
        let limits = json!({"body_bytes": 2 * MEGABYTE, "response_bytes": MEGABYTE});
        set(configuration, "limits", limits)?;
        let tools = configuration.pointer_mut("/mcp/0/tools").and_then(Value::as_array_mut);
        let tools = tools.context("the example has no tools")?;
        tools.push(json!({"name": TOOL, "groups": ["bench"]}));
        tools.extend((0..LISTED / 2).map(|n| json!({"name": shown(n), "groups": ["bench"]})));
        tools.extend((0..LISTED / 2).map(|n| json!({"name": hidden(n)})));
        let files = configuration.pointer_mut("/policy/files").and_then(Value::as_array_mut);
        files
            .context("the example has no policies")?
            .push(json!({"name": "protocols.cedar", "text": POLICIES}));
        Ok(Self { world })
    }

    /// `{subject: [microseconds in round 1, in round 2, …]}`, of those subjects that are `wanted`.
    pub(crate) fn measure(&self, rounds: usize, wanted: impl Fn(&str) -> bool) -> Result<Value> {
        let (world, unknown) = (&self.world, Asking::call(UNKNOWN, arguments(1024)));
        let mut subjects = vec![
            Subject::new("before", self.refused(&unknown, &world.suspended(), "agent_suspended")?),
            Subject::new("after", self.refused(&unknown, &world.token(0), "tool_unknown")?),
            Subject::new("list_500", self.listed()?),
        ];
        for (name, bytes) in SIZES {
            subjects.push(Subject::new(name, self.called(bytes)?));
        }
        subjects.retain(|subject| wanted(subject.name()));
        subject::measure(subjects, rounds)
    }

    fn refused(&self, asking: &Asking, token: &str, reason: &'static str) -> Result<Once<'_>> {
        let (mut host, pairs) = (Host::new(&self.world)?, asking.pairs(token));
        let (body, reason) = (asking.body.clone(), format!("\"reason\":\"{reason}\""));
        Ok(Box::new(move || {
            let (allowed, receipt) = host.decided(&pairs, &body)?;
            ensure!(!allowed && receipt.contains(&reason), "not refused for {reason}: {receipt}");
            Ok(())
        }))
    }

    fn called(&self, bytes: usize) -> Result<Once<'_>> {
        let asking = Asking::call(TOOL, arguments(bytes));
        let (mut host, pairs) = (Host::new(&self.world)?, asking.pairs(&self.world.token(0)));
        Ok(Box::new(move || host.allowed(&pairs, &asking.body)))
    }

    /// The decision about `tools/list`, and the filtered answer, which is looked at each time.
    fn listed(&self) -> Result<Once<'_>> {
        let asking = Asking::tools_list();
        let (mut host, pairs) = (Host::new(&self.world)?, asking.pairs(&self.world.token(0)));
        let (answer, now) = (answer(), Timestamp::from_unix_millis(self.world.now * 1000));
        let head = [(b"content-type".to_vec(), b"application/json".to_vec())];
        Ok(Box::new(move || {
            let outcome = host.outcome(&pairs, &asking.body)?;
            let Disposition::Forward(forward) = outcome.disposition else {
                anyhow::bail!("refused: {}", outcome.receipt.to_json());
            };
            let mut filter = forward.into_response().context("a list that is not filtered")?;
            filter.head(200, &head);
            let filtered = filter.push(answer.as_bytes(), true, now);
            let part = filtered.len() * 10 / answer.len();
            ensure!((4..=6).contains(&part), "{} of {} bytes", filtered.len(), answer.len());
            Ok(())
        }))
    }

    /// What the gateways and the load generator are given.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        let (token, unknown) = (self.world.token(0), Asking::call(UNKNOWN, arguments(1024)));
        let large = Asking::call(TOOL, arguments(256 * 1024));
        for (name, text) in [
            ("protocols.json", self.world.configuration.clone()),
            ("protocol-before.json", Asking::mcp_stream().to_json(&self.world.suspended())),
            ("protocol-after.json", unknown.to_json(&token)),
            ("call-256k.json", large.to_json(&token)),
            ("list-500.json", Asking::tools_list().to_json(&token)),
        ] {
            write(folder, name, text.to_string().as_bytes())?;
        }
        write(folder, "list-500-answer.json", answer().as_bytes())
    }
}

/// Rows of text that make about so many bytes.
fn arguments(bytes: usize) -> Value {
    let row = "0123456789 abcdefghijklmnopqrstuvwxyz \u{e9} 0123456789 abcdefghijklmnopqrstuvwxyz -- and on";
    json!({"rows": vec![row; bytes / (row.len() + 3)]})
}

/// What a server lists: every tool with a schema like those that SDKs make.
fn answer() -> String {
    let names = (0..LISTED / 2).flat_map(|n| [shown(n), hidden(n)]);
    let tool = |name: String| {
        json!({
            "name": name,
            "description": "Looks something up by its number and says what was found",
            "inputSchema": {
                "type": "object",
                "properties": {"id": {"type": "integer", "description": "its number", "minimum": 1}},
                "required": ["id"],
            },
        })
    };
    let tools: Vec<_> = names.map(tool).collect();
    json!({"jsonrpc": "2.0", "id": 7, "result": {"resultType": "complete", "tools": tools}})
        .to_string()
}

fn shown(n: usize) -> String {
    format!("shown_{n}")
}

fn hidden(n: usize) -> String {
    format!("hidden_{n}")
}

const TOOL: &str = "import";
const UNKNOWN: &str = "nothing";
const LISTED: usize = 500;
const MEGABYTE: usize = 1024 * 1024;
const SIZES: [(&str, usize); 5] = [
    ("call_1k", 1024),
    ("call_16k", 16 * 1024),
    ("call_64k", 64 * 1024),
    ("call_256k", 256 * 1024),
    ("call_1m", MEGABYTE),
];
const POLICIES: &str = r#"
@id("support-agents-call-bench-tools")
permit (principal is Agent in Team::"support", action in Action::"bench", resource in Server::"orders");

@id("support-staff-calls-bench-tools")
permit (principal is Human in Team::"support", action in Action::"bench", resource in Server::"orders");
"#;
