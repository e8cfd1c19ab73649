//! The record of what was wrong with one UPDATE while it is being read.

use super::error::{Fault, Verdict, WireError};
use super::parse::offset_in;

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

    /// An error that ends the session, with the octets at fault as data.
    pub(super) fn reset(&self, subcode: u8, at: &[u8], what: &'static str) -> WireError {
        WireError::new(UPDATE_ERROR, subcode, offset_in(self.body, at), what).with_data(at)
    }

    /// Something was left out.
    pub(super) fn discard(&mut self, attribute: u8, at: &[u8], what: &'static str) {
        self.push(Verdict::Discard, attribute, at, what);
    }

    /// The routes count as withdrawn. `subcode` is what RFC 4271 section 6.3 calls it.
    pub(super) fn withdraw(&mut self, subcode: u8, attribute: u8, at: &[u8], what: &'static str) {
        if self.costs_routes.is_none() {
            self.costs_routes = Some(self.reset(subcode, at, what));
        }
        self.push(Verdict::TreatAsWithdraw, attribute, at, what);
    }

    /// One or the other.
    pub(super) fn note(
        &mut self,
        verdict: Verdict,
        subcode: u8,
        attribute: u8,
        at: &[u8],
        what: &'static str,
    ) {
        match verdict {
            Verdict::Discard => self.discard(attribute, at, what),
            Verdict::TreatAsWithdraw => self.withdraw(subcode, attribute, at, what),
        }
    }

    /// One route counts as withdrawn; the others stay.
    pub(super) fn withdraw_one(&mut self, attribute: u8, at: &[u8], what: &'static str) {
        self.push(Verdict::TreatAsWithdraw, attribute, at, what);
    }

    /// The fault that costs the routes, if there is one.
    pub(super) fn costs_routes(&self) -> Option<WireError> {
        self.costs_routes
    }

    /// All that were kept.
    pub(super) fn into_noted(self) -> Vec<Fault> {
        self.noted
    }

    fn push(&mut self, verdict: Verdict, attribute: u8, at: &[u8], what: &'static str) {
        if self.noted.len() < Self::MAX {
            let octets = at.get(..Fault::MAX_OCTETS).unwrap_or(at).into();
            let offset = offset_in(self.body, at);
            self.noted.push(Fault { verdict, attribute, offset, what, octets });
        }
    }
}
