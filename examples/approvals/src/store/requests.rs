//! Requests and their states.
//!
//! ```text
//! pending ─approve─▶ approved ─used─▶ used          pending ──nobody asks any more──▶ lapsed
//!    └─────deny────▶ denied    └─withdraw─▶ withdrawn       approved ──time──▶ expired
//! ```
//!
//! Of one digest one row is live: pending, approved, or denied or withdrawn for as long as an approval would
//! have lasted. Then the same question opens a new row. Not here: who may decide.

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use super::audit::{self, Event};
use super::{Store, Trouble};
use crate::binding::{Asked, Binding};
use crate::jose;
use crate::signing::Approver;

/// What a page lists at most.
const MAX_LISTED: u32 = 200;

/// What became of a question.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Nobody has decided; the end of the page's address.
    Pending(String),
    /// The signed approval.
    Approved(String),
    /// It was unused until now.
    Used,
    Denied,
    /// Too many of this agent, or of all.
    TooMany,
}

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Pending,
    Approved,
    Denied,
    Withdrawn,
    Used,
    Expired,
    Lapsed,
}

const STATES: [(State, &str); 7] = [
    (State::Pending, "pending"),
    (State::Approved, "approved"),
    (State::Denied, "denied"),
    (State::Withdrawn, "withdrawn"),
    (State::Used, "used"),
    (State::Expired, "expired"),
    (State::Lapsed, "lapsed"),
];

impl State {
    pub(crate) fn name(self) -> &'static str {
        STATES.iter().find(|(state, _)| *state == self).map_or("", |(_, name)| name)
    }

    fn named(name: &str) -> Result<Self, Trouble> {
        let found = STATES.iter().find(|(_, known)| *known == name);
        found.map(|(state, _)| *state).ok_or_else(|| Trouble(format!("no such state: {name}")))
    }
}

/// One row.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) id: i64,
    pub(crate) ticket: String,
    pub(crate) digest: String,
    pub(crate) canonical: String,
    pub(crate) binding: Binding,
    pub(crate) approvers: Vec<String>,
    pub(crate) policies: Vec<String>,
    pub(crate) evaluation_id: String,
    pub(crate) asked_at: String,
    pub(crate) opened: i64,
    pub(crate) last_asked: i64,
    pub(crate) state: State,
    pub(crate) until: i64,
    pub(crate) approver: Option<String>,
    pub(crate) reason: Option<String>,
    jti: Option<String>,
    approval: Option<String>,
}

/// What somebody decided.
pub(crate) enum Decision {
    /// With the signed approval.
    Approve {
        jti: String,
        approval: String,
    },
    Deny,
    /// Of an approval that has not been used, as far as is known here.
    Withdraw,
}

impl Decision {
    /// From which state, to which.
    fn step(&self) -> (State, State) {
        match self {
            Self::Approve { .. } => (State::Pending, State::Approved),
            Self::Deny => (State::Pending, State::Denied),
            Self::Withdraw => (State::Approved, State::Withdrawn),
        }
    }
}

impl Store {
    /// A gateway's question: idempotent, and answered only when everything it changed is on the disk.
    pub(crate) fn ask(&self, asked: &Asked, now: i64) -> Result<Answer, Trouble> {
        self.change(now, |db| {
            let mut live = live(db, &asked.digest)?;
            if let Some(request) = live.take_if(|r| r.jti.is_some() && r.jti == asked.used) {
                close_used(db, &request, now)?;
            }
            let is_it = |r: &mut Request| r.state == State::Approved && r.jti == asked.to_use;
            if let Some(request) = live.take_if(|r| r.jti.is_some() && is_it(r)) {
                close_used(db, &request, now)?;
                return Ok(Answer::Used);
            }
            match live {
                Some(request) => self.repeated(db, request, now),
                None if self.floods(db, asked, now)? => Ok(Answer::TooMany),
                None => self.opened(db, asked, now),
            }
        })
    }

    fn repeated(
        &self,
        db: &Transaction<'_>,
        request: Request,
        now: i64,
    ) -> Result<Answer, Trouble> {
        db.execute("UPDATE requests SET last_asked = ?2 WHERE id = ?1", params![request.id, now])?;
        match (request.state, request.approval) {
            (State::Pending, _) => {
                let until = now.saturating_add(self.limits.pending_seconds);
                db.execute(
                    "UPDATE requests SET until = ?2 WHERE id = ?1",
                    params![request.id, until],
                )?;
                Ok(Answer::Pending(request.ticket))
            }
            (State::Approved, Some(approval)) => Ok(Answer::Approved(approval)),
            _ => Ok(Answer::Denied),
        }
    }

