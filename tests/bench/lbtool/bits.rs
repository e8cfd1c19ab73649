//! A set of small numbers that knows how many it has.

#[derive(Default)]
pub struct Bits {
    words: Vec<u64>,
    count: u64,
}

impl Bits {
    /// For numbers below `limit`.
    pub fn new(limit: usize) -> Bits {
        Bits { words: vec![0; limit / 64], count: 0 }
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    pub fn set(&mut self, number: usize, present: bool) {
        let (word, mask) = (&mut self.words[number / 64], 1u64 << (number % 64));
        match (*word & mask != 0, present) {
            (false, true) => self.count += 1,
            (true, false) => self.count -= 1,
            _ => return,
        }
        *word ^= mask;
    }
}
