//! "Did you mean": the nearest known name to one that is not known.

/// The nearest of `known` to `name`, when it is near enough to be a slip of the keyboard.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Comparing costs the product of the lengths; nobody mistypes a name that long.
    const COMPARED_CHARS_MAX: usize = 64;
    let length = name.chars().count();
    if length > COMPARED_CHARS_MAX {
        return None;
    }
    let allowed = (length / 3).clamp(1, 3);
    let lower = name.to_lowercase();
    known
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(name.len()) <= 4 * allowed)
        .filter(|candidate| candidate.chars().count().abs_diff(length) <= allowed)
        .map(|candidate| (strsim::osa_distance(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// The clause `; did you mean "x"?`, or nothing when no known name is near.
#[must_use]
pub fn hint<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, known).map_or_else(String::new, |near| format!("; did you mean {near:?}?"))
}

/// A text from an input, cut to what an error message can carry.
#[must_use]
pub fn clip(text: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 80;
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_other_words_are_not() {
        let known = ["greater_than", "less_than", "weight"];
        assert_eq!(nearest("grater_than", known), Some("greater_than"));
        assert_eq!(nearest("Weight", known), Some("weight"));
        assert_eq!(nearest("wieght", known), Some("weight"));
        assert_eq!(nearest("equal", known), None);
        assert_eq!(hint("les_than", known), "; did you mean \"less_than\"?");
        assert_eq!(nearest(&"x".repeat(10_000), known), None);
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(clip(&"é".repeat(500)).chars().count(), 83);
        assert_eq!(clip("short"), "short");
    }
}
