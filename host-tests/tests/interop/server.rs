//! MCP servers and A2A agents on the SDKs of others, as processes.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use host_tests::envoy::wait;

use crate::{peers, script};

/// One server, until it is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) url: String,
}

impl Server {
    /// The official "everything" server, on the TypeScript SDK.
    pub(crate) fn everything() -> Self {
        // It must be told a port; nobody else here asks the system for one and keeps it.
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let package = "node_modules/@modelcontextprotocol/server-everything/dist/index.js";
        let mut command = Command::new("node");
        command.arg(peers().join(package)).arg("streamableHttp").env("PORT", port.to_string());
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.unwrap_or_else(|e| panic!("{command:?}: {e}"));
        let server = Self::at(child, port, "/mcp");
        let listens = || TcpStream::connect(server.address).is_ok().then_some(());
        wait::until("the everything server", wait::START, String::new, listens);
        server
    }

    /// `server.py`, on the Python SDK.
    pub(crate) fn python() -> Self {
        Self::that_says_its_port("server.py", "/mcp")
    }

    /// `agent.py`, on the A2A SDK of Python.
    pub(crate) fn agent() -> Self {
        Self::that_says_its_port("agent.py", "")
    }

    /// `agent.mjs`, on the A2A SDK of TypeScript.
    pub(crate) fn typescript_agent() -> Self {
        Self::that_says_its_port("agent.mjs", "")
    }

    /// `suite.mjs`, on the TypeScript SDK.
    pub(crate) fn suite() -> Self {
        Self::that_says_its_port("suite.mjs", "/mcp")
    }

    fn that_says_its_port(name: &str, path: &str) -> Self {
        let (program, packages) = match name.ends_with(".py") {
            true => ("python3", peers().join("python")),
            false => ("node", peers()),
        };
        let mut command = Command::new(program);
        command.arg(script(name)).arg(packages).env("PYTHONDONTWRITEBYTECODE", "1");
        let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut child = child.unwrap_or_else(|e| panic!("{command:?}: {e}"));
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self::at(child, line.trim().parse().unwrap(), path)
    }

    fn at(child: Child, port: u16, path: &str) -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self { child, address, url: format!("http://{address}{path}") }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
