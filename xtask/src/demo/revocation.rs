//! The last act: an agent that works is revoked while the gateway runs.
//!
//! The demo's Deputy has one section more than the example's, `revocation_feed`: its key is made anew for
//! every demo, and whoever has the private half could revoke anybody. The list is signed with `deputy
//! revocations sign`, as an operator would, and handed out by the issuer.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use super::expect::{Evidence, Expected, ISSUER};
use super::perform::{Performed, Receipt};
use super::scenes::{Act, CONNECT, Scene, Sender};
use super::show;
use super::stage::Stage;
use crate::place;

/// How long after its publication a list may still be unknown to a worker, with the defaults.
const BAR: Duration = Duration::from_secs(5);
/// A machine may be busy; that nothing happens at all is told in the end.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(100);

const REFUND_BOT_FOR_DANA: Sender = Sender::Delegate { agent: "refund-bot", human: "dana" };

const STILL: Act = Act {
    sender: REFUND_BOT_FOR_DANA,
    protocol: "2026-07-28",
    scenes: &[Scene {
        step: CONNECT,
        shown: "refund-bot connects",
        lesson: "nobody has revoked it",
        expected: Expected::allow(
            &["anyone-registered-may-connect"],
            &["anyone-registered-may-connect"],
        ),
    }],
};

const NO_MORE: Act = Act {
    sender: REFUND_BOT_FOR_DANA,
    protocol: "2026-07-28",
    scenes: &[Scene {
        step: CONNECT,
        shown: "refund-bot is revoked, and connects",
        lesson: "the switch was pulled while everything ran",
        expected: Expected::deny("agent_revoked", 403),
    }],
};

/// Makes the key, the first list (nobody is revoked), and the configuration that asks for it.
pub(super) fn prepare(folder: &Path) -> Result<()> {
    let (key, public) = (key(folder), folder.join("revocations.jwks"));
    let mut new = deputy();
    run(new.args(["keys", "new", "--out"]).arg(key).arg("--public").arg(&public))?;
    fs::write(nothing(folder), "{}\n")?;
    run(sign(folder).args(["--revision", "1"]))?;
    let path = place::example().join("deputy.json");
    let mut configuration: Value = serde_json::from_str(&read(&path)?)?;
    let section = json!({
        "keys": serde_json::from_str::<Value>(&read(&public)?)?,
        "fetch": { "cluster": "idp", "authority": "idp.acme.example", "path": "/revocations" },
    });
    let members = configuration.as_object_mut().context("deputy.json is an object")?;
    members.insert("revocation_feed".to_owned(), section);
    let text = serde_json::to_string_pretty(&configuration)?;
    fs::write(folder.join("deputy.json"), format!("{text}\n"))?;
    Ok(())
}

/// The list that the issuer hands out.
pub(super) fn list(folder: &Path) -> PathBuf {
    folder.join("revocations.jws")
}

/// Plays it; the receipts it left. What goes wrong is shown and counted.
pub(super) fn play(stage: &Stage, number: usize, wrong: &mut usize) -> Result<Vec<Receipt>> {
    let mut receipts = Vec::new();
    let before = take(stage.perform(&STILL)?, &mut receipts)?;
    let works = before.differences(REFUND_BOT_FOR_DANA, &scene(&STILL)?.expected);
    ensure!(works.is_empty(), "refund-bot was to work before it is revoked: {works:?}");
    let agent = format!("{ISSUER}#refund-bot");
    // It is published when it is signed, so the signing counts.
    let published = Instant::now();
    run(sign(&stage.folder).arg("--after").arg(list(&stage.folder)).args(["--agent", &agent]))?;
    let mut last_allowed = Duration::ZERO;
    let evidence = loop {
        let asked = published.elapsed();
        let evidence = take(stage.perform(&NO_MORE)?, &mut receipts)?;
        if evidence.receipt.get("verdict").is_some_and(|verdict| verdict == "deny") {
            break evidence;
        }
        ensure!(asked < PATIENCE, "refund-bot is still allowed {asked:?} after it was revoked");
        last_allowed = asked;
        std::thread::sleep(PAUSE);
    };
    let refused = published.elapsed();
    let scene = scene(&NO_MORE)?;
    let mut differences = evidence.differences(REFUND_BOT_FOR_DANA, &scene.expected);
    if last_allowed > BAR {
        differences.push(format!("it was still allowed {last_allowed:?} after the publication"));
    }
    show::sender(REFUND_BOT_FOR_DANA, &evidence.receipt);
    if differences.is_empty() {
        show::scene(number, scene, &evidence);
        show::detail("how soon", &soon(refused));
    } else {
        *wrong += 1;
        show::wrong(number, scene, &evidence, &differences);
    }
    Ok(receipts)
}

/// Nobody is revoked from now on: what can be tried afterwards needs the agent.
pub(super) fn take_back(stage: &Stage) -> Result<()> {
    let folder = &stage.folder;
    run(sign(folder).arg("--after").arg(list(folder)).arg(nothing(folder)))
}

/// What a person types to sign the next list; what is revoked is still to be said.
pub(super) fn command_line(folder: &Path) -> String {
    let list = place::shown(&list(folder));
    format!(
        "{} revocations sign --after {list} --key {} --valid-for 7d --out {list}",
        place::shown(&place::program("deputy")),
        place::shown(&key(folder)),
    )
}

fn soon(after: Duration) -> String {
    format!(
        "refused {:.1} s after the list was published, by a gateway that asks for it every 2 s",
        after.as_secs_f64()
    )
}

/// The one scene of an act; all receipts are kept.
fn take(performed: Performed, all: &mut Vec<Receipt>) -> Result<Evidence> {
    all.extend(performed.receipts);
    performed.scenes.into_iter().next().context("the act left nothing")
}

fn scene(act: &'static Act) -> Result<&'static Scene> {
    act.scenes.first().context("the act has a scene")
}

fn deputy() -> Command {
    Command::new(place::program("deputy"))
}

fn sign(folder: &Path) -> Command {
    let mut command = deputy();
    command.args(["revocations", "sign", "--valid-for", "7d", "--key"]).arg(key(folder));
    command.arg("--out").arg(list(folder));
    command
}

fn key(folder: &Path) -> PathBuf {
    folder.join("revocations.jwk")
}

fn nothing(folder: &Path) -> PathBuf {
    folder.join("nothing.json")
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().context("can't start deputy")?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
