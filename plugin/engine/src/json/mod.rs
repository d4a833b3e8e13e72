//! The one JSON reader that every hostile byte goes through, and the values it makes.
//!
//! It refuses whatever two JSON parsers could read differently: members that are equal, or equal
//! to a parser that ignores case or invisible characters; numbers outside I-JSON (RFC 7493 §2.2);
//! NUL. Bounded in bytes, depth and members. Tokens come from `serde_json`; only the rules are
//! ours. Not here: any meaning of the values.

pub(crate) mod canonical;
mod fold;
mod pieces;
mod raw;
mod reader;
mod value;

pub(crate) use fold::is_alias;
pub(crate) use pieces::{Piece, Pieces, first};
pub(crate) use raw::{Member, Raw};
pub(crate) use reader::{Fault, Limits, Malformed, read};
pub(crate) use value::{Object, Value};
