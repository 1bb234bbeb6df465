//! A line: for every value of an ordered type, the rows that accept it, laid out at load.

use std::cmp::Ordering;

use crate::accepted::Side;
use crate::bits::Bits;

/// An empty place in a hash table.
const EMPTY: u16 = u16::MAX;

/// The rows that accept each value of one type of one attribute.
#[derive(Debug)]
pub(crate) enum RowsByValue<K> {
    /// The same rows for every value.
    Even(Bits),
    /// Some values have rows of their own, found by hash; all others have the same.
    Points { points: Box<[(K, Bits)]>, table: Box<[u16]>, elsewhere: Bits },
    /// Rows change along the line. `segments` has, for `n` points, the gap before each and the point itself in turn,
    /// and the last gap: `2n + 1` of them. Found by binary search.
    Segments { points: Box<[K]>, segments: Box<[Bits]> },
}

impl<K: Ord> RowsByValue<K> {
    /// Lays out the rows that hold from the start and the rows that turn at each point.
    ///
    /// One sweep: cost is sorting the turns, then a set for every point and gap.
    pub(crate) fn new<S: Copy + Ord>(
        start: Bits,
        mut turns: Vec<(S, Side, u16)>,
        keep: impl Fn(S) -> K,
        hash: impl Fn(&K) -> u64,
    ) -> Self {
        if turns.is_empty() {
            return Self::Even(start);
        }
        turns.sort_unstable_by_key(|turn| (turn.0, turn.1));
        let (mut points, mut segments, mut now) = (Vec::new(), vec![start], start);
        for group in turns.chunk_by(|a, b| a.0 == b.0) {
            let split = group.partition_point(|turn| turn.1 == Side::Before);
            for part in [&group[..split], &group[split..]] {
                part.iter().for_each(|turn| now.flip(usize::from(turn.2)));
                segments.push(now);
            }
            points.push(keep(group[0].0));
        }
        let even = segments.iter().step_by(2).all(|gap| *gap == start);
        if !even {
            return Self::Segments { points: points.into(), segments: segments.into() };
        }
        let own = segments.into_iter().skip(1).step_by(2);
        let points: Box<[_]> = points.into_iter().zip(own).collect();
        Self::Points { table: table(&points, hash), points, elsewhere: start }
    }

    /// The rows that accept a value, given its hash and its order relative to a point.
    pub(crate) fn find(&self, hash: u64, compare: impl Fn(&K) -> Ordering) -> &Bits {
        match self {
            Self::Even(bits) => bits,
            Self::Points { points, table, elsewhere } => {
                let mask = table.len() - 1;
                let mut at = low_bits(hash) & mask;
                while let Some((point, bits)) = points.get(usize::from(table[at])) {
                    if compare(point).is_eq() {
                        return bits;
                    }
                    at = (at + 1) & mask;
                }
                elsewhere
            }
            Self::Segments { points, segments } => match points.binary_search_by(compare) {
                Ok(at) => &segments[2 * at + 1],
                Err(at) => &segments[2 * at],
            },
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "only the low bits are wanted")]
fn low_bits(hash: u64) -> usize {
    hash as usize
}

/// An open table, at most half full, of positions in `points`.
fn table<K>(points: &[(K, Bits)], hash: impl Fn(&K) -> u64) -> Box<[u16]> {
    let size = (points.len() * 2).next_power_of_two();
    let mut table = vec![EMPTY; size].into_boxed_slice();
    for (position, (point, _)) in (0_u16..).zip(points) {
        let mut at = low_bits(hash(point)) & (size - 1);
        while table[at] != EMPTY {
            at = (at + 1) & (size - 1);
        }
        table[at] = position;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(start: &[usize], turns: Vec<(i32, Side, u16)>) -> RowsByValue<i32> {
        let mut bits = Bits::default();
        start.iter().for_each(|row| bits.insert(*row));
        // A poor hash, so that values collide.
        RowsByValue::new(bits, turns, |point| point, |point| u64::from(point.unsigned_abs() % 2))
    }

    fn rows(line: &RowsByValue<i32>, value: i32) -> Vec<usize> {
        line.find(u64::from(value.unsigned_abs() % 2), |point| point.cmp(&value)).rows().collect()
    }

    #[test]
    fn thresholds_are_segments() {
        // Row 0: above 10. Row 1: up to 20. Row 2: any value.
        let line = line(&[1, 2], vec![(20, Side::After, 1), (10, Side::After, 0)]);
        assert!(matches!(line, RowsByValue::Segments { .. }));
        assert_eq!(rows(&line, 5), [1, 2]);
        assert_eq!(rows(&line, 10), [1, 2]);
        assert_eq!(rows(&line, 15), [0, 1, 2]);
        assert_eq!(rows(&line, 20), [0, 1, 2]);
        assert_eq!(rows(&line, 21), [0, 2]);
    }

    #[test]
    fn equalities_are_points() {
        let point = |value, row| [(value, Side::Before, row), (value, Side::After, row)];
        // Rows 0 and 1 take one value each, row 2 the same as row 0, row 3 any value but 4.
        let turns = [point(2, 0), point(4, 1), point(2, 2), point(4, 3)].concat();
        let line = line(&[3], turns);
        assert!(matches!(line, RowsByValue::Points { .. }));
        assert_eq!(rows(&line, 2), [0, 2, 3]);
        assert_eq!(rows(&line, 4), [1]);
        assert_eq!(rows(&line, 6), [3]);
        assert_eq!(rows(&line, 3), [3]);
    }

    #[test]
    fn rows_that_never_turn_are_even() {
        assert!(matches!(line(&[1], Vec::new()), RowsByValue::Even(_)));
    }
}
