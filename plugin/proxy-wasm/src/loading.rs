//! Work on a bundle that has come, a few milliseconds of it in one callback: a worker that reads thousands of
//! policies must answer requests meanwhile. Whoever waits for the bundle waits until it is settled.
//!
//! Not here: what the work is (the engine's).

use deputy_engine::step::{Absorbed, Document, Fetch, FetchReply, Work};

use crate::abi::{Level, host};
use crate::plugin;
use crate::root::{Root, now};
use crate::store;

/// A bundle that is not settled, and the streams that wait for it.
pub(crate) struct Unsettled {
    fetch: Fetch,
    absorbed: Absorbed,
    streams: Vec<u32>,
}

/// What became of a stream's wish for a bundle that is here already.
pub(crate) enum Parked {
    Waits,
    Crowded,
    /// It is not here.
    No,
}

/// A bundle has come, and these streams waited for it.
pub(crate) fn begin(root: &Root, fetch: Fetch, absorbed: Absorbed, streams: &[u32], is_long: bool) {
    let begun = root.unsettled(|unsettled| {
        let before = unsettled.take().map(|before| before.streams).unwrap_or_default();
        let streams = before.into_iter().chain(streams.iter().copied()).collect();
        *unsettled = Some(Unsettled { fetch, absorbed, streams });
    });
    match begun {
        Ok(()) if is_long => root.hurry(true),
        Ok(()) => work(root),
        // Nobody would wake them later.
        Err(_) => plugin::wake(root, streams, |stream| stream.fetched(None)),
    }
}

/// Waits with the others, if it is the bundle that is being worked on.
pub(crate) fn join(root: &Root, stream: u32, fetch: &Fetch) -> Parked {
    let joined = root.unsettled(|unsettled| match unsettled {
        Some(_) if !matches!(fetch.document(), Document::Bundle) => Parked::No,
        Some(unsettled) if unsettled.streams.len() < MOST_STREAMS => {
            unsettled.streams.push(stream);
            Parked::Waits
        }
        Some(_) => Parked::Crowded,
        None => Parked::No,
    });
    joined.unwrap_or(Parked::Crowded)
}

/// Works until nothing is left, or this callback has taken long enough.
pub(crate) fn work(root: &Root) {
    let Ok(began) = host::time() else { return };
    if root.is_at_work() {
        // What another worker has taken meanwhile must not be replaced by something older.
        store::join(root);
    }
    let parked = root.unsettled(|unsettled| unsettled.as_ref().map_or(0, |u| u.streams.len()));
    let enough = match plugin::streams() > parked.unwrap_or_default() {
        true => ENOUGH_NANOS,
        false => ENOUGH_IDLE_NANOS,
    };
    for _ in 0..MOST_PARTS {
        match now().and_then(|now| root.step(|engine| engine.work(now))) {
            Ok(Work::More) => {}
            Ok(Work::Settled) => settled(root),
            // What can't be done now is tried again with the next tick.
            Ok(Work::Nothing) | Err(_) => return root.hurry(false),
        }
        let spent = host::time().map(|now| now.saturating_sub(began));
        if spent.is_ok_and(|spent| spent >= enough) {
            break;
        }
    }
    root.hurry(true);
}

/// Lets go of what waits, as no tick will reach this root any more.
pub(crate) fn abandon(root: &Root) {
    let Ok(Some(unsettled)) = root.unsettled(Option::take) else { return };
    let Unsettled { fetch, streams, .. } = unsettled;
    let absorbed =
        now().and_then(|now| root.step(|engine| engine.absorb(fetch, FetchReply::Failed, now)));
    plugin::wake(root, &streams, |stream| stream.fetched(absorbed.as_ref().ok()));
}

fn settled(root: &Root) {
    store::join(root);
    root.gauge();
    root.warn();
    let Ok(Some(unsettled)) = root.unsettled(Option::take) else { return };
    let Unsettled { fetch, absorbed, streams } = unsettled;
    if let Ok(Some(error)) = root.step(|engine| engine.fetch_error(&fetch)) {
        root.count("deputy.fetch.failed");
        let cluster = &fetch.endpoint().cluster;
        host::log(Level::Error, &format!("deputy: cluster {cluster:?}: {error}"));
    }
    plugin::wake(root, &streams, |stream| stream.fetched(Some(&absorbed)));
}

/// As long as a request takes: those that come meanwhile wait so long at most, but for the few parts that can't
/// be cut.
const ENOUGH_NANOS: u64 = 500_000;
/// Of a worker that nobody waits for, or only for this.
const ENOUGH_IDLE_NANOS: u64 = 4_000_000;
/// A clock that stands still must not make a callback endless.
const MOST_PARTS: u32 = 64;
/// As many as may wait for any other fetch.
const MOST_STREAMS: usize = 512;
