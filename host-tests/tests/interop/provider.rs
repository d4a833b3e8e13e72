//! `oidc-provider`, as a process.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::{peers, script};

/// An identity provider, until it is dropped.
pub(crate) struct Provider {
    child: Child,
    commands: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    /// As it names itself.
    pub(crate) issuer: String,
}

impl Provider {
    pub(crate) fn start() -> Self {
        let mut command = Command::new("node");
        command.arg(script("idp.mjs")).arg(peers()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
        let commands = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut provider = Self { child, commands, answers, issuer: String::new() };
        provider.issuer = provider.answer()["issuer"].as_str().unwrap().to_owned();
        provider
    }

    pub(crate) fn authority(&self) -> &str {
        self.issuer.strip_prefix("http://").unwrap()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.authority().parse().unwrap()
    }

    /// An access token, by the client-credentials grant.
    pub(crate) fn token(&mut self) -> String {
        let answer = self.say("token");
        answer["token"].as_str().unwrap_or_else(|| panic!("no token: {answer}")).to_owned()
    }

    /// Does what `idp.mjs` says of that command.
    pub(crate) fn say(&mut self, command: &str) -> Value {
        writeln!(self.commands, "{command}").unwrap();
        self.answer()
    }

    /// The library also writes notices.
    fn answer(&mut self) -> Value {
        let line = self.answers.find(|line| line.as_ref().is_ok_and(|line| line.starts_with('{')));
        let line = line.expect("the provider ended").unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
