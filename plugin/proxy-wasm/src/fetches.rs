//! The calls that the engine wants made, shared by everybody who waits for the same one.
//!
//! They are the root context's: a call that belongs to a stream is cancelled when the stream ends,
//! and a hundred streams would make a hundred calls. Not here: what a reply means (the engine's).

use deputy_engine::step::{Absorbed, Document, Fetch, FetchReply};

use crate::abi::{Buffer, Level, Map, Status, host};
use crate::loading::{self, Parked};
use crate::plugin;
use crate::root::{Fault, Root, While as _, now};
use crate::store;
use crate::waiting::{Joined, Purpose, Room};

/// What came of a stream's wish for a fetch.
pub(crate) enum Wanted {
    /// The stream will be woken.
    Waits,
    /// Too many wait for it already.
    Crowded,
    /// It could not be started; that has been absorbed already.
    Absorbed(Absorbed),
}

/// Waits for a call that is under way, or starts one.
pub(crate) fn join(root: &Root, stream: u32, fetch: &Fetch) -> Result<Wanted, Fault> {
    match loading::join(root, stream, fetch) {
        Parked::Waits => {
            root.count("deputy.fetch.joined");
            return Ok(Wanted::Waits);
        }
        Parked::Crowded => return Ok(Wanted::Crowded),
        Parked::No => {}
    }
    match root.waiting(|waiting| waiting.join(fetch, stream))? {
        Joined::Waits => root.count("deputy.fetch.joined"),
        Joined::Full => return Ok(Wanted::Crowded),
        Joined::NoCall => {
            let started = start(root, fetch, Some(stream));
            host::speak_for(stream).while_("speaking for a stream again")?;
            if !started? {
                return failed(root, fetch.clone()).map(Wanted::Absorbed);
            }
        }
    }
    Ok(Wanted::Waits)
}

/// Starts what the engine wants fetched in the background, and gives up what the host has lost.
pub(crate) fn refresh(root: &Root) {
    // The next tick tries again.
    let Ok(now) = now() else { return };
    let millis = now.unix_millis();
    while let Ok(Some((fetch, streams))) = root.waiting(|waiting| waiting.lost(millis)) {
        finish(root, fetch, FetchReply::Failed, &streams);
    }
    for fetch in root.step(|engine| engine.due(now)).unwrap_or_default() {
        if !matches!(root.waiting(|waiting| waiting.is_open_in_background_to(&fetch)), Ok(true)) {
            continue;
        }
        if let Ok(false) = start(root, &fetch, None) {
            let _ = failed(root, fetch);
        }
    }
}

impl Purpose for Fetch {
    /// What callers can have asked for must not take the place of what everybody needs.
    fn room(&self) -> Room {
        match self.document() {
            Document::Approval { .. } | Document::StatusList { .. } => Room::Shared,
            Document::Agent(_) => Room::Lookups,
            Document::Keys(_)
            | Document::Metadata(_)
            | Document::Bundle
            | Document::Revocations
            | Document::Events => Room::All,
        }
    }
}

/// Takes in a reply and continues everybody who waited for it.
pub(crate) fn answered(root: &Root, token: u32, headers: usize, size: usize) {
    // Unknown: it was given up, and its streams were told.
    let Ok(Some((fetch, streams))) = root.waiting(|waiting| waiting.ended(token)) else { return };
    let reply = reply(fetch.endpoint().max_bytes, headers, size);
    finish(root, fetch, reply.unwrap_or(FetchReply::Failed), &streams);
    // What one document says may be where the next one is.
    refresh(root);
}

/// Gives up every call of a root that no reply will reach any more.
pub(crate) fn abandon(root: &Root) {
    while let Ok(Some((fetch, streams))) = root.waiting(|waiting| waiting.lost(u64::MAX)) {
        finish(root, fetch, FetchReply::Failed, &streams);
    }
}

