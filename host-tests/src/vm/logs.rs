//! One line of a plugin's log.

use super::abi::LogLevel;

/// What the plugin, its standard output, or the host about it, had to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// The worker.
    pub worker: usize,
    /// The context in whose callback it was written.
    pub context: u32,
    /// Severity.
    pub level: LogLevel,
    /// Text; bytes that are not UTF-8 are replaced.
    pub message: String,
}
