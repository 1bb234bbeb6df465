//! Compiles changes into the next snapshot: makes keys by the profiles, and rebuilds what the changes touch.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use midflight_core::{DocumentId, DocumentName, JsonPointer, KindName, Problem, Problems};
use midflight_engine::{KindChange, Work};

use crate::document::{
    LEARNING_FOLDER, PROFILES_FOLDER, PROMPTS_FOLDER, ParsedPatternDocument, PatternDocumentName,
    PatternsDocument, named,
};
use crate::index::{Index, Taken};
use crate::limits::{PROFILE_REGEX_BYTES_MAX, REGEXES_MAX};
use crate::pattern::{Pattern, PatternDocument, PatternMeta, Text};
use crate::profile::{DEFAULT_PROFILE, Profile};
use crate::snapshot::PatternsSnapshot;
use crate::tiers::TierError;
use crate::{Match, PatternStatus};

/// The code of the problem that another pattern has a text already.
pub const DUPLICATE_PATTERN: &str = "duplicate_pattern";
/// The kind's name as text.
pub(crate) const KIND: &str = "patterns";

/// The kind's name.
#[expect(clippy::expect_used, reason = "the literal is a name, and a test says so")]
pub(crate) fn kind_name() -> KindName {
    KindName::new(KIND).expect("patterns is a kind's name")
}

/// A compile under way: the snapshot so far, what is wrong so far, and what each profile is to lose and get.
struct PatternCompiler<'a> {
    next: PatternsSnapshot,
    problems: Problems,
    work: &'a Work,
    moves: BTreeMap<Arc<str>, Moves>,
    /// How many bytes the compiled regular expressions of a profile may take.
    regex_bytes_max: usize,
}

/// How the patterns of a profile move.
#[derive(Default)]
struct Moves {
    removed: Vec<Arc<Pattern>>,
    added: Vec<Arc<Pattern>>,
    /// How many it has more, and how many less.
    more: usize,
    less: usize,
}

/// Makes the next snapshot. Cost follows the changes; and all patterns of a profile that changes, since every key may.
///
/// # Errors
/// Every problem, each naming its document.
pub(crate) fn compile(
    previous: &PatternsSnapshot,
    changes: Vec<KindChange<PatternsDocument>>,
    work: &Work,
) -> Result<PatternsSnapshot, Problems> {
    compile_within(previous, changes, work, PROFILE_REGEX_BYTES_MAX)
}

/// The same with another bound than [`PROFILE_REGEX_BYTES_MAX`].
fn compile_within(
    previous: &PatternsSnapshot,
    changes: Vec<KindChange<PatternsDocument>>,
    work: &Work,
    regex_bytes_max: usize,
) -> Result<PatternsSnapshot, Problems> {
    let (next, problems, moves) = (previous.clone(), Problems::default(), BTreeMap::new());
    let mut compiler = PatternCompiler { next, problems, work, moves, regex_bytes_max };
    let mut changed = ChangedProfiles::default();
    let mut patterns = Vec::new();
    let mut beside = Vec::new();
    for KindChange { name, document } in changes {
        let parsed = document.map(|document| document.0);
        match named(&name) {
            Err(problem) => compiler.add(&name, problem),
            Ok(PatternDocumentName::Profile(profile)) => {
                let profile = Arc::from(profile);
                compiler.change_profile(&profile, parsed, &mut changed);
            }
            Ok(PatternDocumentName::Learning(profile)) => {
                match parsed {
                    Some(ParsedPatternDocument::Learning(it)) => {
                        compiler.next.learning.insert(profile.into(), Arc::new(it))
                    }
                    _ => compiler.next.learning.remove(profile),
                };
                beside.push((name.clone(), Arc::from(profile)));
            }
            Ok(PatternDocumentName::Prompt(profile)) => {
                match parsed {
                    Some(ParsedPatternDocument::Prompt(it)) => {
                        compiler.next.prompts.insert(profile.into(), Arc::new(it))
                    }
                    _ => compiler.next.prompts.remove(profile),
                };
                beside.push((name.clone(), Arc::from(profile)));
            }
            Ok(PatternDocumentName::Pattern(id)) => patterns.push((Arc::from(id), parsed)),
        }
    }
    compiler.make_again(&changed.rebuilt, &patterns)?;
    for (id, parsed) in patterns {
        compiler.work.check()?;
        match parsed {
            Some(ParsedPatternDocument::Pattern(document)) => compiler.put(id, *document),
            _ => compiler.remove(&id),
        }
    }
    compiler.move_all()?;
    compiler.check_profiles(&changed.removed, &beside);
    compiler.problems.or(compiler.next)
}

