//! The ways to say what is wanted, and what of an answer has to change.
//!
//! A [`Surface`] is everything this gateway serves. It finds the [`Place`] a request is for by the
//! head alone, and the place reads the request into an [`Asked`]: from the head (`http`) or from
//! the body too (`mcp`). Whatever two readers could take in two ways is refused, because the
//! upstream is the other reader. Not here: who asks ([`crate::credential`]), and whether they may.

mod http;
mod list;
mod mcp;
mod media;
mod overrides;
mod path;
mod surface;

pub(crate) use http::{RouteParts, Template};
pub use list::ResponseEdits;
pub(crate) use list::{ListFilter, REMOVED_WHEN_FILTERED};
pub(crate) use mcp::{McpParts, ToolCatalogue, ToolEntry, Version};
pub use overrides::trailer_may_pass;
pub(crate) use surface::{Place, Problem, Surface};

use crate::decision::{Reason, Shape};
use crate::model::Asked;

/// What came of reading a request.
#[derive(Debug)]
pub(crate) enum Read {
    /// What it asks for.
    Asked {
        asked: Asked,
        /// The form a refusal takes.
        shape: Shape,
        /// The answer has to pass through this.
        list: Option<ListFilter>,
    },
    /// Read again with the body: all of it, or one byte more than `limit` if it is longer.
    NeedsBody { limit: usize },
    /// Not a request that anything could be decided about.
    Refused { reason: Reason, shape: Shape },
}

#[cfg(test)]
mod tests;
