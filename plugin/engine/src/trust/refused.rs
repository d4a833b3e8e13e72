//! Why an answer was not taken for an issuer's document; for a log line.

use std::fmt;

use super::key_set::KeySetError;
use super::metadata::MetadataError;

/// Why it was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RefusedAnswer {
    NoAnswer,
    Status(u16),
    Keys(KeySetError),
    Metadata(MetadataError),
    Statuses(&'static str),
}

impl fmt::Display for RefusedAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAnswer => f.write_str("no answer"),
            Self::Status(status) => write!(f, "status {status} where 200 was expected"),
            Self::Keys(error) => error.fmt(f),
            Self::Metadata(error) => error.fmt(f),
            Self::Statuses(why) => f.write_str(why),
        }
    }
}
