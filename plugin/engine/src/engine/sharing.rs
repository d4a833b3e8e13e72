//! Whether what only one may present was presented by another before. Asked after everything that says
//! whether it is good at all, so that only the good is remembered (threats S2).

use super::{Case, Next, Progress, deny};
use crate::credential::{Sharing, Verified};
use crate::decision::Reason;
use crate::recall::{Recall, Recalled};

impl Case {
    /// Whether policy is to know of it; a refusal where the configuration says so.
    pub(super) fn shares(
        &self,
        verified: &Verified,
        sharing: Sharing,
        progress: &mut Progress,
    ) -> Result<bool, Next> {
        if sharing == Sharing::Ignored {
            return Ok(false);
        }
        for (holder, what) in verified.held_alone() {
            let recall = Recall::Held(holder);
            let known = self.recalled.iter().find(|(asked, _)| *asked == recall);
            match known.map(|(_, answer)| answer) {
                None => return Err(Next::Recall(recall)),
                Some(Recalled::First | Recalled::Own) => {}
                Some(Recalled::Others) => {
                    progress.facts.shared.push(what.code().to_owned());
                    if sharing == Sharing::Refused {
                        return Err(deny(what.reason()));
                    }
                }
                // No answer to that question.
                Some(_) => return Err(deny(Reason::StateUnavailable)),
            }
        }
        Ok(!progress.facts.shared.is_empty())
    }
}
