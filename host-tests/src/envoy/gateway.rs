//! One running Envoy, to which gateways can be added while it runs.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use serde_json::{Value, json};

use super::admin::Admin;
use super::config::{self, Plan};
use super::journal::Journal;
use super::listener::Listener;
use super::ports;
use super::process::{Process, Program, TWO_WORKERS};
use super::reply::Answer;
use super::server::Server;
use super::wait;

/// An Envoy with two workers. The module is compiled for the first listener and kept for all others
/// by a listener that stays.
#[derive(Debug)]
pub struct Gateway {
    process: Process,
    admin: Admin,
    journal: Journal,
    module: PathBuf,
    resources: Mutex<Resources>,
}

/// What Envoy has been told to have.
#[derive(Debug, Default)]
struct Resources {
    listeners: BTreeMap<String, Value>,
    clusters: BTreeMap<String, Value>,
    version: u64,
    named: u64,
}

impl Gateway {
    /// The one that the tests of a program share. `stays`: a configuration that is good, for the
    /// listener that keeps the module.
    pub fn shared(stays: impl FnOnce() -> Vec<u8>) -> Arc<Self> {
        static SHARED: OnceLock<Arc<Gateway>> = OnceLock::new();
        let shared = SHARED.get_or_init(|| Self::start(&Plan::new(stays())));
        Arc::clone(shared)
    }

    /// Starts one with a listener that stays.
    ///
    /// # Panics
    /// When it does not start, or refuses the listener.
    pub fn start(stays: &Plan) -> Arc<Self> {
        Self::start_with(stays, &TWO_WORKERS)
    }

    /// The same with as many workers as `workers` says.
    ///
    /// # Panics
    /// When it does not start, or refuses the listener.
    pub fn start_with(stays: &Plan, workers: &[&str]) -> Arc<Self> {
        let program = Program::find();
        let folder = tempfile::tempdir().expect("there is room for a folder");
        for name in [config::LISTENERS, config::CLUSTERS] {
            write(&folder.path().join(name), 0, &BTreeMap::new());
        }
        let bootstrap = config::dynamic_bootstrap(folder.path());
        let mut process = Process::start(folder, &bootstrap, workers);
        let admin = Admin::at(&process.admin());
        let (journal, module) = (Journal::of(&process.log()), program.module);
        let gateway =
            Arc::new(Self { process, admin, journal, module, resources: Mutex::default() });
        match gateway.open(stays.clone()) {
            Ok(listener) => listener.stay(),
            Err(refused) => panic!("the first configuration is refused: {refused}"),
        }
        gateway
    }

    /// Starts one with nothing but that listener, which it has to refuse; how it ended, and its log.
    ///
    /// # Panics
    /// When it does not end.
    pub fn refuses_to_start(plan: &Plan) -> (ExitStatus, String) {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let access_log = folder.path().join("access.log");
        let listener = config::listener(
            plan,
            ("wrong", ports::unused()),
            &Program::find().module,
            &access_log,
        );
        let nowhere = "127.0.0.1:1".parse().expect("an address");
        let clusters = config::clusters(plan, "wrong", nowhere);
        let bootstrap = config::static_bootstrap(&listener, &clusters);
        Process::start(folder, &bootstrap, &TWO_WORKERS).end()
    }

    /// Adds a listener; the error is what the plugin and Envoy say about it.
    ///
    /// # Errors
    /// When the plugin refuses the configuration.
    pub fn open(self: &Arc<Self>, plan: Plan) -> Result<Listener, String> {
        let mut opened = self.open_all(vec![plan]);
        opened.pop().expect("one for each plan")
    }

    /// Adds several at once, which is faster.
    ///
    /// # Panics
    /// When Envoy neither has nor refuses one of them in time.
    pub fn open_all(self: &Arc<Self>, plans: Vec<Plan>) -> Vec<Result<Listener, String>> {
        let named: Vec<_> = plans
            .into_iter()
            .map(|plan| (self.name(), plan, Server::start(Answer::json(&json!({})))))
            .map(|(name, plan, upstream)| {
                ((name, plan.port.unwrap_or_else(ports::unused)), plan, upstream)
            })
            .collect();
        let clusters = named.iter().flat_map(|((name, _), plan, upstream)| {
            config::clusters(plan, name, upstream.address())
        });
        self.add_clusters(clusters.collect());
        let listeners = named.iter().map(|((name, port), plan, _)| {
            let place = (name.as_str(), *port);
            let listener = config::listener(plan, place, &self.module, &self.access_log(name));
            (name.clone(), listener)
        });
        self.change(config::LISTENERS, |all| all.listeners.extend(listeners));
        named.into_iter().map(|(place, _, upstream)| self.opened(place, upstream)).collect()
    }

    fn opened(
        self: &Arc<Self>,
        (name, port): (String, u16),
        upstream: Server,
    ) -> Result<Listener, String> {
        let what = format!("listener {name}");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        // Nobody else has that port. Envoy is asked only now and then: it lists all it has.
        let mut asked: u32 = 0;
        let opened = wait::until(
            &what,
            wait::START,
            || self.process.last_words(),
            || {
                if TcpStream::connect(address).is_ok() {
                    return Some(Ok(address));
                }
                asked += 1;
                let ask = asked.is_multiple_of(8);
                let refused = if ask { self.admin.listener_error(&name) } else { None };
                refused.map(Err)
            },
        );
        match opened {
            Ok(address) => Ok(Listener::new(name, address, upstream, Arc::clone(self))),
            Err(details) => {
                self.close(&name);
                Err(format!("{details}\n{}", self.journal.said(&name).join("\n")))
            }
        }
    }

    /// Takes a listener away.
    pub(super) fn close(&self, name: &str) {
        self.change(config::LISTENERS, |all| drop(all.listeners.remove(name)));
    }

    fn add_clusters(&self, clusters: Vec<(String, Value)>) {
        let names: Vec<_> = clusters.iter().map(|(name, _)| format!("{name}::")).collect();
        self.change(config::CLUSTERS, |all| all.clusters.extend(clusters));
        wait::until(
            "clusters",
            wait::PATIENCE,
            || self.process.last_words(),
            || {
                let known = self.admin.ask("/clusters").unwrap_or_default();
                names.iter().all(|name| known.contains(name)).then_some(())
            },
        );
    }

    fn name(&self) -> String {
        let mut resources = self.resources();
        resources.named += 1;
        format!("l{}", resources.named)
    }

    fn change(&self, file: &str, change: impl FnOnce(&mut Resources)) {
        let mut resources = self.resources();
        change(&mut resources);
        resources.version += 1;
        let all = match file {
            config::LISTENERS => &resources.listeners,
            _ => &resources.clusters,
        };
        write(&self.process.folder().join(file), resources.version, all);
    }

    fn resources(&self) -> MutexGuard<'_, Resources> {
        self.resources.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn access_log(&self, name: &str) -> PathBuf {
        self.process.folder().join(format!("{name}.access"))
    }

    /// The admin interface.
    pub fn admin(&self) -> &Admin {
        &self.admin
    }

    /// Its log.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The process.
    pub fn process(&self) -> &Process {
        &self.process
    }
}

/// Replaced as a whole, or Envoy might read half of it.
fn write(file: &Path, version: u64, resources: &BTreeMap<String, Value>) {
    let resources: Vec<_> = resources.values().collect();
    let text = json!({"version_info": version.to_string(), "resources": resources}).to_string();
    let new = file.with_extension("new");
    std::fs::write(&new, text).expect("the folder can be written");
    std::fs::rename(&new, file).expect("a file can be replaced");
}