    /// V11: what one agent asks does not crowd out what others ask, nor wear out people.
    fn floods(&self, db: &Transaction<'_>, asked: &Asked, now: i64) -> Result<bool, Trouble> {
        let agent = &asked.binding.agent.id;
        let count = |sql: &str, bound: &[&dyn rusqlite::ToSql]| {
            db.query_row(sql, bound, |row| row.get::<_, u32>(0))
        };
        const PENDING: &str = "SELECT count(*) FROM requests WHERE live = 1 AND state = 'pending'";
        const RECENT: &str = "SELECT count(*) FROM requests WHERE agent = ?1 AND opened > ?2";
        let of_agent = count(&format!("{PENDING} AND agent = ?1"), &[agent])?;
        let recent = count(RECENT, &[agent, &now.saturating_sub(3600)])?;
        let floods = of_agent >= self.limits.pending_per_agent
            || recent >= self.limits.opened_per_agent_per_hour
            || count(PENDING, &[])? >= self.limits.pending;
        if floods {
            let event = Event { name: "flooded", agent: Some(agent), about: Vec::new() };
            audit::append_hourly(db, &event, now)?;
        }
        Ok(floods)
    }

    fn opened(&self, db: &Transaction<'_>, asked: &Asked, now: i64) -> Result<Answer, Trouble> {
        let ticket = jose::unguessable()?;
        db.execute(
            "INSERT INTO requests (ticket, digest, agent, binding, approvers, policies, evaluation_id,
               asked_at, opened, last_asked, state, live, until)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, 'pending', 1, ?10)",
            params![
                ticket,
                asked.digest,
                asked.binding.agent.id,
                asked.canonical,
                serde_json::to_string(&asked.approvers)?,
                serde_json::to_string(&asked.policies)?,
                asked.evaluation_id,
                asked.asked_at,
                now,
                now.saturating_add(self.limits.pending_seconds),
            ],
        )?;
        let id = db.last_insert_rowid();
        if self.has_webhook {
            db.execute("INSERT INTO outbox VALUES (?1, 0, ?2)", params![id, now])?;
        }
        let request = by_id(db, id)?;
        log(db, "requested", &request, now)?;
        Ok(Answer::Pending(ticket))
    }

    /// What waits for a decision, oldest first.
    pub(crate) fn pending(&self, now: i64) -> Result<Vec<Request>, Trouble> {
        self.read(|db| {
            let mut select = db.prepare(
                "SELECT * FROM requests WHERE live = 1 AND state = 'pending' AND until > ?1
                 ORDER BY opened, id LIMIT ?2",
            )?;
            let mut rows = select.query(params![now, MAX_LISTED])?;
            let mut requests = Vec::new();
            while let Some(row) = rows.next()? {
                requests.push(request(row)?);
            }
            Ok(requests)
        })
    }

    /// The request that a page shows, as it stands now.
    pub(crate) fn by_ticket(&self, ticket: &str, now: i64) -> Result<Option<Request>, Trouble> {
        self.change(now, |db| one(db, "ticket = ?1", &[&ticket]))
    }

    /// Decides, if the request stands where it must; none: it no longer does.
    pub(crate) fn decide(
        &self,
        id: i64,
        decision: &Decision,
        by: (&Approver, Option<&str>),
        (now, until): (i64, i64),
    ) -> Result<Option<Request>, Trouble> {
        let (from, to) = decision.step();
        let (approver, reason) = by;
        self.change(now, |db| {
            let (jti, approval) = match decision {
                Decision::Approve { jti, approval } => (Some(jti), Some(approval)),
                Decision::Deny | Decision::Withdraw => (None, None),
            };
            let changed = db.execute(
                "UPDATE requests SET state = ?3, until = ?4, decided = ?5, approver = ?6, reason = ?7,
                   jti = coalesce(?8, jti), approval = coalesce(?9, approval)
                 WHERE id = ?1 AND state = ?2 AND live = 1",
                params![
                    id, from.name(), to.name(), until, now, approver.id(), reason, jti, approval
                ],
            )?;
            if changed == 0 {
                return Ok(None);
            }
            let request = by_id(db, id)?;
            log(db, to.name(), &request, now)?;
            Ok(Some(request))
        })
    }
}

