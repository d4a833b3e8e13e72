//! Builds with debug assertions hold every request against the whole schema, and every answer
//! against what Cedar says of all policies at once: leaving policies out, and checking only the
//! input, must not change an answer. So each test and each case that runs natively is one of this.
//!
//! Not in a release: there, this is nothing.

use cedar_policy::{Authorizer, Entities, PolicySet, Request, Response, Schema};

/// The whole schema and all policies, where they are compared with.
pub(super) struct Whole(Option<Box<(Schema, PolicySet)>>);

impl Whole {
    pub(super) fn new(schema: Schema, all: PolicySet) -> Self {
        Self(cfg!(debug_assertions).then(|| Box::new((schema, all))))
    }

    /// Panics if it does not.
    pub(super) fn agrees(&self, request: &Request, response: &Response, entities: &Entities) {
        if !cfg!(debug_assertions) {
            return;
        }
        let Some((schema, all)) = self.0.as_deref() else { return };
        let all = Authorizer::new().is_authorized(request, all, entities);
        assert_eq!(shown(&all), shown(response), "{request}");
        let asked = (request.principal(), request.action(), request.resource(), request.context());
        let (Some(principal), Some(action), Some(resource), Some(context)) = asked else { return };
        let [principal, action, resource] = [principal, action, resource].map(Clone::clone);
        let whole = Request::new(principal, action, resource, context.clone(), Some(schema));
        assert!(whole.is_ok(), "{whole:?}");
    }
}

/// A response in an order of its own.
fn shown(response: &Response) -> String {
    let sorted = |mut texts: Vec<String>| {
        texts.sort_unstable();
        texts
    };
    let reasons = sorted(response.diagnostics().reason().map(ToString::to_string).collect());
    let errors = sorted(response.diagnostics().errors().map(ToString::to_string).collect());
    format!("{:?} {reasons:?} {errors:?}", response.decision())
}
