use super::Asn;

/// The AS that this speaker is of towards one neighbour, where that is another than its own: while two ASes become
/// one, say, or for a neighbour that still knows the old number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalAs {
    /// The number in our OPEN, and the first in the paths that the neighbour is sent.
    pub asn: Asn,
    /// It is put in front of the paths that come from the neighbour, too, so that others see the way through it.
    pub prepends: bool,
    /// It stands in place of this speaker's own number in what is sent, not in front of it.
    pub replaces: bool,
}
