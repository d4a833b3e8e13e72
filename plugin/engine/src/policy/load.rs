//! Policy text into policies: named by `@id`, typed against the vocabulary, free of what the
//! decision could not keep its word about. Every problem at once, each with file, line and column.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use cedar_policy::{
    AuthorizationError, EvaluationError, Policy as CedarPolicy, PolicyId, PolicySet, Schema,
    ValidationMode, Validator,
};
use miette::Diagnostic;

use super::Policy;
use super::conformance::Inputs;
use super::depth::{TOO_DEEP, too_deep};
use super::lift::{self, APPROVAL};
use super::misuse;
use super::narrow::Narrow;
use super::prepared::{self, Kept};
use super::reach::Reach;
use super::slices::Slices;
use super::statement::Statement;
use super::teams::{self, Teams};
use super::value::Clock;
use super::vocabulary::{self, Definition};
use super::whole::Whole;
use crate::model::{ActionName, PrincipalId};

/// One file of policies.
pub(crate) struct PolicyFile {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// What is wrong with a configuration, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// A JSON path, or `file:line:column` inside a policy file.
    pub path: String,
    /// What is wrong, in plain words.
    pub message: String,
}

impl Problem {
    /// A problem at a place.
    pub(crate) fn at(path: String, message: impl Into<String>) -> Self {
        Self { path, message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

impl Policy {
    /// Everything policy needs, or everything that is wrong with it.
    pub(crate) fn load(
        definition: &Definition,
        files: &[PolicyFile],
        revision: u64,
    ) -> Result<Self, Vec<Problem>> {
        let copy =
            |file: &PolicyFile| PolicyFile { name: file.name.clone(), text: file.text.clone() };
        let mut loader = Loader::new(definition, files.iter().map(copy).collect());
        while loader.step() {}
        loader.finish(definition, revision)
    }
}

/// Tools whose calls need not say how much money they move, although somebody counts on it.
fn unpriced(definition: &Definition, inputs: &Inputs) -> Vec<Problem> {
    let mut problems = Vec::new();
    for tool in &definition.tools {
        let Some(spend) = &tool.spend else { continue };
        let action = vocabulary::action(&ActionName(format!("{}/{}", tool.server, tool.name)));
        if !inputs.has_number(&action, spend) {
            let message = "must name a required argument of the type Long in the tool's input";
            problems.push(Problem::at(format!("{}.spend", tool.path), message));
        }
    }
    problems
}

/// The policy an evaluation error belongs to.
pub(super) fn policy_of(error: &AuthorizationError) -> &PolicyId {
    let AuthorizationError::PolicyEvaluationError(error) = error;
    error.policy_id()
}

/// Why it failed.
pub(super) fn cause_of(error: &AuthorizationError) -> &EvaluationError {
    let AuthorizationError::PolicyEvaluationError(error) = error;
    error.inner()
}

/// Policies on their way into force, one by one: a host must not be kept waiting until thousands of them are
/// parsed and validated.
pub(crate) struct Loader {
    files: std::vec::IntoIter<PolicyFile>,
    file: Option<Reading>,
    typed: Result<Typed, Vec<Problem>>,
    teams: Teams,
    /// Which file a policy came from.
    origin: BTreeMap<String, Rc<str>>,
    slices: Slices,
    /// All of them, where they are compared with.
    all: PolicySet,
    problems: Vec<Problem>,
    /// What validation finds, which is told last.
    invalid: Vec<Problem>,
    warnings: Vec<String>,
    /// Patterns that cost more the longer the text is that a caller sends, and teams of nobody.
    doubts: Vec<String>,
}

/// What policies are validated against.
struct Typed {
    schema: Schema,
    validator: Validator,
    narrow: Narrow,
    reach: Reach,
}

/// A file that is being read.
struct Reading {
    name: Rc<str>,
    text: String,
    /// Where the next statement begins, and its number.
    at: usize,
    number: usize,
}

impl Loader {
    pub(crate) fn new(definition: &Definition, files: Vec<PolicyFile>) -> Self {
        let typed = vocabulary::schema(definition).and_then(|schema| {
            let reach = Reach::of(definition, &schema)?;
            let (validator, narrow) = (Validator::new(schema.clone()), Narrow::of(&schema));
            Ok(Typed { validator, narrow, schema, reach })
        });
        Self {
            files: files.into_iter(),
            file: None,
            typed,
            teams: definition.teams.clone(),
            origin: BTreeMap::new(),
            slices: Slices::default(),
            all: PolicySet::new(),
            problems: Vec::new(),
            invalid: Vec::new(),
            warnings: Vec::new(),
            doubts: Vec::new(),
        }
    }

    /// Takes in one policy; false: there is none left.
    pub(crate) fn step(&mut self) -> bool {
        let Some(mut file) = self.file.take() else {
            let Some(PolicyFile { name, text }) = self.files.next() else { return false };
            self.file = Some(Reading { name: name.into(), text, at: 0, number: 0 });
            return true;
        };
        let statement = Statement::at(&file.text, file.at);
        if statement.is_blank {
            self.slices.add_file(file.text);
            return true;
        }
        let (name, text) = (Rc::clone(&file.name), std::mem::take(&mut file.text));
        let place = Placed { name, text: &text, statement, number: file.number };
        self.statement(&place);
        file.at = statement.end;
        file.number = file.number.saturating_add(1);
        file.text = text;
        self.file = Some(file);
        true
    }

    /// The policies, once there is none left, or everything that is wrong with them.
    pub(crate) fn finish(
        mut self,
        definition: &Definition,
        revision: u64,
    ) -> Result<Policy, Vec<Problem>> {
        let typed = match self.typed {
            Ok(typed) => typed,
            Err(mut problems) => {
                problems.extend(self.problems);
                return Err(problems);
            }
        };
        self.problems.extend(self.invalid);
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        let Typed { schema, reach, .. } = typed;
        let inputs = Inputs::of(&schema);
        let problems = unpriced(definition, &inputs);
        if !problems.is_empty() {
            return Err(problems);
        }
        let said = definition.warnings.iter().cloned().chain(self.warnings).chain(self.doubts);
        Ok(Policy {
            inputs,
            slices: self.slices,
            whole: Whole::new(&schema, self.all, || reach.everything()),
            reach,
            prepared: RefCell::new(Kept::new(prepared::MOST)),
            clock: Clock::default(),
            revision,
            warnings: said.collect(),
        })
    }

    fn statement(&mut self, place: &Placed<'_>) {
        if self.problems.len() >= MAX_SAID {
            return;
        }
        let Statement { start, end, .. } = place.statement;
        let text = place.text.get(start..end).unwrap_or_default();
        if let Some(at) = too_deep(text, false) {
            return self.problems.push(Problem::at(place.within(at), TOO_DEEP));
        }
        let parsed: PolicySet = match text.parse() {
            Ok(parsed) => parsed,
            Err(errors) => {
                let errors = errors.iter();
                let problem = |e| Problem::at(place.of(e), explain(e));
                return self.problems.extend(errors.map(problem));
            }
        };
        for template in parsed.templates() {
            let id = template.annotation("id").unwrap_or("without @id");
            let message = format!("policy `{id}`: templates can't be proven or named in receipts");
            self.problems.push(Problem::at(place.here(), message));
        }
        for policy in parsed.policies() {
            self.policy(place, policy);
        }
    }

    fn policy(&mut self, place: &Placed<'_>, policy: &CedarPolicy) {
        let mut wrong = |message: String| self.problems.push(Problem::at(place.here(), message));
        let Some(id) = policy.annotation("id").filter(|id| !id.is_empty()) else {
            let nth = place.number.saturating_add(1);
            return wrong(format!("policy number {nth} has no @id(\"…\"); receipts name it"));
        };
        if id.len() > MAX_ID || id.contains(char::is_control) {
            return wrong(format!(
                "policy `{}`: @id is too long or not printable",
                id.escape_debug()
            ));
        }
        for message in misused(policy) {
            wrong(format!("policy `{id}`: {message}"));
        }
        self.doubt(place, id, policy);
        if let Some(other) = self.origin.insert(id.to_owned(), Rc::clone(&place.name)) {
            let message = format!("policy `{id}`: @id is taken by another policy in {other}");
            return self.problems.push(Problem::at(place.here(), message));
        }
        let named = policy.new_id(PolicyId::new(id));
        self.validate(place, id, &named);
        let Statement { start, end, .. } = place.statement;
        if !self.slices.add(&named, start..end) {
            let message = "is too far into its file, or one too many".to_owned();
            self.problems.push(Problem::at(place.here(), message));
        }
        if cfg!(debug_assertions)
            && let Err(e) = self.all.add(named)
        {
            self.problems.push(Problem::at(place.here(), format!("policy `{id}`: {e}")));
        }
    }

    /// What its author may not have meant.
    fn doubt(&mut self, place: &Placed<'_>, id: &str, policy: &CedarPolicy) {
        if self.doubts.len() >= MAX_SAID {
            return;
        }
        if misuse::has_costly_pattern(policy) {
            self.doubts.push(format!("{}: policy `{id}`: {COSTLY}", place.here()));
        }
        if let Some(doubt) = unapprovable(policy) {
            self.doubts.push(format!("{}: policy `{id}`: {doubt}", place.here()));
        }
        for team in teams::named(policy) {
            let Some(message) = self.teams.unknown(&team) else { continue };
            let message = format!("policy `{id}`: {message}");
            let Statement { start, end, .. } = place.statement;
            let text = place.text.get(start..end).unwrap_or_default();
            let spelled = text.find(&format!("Team::\"{team}\""));
            let problem = Problem::at(place.within(spelled.unwrap_or_default()), message);
            match self.teams.listed {
                true => self.problems.push(problem),
                false => self.doubts.push(problem.to_string()),
            }
        }
    }

    fn validate(&mut self, place: &Placed<'_>, id: &str, policy: &CedarPolicy) {
        let alone = PolicySet::from_policies([policy.clone()]);
        let (Ok(typed), Ok(alone)) = (&mut self.typed, alone) else { return };
        let narrow = typed.narrow.validator(policy);
        let is_clean = narrow.is_some_and(|validator| {
            let result = validator.validate(&alone, ValidationMode::Strict);
            result.validation_passed_without_warnings()
        });
        if is_clean && !cfg!(debug_assertions) {
            return;
        }
        let result = typed.validator.validate(&alone, ValidationMode::Strict);
        debug_assert!(!is_clean || result.validation_passed_without_warnings(), "{result:?}");
        for error in result.validation_errors() {
            // Cedar names the policy once more.
            let message = explain(error).replacen(&format!("for policy `{id}`, "), "", 1);
            let message = format!("policy `{id}`: {message}");
            self.invalid.push(Problem::at(place.of_part(error), message));
        }
        let warning = |w: &cedar_policy::ValidationWarning| {
            format!("{}: policy `{id}`: {w}", place.of_part(w))
        };
        self.warnings.extend(result.validation_warnings().map(warning));
    }
}

/// A statement, and where it is.
struct Placed<'t> {
    name: Rc<str>,
    text: &'t str,
    statement: Statement,
    /// In its file, from 0.
    number: usize,
}

impl Placed<'_> {
    /// `file:line:column` of the statement's first character.
    fn here(&self) -> String {
        self.within(0)
    }

    /// Of a character of it.
    fn within(&self, at: usize) -> String {
        let at = self.statement.start.saturating_add(at);
        format!("{}:{}", self.name, position(self.text, at))
    }

    /// Of an error in it.
    fn of(&self, error: &impl Diagnostic) -> String {
        offset(error).map_or_else(|| format!("{}:1:1", self.name), |at| self.within(at))
    }

    /// Likewise, or its file.
    fn of_part(&self, error: &impl Diagnostic) -> String {
        offset(error).map_or_else(|| self.name.as_ref().to_owned(), |at| self.within(at))
    }
}

/// What is wrong with a policy although Cedar takes it.
fn misused(policy: &CedarPolicy) -> Vec<String> {
    let found = lift::misused(policy).into_iter().chain(misuse::of(policy));
    found.map(str::to_owned).collect()
}

/// What its author did not mean by its annotations: a permit that permits nothing, a forbid that asks for an
/// approval that nobody can give or that does not count.
fn unapprovable(policy: &CedarPolicy) -> Option<&'static str> {
    if lift::obliges(policy) {
        return Some(OBLIGATION);
    }
    let approver = policy.annotation(APPROVAL)?;
    let named = approver.starts_with("role:") || approver.starts_with("team:");
    if !named && PrincipalId::parse(approver).is_err() {
        return Some(NOBODY);
    }
    (!misuse::reads_approval(policy)).then_some(IGNORES_APPROVAL)
}

/// The message and, where Cedar has one, its advice.
fn explain(error: &impl Diagnostic) -> String {
    let help = error.help().map(|h| format!("; {h}"));
    format!("{error}{}", help.unwrap_or_default())
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

/// Cedar's `like` takes time in proportion to pattern and text, and the text is the caller's
/// (threats F9).
const COSTLY: &str = "`like` with more than one `*` on a text of the caller's is slow on long ones; \
     compare the whole text, or keep one `*`";
/// An approval is an input: what does not look at it goes on forbidding.
const IGNORES_APPROVAL: &str = "asks for an approval and does not look at one, so it forbids what was \
     approved as well; add `unless { context has approval }`";
const OBLIGATION: &str = "@obligation is not understood by this version, so whatever this would permit is \
     refused";
const NOBODY: &str = "nobody is what @approval names, so nobody can approve; write `role:NAME`, `team:NAME` \
     or the id of a human";
/// Problems, or doubts: whoever has as many has one and the same everywhere, and each costs a look through its
/// file for the place.
const MAX_SAID: usize = 200;
/// An `@id` is repeated in every receipt it decides.
const MAX_ID: usize = 128;
