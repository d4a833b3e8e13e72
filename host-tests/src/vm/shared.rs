//! What all workers share: data with compare-and-swap, queues, metrics.
//!
//! The quirks are Envoy's: a write with CAS 0 overwrites whatever is there, a write to a missing key
//! succeeds with any CAS, an empty value keeps its CAS number, nothing is ever deleted.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use super::abi::Status;
use super::metrics::{Metric, Metrics};

/// A store that gateways can share. Cloning it gives another handle to the same store.
#[derive(Debug, Clone, Default)]
pub struct SharedStore {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    data: BTreeMap<Vec<u8>, (Vec<u8>, u32)>,
    last_cas: u32,
    /// Nothing that is written is kept.
    pretends: bool,
    queues: Vec<Queue>,
    metrics: Metrics,
}

#[derive(Debug)]
struct Queue {
    vm_id: Vec<u8>,
    name: Vec<u8>,
    /// Worker and root context that registered last: the one that hears of new items.
    listener: (usize, u32),
    items: VecDeque<Vec<u8>>,
    /// Items enqueued that the listener was not told of yet.
    untold: usize,
}

impl SharedStore {
    /// A store as some hosts have it: every write succeeds and nothing is kept.
    pub fn pretending() -> Self {
        let store = Self::default();
        store.lock().pretends = true;
        store
    }

    /// Value and CAS number of a key.
    pub fn data(&self, key: &[u8]) -> Option<(Vec<u8>, u32)> {
        self.lock().data.get(key).cloned()
    }

    /// Every key with value and CAS number.
    pub fn snapshot(&self) -> BTreeMap<Vec<u8>, (Vec<u8>, u32)> {
        self.lock().data.clone()
    }

    /// Writes as a plugin would.
    pub fn set(&self, key: &[u8], value: &[u8], cas: u32) -> Status {
        let mut inner = self.lock();
        if inner.pretends {
            return Status::Ok;
        }
        if let Some((_, present)) = inner.data.get(key)
            && cas != 0
            && cas != *present
        {
            return Status::CasMismatch;
        }
        // 0 is not a CAS number: it means "whatever is there".
        inner.last_cas = inner.last_cas.checked_add(1).unwrap_or(1);
        let next = inner.last_cas;
        inner.data.insert(key.to_vec(), (value.to_vec(), next));
        Status::Ok
    }

    /// Every metric by name.
    pub fn metrics(&self) -> BTreeMap<String, Metric> {
        self.lock().metrics.snapshot()
    }

    /// Value of a counter or gauge.
    pub fn metric(&self, name: &str) -> Option<u64> {
        match self.metrics().get(name)? {
            Metric::Value(value) => Some(*value),
            Metric::Samples(_) => None,
        }
    }

    pub(super) fn with_metrics<T>(&self, act: impl FnOnce(&mut Metrics) -> T) -> T {
        act(&mut self.lock().metrics)
    }

    pub(super) fn register_queue(&self, vm_id: &[u8], name: &[u8], listener: (usize, u32)) -> u32 {
        let known = self.resolve_queue(vm_id, name);
        let mut inner = self.lock();
        match known {
            Some(token) => inner.queues[index(token)].listener = listener,
            None => {
                let (vm_id, name) = (vm_id.to_vec(), name.to_vec());
                inner.queues.push(Queue {
                    vm_id,
                    name,
                    listener,
                    items: VecDeque::new(),
                    untold: 0,
                });
            }
        }
        known.unwrap_or(inner.queues.len() as u32)
    }

    pub(super) fn resolve_queue(&self, vm_id: &[u8], name: &[u8]) -> Option<u32> {
        let inner = self.lock();
        let found =
            inner.queues.iter().position(|queue| queue.vm_id == vm_id && queue.name == name)?;
        Some(found as u32 + 1)
    }

    pub(super) fn enqueue(&self, token: u32, item: &[u8]) -> Status {
        match self.lock().queues.get_mut(index(token)) {
            None => Status::NotFound,
            Some(queue) => {
                queue.items.push_back(item.to_vec());
                queue.untold += 1;
                Status::Ok
            }
        }
    }

    pub(super) fn dequeue(&self, token: u32) -> Result<Vec<u8>, Status> {
        let mut inner = self.lock();
        let queue = inner.queues.get_mut(index(token)).ok_or(Status::NotFound)?;
        queue.items.pop_front().ok_or(Status::Empty)
    }

    /// Queues with news for `worker`: root context and token, once per enqueued item.
    pub(super) fn news_for(&self, worker: usize) -> Vec<(u32, u32)> {
        let mut news = Vec::new();
        for (place, queue) in self.lock().queues.iter_mut().enumerate() {
            if queue.listener.0 == worker {
                let untold = std::mem::take(&mut queue.untold);
                news.extend(std::iter::repeat_n((queue.listener.1, place as u32 + 1), untold));
            }
        }
        news
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no panic while holding the store")
    }
}

/// Token 0 is never a queue; the wrapped index finds nothing.
fn index(token: u32) -> usize {
    token.wrapping_sub(1) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cas_zero_overwrites_and_a_wrong_cas_does_not() {
        let store = SharedStore::default();
        assert_eq!(store.set(b"k", b"1", 0), Status::Ok);
        let (_, cas) = store.data(b"k").unwrap();
        assert_eq!(store.set(b"k", b"2", cas + 1), Status::CasMismatch);
        assert_eq!(store.set(b"k", b"3", 0), Status::Ok);
        assert_eq!(store.set(b"k", b"4", cas), Status::CasMismatch);
    }

    #[test]
    fn a_missing_key_takes_any_cas_so_u32_max_inserts_once() {
        let store = SharedStore::default();
        assert_eq!(store.set(b"jti", b"used", u32::MAX), Status::Ok);
        assert_eq!(store.set(b"jti", b"used", u32::MAX), Status::CasMismatch);
    }

    #[test]
    fn an_emptied_key_keeps_a_cas_number() {
        let store = SharedStore::default();
        store.set(b"k", b"1", 0);
        store.set(b"k", b"", 0);
        assert_eq!(store.data(b"k"), Some((Vec::new(), 2)));
    }

    #[test]
    fn a_queue_is_told_to_its_last_listener_once_per_item() {
        let store = SharedStore::default();
        let token = store.register_queue(b"vm", b"q", (0, 1));
        assert_eq!(store.register_queue(b"vm", b"q", (1, 1)), token);
        store.enqueue(token, b"a");
        assert!(store.news_for(0).is_empty());
        assert_eq!(store.news_for(1), [(1, token)]);
        assert_eq!(store.dequeue(token), Ok(b"a".to_vec()));
        assert_eq!(store.dequeue(token), Err(Status::Empty));
        assert_eq!(store.dequeue(0), Err(Status::NotFound));
    }
}
