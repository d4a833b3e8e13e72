//! Prints what the plugin logs, and keeps its receipts in a file, one JSON object per line.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

use anyhow::Context;

use crate::vm::LogLine;

/// How a log line says that it is a receipt.
const RECEIPT: &str = "deputy-receipt ";

/// Standard output, and perhaps a file of receipts.
pub(super) struct Journal {
    receipts: Option<Mutex<File>>,
}

impl Journal {
    pub(super) fn open(receipts: Option<&Path>) -> anyhow::Result<Self> {
        let open = |path: &Path| {
            let file = OpenOptions::new().create(true).append(true).open(path);
            file.with_context(|| format!("cannot write receipts to {}", path.display()))
        };
        Ok(Self { receipts: receipts.map(open).transpose()?.map(Mutex::new) })
    }

    pub(super) fn write(&self, line: &LogLine) {
        let Some(receipt) = line.message.strip_prefix(RECEIPT) else {
            print(&format!("[{:?}] [worker {}] {}\n", line.level, line.worker, line.message));
            return;
        };
        print(&format!("{}\n", line.message));
        if let Some(file) = &self.receipts {
            // One write, so that lines of several workers never mix.
            let written = file
                .lock()
                .expect("no panic while writing")
                .write_all(format!("{receipt}\n").as_bytes());
            if let Err(error) = written {
                print(&format!("a receipt was not written: {error}\n"));
            }
        }
    }
}

/// A closed standard output does not stop a proxy.
fn print(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}
