//! Sorted collections, filled one by one.
//!
//! `collect` sorts what it collects before it builds a tree, and each type has a merge sort of its own for
//! that: together they were 80 KB of the module. What is collected here are a few names.

use std::collections::{BTreeMap, BTreeSet};

/// All of them, each once.
pub(crate) fn set<T: Ord>(all: impl IntoIterator<Item = T>) -> BTreeSet<T> {
    let mut set = BTreeSet::new();
    set.extend(all);
    set
}

/// All of them; of two with the same key the later one.
pub(crate) fn map<K: Ord, V>(all: impl IntoIterator<Item = (K, V)>) -> BTreeMap<K, V> {
    let mut map = BTreeMap::new();
    map.extend(all);
    map
}
