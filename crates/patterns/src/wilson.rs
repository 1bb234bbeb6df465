//! How good a pattern is, as far as few votes show.

/// The lower bound of the share of what is right, with 95 % confidence: the score interval of Wilson (1927, Journal of
/// the American Statistical Association 22). Three of three rank below ninety of a hundred. 0 without votes.
#[must_use]
pub fn wilson_lower_bound(right: u64, wrong: u64) -> f64 {
    /// The quantile of the normal distribution for 95 %, two-sided.
    const Z: f64 = 1.959_963_984_540_054;
    let stated = right.saturating_add(wrong);
    if stated == 0 {
        return 0.0;
    }
    #[expect(clippy::cast_precision_loss, reason = "a bound of a share need not be exact")]
    let (right, stated) = (right as f64, stated as f64);
    let share = right / stated;
    let square = Z * Z;
    let spread = Z * (share * (1.0 - share) / stated + square / (4.0 * stated * stated)).sqrt();
    ((share + square / (2.0 * stated) - spread) / (1.0 + square / stated)).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(right: u64, wrong: u64, expected: f64) {
        assert!(
            (wilson_lower_bound(right, wrong) - expected).abs() < 5e-5,
            "{}",
            wilson_lower_bound(right, wrong)
        );
    }

    #[test]
    fn few_votes_count_little() {
        check(0, 0, 0.0);
        check(1, 0, 0.2065);
        check(3, 0, 0.4385);
        check(90, 10, 0.8256);
        check(0, 10, 0.0);
        check(u64::MAX, 1, 1.0);
    }
}
