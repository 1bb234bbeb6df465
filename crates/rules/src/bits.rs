//! A set of the rows of a chunk, as bits.

use std::ops::BitAndAssign;

/// The most rows of a chunk.
pub(crate) const ROWS_MAX: usize = WORDS * 64;
const WORDS: usize = 4;

/// A set of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Bits([u64; WORDS]);

impl Bits {
    /// The first `count` rows.
    pub(crate) fn first(count: usize) -> Self {
        let mut bits = Self::default();
        (0..count).for_each(|row| bits.flip(row));
        bits
    }

    pub(crate) fn flip(&mut self, row: usize) {
        self.0[row / 64] ^= 1 << (row % 64);
    }

    pub(crate) fn insert(&mut self, row: usize) {
        self.0[row / 64] |= 1 << (row % 64);
    }

    pub(crate) fn contains(&self, row: usize) -> bool {
        self.0[row / 64] & (1 << (row % 64)) != 0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0 == [0; WORDS]
    }

    /// The rows in it, ascending.
    pub(crate) fn rows(self) -> impl Iterator<Item = usize> {
        self.0.into_iter().enumerate().flat_map(|(i, mut word)| {
            std::iter::from_fn(move || {
                let bit = (word != 0).then(|| word.trailing_zeros() as usize)?;
                word &= word - 1;
                Some(i * 64 + bit)
            })
        })
    }
}

impl BitAndAssign<&Bits> for Bits {
    fn bitand_assign(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a &= b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_in_order() {
        let mut bits = Bits::default();
        for row in [255, 0, 63, 64, 130] {
            bits.insert(row);
        }
        assert_eq!(bits.rows().collect::<Vec<_>>(), [0, 63, 64, 130, 255]);
        bits &= &Bits::first(65);
        assert_eq!(bits.rows().count(), 3);
        assert!(bits.contains(64) && !bits.contains(130) && !bits.is_empty());
        assert_eq!(Bits::first(ROWS_MAX).rows().count(), ROWS_MAX);
    }
}
