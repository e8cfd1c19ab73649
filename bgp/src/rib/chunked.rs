//! A vector in chunks of equal size, indexed by `u32`.
//!
//! A plain vector of a million destinations doubles by copying: for a moment it takes three times what it
//! holds, and the copy stalls everything else. This one only ever adds a chunk.

/// A growing sequence whose elements never move.
///
/// Invariant: all chunks but the last are full, and none is empty.
#[derive(Debug)]
pub(crate) struct Chunked<T> {
    chunks: Vec<Vec<T>>,
}

/// Elements in a chunk: large enough that the list of chunks stays in cache, small enough that a table of a
/// few routes stays small.
const CHUNK: usize = 1024;

impl<T> Default for Chunked<T> {
    fn default() -> Self {
        Chunked { chunks: Vec::new() }
    }
}

impl<T> Chunked<T> {
    pub(crate) fn len(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len())
    }

    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        self.chunks.get(index / CHUNK)?.get(index % CHUNK)
    }

    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.chunks.get_mut(index / CHUNK)?.get_mut(index % CHUNK)
    }

    /// Appends `value`; says where it stands.
    pub(crate) fn push(&mut self, value: T) -> usize {
        match self.chunks.last_mut() {
            Some(last) if last.len() < CHUNK => last.push(value),
            // The first chunk starts small and doubles; a table that has filled one is worth whole chunks.
            Some(_) => self.push_chunk(Vec::with_capacity(CHUNK), value),
            None => self.push_chunk(Vec::new(), value),
        }
        self.len() - 1
    }

    /// Forgets all elements from `len` on.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.chunks.truncate(len.div_ceil(CHUNK));
        let before_last = self.chunks.len().saturating_sub(1) * CHUNK;
        if let Some(last) = self.chunks.last_mut() {
            last.truncate(len - before_last);
        }
    }

    /// The first index in `low..high` whose element fails `before`, which must hold for a beginning of the
    /// range and for nothing after it; `high` if it holds for all.
    pub(crate) fn partition_point(
        &self,
        mut low: usize,
        mut high: usize,
        before: impl Fn(&T) -> bool,
    ) -> usize {
        while low < high {
            let middle = low + (high - low) / 2;
            if self.get(middle).is_some_and(&before) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    fn push_chunk(&mut self, mut chunk: Vec<T>, value: T) {
        chunk.push(value);
        self.chunks.push(chunk);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behaves_like_a_vector() {
        let mut chunked = Chunked::default();
        for i in 0..5 * CHUNK + 7 {
            assert_eq!(chunked.push(i), i);
        }
        assert_eq!(chunked.len(), 5 * CHUNK + 7);
        assert_eq!(chunked.get(CHUNK), Some(&CHUNK));
        assert_eq!(chunked.get(5 * CHUNK + 7), None);
        for len in [5 * CHUNK + 7, 5 * CHUNK, 5 * CHUNK - 1, 1, 0] {
            chunked.truncate(len);
            assert_eq!(chunked.len(), len);
            assert_eq!(chunked.get(len), None);
        }
    }

    #[test]
    fn finds_the_border() {
        let mut chunked = Chunked::default();
        for i in 0..3000 {
            chunked.push(i * 2);
        }
        assert_eq!(chunked.partition_point(0, 3000, |&v| v < 2001), 1001);
        assert_eq!(chunked.partition_point(0, 3000, |_| true), 3000);
        assert_eq!(chunked.partition_point(10, 3000, |_| false), 10);
    }
}
