//! What policies are typed against: the schema that all actions make together.
//!
//! To make it takes longer than anything else that can't be cut, and most bundles change neither a tool nor a
//! route: then the next policies take over what those before them had.

use std::cell::RefCell;
use std::rc::Rc;

use cedar_policy::Schema;
use cedar_policy_core::ast::{Policy, PolicySet};
use cedar_policy_core::validator::{ValidationMode, ValidationResult, Validator, ValidatorSchema};

use super::conformance::Inputs;
use super::load::Problem;
use super::narrow::Narrow;
use super::vocabulary::{self, Definition};

/// A schema, and what is made of it.
pub(super) struct Typed {
    /// What it was made from.
    text: String,
    pub(super) schema: Schema,
    validator: Validator,
    narrow: RefCell<Narrow>,
    pub(super) inputs: Inputs,
}

impl Typed {
    /// That of a definition: the one before, if it is the same.
    pub(super) fn of(
        definition: &Definition,
        before: Option<&Rc<Self>>,
    ) -> Result<Rc<Self>, Vec<Problem>> {
        let text = vocabulary::text(definition)?;
        if let Some(before) = before.filter(|before| before.text == text) {
            return Ok(Rc::clone(before));
        }
        let schema = vocabulary::schema(definition, &text)?;
        let inner: &ValidatorSchema = schema.as_ref();
        let validator = Validator::new(inner.clone());
        let (narrow, inputs) = (RefCell::default(), Inputs::of(&schema));
        Ok(Rc::new(Self { text, schema, validator, narrow, inputs }))
    }

    /// What Cedar has to say of a policy; none: nothing.
    pub(super) fn validate(&self, policy: &Policy) -> Option<ValidationResult> {
        let alone = PolicySet::singleton(policy.clone());
        let is_clean = self.narrow.try_borrow_mut().is_ok_and(|mut narrow| {
            let validator = narrow.validator(self.validator.schema(), policy);
            validator.is_some_and(|validator| {
                has_nothing_to_say(&validator.validate(&alone, ValidationMode::Strict))
            })
        });
        if is_clean && !cfg!(debug_assertions) {
            return None;
        }
        let result = self.validator.validate(&alone, ValidationMode::Strict);
        debug_assert!(!is_clean || has_nothing_to_say(&result), "{result:?}");
        Some(result)
    }

    /// Gives up what is of use only while policies are loaded.
    pub(super) fn are_loaded(&self) {
        if let Ok(mut narrow) = self.narrow.try_borrow_mut() {
            *narrow = Narrow::default();
        }
    }
}

fn has_nothing_to_say(result: &ValidationResult) -> bool {
    result.validation_passed() && result.validation_warnings().next().is_none()
}
