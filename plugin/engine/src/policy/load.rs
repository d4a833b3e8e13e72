//! Policy text into policies: named by `@id`, typed against the vocabulary, free of what the
//! decision could not keep its word about. Every problem at once, each with file, line and column.

use std::collections::BTreeMap;
use std::fmt;

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
use super::slices::Slices;
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
        let schema = match vocabulary::schema(definition) {
            Ok(schema) => schema,
            Err(mut problems) => {
                problems.extend(Loader::new(files, &definition.teams).untyped());
                return Err(problems);
            }
        };
        let entities = vocabulary::entities(definition, &schema)?;
        let (all, more) = Loader::new(files, &definition.teams).load(&schema)?;
        let warnings = definition.warnings.iter().cloned().chain(more).collect();
        let mut policies: Vec<_> = all.policies().cloned().collect();
        policies.sort_by(|a, b| a.id().cmp(b.id()));
        let inputs = Inputs::of(&schema);
        let problems = unpriced(definition, &inputs);
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            inputs,
            slices: Slices::of(&policies),
            clock: Clock::default(),
            entities,
            whole: Whole::new(schema, all),
            revision,
            warnings,
        })
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

struct Loader<'f> {
    files: &'f [PolicyFile],
    teams: &'f Teams,
    /// Which file a policy came from.
    origin: BTreeMap<String, &'f PolicyFile>,
    set: PolicySet,
    problems: Vec<Problem>,
    /// Patterns that cost more the longer the text is that a caller sends, and teams of nobody.
    doubts: Vec<String>,
}

impl<'f> Loader<'f> {
    fn new(files: &'f [PolicyFile], teams: &'f Teams) -> Self {
        Self {
            files,
            teams,
            origin: BTreeMap::new(),
            set: PolicySet::new(),
            problems: Vec::new(),
            doubts: Vec::new(),
        }
    }

    /// What is wrong with the policies whatever the types are, where there is no schema to hold them
    /// against.
    fn untyped(mut self) -> Vec<Problem> {
        self.read();
        self.problems
    }

    fn read(&mut self) {
        for file in self.files {
            self.file(file);
        }
    }

    fn load(mut self, schema: &Schema) -> Result<(PolicySet, Vec<String>), Vec<Problem>> {
        self.read();
        // What could be read is validated although something else could not: all problems at once.
        let result = Validator::new(schema.clone()).validate(&self.set, ValidationMode::Strict);
        for error in result.validation_errors() {
            let (id, path) = self.place(error.policy_id(), error);
            // Cedar names the policy once more.
            let message = explain(error).replacen(&format!("for policy `{id}`, "), "", 1);
            self.problems.push(Problem::at(path, format!("policy `{id}`: {message}")));
        }
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        let warning = |w| {
            let w: &cedar_policy::ValidationWarning = w;
            let (id, path) = self.place(w.policy_id(), w);
            format!("{path}: policy `{id}`: {w}")
        };
        let mut warnings: Vec<String> = result.validation_warnings().map(warning).collect();
        warnings.extend(self.doubts.iter().cloned());
        Ok((self.set, warnings))
    }

    fn file(&mut self, file: &'f PolicyFile) {
        if let Some(at) = too_deep(&file.text, false) {
            let path = format!("{}:{}", file.name, position(&file.text, at));
            return self.problems.push(Problem::at(path, TOO_DEEP));
        }
        let parsed: PolicySet = match file.text.parse() {
            Ok(parsed) => parsed,
            Err(errors) => return self.syntax(file, &errors),
        };
        for template in parsed.templates() {
            let id = template.annotation("id").unwrap_or("without @id");
            let message = format!("policy `{id}`: templates can't be proven or named in receipts");
            let named = file.text.find(&format!("@id(\"{id}\")"));
            let at = named.map_or_else(|| "1:1".to_owned(), |at| position(&file.text, at));
            self.problems.push(Problem::at(format!("{}:{at}", file.name), message));
        }
        let mut policies: Vec<_> = parsed.policies().collect();
        policies.sort_by_key(|p| number(p));
        for (index, policy) in policies.into_iter().enumerate() {
            self.policy(file, index, policy);
        }
    }

