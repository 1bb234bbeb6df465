//! What a regular expression needs of a text to match: some texts, of which one is in every match.
//!
//! The way of RE2's FilteredRE2 (prefilter.cc): an expression that matches few texts is those texts; what is put
//! together of parts needs what each part needs, what is one of several what one of them needs. Leaving a need out is
//! always right, and is what happens past the bounds here; a need too many would lose a match.

use std::collections::BTreeSet;

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind, Repetition};

/// Texts, in lower case as far as ASCII goes.
pub(crate) type AnyOf = BTreeSet<String>;

/// The shortest text that is looked for, in bytes; shorter ones are in most queries.
const BYTES_MIN: usize = 3;
/// The most texts that are distinguished for what a part of an expression matches.
const TEXTS_MAX: usize = 32;
/// The most repetitions that are written out.
const COPIES_MAX: u32 = 8;

/// What `expression` needs most, not minding case: of its needs that of the longest texts, which the fewest queries
/// have. None when nothing is known of it.
pub(crate) fn need(expression: &str) -> Option<AnyOf> {
    let parsed = ParserBuilder::new().case_insensitive(true).build().parse(expression).ok()?;
    let needs = known(&parsed).into_needs().into_iter();
    needs.max_by(|a, b| shortest(a).cmp(&shortest(b)).then(b.len().cmp(&a.len())).then_with(|| b.cmp(a)))
}

/// What is known of the texts that a part of an expression matches.
#[derive(Debug, Clone)]
enum KnownTexts {
    /// Each is one of these.
    OneOf(AnyOf),
    /// Of each list, one is in it.
    Having(Vec<AnyOf>),
}

const NOTHING: KnownTexts = KnownTexts::Having(Vec::new());

impl KnownTexts {
    fn into_needs(self) -> Vec<AnyOf> {
        match self {
            Self::OneOf(texts) => useful(texts).into_iter().collect(),
            Self::Having(needs) => needs,
        }
    }
}

fn shortest(texts: &AnyOf) -> usize {
    texts.iter().map(String::len).min().unwrap_or_default()
}

fn useful(texts: AnyOf) -> Option<AnyOf> {
    (shortest(&texts) >= BYTES_MIN).then_some(texts)
}

fn just(text: String) -> KnownTexts {
    KnownTexts::OneOf(AnyOf::from([text]))
}

/// Recurses no deeper than expressions may be nested, which their parser bounds.
fn known(part: &Hir) -> KnownTexts {
    match part.kind() {
        HirKind::Empty | HirKind::Look(_) => just(String::new()),
        HirKind::Literal(literal) => {
            std::str::from_utf8(&literal.0).map_or(NOTHING, |text| just(text.to_ascii_lowercase()))
        }
        HirKind::Class(class) => one_of(class),
        HirKind::Capture(capture) => known(&capture.sub),
        HirKind::Repetition(repetition) => repeated(repetition),
        HirKind::Concat(parts) => {
            parts.iter().fold(Sequence::default(), |sequence, part| sequence.then(known(part))).into_known()
        }
        HirKind::Alternation(branches) => any(branches.iter().map(known).collect()),
    }
}

fn one_of(class: &Class) -> KnownTexts {
    let unicode = match class {
        Class::Unicode(class) => Some(class.clone()),
        Class::Bytes(class) => class.to_unicode_class(),
    };
    let Some(class) = unicode else { return NOTHING };
    let count = class.iter().map(regex_syntax::hir::ClassUnicodeRange::len).sum::<usize>();
    if !(1..=TEXTS_MAX).contains(&count) {
        return NOTHING;
    }
    let characters = class.iter().flat_map(|range| range.start()..=range.end());
    KnownTexts::OneOf(characters.map(|c| c.to_ascii_lowercase().to_string()).collect())
}

fn repeated(repetition: &Repetition) -> KnownTexts {
    let inner = known(&repetition.sub);
    match (repetition.min, repetition.max, inner) {
        (0, Some(1), KnownTexts::OneOf(mut texts)) if texts.len() < TEXTS_MAX => {
            texts.insert(String::new());
            KnownTexts::OneOf(texts)
        }
        (0, ..) => NOTHING,
        (_, _, KnownTexts::Having(needs)) => KnownTexts::Having(needs),
        (min, max, inner) => {
            let copies = min.min(COPIES_MAX);
            let sequence = (0..copies).fold(Sequence::default(), |sequence, _| sequence.then(inner.clone()));
            // What comes after the copies is anything.
            if max == Some(copies) { sequence.into_known() } else { sequence.then(NOTHING).into_known() }
        }
    }
}

