//! A table of IPv4 prefixes with the look of the Internet's: lengths, attribute sets, AS paths.

use crate::encode::{Encoded, vtep};

/// The most prefixes that fit into a message beside their attributes.
const IN_A_MESSAGE: usize = 900;

/// An address and a length.
pub type Prefix = (u32, u8);

/// Marsaglia's xorshift: the same numbers in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// So many prefixes that do not overlap; each has upper 24 bits of its own.
pub fn prefixes(count: usize) -> Vec<Prefix> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    // In units of a /24, from 1.0.0.0.
    let mut next: u32 = 1 << 16;
    let mut prefixes = Vec::with_capacity(count);
    while prefixes.len() < count {
        let length: u32 = match random.next() % 100 {
            0..=59 => 24,
            60..=69 => 23,
            70..=81 => 22,
            82..=87 => 21,
            88..=93 => 20,
            94..=96 => 19,
            97..=98 => 18,
            _ => 16,
        };
        let size = 1u32 << (24 - length);
        next = (next + size - 1) & !(size - 1);
        let net = next >> 16;
        if [10, 127, 192, 172, 169].contains(&net) {
            next = (net + 1) << 16;
            continue;
        }
        assert!(net < 223, "no more prefixes");
        prefixes.push((next << 8, length as u8));
        next += size;
    }
    prefixes
}

/// Which of them, and how they are announced.
pub struct Table {
    pub from: usize,
    pub to: usize,
    /// How many attribute sets; 0: one for a dozen prefixes.
    pub sets: usize,
    pub next_hops: u32,
    pub withdraw: bool,
    pub end_of_rib: bool,
}

impl Table {
    pub fn encoded(&self) -> Encoded {
        let prefixes = prefixes(self.to).split_off(self.from);
        let mut out = Encoded::default();
        match self.withdraw {
            true => prefixes.chunks(IN_A_MESSAGE).for_each(|some| out.update(&nlri(some), &[], &[])),
            false => self.announce(&mut out, &prefixes),
        }
        if self.end_of_rib {
            out.update(&[], &[], &[]);
        }
        out
    }

    fn announce(&self, out: &mut Encoded, prefixes: &[Prefix]) {
        let mut random = Random(0x1234_5678_9abc_def1);
        let sets = if self.sets == 0 { (prefixes.len() / 12).max(1) } else { self.sets };
        let mut groups: Vec<Vec<Prefix>> = vec![Vec::new(); sets];
        for prefix in prefixes {
            groups[(random.next() % sets as u64) as usize].push(*prefix);
        }
        for (set, prefixes) in groups.iter().enumerate().filter(|(_, prefixes)| !prefixes.is_empty()) {
            let attributes = self.attributes(set as u32, &mut random);
            prefixes.chunks(IN_A_MESSAGE).for_each(|some| out.update(&[], &attributes, &nlri(some)));
        }
    }

    /// The last AS of the path has the set's number in it, so that every set is another.
    fn attributes(&self, set: u32, random: &mut Random) -> Vec<u8> {
        let hops = 2 + random.next() % 3;
        let origin = if set % 3 == 0 { 2 } else { 0 };
        let mut attributes = vec![0x40, 1, 1, origin, 0x40, 2, (2 + 4 * hops) as u8, 2, hops as u8];
        for hop in 1..=hops {
            let asn = if hop == hops { 200_000 + set } else { 1000 + (random.next() % 60_000) as u32 };
            // A loop to who is measured would cost it the route.
            let asn = if asn == 65_000 { 64_999 } else { asn };
            attributes.extend_from_slice(&asn.to_be_bytes());
        }
        attributes.extend_from_slice(&[0x40, 3, 4]);
        attributes.extend_from_slice(&vtep(set % self.next_hops).to_be_bytes());
        attributes.extend_from_slice(&[0x40, 5, 4, 0, 0, 0, 100]);
        attributes
    }
}

fn nlri(prefixes: &[Prefix]) -> Vec<u8> {
    let mut nlri = Vec::new();
    for (address, length) in prefixes {
        nlri.push(*length);
        nlri.extend_from_slice(&address.to_be_bytes()[..usize::from(*length).div_ceil(8)]);
    }
    nlri
}
