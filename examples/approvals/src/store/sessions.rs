//! People who are signed in. Of their cookie only the hash is kept: who reads the database can't be them.

use rusqlite::{OptionalExtension as _, params};

use super::audit::{self, Event};
use super::{Store, Trouble};
use crate::jose;
use crate::signing::Approver;

/// Browsers in which one person is signed in; the oldest is forgotten first.
const PER_PERSON: u32 = 8;

/// A browser in which somebody is signed in.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) person: Approver,
}

impl Store {
    pub(crate) fn sign_in(
        &self,
        token: &str,
        person: &Approver,
        (now, until): (i64, i64),
    ) -> Result<(), Trouble> {
        self.change(now, |db| {
            db.execute("DELETE FROM sessions WHERE until <= ?1", [now])?;
            db.execute(
                "DELETE FROM sessions WHERE token_hash IN (SELECT token_hash FROM sessions
                   WHERE issuer = ?1 AND subject = ?2 ORDER BY auth_time DESC LIMIT -1 OFFSET ?3)",
                params![person.issuer, person.subject, PER_PERSON.saturating_sub(1)],
            )?;
            db.execute(
                "INSERT INTO sessions (token_hash, issuer, subject, acr, auth_time, until)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    jose::hash(token),
                    person.issuer,
                    person.subject,
                    person.acr,
                    person.auth_time,
                    until
                ],
            )?;
            let about =
                vec![("person", person.id().into()), ("auth_time", person.auth_time.into())];
            audit::append(db, &Event { name: "signed_in", agent: None, about }, now)
        })
    }

    pub(crate) fn session(&self, token: &str, now: i64) -> Result<Option<Session>, Trouble> {
        self.read(|db| {
            let found = db.query_row(
                "SELECT issuer, subject, acr, auth_time FROM sessions WHERE token_hash = ?1 AND until > ?2",
                params![jose::hash(token), now],
                |row| {
                    let person = Approver {
                        issuer: row.get(0)?,
                        subject: row.get(1)?,
                        acr: row.get(2)?,
                        auth_time: row.get(3)?,
                    };
                    Ok(Session { person })
                },
            );
            Ok(found.optional()?)
        })
    }

    pub(crate) fn sign_out(&self, token: &str, now: i64) -> Result<(), Trouble> {
        self.change(now, |db| {
            db.execute("DELETE FROM sessions WHERE token_hash = ?1", [jose::hash(token)])?;
            Ok(())
        })
    }
}
