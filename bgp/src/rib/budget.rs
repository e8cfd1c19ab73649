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

    /// Has `work` done with at most half of what is left, so that there is something for those who come after it.
    pub fn lend_half<T>(&mut self, work: impl FnOnce(&mut Budget) -> T) -> T {
        let lent = self.left.div_ceil(2);
        let mut half = Budget::new(lent);
        let done = work(&mut half);
        self.spend(lent - half.left);
        done
    }

    /// Takes `amount` out of it, or all that is left.
    pub fn spend(&mut self, amount: usize) {
        self.left = self.left.saturating_sub(amount);
    }
}
