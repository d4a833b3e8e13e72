//! Files of policies, some statements ahead.
//!
//! Cedar's parser makes its lexer anew for each text that it is given, which takes longer than to parse twenty
//! policies. So those that come next are parsed as one text; only if anything is wrong with it is each parsed
//! alone, to be told what and where.

use std::collections::VecDeque;
use std::rc::Rc;

use cedar_policy::{Policy as CedarPolicy, PolicyId, PolicySet};
use miette::Diagnostic;

use super::depth::too_deep;
use super::load::PolicyFile;
use super::statement::Statement;

/// A file that is being read.
pub(super) struct Reading {
    pub(super) name: Rc<str>,
    pub(super) text: String,
    /// Where what has not been looked at begins; none: there is nothing left.
    at: Option<usize>,
    /// Of the next statement.
    number: usize,
    ahead: VecDeque<Ahead>,
}

/// A statement that has been looked at.
pub(super) struct Ahead {
    statement: Statement,
    /// In its file, from 0.
    number: usize,
    pub(super) parsed: Option<Parsed>,
}

/// A policy of those that were parsed together.
pub(super) struct Parsed {
    set: Rc<PolicySet>,
    id: PolicyId,
    /// Where its text began in that which was parsed.
    shift: usize,
}

impl Parsed {
    pub(super) fn policy(&self) -> Option<&CedarPolicy> {
        self.set.policy(&self.id)
    }
}

impl Reading {
    pub(super) fn new(PolicyFile { name, text }: PolicyFile) -> Self {
        Self { name: name.into(), text, at: Some(0), number: 0, ahead: VecDeque::new() }
    }

    /// The next statement, once it has been looked at.
    pub(super) fn next(&mut self) -> Option<Ahead> {
        self.ahead.pop_front()
    }

    /// Looks at the statements that come next, and parses those that are not known. How many these were; none:
    /// the file is over.
    pub(super) fn look_ahead(&mut self, mut is_known: impl FnMut(&str) -> bool) -> Option<u32> {
        let mut unknown = String::new();
        let mut shifts = Vec::new();
        while self.ahead.len() < MOST_AHEAD && shifts.len() < TOGETHER && unknown.len() < MOST_TEXT
        {
            let Some(at) = self.at else { break };
            let statement = Statement::at(&self.text, at);
            self.at = Some(statement.end).filter(|_| !statement.is_blank);
            if statement.is_blank {
                break;
            }
            let text = self.text.get(statement.start..statement.end).unwrap_or_default();
            if !is_known(text) && too_deep(text, false).is_none() {
                shifts.push((self.ahead.len(), unknown.len()));
                unknown.push_str(text);
                // It may end with a comment.
                unknown.push('\n');
            }
            self.ahead.push_back(Ahead { statement, number: self.number, parsed: None });
            self.number = self.number.saturating_add(1);
        }
        if self.ahead.is_empty() {
            return None;
        }
        let set = (!shifts.is_empty()).then(|| unknown.parse().ok()).flatten();
        // A statement is a policy or a template; if it were not, texts and policies would not belong together.
        let each = |set: &PolicySet| {
            set.policies().count().saturating_add(set.templates().count()) == shifts.len()
        };
        let set = set.filter(each).map(Rc::new);
        for (n, (at, shift)) in shifts.iter().enumerate() {
            let (Some(set), Some(ahead)) = (&set, self.ahead.get_mut(*at)) else { break };
            // As Cedar names the policies of a text.
            let id = PolicyId::new(format!("policy{n}"));
            ahead.parsed = Some(Parsed { set: Rc::clone(set), id, shift: *shift });
        }
        u32::try_from(shifts.len()).ok()
    }

    pub(super) fn place(&self, ahead: &Ahead) -> Placed<'_> {
        let Ahead { statement, number, parsed } = ahead;
        let shift = parsed.as_ref().map_or(0, |parsed| parsed.shift);
        let name = Rc::clone(&self.name);
        Placed { name, text: &self.text, statement: *statement, number: *number, shift }
    }
}

/// A statement, and where it is.
pub(super) struct Placed<'t> {
    pub(super) name: Rc<str>,
    text: &'t str,
    pub(super) statement: Statement,
    /// In its file, from 0.
    pub(super) number: usize,
    /// Where it began in the text that was parsed.
    shift: usize,
}

impl<'t> Placed<'t> {
    /// The statement itself.
    pub(super) fn text(&self) -> &'t str {
        self.text.get(self.statement.start..self.statement.end).unwrap_or_default()
    }

    /// `file:line:column` of the statement's first character.
    pub(super) fn here(&self) -> String {
        self.within(0)
    }

    /// Of a character of it.
    pub(super) fn within(&self, at: usize) -> String {
        let at = self.statement.start.saturating_add(at);
        format!("{}:{}", self.name, position(self.text, at))
    }

    /// Of an error in it.
    pub(super) fn of(&self, error: &impl Diagnostic) -> String {
        offset(error).map_or_else(|| format!("{}:1:1", self.name), |at| self.of_parsed(at))
    }

    /// Likewise, or its file.
    pub(super) fn of_part(&self, error: &impl Diagnostic) -> String {
        offset(error).map_or_else(|| self.name.as_ref().to_owned(), |at| self.of_parsed(at))
    }

    fn of_parsed(&self, at: usize) -> String {
        self.within(at.saturating_sub(self.shift))
    }
}

fn offset(error: &impl Diagnostic) -> Option<usize> {
    error.labels()?.next().map(|label| label.offset())
}

/// `line:column`, both from 1, columns in characters.
fn position(text: &str, offset: usize) -> String {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count().saturating_add(1);
    let last = before.rsplit('\n').next().unwrap_or_default();
    format!("{line}:{}", last.chars().count().saturating_add(1))
}

/// What is parsed together: enough that the lexer is paid for, few enough for a few milliseconds.
const TOGETHER: usize = 16;
const MOST_TEXT: usize = 16 << 10;
/// A millisecond of what is known.
const MOST_AHEAD: usize = 128;
