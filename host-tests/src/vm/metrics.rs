//! Counters, gauges and histograms by name, with the refusals of Envoy's statistics.

use std::collections::BTreeMap;

use super::abi::Status;

/// Kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MetricKind {
    /// Only grows.
    Counter,
    /// Up and down.
    Gauge,
    /// A list of samples.
    Histogram,
}

impl MetricKind {
    pub(super) fn from_abi(kind: i32) -> Option<Self> {
        [Self::Counter, Self::Gauge, Self::Histogram].get(usize::try_from(kind).ok()?).copied()
    }
}

/// Current state of a metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Metric {
    /// A counter's or gauge's value.
    Value(u64),
    /// A histogram's samples in order.
    Samples(Vec<u64>),
}

/// All metrics of a store; two VMs that define the same name share it.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    by_name: BTreeMap<(MetricKind, String), Metric>,
}

impl Metrics {
    pub(super) fn define(&mut self, kind: MetricKind, name: &str) {
        let empty = match kind {
            MetricKind::Counter | MetricKind::Gauge => Metric::Value(0),
            MetricKind::Histogram => Metric::Samples(Vec::new()),
        };
        self.by_name.entry((kind, name.into())).or_insert(empty);
    }

    pub(super) fn increment(&mut self, metric: &(MetricKind, String), offset: i64) -> Status {
        let Some(Metric::Value(value)) = self.by_name.get_mut(metric) else {
            return Status::BadArgument;
        };
        if metric.0 == MetricKind::Counter && offset <= 0 {
            return Status::BadArgument;
        }
        *value = value.saturating_add_signed(offset);
        Status::Ok
    }

    pub(super) fn record(&mut self, metric: &(MetricKind, String), sample: u64) -> Status {
        match (metric.0, self.by_name.get_mut(metric)) {
            (MetricKind::Counter, Some(Metric::Value(value))) => {
                *value = value.saturating_add(sample)
            }
            (MetricKind::Gauge, Some(Metric::Value(value))) => *value = sample,
            (MetricKind::Histogram, Some(Metric::Samples(samples))) => samples.push(sample),
            _ => return Status::NotFound,
        }
        Status::Ok
    }

    pub(super) fn value(&self, metric: &(MetricKind, String)) -> Result<u64, Status> {
        match self.by_name.get(metric) {
            Some(Metric::Value(value)) => Ok(*value),
            Some(Metric::Samples(_)) => Err(Status::BadArgument),
            None => Err(Status::NotFound),
        }
    }

    pub(super) fn snapshot(&self) -> BTreeMap<String, Metric> {
        self.by_name.iter().map(|((_, name), metric)| (name.clone(), metric.clone())).collect()
    }
}