/// Absorbs once, then wakes each.
fn finish(root: &Root, fetch: Fetch, reply: FetchReply, streams: &[u32]) {
    let cluster = fetch.endpoint().cluster.clone();
    let is_bundle = matches!(fetch.document(), Document::Bundle);
    let is_long = matches!(&reply, FetchReply::Answered { body, .. } if body.len() > LONG);
    let common =
        matches!(fetch.document(), Document::Bundle | Document::Revocations | Document::Events);
    if common {
        // What another worker has taken meanwhile must not be replaced by something older.
        store::join(root);
    }
    let absorbed = now().and_then(|now| {
        root.step(|engine| {
            let absorbed = engine.absorb(fetch.clone(), reply, now);
            (absorbed, engine.fetch_error(&fetch))
        })
    });
    if common {
        store::join(root);
    }
    let absorbed = absorbed.map(|(absorbed, error)| {
        for why in absorbed.passed_over() {
            host::log(Level::Warn, &format!("deputy: cluster {cluster:?}: {why}"));
        }
        if let Some(error) = error {
            root.count("deputy.fetch.failed");
            host::log(Level::Error, &format!("deputy: cluster {cluster:?}: {error}"));
        }
        absorbed
    });
    match absorbed {
        Ok(absorbed) if is_bundle && root.is_at_work() => {
            loading::begin(root, fetch, absorbed, streams, is_long);
        }
        absorbed => plugin::wake(root, streams, |stream| stream.fetched(absorbed.as_ref().ok())),
    }
}

/// Makes the call; false, and a line for the operator, if the host would not.
fn start(root: &Root, fetch: &Fetch, stream: Option<u32>) -> Result<bool, Fault> {
    let endpoint = fetch.endpoint();
    let line: [(&[u8], &[u8]); 3] = [
        (b":method", fetch.method().as_bytes()),
        (b":path", endpoint.path.as_bytes()),
        (b":authority", endpoint.authority.as_bytes()),
    ];
    let more = fetch.headers().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let headers: Vec<_> = line.into_iter().chain(more).collect();
    let body = fetch.body();
    let called = host::speak_for(root.context()).and_then(|()| {
        host::call(&endpoint.cluster, &headers, body.as_bytes(), endpoint.timeout_ms)
    });
    match called {
        Ok(token) => {
            root.count("deputy.fetch.started");
            let patience = u64::from(endpoint.timeout_ms).saturating_add(GRACE_MS);
            let lost_after = now()?.unix_millis().saturating_add(patience);
            root.waiting(|waiting| waiting.started(fetch.clone(), token, lost_after, stream))?;
            Ok(true)
        }
        Err(status) => {
            host::log(Level::Error, &refused_call(&endpoint.cluster, status));
            Ok(false)
        }
    }
}

fn failed(root: &Root, fetch: Fetch) -> Result<Absorbed, Fault> {
    root.count("deputy.fetch.failed");
    let now = now()?;
    root.step(|engine| engine.absorb(fetch, FetchReply::Failed, now))
}

/// Reads the reply, unless there is none or it is too long. A host says that a call failed with no
/// headers at all, or, as Envoy, with a status of its own making: the engine takes only a 200.
fn reply(max_bytes: usize, headers: usize, size: usize) -> Option<FetchReply> {
    if headers == 0 || size > max_bytes {
        return None;
    }
    let status = host::value(Map::CallHeaders, ":status").ok()?;
    let status = std::str::from_utf8(&status).ok()?.parse().ok()?;
    let body = match size {
        0 => Vec::new(),
        _ => host::read(Buffer::CallBody, size).ok()?,
    };
    let headers = Fetch::reply_headers(|name| host::value(Map::CallHeaders, name).ok());
    (body.len() == size).then_some(FetchReply::Answered { status, headers, body })
}

fn refused_call(cluster: &str, status: Status) -> String {
    let fix = match status {
        Status::BAD_ARGUMENT => {
            "; fix: add a cluster of that name or, of an issuer, set issuers[].keys.inline"
        }
        _ => "",
    };
    format!("deputy: cluster {cluster:?}: host answered {status}{fix}")
}

/// How much longer than the call's own timeout a reply is waited for: as long as the engine waits
/// before it asks again.
const GRACE_MS: u64 = 1000;

/// Of a document that takes milliseconds only to be handed over: what there is to do with it is done in the
/// callbacks after.
const LONG: usize = 1 << 20;