/// Whatever has run out is closed: with a line in the audit, unless it had been decided and said so.
pub(super) fn close_what_is_over(db: &Transaction<'_>, now: i64) -> Result<(), Trouble> {
    let over: Vec<i64> = {
        let mut select = db.prepare("SELECT id FROM requests WHERE live = 1 AND until <= ?1")?;
        select.query_map([now], |row| row.get(0))?.collect::<Result<_, _>>()?
    };
    for id in over {
        db.execute(
            "UPDATE requests SET live = 0, state = CASE state
               WHEN 'pending' THEN 'lapsed' WHEN 'approved' THEN 'expired' ELSE state END
             WHERE id = ?1",
            [id],
        )?;
        db.execute("DELETE FROM outbox WHERE request = ?1", [id])?;
        let request = by_id(db, id)?;
        if matches!(request.state, State::Lapsed | State::Expired) {
            log(db, request.state.name(), &request, now)?;
        }
    }
    Ok(())
}

fn close_used(db: &Transaction<'_>, request: &Request, now: i64) -> Result<(), Trouble> {
    db.execute("UPDATE requests SET state = 'used', live = 0 WHERE id = ?1", [request.id])?;
    log(db, "used", request, now)
}

/// A line about a request: everything but what it is called with.
fn log(
    db: &Transaction<'_>,
    name: &'static str,
    request: &Request,
    now: i64,
) -> Result<(), Trouble> {
    let text = |text: &str| serde_json::Value::from(text);
    let mut about = vec![
        ("digest", text(&request.digest)),
        ("gateway", text(&request.binding.gateway)),
        ("on_behalf_of", request.binding.delegator.as_deref().into()),
        ("action", text(&request.binding.action)),
        ("resource", text(&request.binding.resource)),
        ("policies", request.policies.clone().into()),
        ("evaluation_id", text(&request.evaluation_id)),
    ];
    let maybe =
        [("approver", &request.approver), ("reason", &request.reason), ("jti", &request.jti)];
    about.extend(
        maybe.into_iter().filter_map(|(name, value)| Some((name, text(value.as_deref()?)))),
    );
    audit::append(db, &Event { name, agent: Some(&request.binding.agent.id), about }, now)
}

fn live(db: &Connection, digest: &str) -> Result<Option<Request>, Trouble> {
    one(db, "digest = ?1 AND live = 1", &[&digest])
}

pub(super) fn by_id(db: &Connection, id: i64) -> Result<Request, Trouble> {
    one(db, "id = ?1", &[&id])?.ok_or_else(|| Trouble("a request is gone".to_owned()))
}

fn one(
    db: &Connection,
    which: &str,
    bound: &[&dyn rusqlite::ToSql],
) -> Result<Option<Request>, Trouble> {
    let sql = format!("SELECT * FROM requests WHERE {which}");
    let found = db.query_row(&sql, bound, |row| Ok(request(row))).optional()?;
    found.transpose()
}

fn request(row: &Row<'_>) -> Result<Request, Trouble> {
    let names = |column: &str| -> Result<Vec<String>, Trouble> {
        Ok(serde_json::from_str(&row.get::<_, String>(column)?)?)
    };
    let canonical: String = row.get("binding")?;
    let binding = Binding::stored(&canonical)
        .map_err(|unfit| Trouble(format!("a stored binding can't be read: {unfit:?}")))?;
    Ok(Request {
        id: row.get("id")?,
        ticket: row.get("ticket")?,
        digest: row.get("digest")?,
        binding,
        canonical,
        approvers: names("approvers")?,
        policies: names("policies")?,
        evaluation_id: row.get("evaluation_id")?,
        asked_at: row.get("asked_at")?,
        opened: row.get("opened")?,
        last_asked: row.get("last_asked")?,
        state: State::named(&row.get::<_, String>("state")?)?,
        until: row.get("until")?,
        approver: row.get("approver")?,
        reason: row.get("reason")?,
        jti: row.get("jti")?,
        approval: row.get("approval")?,
    })
}
