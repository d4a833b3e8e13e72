//! Which root context, or which stream, a callback is about.
//!
//! A stream is taken out of its place while it is worked on, and the table is never borrowed during
//! a host call: a host that calls back meanwhile finds the stream away and gets the safe answer.
//! A request nobody knows is kept from the upstream; a response is kept from the client only if it
//! would have to be filtered.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::mem;
use std::rc::Rc;

use crate::abi::{Action, host};
use crate::fetches;
use crate::loading;
use crate::root::Root;
use crate::store;
use crate::stream::Stream;

/// Everything one VM knows. A host runs several VMs; they share nothing.
struct Vm {
    /// One for each configuration in use. A new configuration is a new root context; the old one
    /// stays until the streams it began with are done.
    roots: BTreeMap<u32, Rc<Root>>,
    streams: BTreeMap<u32, Place>,
}

/// Where a stream is.
enum Place {
    Here(Box<Stream>),
    /// Being worked on.
    Away {
        filtered: bool,
    },
}

thread_local! {
    static VM: RefCell<Vm> = const {
        RefCell::new(Vm { roots: BTreeMap::new(), streams: BTreeMap::new() })
    };
}

/// A root context (`root` is zero) gets its place once it is configured. A stream whose root has
/// no configuration gets none, and so is never let through.
pub(crate) fn context_create(context: u32, root: u32) {
    table(|vm| {
        if let Some(root) = vm.roots.get(&root) {
            let stream = Stream::new(context, Rc::clone(root));
            vm.streams.insert(context, Place::Here(Box::new(stream)));
        }
    });
}

/// Whether the configuration is one to run with.
pub(crate) fn configure(root: u32, size: usize) -> bool {
    let Some(configured) = Root::configure(root, size) else { return false };
    let configured = Rc::new(configured);
    let replaced = table(|vm| vm.roots.insert(root, Rc::clone(&configured))).flatten();
    if let Some(replaced) = replaced {
        // Its calls were this context's as well; what comes of them would go to the new engine.
        fetches::abandon(&replaced);
        loading::abandon(&replaced);
    }
    fetches::refresh(&configured);
    configured.gauge();
    true
}

pub(crate) fn tick(root: u32) {
    if let Some(root) = find(root) {
        if root.begins_round() {
            store::join(&root);
            fetches::refresh(&root);
            root.gauge();
        }
        loading::work(&root);
    }
}

pub(crate) fn call_response(root: u32, token: u32, headers: usize, size: usize) {
    if let Some(root) = find(root) {
        fetches::answered(&root, token, headers, size);
    }
}

/// How many streams there are.
pub(crate) fn streams() -> usize {
    table(|vm| vm.streams.len()).unwrap_or_default()
}

/// Continues streams that waited for the same fetch, each in its own name.
pub(crate) fn wake(root: &Root, streams: &[u32], mut with: impl FnMut(&mut Stream)) {
    for id in streams {
        // A stream that is gone, here or for the host, needs no answer.
        on_stream(*id, |stream| {
            if host::speak_for(*id).is_ok() {
                with(stream);
            }
        });
    }
    // The root was there a moment ago; if it is gone, nothing more is said in its name.
    let _ = host::speak_for(root.context());
}

pub(crate) fn request_headers(stream: u32, end: bool) -> Action {
    on_stream(stream, |s| s.request_headers(end)).unwrap_or(Action::Pause)
}

pub(crate) fn request_body(stream: u32, size: usize, end: bool) -> Action {
    on_stream(stream, |s| s.request_body(size, end)).unwrap_or(Action::Pause)
}

pub(crate) fn request_trailers(stream: u32) -> Action {
    on_stream(stream, Stream::request_trailers).unwrap_or(Action::Pause)
}

pub(crate) fn response_headers(stream: u32, end: bool) -> Action {
    on_stream(stream, |s| s.response_headers(end)).unwrap_or_else(|| without(stream))
}

pub(crate) fn response_body(stream: u32, size: usize, end: bool) -> Action {
    on_stream(stream, |s| s.response_body(size, end)).unwrap_or_else(|| without(stream))
}

pub(crate) fn response_trailers(stream: u32) -> Action {
    on_stream(stream, Stream::response_trailers).unwrap_or_else(|| without(stream))
}

/// A stream is over, however it ended.
pub(crate) fn log(stream: u32) {
    on_stream(stream, Stream::abandoned);
}

/// Forgets a root context or a stream. A request that still waited was never let through.
pub(crate) fn delete(context: u32) {
    // Dropped outside the table's borrow.
    drop(table(|vm| (vm.roots.remove(&context), vm.streams.remove(&context))));
}

fn find(root: u32) -> Option<Rc<Root>> {
    table(|vm| vm.roots.get(&root).cloned()).flatten()
}

/// Works on a stream, unless it is unknown or being worked on.
fn on_stream<T>(id: u32, work: impl FnOnce(&mut Stream) -> T) -> Option<T> {
    let mut stream = table(|vm| vm.streams.get_mut(&id).and_then(Place::take)).flatten()?;
    let result = work(&mut stream);
    // No place any more: it was deleted while we worked.
    table(|vm| vm.streams.get_mut(&id).map(|place| mem::replace(place, Place::Here(stream))));
    Some(result)
}

/// What happens to a response while its stream can't say.
fn without(stream: u32) -> Action {
    let place =
        |vm: &mut Vm| matches!(vm.streams.get(&stream), Some(Place::Away { filtered: true }));
    if table(place) == Some(false) { Action::Continue } else { Action::Pause }
}

impl Place {
    fn take(&mut self) -> Option<Box<Stream>> {
        let filtered = matches!(self, Self::Here(stream) if stream.is_filtered());
        match mem::replace(self, Self::Away { filtered }) {
            Self::Here(stream) => Some(stream),
            away @ Self::Away { .. } => {
                *self = away;
                None
            }
        }
    }
}

/// Nothing if the table is in use, which no path of ours leads to.
fn table<T>(work: impl FnOnce(&mut Vm) -> T) -> Option<T> {
    let used = VM.try_with(|vm| vm.try_borrow_mut().ok().map(|mut vm| work(&mut vm)));
    used.ok().flatten()
}
