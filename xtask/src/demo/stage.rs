//! The stage: issuer, MCP server, approval service and gateway, running, with everything they say in one folder.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::approval;
use super::children::Children;
use super::gateway::Gateway;
use super::revocation;
use crate::{place, progress};

/// The ports of the example's files.
const GATEWAY: u16 = 10000;
const ISSUER: u16 = 9400;
const ORDERS: u16 = 9401;
const PAGE: u16 = 9402;
const APPROVALS: u16 = 9403;
const ADMIN: u16 = 9901;

/// Everything that runs.
pub(crate) struct Stage {
    pub(crate) gateway: Gateway,
    pub(crate) ports: Ports,
    pub(crate) folder: PathBuf,
    children: Children,
}

/// Where everything listens, on loopback.
#[derive(Clone, Copy)]
pub(crate) struct Ports {
    pub(crate) gateway: u16,
    pub(crate) issuer: u16,
    pub(crate) orders: u16,
    /// Where people reach the approval service.
    pub(crate) page: u16,
    /// Where the gateway does.
    pub(crate) approvals: u16,
    pub(crate) admin: u16,
}

impl Stage {
    /// Starts everything, and waits until it answers.
    pub(crate) fn set(gateway: Gateway) -> Result<Self> {
        let folder = place::out().join("demo");
        // What an earlier demo left would be taken for what this one saw.
        let _nothing = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).with_context(|| format!("can't make {}", folder.display()))?;
        let stage = Self { gateway, ports: Ports::free()?, folder, children: Children::new()? };
        stage.start_orders()?;
        revocation::prepare(&stage.folder)?;
        stage.start_issuer()?;
        stage.start_approvals()?;
        stage.start_gateway()?;
        Ok(stage)
    }

    /// Where the agents' keys are.
    pub(crate) fn agents(&self) -> PathBuf {
        self.folder.join("agents")
    }

    /// What the MCP server saw.
    pub(crate) fn witness(&self) -> PathBuf {
        self.folder.join("upstream.jsonl")
    }

    pub(crate) fn mcp_address(&self) -> String {
        format!("http://127.0.0.1:{}/mcp", self.ports.gateway)
    }

    pub(crate) fn issuer_address(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.issuer)
    }

    /// Where a person sees what waits for them.
    pub(crate) fn page_address(&self) -> String {
        format!("http://{}", at(self.ports.page))
    }

    fn start_orders(&self) -> Result<()> {
        progress::step("upstream", |_| {
            let mut command = Command::new(place::program("orders-mcp"));
            command.arg("--listen").arg(at(self.ports.orders)).arg("--witness").arg(self.witness());
            self.start("orders-mcp", &mut command, || accepts(self.ports.orders))?;
            Ok((
                (),
                format!("orders-mcp, a real MCP server with 6 tools, on {}", at(self.ports.orders)),
            ))
        })
    }

    fn start_issuer(&self) -> Result<()> {
        progress::step("issuer", |_| {
            let mut command = Command::new(place::program("demo-issuer"));
            command
                .arg("--listen")
                .arg(at(self.ports.issuer))
                .arg("--agents-dir")
                .arg(self.agents())
                .arg("--approvals-callback")
                .arg(format!("{}/login/callback", self.page_address()))
                .arg("--revocations")
                .arg(revocation::list(&self.folder));
            self.start("demo-issuer", &mut command, || accepts(self.ports.issuer))?;
            Ok((
                (),
                format!(
                    "demo-issuer, a key of their own for every agent, on {}",
                    at(self.ports.issuer)
                ),
            ))
        })
    }

    /// With the example's configuration, and the addresses of this stage.
    fn start_approvals(&self) -> Result<()> {
        progress::step("approvals", |_| {
            let text = fs::read_to_string(place::approvals().join("approvals.json"))?;
            let config = self.folder.join("approvals.json");
            fs::write(&config, self.approvals_config(&text)?)?;
            approval::prepare(&self.folder, &self.page_address())?;
            let mut command = Command::new(place::program("approvals"));
            command.arg("--config").arg(config);
            self.start("approvals", &mut command, || accepts(self.ports.approvals))?;
            Ok(((), format!("a service and its page for people, on {}", at(self.ports.page))))
        })
    }

    fn approvals_config(&self, text: &str) -> Result<String> {
        let mut config: Value = serde_json::from_str(text)?;
        let issuer = self.issuer_address();
        let all = [
            ("/listen", at(self.ports.page)),
            ("/gateway_listen", at(self.ports.approvals)),
            ("/address", self.page_address()),
            ("/login/key_file", "agents/approvals.jwk".to_owned()),
            ("/login/authorization_endpoint", format!("{issuer}/authorize")),
            ("/login/token_endpoint", format!("{issuer}/token")),
            ("/login/jwks_uri", format!("{issuer}/jwks")),
        ];
        for (pointer, value) in all {
            let member = config.pointer_mut(pointer);
            *member.with_context(|| format!("approvals.json has no {pointer}"))? = value.into();
        }
        Ok(config.to_string())
    }

    fn start_gateway(&self) -> Result<()> {
        progress::step("gateway", |running| {
            running.doing("compiling the module");
            let mut command = self.gateway.command(&self.folder, self.ports)?;
            let ready = || match &self.gateway {
                Gateway::Envoy(_) => answers_200(self.ports.admin, "/ready"),
                Gateway::Embedded => accepts(self.ports.gateway),
            };
            self.start("gateway", &mut command, ready)?;
            Ok(((), format!("{}, on {}", self.gateway.name(), at(self.ports.gateway))))
        })
    }

    fn start(&self, name: &str, command: &mut Command, ready: impl Fn() -> bool) -> Result<()> {
        let log = self.log(name);
        self.children.start(name, command, &log)?;
        self.children.wait(name, &log, ready)
    }

    fn log(&self, name: &str) -> PathBuf {
        log(&self.folder, name)
    }
}

/// Where a program's own words go.
pub(crate) fn log(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.log"))
}

impl Ports {
    /// The example's ports, or others where those are busy.
    fn free() -> Result<Self> {
        Ok(Self {
            gateway: free_port(GATEWAY)?,
            issuer: free_port(ISSUER)?,
            orders: free_port(ORDERS)?,
            page: free_port(PAGE)?,
            approvals: free_port(APPROVALS)?,
            admin: free_port(ADMIN)?,
        })
    }

    /// The example's Envoy configuration with these ports.
    pub(crate) fn put_into(self, envoy_yaml: &str) -> Result<String> {
        let mut text = envoy_yaml.to_owned();
        let all = [
            (GATEWAY, self.gateway),
            (ISSUER, self.issuer),
            (ORDERS, self.orders),
            (APPROVALS, self.approvals),
            (ADMIN, self.admin),
        ];
        for (port, here) in all {
            let written = format!("port_value: {port} ");
            if text.matches(&written).count() != 1 {
                bail!("examples/envoy-mcp/envoy.yaml must have `{}` exactly once", written.trim());
            }
            text = text.replace(&written, &format!("port_value: {here} "));
        }
        Ok(text)
    }
}

pub(crate) fn at(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

fn free_port(wanted: u16) -> Result<u16> {
    let listener = TcpListener::bind(at(wanted)).or_else(|_| TcpListener::bind(at(0)));
    Ok(listener.context("no port is free on 127.0.0.1")?.local_addr()?.port())
}

fn accepts(port: u16) -> bool {
    TcpStream::connect(at(port)).is_ok()
}

/// The one HTTP request that xtask makes itself: is Envoy ready?
fn answers_200(port: u16, path: &str) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(at(port))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        write!(stream, "GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", at(port))?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}
