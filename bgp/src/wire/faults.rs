//! The record of what was wrong with one UPDATE while it is being read.

use super::error::{Fault, Verdict, WireError};
use super::parse::offset_in;
use super::verdicts::{Condition, Reaction, Rule};

/// UPDATE Message Error (RFC 4271 section 4.5).
const UPDATE_ERROR: u8 = 3;

/// Faults in the order in which they were found.
#[derive(Debug)]
pub(super) struct Faults<'a> {
    /// The message's body, to tell offsets by.
    body: &'a [u8],
    noted: Vec<Fault>,
    /// The first fault that costs the routes: what ends the session if they cannot be told.
    costs_routes: Option<WireError>,
}

impl<'a> Faults<'a> {
    /// How many are kept: a hostile UPDATE has thousands, and the first ones tell enough.
    const MAX: usize = 32;

    pub(super) fn new(body: &'a [u8]) -> Faults<'a> {
        Faults { body, noted: Vec::new(), costs_routes: None }
    }

    /// Something is wrong with an attribute, or with the field `at`: what follows is the table's to say.
    ///
    /// # Errors
    /// Where the session ends; with the octets at fault as data.
    pub(super) fn note(
        &mut self,
        attribute: u8,
        condition: Condition,
        at: &[u8],
        what: &'static str,
    ) -> Result<(), WireError> {
        let rule = Rule::of(attribute, condition);
        let error =
            || WireError::new(UPDATE_ERROR, rule.subcode, offset_in(self.body, at), what).with_data(at);
        let Reaction::Keep(verdict) = rule.reaction else { return Err(error()) };
        // A single route that is wrong does not cost the others.
        if verdict == Verdict::TreatAsWithdraw && condition != Condition::Route && self.costs_routes.is_none()
        {
            self.costs_routes = Some(error());
        }
        self.keep(verdict, rule.section, attribute, at, what);
        Ok(())
    }

    /// The fault that costs the routes, if there is one.
    pub(super) fn costs_routes(&self) -> Option<WireError> {
        self.costs_routes
    }

    /// All that were kept.
    pub(super) fn into_noted(self) -> Vec<Fault> {
        self.noted
    }

    fn keep(
        &mut self,
        verdict: Verdict,
        section: &'static str,
        attribute: u8,
        at: &[u8],
        what: &'static str,
    ) {
        if self.noted.len() < Self::MAX {
            let octets = at.get(..Fault::MAX_OCTETS).unwrap_or(at).into();
            let offset = offset_in(self.body, at);
            self.noted.push(Fault { verdict, section, attribute, offset, what, octets });
        }
    }
}
