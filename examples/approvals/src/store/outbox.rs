//! What a webhook has still to be told: kept until it has been, or until it was tried often enough.

use rusqlite::params;

use super::audit::{self, Event};
use super::requests::{Request, by_id};
use super::{Store, Trouble};

/// Sent in one go.
const MAX_DUE: u32 = 16;
/// The longest pause between two attempts.
const MAX_PAUSE: i64 = 300;

/// A request of which the webhook has to be told now.
pub(crate) struct Due {
    pub(crate) request: Request,
    pub(crate) attempts: u32,
}

impl Store {
    pub(crate) fn due(&self, now: i64) -> Result<Vec<Due>, Trouble> {
        self.read(|db| {
            let mut select = db.prepare(
                "SELECT request, attempts FROM outbox WHERE next <= ?1 ORDER BY next LIMIT ?2",
            )?;
            let rows =
                select.query_map(params![now, MAX_DUE], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let rows: Vec<(i64, u32)> = rows.collect::<Result<_, _>>()?;
            let due = rows.into_iter();
            due.map(|(id, attempts)| Ok(Due { request: by_id(db, id)?, attempts })).collect()
        })
    }

    pub(crate) fn told(&self, due: &Due, now: i64) -> Result<(), Trouble> {
        self.change(now, |db| {
            db.execute("DELETE FROM outbox WHERE request = ?1", [due.request.id])?;
            Ok(())
        })
    }

    /// Tried in vain: again after 1, 2, 4 … seconds, `most` times in all.
    pub(crate) fn not_told(
        &self,
        due: &Due,
        most: u32,
        why: &str,
        now: i64,
    ) -> Result<(), Trouble> {
        let attempts = due.attempts.saturating_add(1);
        self.change(now, |db| {
            if attempts < most {
                let pause = 1_i64.checked_shl(due.attempts).unwrap_or(MAX_PAUSE).min(MAX_PAUSE);
                db.execute(
                    "UPDATE outbox SET attempts = ?2, next = ?3 WHERE request = ?1",
                    params![due.request.id, attempts, now.saturating_add(pause)],
                )?;
                return Ok(());
            }
            db.execute("DELETE FROM outbox WHERE request = ?1", [due.request.id])?;
            let about = vec![
                ("digest", due.request.digest.as_str().into()),
                ("attempts", attempts.into()),
                ("problem", why.into()),
            ];
            let agent = Some(due.request.binding.agent.id.as_str());
            audit::append(db, &Event { name: "webhook_failed", agent, about }, now)
        })
    }
}
