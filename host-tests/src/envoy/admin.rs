//! Envoy's admin interface.

use std::net::SocketAddr;

use serde_json::Value;

use super::wait::PATIENCE;
use super::wire::Wire;

/// A running Envoy's admin interface.
#[derive(Clone, Copy, Debug)]
pub struct Admin {
    address: SocketAddr,
}

impl Admin {
    /// At that address.
    ///
    /// # Panics
    /// When it is none.
    pub fn at(address: &str) -> Self {
        let address = address.trim().parse();
        Self { address: address.expect("Envoy writes an address and a port") }
    }

    /// The answer to a GET; `None` if there is none, or another status than 200.
    pub fn ask(&self, path: &str) -> Option<String> {
        let mut wire = Wire::connect(self.address, PATIENCE).ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n");
        wire.send(request.as_bytes()).ok()?;
        let head = wire.head(|| ()).ok()??;
        let mut body = Vec::new();
        let framing = head.framing_of_response(false);
        wire.body(framing, |piece| body.extend_from_slice(piece)).ok()?;
        (head.word(1) == b"200").then(|| String::from_utf8_lossy(&body).into_owned())
    }

    /// The same as JSON.
    pub fn json(&self, path: &str) -> Option<Value> {
        serde_json::from_str(&self.ask(path)?).ok()
    }

    /// Counters and gauges whose names match a regular expression.
    pub fn stats(&self, names: &str) -> Vec<(String, u64)> {
        let text = self.ask(&format!("/stats?filter={names}")).unwrap_or_default();
        let stat = |line: &str| {
            let (name, value) = line.rsplit_once(": ")?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        text.lines().filter_map(stat).collect()
    }

    /// One counter or gauge; 0 if there is none of that name yet.
    pub fn stat(&self, name: &str) -> u64 {
        let all = self.stats(&format!("^{}$", name.replace('.', "\\.")));
        all.first().map_or(0, |(_, value)| *value)
    }

    /// Whether all that was configured at the start is there.
    pub fn is_ready(&self) -> bool {
        self.ask("/ready").is_some()
    }

    /// Where a listener listens.
    pub fn listener(&self, name: &str) -> Option<SocketAddr> {
        let listeners = self.json("/listeners?format=json")?;
        let named = |listener: &&Value| listener["name"] == name;
        let found = listeners["listener_statuses"].as_array()?.iter().find(named)?;
        let address = &found["local_address"]["socket_address"];
        let (host, port) = (address["address"].as_str()?, address["port_value"].as_u64()?);
        format!("{host}:{port}").parse().ok()
    }

    /// Why a listener was refused, if it was.
    pub fn listener_error(&self, name: &str) -> Option<String> {
        let dump = self.json("/config_dump?resource=dynamic_listeners")?;
        let named = |listener: &&Value| listener["name"] == name;
        let found = dump["configs"].as_array()?.iter().find(named)?;
        found.pointer("/error_state/details")?.as_str().map(str::to_owned)
    }
}
