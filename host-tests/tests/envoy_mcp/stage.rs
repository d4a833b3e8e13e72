//! Issuer, MCP server and Envoy, with the example's own files.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use deputy_example_envoy_mcp::agent::{Login, Play, Protocol};
use deputy_example_envoy_mcp::issuer::Issuer;
use deputy_example_envoy_mcp::orders::{self, Answers, Witness};
use host_tests::envoy::Admin;
use host_tests::envoy::{ISSUER, Journal, Process, Program, TWO_WORKERS, wait};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// Everything that runs; one for each way in which the server answers.
pub(crate) struct Stage {
    runtime: Runtime,
    process: Process,
    journal: Journal,
    gateway: SocketAddr,
    issuer: SocketAddr,
}

/// Who presents itself.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Who {
    Nobody,
    Human(&'static str),
    Agent(&'static str),
    AgentFor(&'static str, &'static str),
}

/// How far the traces went at some moment.
pub(crate) struct Mark {
    witnessed: usize,
    receipts: usize,
}

impl Stage {
    /// One test at a time: what the server saw is told apart by when it saw it.
    pub(crate) fn shared(answers: Answers) -> MutexGuard<'static, Self> {
        static SSE: OnceLock<Mutex<Stage>> = OnceLock::new();
        static JSON: OnceLock<Mutex<Stage>> = OnceLock::new();
        let shared = match answers {
            Answers::Sse => &SSE,
            Answers::Json => &JSON,
        };
        let stage = shared.get_or_init(|| Mutex::new(Self::set(answers)));
        stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(answers: Answers) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime = Runtime::new().unwrap();
        let issued = Issuer::found(ISSUER.into(), AUDIENCE.into(), &agents(folder.path())).unwrap();
        let issuer = serve(&runtime, issued.router());
        let witness = Witness::to_file(&folder.path().join(WITNESS)).unwrap();
        let orders = serve(&runtime, orders::router(answers, witness));
        let config = folder.path().join("envoy.yaml");
        std::fs::write(&config, rewritten(&[(9400, issuer), (9401, orders)])).unwrap();
        let mut process = Process::start_from(folder, &config, Some(&example()), &TWO_WORKERS);
        let admin = Admin::at(&process.admin());
        let gateway = wait::until(
            "the gateway",
            wait::START,
            || process.last_words(),
            || admin.listener("gateway").filter(|_| admin.is_ready()),
        );
        let journal = Journal::of(&process.log());
        Self { runtime, process, journal, gateway, issuer }
    }

    /// What the agent saw: of the connection, then of each step.
    pub(crate) fn play(&self, protocol: Protocol, who: Who, steps: &[&str]) -> Vec<Value> {
        let steps: Vec<_> = steps.iter().map(|step| step.parse().unwrap()).collect();
        let gateway = format!("http://{}/mcp", self.gateway);
        let lines = Arc::new(Mutex::new(Vec::new()));
        let tell = |line| lines.lock().unwrap().push(serde_json::to_value(line).unwrap());
        self.runtime.block_on(async {
            let token = self.token(who).await;
            let play = Play { gateway, token, protocol }.run(&steps, tell);
            tokio::time::timeout(wait::PATIENCE, play).await.expect("the agent gets its answers");
        });
        lines.lock().unwrap().clone()
    }

    async fn token(&self, who: Who) -> Option<String> {
        let login = Login { address: format!("http://{}", self.issuer), issuer: ISSUER.into() };
        let key = |agent: &str| agents(self.process.folder()).join(format!("{agent}.jwk"));
        match who {
            Who::Nobody => None,
            Who::Human(human) => Some(login.human(human).await.unwrap()),
            Who::Agent(agent) => Some(login.agent(&key(agent), None).await.unwrap()),
            Who::AgentFor(agent, human) => {
                Some(login.agent(&key(agent), Some(human)).await.unwrap())
            }
        }
    }

    pub(crate) fn mark(&self) -> Mark {
        let zero = Mark { witnessed: 0, receipts: 0 };
        let (witnessed, receipts) = (self.witnessed(&zero).len(), self.receipts(&zero).len());
        Mark { witnessed, receipts }
    }

    /// What has reached the server since.
    pub(crate) fn witnessed(&self, mark: &Mark) -> Vec<Value> {
        let text = std::fs::read_to_string(self.process.folder().join(WITNESS)).unwrap();
        text.lines().skip(mark.witnessed).map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// What has been recorded since.
    pub(crate) fn receipts(&self, mark: &Mark) -> Vec<Value> {
        let receipts = self.journal.receipts("deputy");
        let since = receipts.iter().skip(mark.receipts);
        since.map(|receipt| serde_json::from_str(receipt).unwrap()).collect()
    }
}

fn serve(runtime: &Runtime, router: axum::Router) -> SocketAddr {
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(async move { axum::serve(listener, router).await });
    address
}

/// The example's Envoy configuration with ports that are free and the module's place: nothing else
/// differs.
fn rewritten(ports: &[(u16, SocketAddr)]) -> String {
    let mut text = std::fs::read_to_string(example().join("envoy.yaml")).unwrap();
    let mut replace = |written: String, with: String| {
        assert_eq!(text.matches(&written).count(), 1, "envoy.yaml has {written:?} once");
        text = text.replace(&written, &with);
    };
    for (port, here) in ports {
        replace(format!("port_value: {port} "), format!("port_value: {} ", here.port()));
    }
    // The system picks these two, and Envoy says which it got.
    for port in [10000, 9901] {
        replace(format!("port_value: {port} "), "port_value: 0 ".to_owned());
    }
    let module = Program::find().module.display().to_string();
    replace("../../target/deputy/deputy.wasm".to_owned(), module);
    text
}

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/envoy-mcp")
}

fn agents(folder: &Path) -> PathBuf {
    folder.join("agents")
}

const AUDIENCE: &str = "https://gateway.acme.example";
const WITNESS: &str = "upstream.jsonl";