/// What any of several has: of each branch its best need, or nothing where one has none.
fn any(branches: Vec<KnownTexts>) -> KnownTexts {
    let mut few = AnyOf::new();
    let are_few = branches.iter().all(|branch| match branch {
        KnownTexts::OneOf(texts) => {
            few.extend(texts.iter().cloned());
            few.len() <= TEXTS_MAX
        }
        KnownTexts::Having(_) => false,
    });
    if are_few {
        return KnownTexts::OneOf(few);
    }
    let best = branches.into_iter().map(|branch| branch.into_needs().into_iter().max_by_key(shortest));
    let best = best.collect::<Option<Vec<_>>>();
    KnownTexts::Having(best.map(|lists| lists.into_iter().flatten().collect()).into_iter().collect())
}

/// Parts that follow each other: what is needed before, and the texts that end it.
struct Sequence {
    needs: Vec<AnyOf>,
    texts: AnyOf,
    /// Whether the texts are all of it.
    is_whole: bool,
}

impl Default for Sequence {
    fn default() -> Self {
        Self { needs: Vec::new(), texts: AnyOf::from([String::new()]), is_whole: true }
    }
}

impl Sequence {
    fn then(mut self, next: KnownTexts) -> Self {
        match next {
            KnownTexts::OneOf(texts) if self.texts.len() * texts.len() <= TEXTS_MAX => {
                let append =
                    |text: &String| texts.iter().map(|next| format!("{text}{next}")).collect::<Vec<_>>();
                self.texts = self.texts.iter().flat_map(append).collect();
                self
            }
            KnownTexts::OneOf(texts) => self.cut(Vec::new(), texts),
            KnownTexts::Having(needs) => self.cut(needs, AnyOf::from([String::new()])),
        }
    }

    /// Continues with other texts, of which it is not known what they follow.
    fn cut(mut self, needs: Vec<AnyOf>, texts: AnyOf) -> Self {
        self.needs.extend(useful(std::mem::replace(&mut self.texts, texts)));
        self.needs.extend(needs);
        self.is_whole = false;
        self
    }

    fn into_known(mut self) -> KnownTexts {
        if self.is_whole {
            return KnownTexts::OneOf(self.texts);
        }
        self.needs.extend(useful(self.texts));
        KnownTexts::Having(self.needs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expression: &str, expected: &[&str]) {
        let found = need(expression).unwrap_or_default();
        assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), expected, "{expression}");
    }

    #[test]
    fn a_text_that_is_always_present_is_needed() {
        check("Mela", &["mela"]);
        check(r"^\bmela\b$", &["mela"]);
        check(r"\bpro(?:cedo|metto)\b", &["procedo", "prometto"]);
        check("mele?", &["mel", "mele"]);
        check(r"quanti.*\d+ ?mele", &["quanti"]);
        check(r"(?:show|list)\s+\w+ orders30\b", &[" orders30", " order\u{17f}30"]);
        check("(?:mela|p[eé]ra)+", &["mela", "pera", "pÉra", "péra"]);
        check("(?:a|ab){3}", &["aaa", "aaab", "aaba", "aabab", "abaa", "abaab", "ababa", "ababab"]);
        check("mela|fico.*verde|uva.*nera", &["mela", "nera", "verde"]);
    }

    #[test]
    fn what_may_be_absent_is_not_needed() {
        for expression in
            ["ab", r"\w+", "(?:mela)?", "(?:mela)*", "mela|", "mela|.*", "[^a]", "[a&&b]", r"(?:[a&&b]\b)+"]
        {
            check(expression, &[]);
        }
    }

    #[test]
    fn letters_beyond_ascii_are_distinguished_by_case() {
        check("[a]k[a]", &["aka", "a\u{212a}a"]);
        check("é[a]", &["Éa", "éa"]);
    }

    #[test]
    fn nothing_grows_without_bound() {
        for expression in
            ["[01]{64}", "(?:[ab]|[cd]){256}", "(?:(?:[ab]{9}){9}){9}", "é{1000}", "(?:mela|pera){900}"]
        {
            assert!(need(expression).is_none_or(|texts| texts.len() <= TEXTS_MAX), "{expression}");
        }
    }
}
