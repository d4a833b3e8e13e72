//! Policy text into policies: named by `@id`, typed against the vocabulary, free of what the
//! decision could not keep its word about. Every problem at once, each with file, line and column.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use cedar_policy::{
    AuthorizationError, EvaluationError, Policy as CedarPolicy, PolicyId, PolicySet,
};
use cedar_policy_core::ast;
use cedar_policy_core::validator::ValidationWarning;
use miette::Diagnostic;

use super::Policy;
use super::conformance::Inputs;
use super::depth::{TOO_DEEP, too_deep};
use super::lift::{self, APPROVAL};
use super::misuse;
use super::prepared::{self, Kept};
use super::reach::Reach;
use super::reading::{Ahead, Parsed, Placed, Reading};
use super::shape::{Cut, Rule};
use super::slices::Slices;
use super::statement::Statement;
use super::teams::{self, Teams};
use super::typed::Typed;
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
        let mut loader = Loader::new(definition, files.iter().map(copy).collect(), None);
        while loader.step().is_some() {}
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
    file: Option<Box<Reading>>,
    typed: Result<(Rc<Typed>, Reach), Vec<Problem>>,
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

impl Loader {
    /// `before`: the policies in force, if there are any.
    pub(crate) fn new(
        definition: &Definition,
        files: Vec<PolicyFile>,
        before: Option<&Policy>,
    ) -> Self {
        let typed = Typed::of(definition, before.map(|policy| &policy.typed));
        let typed = typed.and_then(|typed| {
            let reach = Reach::of(definition, &typed.schema)?;
            Ok((typed, reach))
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

    /// Does a little of the work, and about how many microseconds that took; none: there is none left.
    pub(crate) fn step(&mut self) -> Option<u32> {
        let Some(mut file) = self.file.take() else {
            self.file = Some(Box::new(Reading::new(self.files.next()?)));
            return Some(KNOWN);
        };
        if let Some(ahead) = file.next() {
            let cost = self.statement(&file.place(&ahead), &ahead);
            self.file = Some(file);
            return Some(cost);
        }
        let slices = &mut self.slices;
        let is_known = |text: &str| {
            let cut = Cut::of(text).filter(|_| !cfg!(debug_assertions));
            cut.is_some_and(|cut| slices.known().0.get(&cut).is_some())
        };
        let Some(parsed) = file.look_ahead(is_known) else {
            self.slices.add_file(file.text);
            return Some(KNOWN);
        };
        self.file = Some(file);
        Some(PARSED.saturating_mul(parsed).saturating_add(LEXER))
    }

    /// The policies, once there is none left, or everything that is wrong with them.
    pub(crate) fn finish(
        mut self,
        definition: &Definition,
        revision: u64,
    ) -> Result<Policy, Vec<Problem>> {
        let (typed, reach) = match self.typed {
            Ok(typed) => typed,
            Err(mut problems) => {
                problems.extend(self.problems);
                return Err(problems);
            }
        };
        typed.are_loaded();
        self.problems.extend(self.invalid);
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        let problems = unpriced(definition, &typed.inputs);
        if !problems.is_empty() {
            return Err(problems);
        }
        let said = definition.warnings.iter().cloned().chain(self.warnings).chain(self.doubts);
        Ok(Policy {
            slices: self.slices,
            whole: Whole::new(&typed.schema, self.all, || reach.everything()),
            reach,
            typed,
            prepared: RefCell::new(Kept::new(prepared::MOST)),
            clock: Clock::default(),
            revision,
            warnings: said.collect(),
        })
    }

    /// About how many microseconds it took.
    fn statement(&mut self, place: &Placed<'_>, ahead: &Ahead) -> u32 {
        if self.problems.len().max(self.invalid.len()) >= MAX_SAID {
            return KNOWN;
        }
        let cut = Cut::of(place.text());
        let is_known = cut.as_ref().is_some_and(|cut| self.known(place, cut));
        match ahead.parsed.as_ref().and_then(Parsed::policy) {
            Some(policy) if is_known => {
                self.compare(place, cut, policy);
                KNOWN
            }
            None if is_known => KNOWN,
            Some(policy) => {
                self.policy(place, cut, policy);
                POLICY
            }
            None => {
                self.alone(place, cut);
                POLICY.saturating_add(LEXER)
            }
        }
    }

    /// Takes in a policy, if one of its shape is known; whether it did.
    fn known(&mut self, place: &Placed<'_>, cut: &Cut<'_>) -> bool {
        let (shapes, scopes) = self.slices.known();
        let Some(rule) = shapes.find(cut, scopes) else { return false };
        let is_named = !cut.id.is_empty() && cut.id.len() <= MAX_ID;
        let mut named = rule.scope.named.iter();
        let names_stranger =
            named.any(|named| named.is_team && !self.teams.names.contains(&named.id));
        // Whatever is to be said of it is said where nothing is known.
        if !is_named || names_stranger || self.origin.contains_key(cut.id) {
            return false;
        }
        self.origin.insert(cut.id.to_owned(), Rc::clone(&place.name));
        self.file(place, rule);
        true
    }

    /// Parses a policy by itself.
    fn alone(&mut self, place: &Placed<'_>, cut: Option<Cut<'_>>) {
        let text = place.text();
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
            let id = template.annotations().find(|(key, _)| *key == "id");
            let id = id.map_or("without @id", |(_, id)| id);
            let message = format!("policy `{id}`: templates can't be proven or named in receipts");
            self.problems.push(Problem::at(place.here(), message));
        }
        let mut policies = parsed.policies();
        match (policies.next(), policies.next()) {
            (Some(policy), None) => self.policy(place, cut, policy),
            (None, _) => {}
            // Cut at its `;`, a text is one policy, or the parser takes something for an end that we do not.
            (Some(_), Some(_)) => {
                let message = "is more than one policy".to_owned();
                self.problems.push(Problem::at(place.here(), message));
            }
        }
    }

    fn policy(&mut self, place: &Placed<'_>, cut: Option<Cut<'_>>, policy: &CedarPolicy) {
        let said = self.said();
        let mut wrong = |message: String| self.problems.push(Problem::at(place.here(), message));
        let Some(id) = lift::annotation(policy, "id").filter(|id| !id.is_empty()) else {
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
        self.validate(place, id, policy);
        let rule = Rule::of(policy, self.slices.known().1);
        // Of what something was said, that is said each time.
        if let Some(cut) = cut.filter(|_| self.said() == said) {
            let Rule { scope, clause } = &rule;
            let rule = Rule { scope: scope.clone(), clause: clause.clone() };
            self.slices.known().0.learn(cut, rule);
        }
        self.file(place, rule);
        self.keep_whole(id, policy);
    }

    /// Panics if what was taken in as known is another, or if something is to be said of it.
    fn compare(&mut self, place: &Placed<'_>, cut: Option<Cut<'_>>, policy: &CedarPolicy) {
        if !cfg!(debug_assertions) {
            return;
        }
        let Some(cut) = cut else { return };
        let said = self.said();
        let (shapes, scopes) = self.slices.known();
        assert!(shapes.find(&cut, scopes) == Some(Rule::of(policy, scopes)), "{policy}");
        assert!(misused(policy).is_empty(), "{policy}");
        self.doubt(place, cut.id, policy);
        self.validate(place, cut.id, policy);
        assert_eq!(self.said(), said, "{policy}");
        self.keep_whole(cut.id, policy);
    }

    fn keep_whole(&mut self, id: &str, policy: &CedarPolicy) {
        if cfg!(debug_assertions)
            && let Err(e) = self.all.add(policy.new_id(PolicyId::new(id)))
        {
            self.problems.push(Problem::at("policies".to_owned(), e.to_string()));
        }
    }

    /// How much was said so far.
    fn said(&self) -> usize {
        let said = [&self.warnings, &self.doubts].map(Vec::len);
        let wrong = [&self.problems, &self.invalid].map(Vec::len);
        said.into_iter().chain(wrong).fold(0, usize::saturating_add)
    }

    fn file(&mut self, place: &Placed<'_>, rule: Rule) {
        let Statement { start, end, .. } = place.statement;
        if !self.slices.add(rule, start..end) {
            let message = "is too far into its file, or one too many".to_owned();
            self.problems.push(Problem::at(place.here(), message));
        }
    }

    /// What its author may not have meant.
    fn doubt(&mut self, place: &Placed<'_>, id: &str, policy: &CedarPolicy) {
        let costly = misuse::has_costly_pattern(policy).then_some(COSTLY);
        for doubt in costly.into_iter().chain(unapprovable(policy)) {
            if self.doubts.len() < MAX_SAID {
                self.doubts.push(format!("{}: policy `{id}`: {doubt}", place.here()));
            }
        }
        for team in teams::named(policy) {
            let Some(message) = self.teams.unknown(&team) else { continue };
            if self.doubts.len() >= MAX_SAID && !self.teams.listed {
                continue;
            }
            let message = format!("policy `{id}`: {message}");
            let spelled = place.text().find(&format!("Team::\"{team}\""));
            let problem = Problem::at(place.within(spelled.unwrap_or_default()), message);
            match self.teams.listed {
                true => self.problems.push(problem),
                false => self.doubts.push(problem.to_string()),
            }
        }
    }

    fn validate(&mut self, place: &Placed<'_>, id: &str, policy: &CedarPolicy) {
        let Ok((typed, _)) = &self.typed else { return };
        let policy: &ast::Policy = policy.as_ref();
        let named = policy.new_id(ast::PolicyID::from_string(id));
        let Some(result) = typed.validate(&named) else { return };
        for error in result.validation_errors() {
            // Cedar names the policy once more.
            let message = explain(error).replacen(&format!("for policy `{id}`, "), "", 1);
            let message = format!("policy `{id}`: {message}");
            self.invalid.push(Problem::at(place.of_part(error), message));
        }
        let warning = |w: &ValidationWarning| format!("{}: policy `{id}`: {w}", place.of_part(w));
        let room = MAX_SAID.saturating_sub(self.warnings.len());
        self.warnings.extend(result.validation_warnings().take(room).map(warning));
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
    let approver = lift::annotation(policy, APPROVAL)?;
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
/// Microseconds in WebAssembly, roughly: to take in a policy of a known shape, to make the parser's lexer, to
/// parse a policy, and to validate one.
const KNOWN: u32 = 10;
const LEXER: u32 = 1000;
const PARSED: u32 = 50;
const POLICY: u32 = 150;
