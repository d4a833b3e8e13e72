//! The ways to say what is wanted, and what of an answer has to change.
//!
//! A [`Surface`] is everything this gateway serves. It finds the [`Place`] a request is for by the
//! head alone, and the place reads the request into an [`Asked`]: from the head (`http`) or from
//! the body too (`mcp`, `a2a`). Whatever two readers could take in two ways is refused, because the
//! upstream is the other reader. Not here: who asks ([`crate::credential`]), and whether they may.

mod a2a;
mod http;
mod list;
mod mcp;
mod media;
mod over;
mod overrides;
mod path;
mod surface;

pub(crate) use a2a::{A2aParts, Version as A2aVersion, agent_asked};
pub(crate) use http::{RouteParts, Template, json_body};
pub use list::ResponseEdits;
pub(crate) use list::{Ended, Judge, ListFilter, ListOf, REMOVED_WHEN_FILTERED, definition};
pub(crate) use mcp::{
    Catalogue, Drift, IdKind, McpParts, Mirrored, Opened, Resources, Sealer, Sessions, ToolEntry,
    Version, is_answer, prompt_asked, resource_asked, without_answers,
};
pub(crate) use over::{Over, grpc_path};
pub use overrides::trailer_may_pass;
pub(crate) use surface::{Place, Problem, Surface};

use crate::decision::{Leads, Reason, Shape};
use crate::model::Asked;

/// What came of reading a request.
#[derive(Debug)]
pub(crate) enum Read {
    /// What it asks for.
    Asked {
        /// All of it, what it is about first; never empty. It is permitted whole or not at all.
        asked: Vec<Asked>,
        /// The form a refusal takes.
        shape: Shape,
        /// What its answer has to be held against, if that can be read.
        exchange: Option<Exchange>,
    },
    /// Read again with the body: all of it, or one byte more than `limit` if it is longer.
    NeedsBody { limit: usize },
    /// Not a request that anything could be decided about.
    Refused { reason: Reason, shape: Shape },
}

/// What is known of a request that its answer has to be held against.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) answers: list::Answers,
    /// Bytes of an answer that is held, or of one event.
    pub(crate) limit: usize,
    /// It makes sense in a session only.
    pub(crate) in_session: bool,
    /// Of the era that has sessions.
    pub(crate) legacy: bool,
    /// How its client can be led to a page; of 2025-11-25 only if its session says so as well.
    pub(crate) leads: Leads,
    /// It begins a session whose client can be led to a page.
    pub(crate) declares_pages: bool,
    /// It carries an answer to us, and none to the server.
    pub(crate) answers_us: bool,
    /// Of A2A: what becomes of it on its way.
    pub(crate) a2a: Option<Box<a2a::Onward>>,
}

#[cfg(test)]
mod tests;
