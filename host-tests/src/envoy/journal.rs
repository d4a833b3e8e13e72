//! What Envoy wrote about requests: its log, and the access log of each listener.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Envoy's log, read as it grows.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    read: Mutex<Read>,
}

#[derive(Debug, Default)]
struct Read {
    offset: u64,
    /// A line that is not whole yet.
    rest: Vec<u8>,
    /// By plugin name.
    said: BTreeMap<String, Vec<String>>,
}

impl Journal {
    /// The log in that file.
    pub fn of(path: &Path) -> Self {
        Self { path: path.to_owned(), read: Mutex::default() }
    }

    /// Everything the plugin of that name has logged, line by line.
    pub fn said(&self, plugin: &str) -> Vec<String> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.on(&self.path);
        read.said.get(plugin).cloned().unwrap_or_default()
    }

    /// Its receipts, each as it was written.
    pub fn receipts(&self, plugin: &str) -> Vec<String> {
        let said = self.said(plugin);
        said.iter().filter_map(|line| line.strip_prefix(RECEIPT)).map(str::to_owned).collect()
    }
}

impl Read {
    fn on(&mut self, path: &Path) {
        let mut file = File::open(path).expect("Envoy's log is there");
        file.seek(SeekFrom::Start(self.offset)).expect("a log can be read from its middle");
        let read = file.read_to_end(&mut self.rest).expect("a log can be read");
        self.offset += read as u64;
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            self.note(String::from_utf8_lossy(&line).trim_end());
        }
    }

    /// `level|wasm|wasm log NAME … VM: message`
    fn note(&mut self, line: &str) {
        let Some((_, rest)) = line.split_once("|wasm|wasm log ") else { return };
        let Some((speaker, message)) = rest.split_once(": ") else { return };
        let name = speaker.split(' ').next().unwrap_or_default().to_owned();
        self.said.entry(name).or_default().push(message.to_owned());
    }
}

/// A line of the access log: one request, once it was over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// What the client got; 0 if it had gone.
    pub status: u16,
    /// Envoy's response flags; `-` for none.
    pub flags: String,
    /// What Envoy says of who answered.
    pub details: String,
    /// `%FILTER_STATE(wasm.deputy:PLAIN)%`: the receipt, if there was a decision.
    pub receipt: Option<String>,
}

/// What an access log is made of.
pub(super) const ACCESS: &str =
    "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %FILTER_STATE(wasm.deputy:PLAIN)%\n";

/// All lines of an access log.
pub(super) fn accesses(path: &Path) -> Vec<Access> {
    let text = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().map(access).collect()
}

fn access(line: &str) -> Access {
    let mut words = line.splitn(4, ' ').map(str::to_owned);
    let mut word = || words.next().unwrap_or_default();
    let (status, flags, details) = (word().parse().unwrap_or_default(), word(), word());
    Access { status, flags, details, receipt: Some(word()).filter(|text| text != "-") }
}

const RECEIPT: &str = "deputy-receipt ";
