//! Much of something in parts, to be worked through side by side.

/// Splits things into at most `parts_max` parts of about one size, in their order; no part but the last is smaller than
/// `part_min`, so that few things are one part. Cost: moves each thing once.
#[must_use]
pub fn in_parts<T>(mut things: Vec<T>, parts_max: usize, part_min: usize) -> Vec<Vec<T>> {
    let size = things.len().div_ceil(parts_max.max(1)).max(part_min).max(1);
    let mut parts = Vec::with_capacity(things.len().div_ceil(size));
    while things.len() > size {
        let rest = things.split_off(size);
        parts.push(std::mem::replace(&mut things, rest));
    }
    parts.push(things);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_keep_the_order_and_few_things_are_one() {
        let sizes = |count: usize, parts_max: usize, part_min: usize| {
            let parts = in_parts((0..count).collect(), parts_max, part_min);
            assert_eq!(parts.concat(), (0..count).collect::<Vec<_>>());
            parts.iter().map(Vec::len).collect::<Vec<_>>()
        };
        assert_eq!(sizes(10, 2, 1), [5, 5]);
        assert_eq!(sizes(11, 3, 1), [4, 4, 3]);
        assert_eq!(sizes(10, 4, 8), [8, 2]);
        assert_eq!(sizes(3, 4, 8), [3]);
        assert_eq!(sizes(0, 0, 0), [0]);
    }
}
