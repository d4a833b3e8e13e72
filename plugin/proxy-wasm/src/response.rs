//! One response on its way back, through the engine's filter if the request called for one.
//!
//! Whatever goes wrong, bytes the filter has not passed never reach the client.

use std::mem;

use deputy_engine::response::ResponseFilter;

use crate::abi::{Action, Buffer, Level, Map, Status, host};
use crate::root::{Fault, While as _, now};

/// What happens to the response of a request that was let through.
pub(crate) enum Response {
    /// Passes as it is.
    Untouched,
    /// Only what the filter lets through.
    Filtered(Box<ResponseFilter>),
    /// Nothing more: the filter lost track of what the host holds.
    Withheld,
}

impl Response {
    pub(crate) fn new(filter: Option<ResponseFilter>) -> Self {
        filter.map_or(Self::Untouched, |filter| Self::Filtered(Box::new(filter)))
    }

    pub(crate) fn is_untouched(&self) -> bool {
        matches!(self, Self::Untouched)
    }

    /// Before the client has seen anything, a fault can still be answered as one.
    pub(crate) fn headers(&mut self, end: bool) -> Result<(), Fault> {
        let Self::Filtered(filter) = self else { return Ok(()) };
        let pairs = host::pairs(Map::ResponseHeaders).while_("reading the response headers")?;
        let edits = filter.head(status(&pairs)?, &pairs);
        for name in edits.remove {
            host::remove(Map::ResponseHeaders, name.as_bytes())
                .while_("removing a response header")?;
        }
        for (name, value) in edits.set {
            host::replace(Map::ResponseHeaders, name.as_bytes(), value.as_bytes())
                .while_("setting a response header")?;
        }
        record(filter);
        if end {
            *self = Self::Untouched;
        }
        Ok(())
    }

    pub(crate) fn body(&mut self, size: usize, end: bool) -> Action {
        match mem::replace(self, Self::Withheld) {
            Self::Untouched => {
                *self = Self::Untouched;
                Action::Continue
            }
            Self::Withheld => withhold(size),
            Self::Filtered(mut filter) => match filtered(&mut filter, size, end) {
                Ok(passed) => {
                    if !end {
                        *self = Self::Filtered(filter);
                    }
                    // Trailers may end the body instead of a last chunk, and by then only a body
                    // the host was told to keep can still be written. So it is told to keep this
                    // one, empty as it is, for as long as the filter gives nothing back.
                    if passed || end { Action::Continue } else { Action::Pause }
                }
                Err(status) => {
                    lost(status);
                    withhold(size)
                }
            },
        }
    }

    /// The body has ended without a last chunk.
    ///
    /// A filter that has let something through already (an event stream) can write nothing here:
    /// the host keeps no body. What it still holds is then an event without its closing blank line,
    /// which a client has to discard anyway (WHATWG HTML §9.2.6).
    pub(crate) fn trailers(&mut self) -> Action {
        if let Self::Filtered(filter) = self {
            let rest = now().map(|now| filter.push(&[], true, now)).map_err(|fault| fault.status);
            record(filter);
            let written = rest.and_then(|rest| match rest.as_slice() {
                [] => Ok(()),
                rest => host::rewrite(Buffer::ResponseBody, 0, rest),
            });
            if let Err(status) = written {
                lost(status);
            }
            *self = Self::Withheld;
        }
        Action::Continue
    }
}

/// Exchanges the chunk for what the filter passes. Whether it passed anything.
fn filtered(filter: &mut ResponseFilter, size: usize, end: bool) -> Result<bool, Status> {
    let chunk = match size {
        0 => Vec::new(),
        _ => host::read(Buffer::ResponseBody, size)?,
    };
    if chunk.len() != size {
        return Err(Status::INTERNAL_FAILURE);
    }
    let now = now().map_err(|fault| fault.status)?;
    let passed = filter.push(&chunk, end, now);
    record(filter);
    // What passes as it came is there already.
    if passed != chunk {
        host::rewrite(Buffer::ResponseBody, size, &passed)?;
    }
    Ok(!passed.is_empty())
}

/// What was withheld, each on a line of its own.
fn record(filter: &mut ResponseFilter) {
    for record in filter.take_records() {
        host::log(Level::Warn, &format!("deputy-response {record}"));
    }
}

/// Empties the chunk; if even that fails, the host keeps it for good.
fn withhold(size: usize) -> Action {
    if size == 0 || host::rewrite(Buffer::ResponseBody, size, &[]).is_ok() {
        return Action::Continue;
    }
    Action::Pause
}

fn status(pairs: &[(Vec<u8>, Vec<u8>)]) -> Result<u16, Fault> {
    let status = pairs.iter().find(|(name, _)| name == b":status");
    status
        .and_then(|(_, value)| std::str::from_utf8(value).ok()?.parse().ok())
        .ok_or(Status::PARSE_FAILURE)
        .while_("reading the response status")
}

fn lost(status: Status) {
    Fault { doing: "filtering a response", status }.log("the rest is withheld");
}
