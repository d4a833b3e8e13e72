//! What was in force before, given up bit by bit: thousands of policies take their time as well.
//!
//! Requests under way and streams that are filtered may still hold it. Who let go of it last would give up all
//! of it at once, so it is kept here until nobody else has it.

use std::rc::Rc;

use crate::config::Configuration;
use crate::policy::{Bits, SharedPolicy, bits};

/// One configuration, or what is left of it.
pub(super) struct Retired {
    configuration: Option<Rc<Configuration>>,
    policy: Option<SharedPolicy>,
    bits: Vec<Bits>,
}

impl Retired {
    pub(super) fn new(configuration: Rc<Configuration>) -> Self {
        Self { configuration: Some(configuration), policy: None, bits: Vec::new() }
    }

    /// Gives up some of it. False: nothing is left, or somebody else has it.
    pub(super) fn give_up(&mut self) -> bool {
        if let Some(bits) = self.bits.last_mut() {
            if !(0..TOGETHER).all(|_| bits()) {
                self.bits.pop();
            }
            return true;
        }
        if let Some(configuration) = self.configuration.take() {
            match Rc::try_unwrap(configuration) {
                Ok(Configuration { policy, credentials, .. }) => {
                    self.policy = Some(policy);
                    self.bits.push(bits(credentials.agents));
                }
                Err(held) => self.configuration = Some(held),
            }
            return self.configuration.is_none();
        }
        match self.policy.take().map(Rc::try_unwrap) {
            Some(Ok(policy)) => self.bits.extend(policy.into_bits()),
            Some(Err(held)) => self.policy = Some(held),
            None => {}
        }
        !self.bits.is_empty()
    }

    pub(super) fn is_over(&self) -> bool {
        self.configuration.is_none() && self.policy.is_none() && self.bits.is_empty()
    }
}

/// Some hundred microseconds: a policy is a hundred pieces of memory.
const TOGETHER: u32 = 64;
