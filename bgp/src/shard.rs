//! Which of several hash tables an entry is in, where one large one would stop everything to grow.
//!
//! Tables of equal size would all grow at the same time, which comes to the same. So the last is half as full as the
//! first, and one after the other grows on the way to twice as many entries.

/// The one of `shards` tables, at most 65,536, for this hash. Bits of the hash decide that a hash table itself does not
/// use: it takes the lowest for the place and the highest seven for the tag.
pub fn shard(hash: u64, shards: usize) -> usize {
    // `2^u - 1` of a `u` that is spread evenly in 0..1 is near enough `u * (0.6565 + 0.3435 * u)`; in 16 bits.
    let u = (hash >> 40) & 0xffff;
    let share = (u * (43_024 + ((u * 22_512) >> 16))) >> 16;
    (share as usize * shards) >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_filled_unevenly() {
        for shards in [1, 64, 256] {
            let mut filled = vec![0_u32; shards];
            (0..=0xffff_u64).for_each(|u| filled[shard(u << 40, shards)] += 1);
            let (first, last) = (f64::from(filled[0]), f64::from(filled[shards - 1]));
            let ratio = if shards == 1 { 1.0..1.1 } else { 1.9..2.2 };
            assert!(ratio.contains(&(first / last)), "{first} in the first, {last} in the last");
            assert!(filled.is_sorted_by(|one, next| one + 3 >= *next), "{filled:?}");
        }
    }
}
