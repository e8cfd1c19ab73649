//! How long a turn may be, counted in work and not in time.

/// How much work may still be done in this turn, in destinations looked at.
///
/// The caller makes one for each turn, sized so that the turn keeps its time, and hands it from one piece of
/// work to the next; none of them reads a clock.
#[derive(Debug)]
pub struct Budget {
    left: usize,
}

impl Budget {
    /// A budget of `destinations`.
    pub fn new(destinations: usize) -> Budget {
        Budget { left: destinations }
    }

    /// What is left.
    pub fn left(&self) -> usize {
        self.left
    }

    /// Whether nothing is left.
    pub fn is_spent(&self) -> bool {
        self.left == 0
    }

    /// Takes `amount` out of it, or all that is left.
    pub fn spend(&mut self, amount: usize) {
        self.left = self.left.saturating_sub(amount);
    }
}