/// The profiles that a compile changes.
#[derive(Default)]
struct ChangedProfiles {
    /// Their patterns have other keys now.
    rebuilt: BTreeSet<Arc<str>>,
    removed: Vec<Arc<str>>,
}

impl PatternCompiler<'_> {
    fn change_profile(
        &mut self,
        name: &Arc<str>,
        parsed: Option<ParsedPatternDocument>,
        changed: &mut ChangedProfiles,
    ) {
        let profile = match parsed {
            Some(ParsedPatternDocument::Profile(profile)) => Arc::new(profile),
            _ if **name == *DEFAULT_PROFILE => Arc::default(),
            _ => {
                changed.removed.push(Arc::clone(name));
                return;
            }
        };
        let index = match self.next.indexes.get(name) {
            Some(index) if index.profile == profile => return,
            Some(index) if index.members > 0 => {
                changed.rebuilt.insert(Arc::clone(name));
                let members = index.members;
                let mut index = Index::of(profile);
                index.members = members;
                index
            }
            _ => Index::of(profile),
        };
        self.next.indexes.insert(Arc::clone(name), Arc::new(index));
    }

    /// Makes the patterns of these profiles again that do not change themselves. Their indexes are empty by now.
    fn make_again(
        &mut self,
        profiles: &BTreeSet<Arc<str>>,
        changing: &[(Arc<str>, Option<ParsedPatternDocument>)],
    ) -> Result<(), Problems> {
        if profiles.is_empty() {
            return Ok(());
        }
        let changing: HashSet<&str> = changing.iter().map(|(id, _)| &**id).collect();
        let all: Vec<_> =
            self.next.patterns.values().filter(|it| profiles.contains(&it.profile)).cloned().collect();
        for old in all {
            self.work.check()?;
            if changing.contains(&*old.id) {
                continue;
            }
            let Some(index) = self.next.indexes.get(&old.profile) else { continue };
            let (profile, meta) = (Arc::clone(&index.profile), old.meta.clone());
            if let Some(texts) = self.texts(&old.id, &meta, old.texts(), &profile, &old.profile) {
                let (id, category) = (Arc::clone(&old.id), Arc::clone(&old.category));
                let made = Arc::new(Pattern { id, profile: Arc::clone(&old.profile), category, meta, texts });
                self.next.patterns.insert(Arc::clone(&made.id), Arc::clone(&made));
                if made.meta.status == PatternStatus::Approved {
                    self.moves_of(&made.profile).added.push(made);
                }
            }
        }
        Ok(())
    }

    fn put(&mut self, id: Arc<str>, document: PatternDocument) {
        let Some((profile_name, index)) = self.next.indexes.get_key_value(&*document.profile) else {
            let near = self.next.near(&document.profile);
            let message = format!(
                "the profile {:?} does not exist{near}; put profiles/{} first, or in the same edit",
                document.profile, document.profile
            );
            let problem = Problem::new("unknown_profile", JsonPointer::root().key("profile"), message);
            self.add_to(&id, because_of_profile(problem, &document.profile));
            return;
        };
        let (profile_name, profile) = (Arc::clone(profile_name), Arc::clone(&index.profile));
        let texts = document.texts.iter().map(|text| &**text);
        let Some(texts) = self.texts(&id, &document.meta, texts, &profile, &profile_name) else { return };
        self.remove(&id);
        let known = self.next.categories.get_key_value(&*document.category);
        let category = known.map_or(document.category, |(known, _)| Arc::clone(known));
        *self.next.categories.entry(Arc::clone(&category)).or_default() += 1;
        let pattern = Arc::new(Pattern { id, profile: profile_name, category, meta: document.meta, texts });
        let moves = self.moves_of(&pattern.profile);
        moves.more += 1;
        if pattern.meta.status == PatternStatus::Approved {
            moves.added.push(Arc::clone(&pattern));
        }
        self.next.patterns.insert(Arc::clone(&pattern.id), pattern);
    }

    fn remove(&mut self, id: &Arc<str>) {
        let Some(old) = self.next.patterns.remove(id) else { return };
        if let Some(count) = self.next.categories.get_mut(&old.category) {
            *count -= 1;
            if *count == 0 {
                self.next.categories.remove(&old.category);
            }
        }
        let moves = self.moves_of(&old.profile);
        moves.less += 1;
        if old.meta.status == PatternStatus::Approved {
            moves.removed.push(old);
        }
    }

    fn moves_of(&mut self, profile: &Arc<str>) -> &mut Moves {
        self.moves.entry(Arc::clone(profile)).or_default()
    }

    /// The texts of a pattern as its profile has them; none when something is wrong with them.
    fn texts<'t>(
        &mut self,
        id: &str,
        meta: &PatternMeta,
        written: impl Iterator<Item = &'t str>,
        profile: &Profile,
        profile_name: &str,
    ) -> Option<Box<[Text]>> {
        let texts: Box<[Text]> = written.map(|text| Text::new(text, meta.how, profile)).collect();
        let mut seen = HashSet::new();
        let mut is_good = true;
        for (number, text) in texts.iter().enumerate() {
            let problem = if text.key.is_empty() {
                let message = "it is empty after normalization by its profile, so it would match nothing; \
                               write more";
                Some(("empty_key", message.to_owned()))
            } else if !seen.insert(&text.key) {
                Some((DUPLICATE_PATTERN, format!("the list has the key {:?} twice", text.key)))
            } else {
                None
            };
            if let Some((code, message)) = problem {
                is_good = false;
                let problem = Problem::new(code, place_of(meta, number), message);
                self.add_to(id, because_of_profile(problem, profile_name));
            }
        }
        is_good.then_some(texts)
    }

    /// Gives every profile's index what is new, and takes from it what is old.
    fn move_all(&mut self) -> Result<(), Problems> {
        for (profile, moves) in std::mem::take(&mut self.moves) {
            let Some(index) = self.next.indexes.get(&profile) else { continue };
            let mut index = Index::clone(index);
            index.members = (index.members + moves.more).saturating_sub(moves.less);
            match index.change(&moves.removed, &moves.added, self.work) {
                Ok(taken) => taken.iter().for_each(|taken| self.add_taken(taken)),
                Err(TierError::Interrupted(interrupted)) => return Err(interrupted.into()),
                Err(TierError::Automaton(why)) => {
                    let message =
                        format!("the patterns of the profile {profile:?} cannot be compiled: {why}");
                    return Err(Problem::new("not_compiled", JsonPointer::root(), message).into());
                }
            }
            self.check_regexes(&profile, &index, &moves.added);
            self.next.indexes.insert(profile, Arc::new(index));
        }
        Ok(())
    }

    /// Refuses the regular expressions that are added to a profile past its bounds.
    fn check_regexes(&mut self, profile: &str, index: &Index, added: &[Arc<Pattern>]) {
        let has_regex = |pattern: &Pattern| pattern.meta.how == Match::Regex || pattern.exclusion_bytes() > 0;
        if !added.iter().any(|pattern| has_regex(pattern)) {
            return;
        }
        let (bytes, bytes_max) = (index.regex_bytes(), self.regex_bytes_max);
        let message = if index.has_too_many_regexes() {
            format!(
                "the profile {profile:?} has more than {REGEXES_MAX} regexes; write some as contains or word"
            )
        } else if bytes > bytes_max {
            format!(
                "the regexes of the profile {profile:?} take {bytes} bytes when compiled and may take \
                 {bytes_max} (profile_regex_bytes_max); repeat less in them, or write some as contains or word"
            )
        } else {
            return;
        };
        for pattern in added.iter().filter(|pattern| has_regex(pattern)) {
            self.add_to(&pattern.id, Problem::new("too_many", JsonPointer::root(), message.clone()));
        }
    }

    /// Refuses what would be without its profile.
    fn check_profiles(&mut self, removed: &[Arc<str>], beside: &[(DocumentName, Arc<str>)]) {
        for profile in removed {
            let members = self.next.indexes.get(profile).map_or(0, |index| index.members);
            if members > 0 {
                let message = format!(
                    "{members} patterns have the profile; delete or change them first, or in the same edit"
                );
                self.add_to(
                    &format!("{PROFILES_FOLDER}/{profile}"),
                    Problem::new("in_use", JsonPointer::root(), message),
                );
            }
            self.next.indexes.remove(profile);
            for (folder, is_there) in [
                (LEARNING_FOLDER, self.next.learning.contains_key(profile)),
                (PROMPTS_FOLDER, self.next.prompts.contains_key(profile)),
            ] {
                if is_there {
                    let message = format!(
                        "{folder}/{profile} belongs to the profile; delete it first, or in the \
                                 same edit"
                    );
                    let name = format!("{PROFILES_FOLDER}/{profile}");
                    self.add_to(&name, Problem::new("in_use", JsonPointer::root(), message));
                }
            }
        }
        for (name, profile) in beside {
            let is_there =
                self.next.learning.contains_key(profile) || self.next.prompts.contains_key(profile);
            if is_there && !removed.contains(profile) && !self.next.indexes.contains_key(profile) {
                let near = self.next.near(profile);
                let message = format!(
                    "the profile {profile:?} does not exist{near}; put {PROFILES_FOLDER}/{profile} first, or in the same edit"
                );
                let problem = Problem::new("unknown_profile", JsonPointer::root(), message);
                self.add(name, because_of_profile(problem, profile));
            }
        }
    }

    fn add_taken(&mut self, taken: &Taken) {
        let Taken { pattern, text, first } = taken;
        let key = &pattern.texts[*text].key;
        let message = format!(
            "the pattern {first:?} matches {key:?} already ({}, profile {:?}); change that one, or disable it",
            pattern.meta.how, pattern.profile
        );
        let problem = Problem::new(DUPLICATE_PATTERN, place_of(&pattern.meta, *text), message);
        self.add_to(&pattern.id, because_of(problem, first));
    }

    fn add_to(&mut self, name: &str, problem: Problem) {
        match DocumentName::new(name) {
            Ok(name) => self.add(&name, problem),
            Err(_) => self.problems.add(problem),
        }
    }

    fn add(&mut self, name: &DocumentName, problem: Problem) {
        let document = DocumentId { kind: kind_name(), name: name.clone() };
        self.problems.add(problem.in_document(&document));
    }
}

