//! `deputy-bench-vm MODULE FOLDER ROUNDS SIZE…`: the module in a VM, for companies that `bench-native` wrote.
//! `deputy-bench-vm held`: bytes that a request which waits keeps in it; `DEPUTY_WASM` names the module.
//!
//! Prints `{subject: [a number for each round]}`: microseconds of a decision, of loading a bundle and of the
//! longest callback meanwhile, for the first bundle and for one that replaces it, and bytes that the VM's memory
//! grew by. The module runs as wasmtime's optimising compiler makes it, its fuel not counted. Not here: medians and bars (xtask's `bench`).
#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    reason = "a measurement: nothing hostile reaches it, and it needs a clock"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use host_tests::runner::{Order, ProxyWasm, Wait};
use host_tests::vm::{CalloutReply, Clock, Gateway, Module, Options, Pair, pairs};
use serde_json::{Value, json};

fn main() -> ExitCode {
    match run(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("deputy-bench-vm: {problem:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> anyhow::Result<()> {
    if let [held] = arguments
        && held == "held"
    {
        return waiting();
    }
    let [module, folder, rounds, sizes @ ..] = arguments else {
        bail!("usage: deputy-bench-vm MODULE FOLDER ROUNDS SIZE… | held");
    };
    let (folder, rounds) = (Path::new(folder), rounds.parse()?);
    Module::without_fuel()?;
    let module = Module::load(&std::fs::read(module).context("the module")?)?;
    let request = request(folder)?;
    let mut measured = BTreeMap::new();
    let mut companies = Vec::new();
    for size in sizes {
        let company = Company::start(&module, folder, size)?;
        for (of, file, revision) in [("", ".jws", REVISION), (" again", "-next.jws", REVISION + 1)]
        {
            let bundle = read(folder, &format!("{size}{file}"))?;
            let loaded = company.load(bundle, revision).with_context(|| size.clone())?;
            company.decide(&request)?;
            measured.insert(format!("load{of} {size}"), vec![micros(loaded.took)]);
            measured.insert(format!("longest{of} {size}"), vec![micros(loaded.longest)]);
            measured.insert(format!("memory{of} {size}"), vec![loaded.memory as f64]);
        }
        companies.push(company);
    }
    // A round to warm up, then each company in every round, in an order that turns.
    let mut order: Vec<usize> = (0..companies.len()).collect();
    for round in 0..=rounds {
        for index in &order {
            let took = companies[*index].slice(&request)?;
            if round > 0 {
                measured.entry(format!("decide {}", sizes[*index])).or_default().push(took);
            }
        }
        order.rotate_left(1);
    }
    println!("{}", json!(measured));
    Ok(())
}

/// `{what is waited for: [bytes beyond the body, for each length of it]}`.
fn waiting() -> anyhow::Result<()> {
    let host = ProxyWasm::load(Order::ReplyFirst);
    let mut measured: BTreeMap<_, Vec<f64>> = BTreeMap::new();
    for wait in Wait::ALL {
        for body in wait.bodies() {
            measured.entry(wait.name()).or_default().push(host.held(wait, *body)?);
        }
    }
    println!("{}", json!(measured));
    Ok(())
}

/// A gateway that fetches bundles.
struct Company {
    gateway: Gateway,
}

/// What came of a bundle.
struct Loaded {
    /// In all callbacks from the answer until nothing is left to do, what was in force before given up.
    took: Duration,
    longest: Duration,
    /// Bytes that the VM grew by.
    memory: u64,
}

impl Company {
    fn start(module: &Module, folder: &Path, size: &str) -> anyhow::Result<Self> {
        let options = Options {
            clock: Clock::Real,
            ..Options::configured(read(folder, &format!("{size}.json"))?).cluster("bundles")
        };
        Ok(Self { gateway: Gateway::start(module, options)? })
    }

    fn load(&self, bundle: Vec<u8>, revision: u64) -> anyhow::Result<Loaded> {
        let gateway = &self.gateway;
        let call = self.wait_for("a bundle to be asked for", || {
            gateway.callouts().into_iter().find(|call| call.cluster == "bundles")
        })?;
        let before = gateway.memory_pages(0);
        gateway.take_fuel();
        gateway.reply(call.id, CalloutReply::answer(200, bundle));
        self.wait_for("a bundle to be taken", || {
            let is_in_force = gateway.shared().metric("deputy.bundle.revision") == Some(revision);
            (is_in_force && gateway.tick_period_ms(0) == IDLE_MS).then_some(())
        })?;
        let calls = gateway.take_fuel();
        let took = calls.iter().map(|call| call.took).sum();
        if std::env::var_os("CALLS").is_some() {
            let mut longest: Vec<_> = calls.iter().enumerate().collect();
            longest.sort_by_key(|(_, call)| std::cmp::Reverse(call.took));
            for (n, call) in longest.iter().take(12) {
                eprintln!("{n} of {}: {} {:?}", calls.len(), call.callback, call.took);
            }
        }
        let longest = calls.iter().map(|call| call.took).max().unwrap_or_default();
        let memory = (gateway.memory_pages(0) - before) * PAGE;
        Ok(Loaded { took, longest, memory })
    }

    /// Lets time pass until there is one, however long the machine takes.
    fn wait_for<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> anyhow::Result<T> {
        let began = Instant::now();
        loop {
            if let Some(found) = look() {
                return Ok(found);
            }
            if self.gateway.tick_period_ms(0) == IDLE_MS {
                std::thread::sleep(Duration::from_millis(20));
            }
            self.gateway.tick();
            if let Some(death) = self.gateway.death(0) {
                bail!("the VM died: {death}");
            }
            if began.elapsed() > PATIENCE {
                let lines = self.gateway.take_logs().into_iter().map(|line| line.message);
                bail!("waited for {what} in vain: {:?}", lines.collect::<Vec<_>>());
            }
        }
    }

    /// One decision, which must be a yes; how long the module and its host took.
    fn decide(&self, request: &[Pair]) -> anyhow::Result<Duration> {
        let stream = self.gateway.exchange(0);
        stream.headers(request.to_vec(), true);
        let forwarded = !stream.forwarded().is_empty();
        ensure!(forwarded, "refused: {:?}", self.gateway.take_logs());
        stream.abort();
        self.gateway.take_logs();
        let calls = self.gateway.take_fuel();
        let of_request = calls.iter().filter(|call| call.callback == "proxy_on_request_headers");
        Ok(of_request.map(|call| call.took).sum())
    }

    /// Microseconds of one decision, the median of many.
    fn slice(&self, request: &[Pair]) -> anyhow::Result<f64> {
        let mut took =
            (0..DECISIONS).map(|_| self.decide(request)).collect::<Result<Vec<_>, _>>()?;
        took.sort_unstable();
        Ok(micros(took[took.len() / 2]))
    }
}

fn read(folder: &Path, name: &str) -> anyhow::Result<Vec<u8>> {
    std::fs::read(folder.join(name)).with_context(|| name.to_owned())
}

fn request(folder: &Path) -> anyhow::Result<Vec<Pair>> {
    let text = std::fs::read_to_string(folder.join("request.json")).context("request.json")?;
    let request: Value = serde_json::from_str(&text)?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut all = vec![
        (":authority".to_owned(), "127.0.0.1:10000".to_owned()),
        (":path".to_owned(), text(&request["path"])),
        (":method".to_owned(), text(&request["method"])),
        (":scheme".to_owned(), "http".to_owned()),
    ];
    let headers = request["headers"].as_object().context("no headers")?;
    all.extend(headers.iter().map(|(name, value)| (name.clone(), text(value))));
    Ok(pairs(all.iter().map(|(name, value)| (name.as_str(), value.as_str()))))
}

fn micros(took: Duration) -> f64 {
    took.as_secs_f64() * 1e6
}

/// How often the module looks for something to do when it has nothing to do.
const IDLE_MS: u32 = 500;
/// Of the first bundle.
const REVISION: u64 = 7;
const PAGE: u64 = 64 << 10;
const DECISIONS: usize = 200;
/// Ten times as long as the largest takes.
const PATIENCE: Duration = Duration::from_secs(1200);