    fn syntax(&mut self, file: &PolicyFile, errors: &cedar_policy::ParseErrors) {
        for error in errors.iter() {
            let path = format!(
                "{}:{}",
                file.name,
                offset(error).map_or_else(|| "1:1".to_owned(), |at| position(&file.text, at),)
            );
            self.problems.push(Problem::at(path, explain(error)));
        }
    }

    fn policy(&mut self, file: &'f PolicyFile, index: usize, policy: &CedarPolicy) {
        // Only where something is wrong: to find it the file is read from its beginning.
        let place = || position(&file.text, statement(&file.text, index));
        let at = || format!("{}:{}", file.name, place());
        let mut wrong = |message: String| self.problems.push(Problem::at(at(), message));
        let Some(id) = policy.annotation("id").filter(|id| !id.is_empty()) else {
            let nth = index.saturating_add(1);
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
        if misuse::has_costly_pattern(policy) {
            self.doubts.push(format!("{}: policy `{id}`: {COSTLY}", at()));
        }
        if let Some(doubt) = unapprovable(policy) {
            self.doubts.push(format!("{}: policy `{id}`: {doubt}", at()));
        }
        for team in teams::named(policy) {
            let Some(message) = self.teams.unknown(&team) else { continue };
            let message = format!("policy `{id}`: {message}");
            let from = statement(&file.text, index);
            let spelled = format!("Team::\"{team}\"");
            let rest = file.text.get(from..).and_then(|rest| rest.find(&spelled));
            let place = position(&file.text, from.saturating_add(rest.unwrap_or_default()));
            let problem = Problem::at(format!("{}:{place}", file.name), message);
            match self.teams.listed {
                true => self.problems.push(problem),
                false => self.doubts.push(problem.to_string()),
            }
        }
        if let Some(other) = self.origin.insert(id.to_owned(), file) {
            let message =
                format!("policy `{id}`: @id is taken by another policy in {}", other.name);
            return self.problems.push(Problem::at(at(), message));
        }
        if let Err(e) = self.set.add(policy.new_id(PolicyId::new(id))) {
            self.problems.push(Problem::at(at(), format!("policy `{id}`: {e}")));
        }
    }

    /// The id of a policy and `file:line:column` of an error in it.
    fn place(&self, id: &PolicyId, error: &impl Diagnostic) -> (String, String) {
        let id: String = AsRef::<str>::as_ref(id).to_owned();
        let path = match self.origin.get(&id) {
            None => "policy.files".to_owned(),
            Some(file) => match offset(error) {
                Some(at) => format!("{}:{}", file.name, position(&file.text, at)),
                None => file.name.clone(),
            },
        };
        (id, path)
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

/// Where the statement of that number begins, from 0: after as many `;` that are in no string and no
/// comment, and what blank and comment follows.
fn statement(text: &str, number: usize) -> usize {
    let (mut left, mut string, mut comment, mut escaped) = (number, false, false, false);
    for (at, c) in text.char_indices() {
        match c {
            '\n' => comment = false,
            _ if comment => {}
            '"' if !escaped => string = !string,
            _ if string => {}
            '/' if text.get(at..).is_some_and(|rest| rest.starts_with("//")) => comment = true,
            ';' => {
                left = left.saturating_sub(1);
            }
            _ if left == 0 && !c.is_whitespace() => return at,
            _ => {}
        }
        escaped = string && c == '\\' && !escaped;
    }
    0
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

/// Cedar numbers the policies of a text in order: `policy0`, `policy1`, …
fn number(policy: &CedarPolicy) -> usize {
    policy.id().to_string().trim_start_matches("policy").parse().unwrap_or(usize::MAX)
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
/// An `@id` is repeated in every receipt it decides.
const MAX_ID: usize = 128;
