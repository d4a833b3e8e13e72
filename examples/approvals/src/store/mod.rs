//! What must survive a crash: requests, decisions, sessions, what a webhook has to be told, the audit.
//!
//! SQLite with a write-ahead log and `synchronous = FULL`: what was answered is on the disk. Each change and
//! its audit line are one transaction. Not here: who may decide, and what is signed.

mod audit;
mod outbox;
mod requests;
mod sessions;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, Transaction, TransactionBehavior};

pub(crate) use audit::Event;
pub(crate) use outbox::Due;
pub(crate) use requests::{Answer, Decision, Request, State};

use crate::config::Limits;

/// One script for each version of the schema, in order.
const MIGRATIONS: [&str; 1] = [include_str!("schema.sql")];

/// The database.
pub(crate) struct Store {
    connection: Mutex<Connection>,
    limits: Limits,
    has_webhook: bool,
}

/// The database did not do what was asked; then nothing of it happened.
#[derive(Debug)]
pub(crate) struct Trouble(String);

impl fmt::Display for Trouble {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Self(format!("database: {error}"))
    }
}

impl From<serde_json::Error> for Trouble {
    fn from(error: serde_json::Error) -> Self {
        Self(format!("database: a column is not the JSON that was written: {error}"))
    }
}

impl From<String> for Trouble {
    fn from(problem: String) -> Self {
        Self(problem)
    }
}

impl Store {
    /// Opens the database, or makes it.
    pub(crate) fn open(path: &Path, limits: Limits, has_webhook: bool) -> Result<Self, Trouble> {
        let mut connection = Connection::open(path)?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
             PRAGMA busy_timeout = 5000; PRAGMA trusted_schema = OFF;",
        )?;
        migrate(&mut connection)?;
        Ok(Self { connection: Mutex::new(connection), limits, has_webhook })
    }

    /// All of it or nothing; whatever has run out by `now` is closed first.
    fn change<T>(
        &self,
        now: i64,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        requests::close_what_is_over(&transaction, now)?;
        let done = work(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }

    fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Trouble>) -> Result<T, Trouble> {
        work(&self.connection.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// `user_version` says how many scripts have run.
fn migrate(connection: &mut Connection) -> Result<(), Trouble> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    let version: u32 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let version = usize::try_from(version).unwrap_or(usize::MAX);
    if version > MIGRATIONS.len() {
        return Err(Trouble(format!(
            "the database is of version {version}, this program knows {}; use a newer program",
            MIGRATIONS.len()
        )));
    }
    for script in MIGRATIONS.iter().skip(version) {
        transaction.execute_batch(script)?;
    }
    transaction.execute_batch(&format!("PRAGMA user_version = {}", MIGRATIONS.len()))?;
    transaction.commit()?;
    Ok(())
}