/// The problem, caused by the document of this name.
fn because_of(problem: Problem, name: &str) -> Problem {
    match DocumentName::new(name) {
        Ok(name) => problem.because_of(DocumentId { kind: kind_name(), name }),
        Err(_) => problem,
    }
}

fn because_of_profile(problem: Problem, profile: &str) -> Problem {
    because_of(problem, &format!("{PROFILES_FOLDER}/{profile}"))
}

/// The place of a text in its document.
fn place_of(meta: &PatternMeta, number: usize) -> JsonPointer {
    match meta.is_list {
        true => JsonPointer::root().key("any_of").index(number),
        false => JsonPointer::root().key("pattern"),
    }
}

#[cfg(test)]
mod tests {
    use midflight_engine::Kind;
    use serde_json::{Value, json};

    use super::*;
    use crate::Patterns;

    #[test]
    fn the_expressions_of_a_profile_take_so_much_memory_and_no_more() {
        let work = Work::unbounded();
        let compiled = |previous: &PatternsSnapshot, name: &str, body: &Value, regex_bytes_max| {
            let name = DocumentName::new(name).unwrap();
            let document = Some(Patterns.validate(&name, &Arc::new(body.clone()), &work).unwrap());
            compile_within(previous, vec![KindChange { name, document }], &work, regex_bytes_max)
        };
        let regex = |text: &str| json!({"pattern": text, "match": "regex", "category": "A"});
        let excluding = json!({"pattern": "b", "match": "contains", "category": "A", "exclusion": "[a-z]"});
        let literal = json!({"pattern": "b", "match": "contains", "category": "A"});
        let first = compiled(&Patterns.empty(), "p1", &regex("[a-z]{100}"), usize::MAX).unwrap();
        let bytes = first.indexes.values().map(|index| index.regex_bytes()).sum::<usize>();
        assert!(bytes > 100, "{bytes}");
        assert!(compiled(&Patterns.empty(), "p1", &regex("[a-z]{100}"), bytes).is_ok());
        for body in [regex("[0-9]"), excluding] {
            let refused = compiled(&first, "p2", &body, bytes).unwrap_err();
            assert_eq!(refused.count(), 1);
            let messages = refused.to_string();
            assert!(messages.starts_with("patterns/p2 at the root: "), "{messages}");
            assert!(messages.contains(&format!("{bytes} (profile_regex_bytes_max)")), "{messages}");
        }
        assert!(compiled(&first, "p2", &literal, 0).is_ok(), "patterns without expressions are no matter");
    }

    #[test]
    fn the_kinds_name_is_one() {
        assert_eq!(kind_name().as_str(), KIND);
    }
}
