//! Entries that callers can cause as often as they like: counted together, and written at a bounded rate.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use midflight_store::AuditEntry;

/// How long entries that differ in time and request alone are counted in one. 10 s: a flood is six rows a minute, and an
/// operator who watches the audit sees its size soon.
const PERIOD: Duration = Duration::from_secs(10);
/// What an entry has for what it stands for when there is no room to say it.
const SEVERAL: &str = "(several)";

/// How many entries there may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct MergeLimits {
    /// How many different ones wait or were written in the last [`PERIOD`]. Past it they are counted in one.
    pub(super) entries_max: usize,
    /// How many are written at once, after a while without any.
    pub(super) rows_burst: u32,
    /// How many are written in a second.
    pub(super) rows_per_second: u32,
    /// Whether different targets are different entries, as long as half of the room is left.
    pub(super) by_target: bool,
    /// The outcome of an entry that stands for several different ones.
    pub(super) outcome: &'static str,
}

/// What entries that are counted in one have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct MergeKey {
    actor: String,
    principal: Option<String>,
    action: String,
    outcome: String,
    status: u16,
    code: Option<String>,
    from: Option<String>,
    target: Option<String>,
}

impl MergeKey {
    fn of(entry: &AuditEntry, by_target: bool) -> Self {
        Self {
            actor: entry.actor.clone(),
            principal: entry.principal.clone(),
            action: entry.action.clone(),
            outcome: entry.outcome.clone(),
            status: entry.status,
            code: entry.code.clone(),
            from: entry.from.clone(),
            target: by_target.then(|| entry.target.clone()),
        }
    }
}

/// Equal entries.
#[derive(Debug, Default)]
struct Merged {
    /// The first of those that are not written, with the count of all of them.
    waiting: Option<AuditEntry>,
    /// When one was written last.
    written_at: Option<Instant>,
}

impl Merged {
    fn is_due(&self, now: Instant) -> bool {
        self.waiting.is_some() && !self.is_recent(now)
    }

    fn is_recent(&self, now: Instant) -> bool {
        self.written_at.is_some_and(|at| now.saturating_duration_since(at) < PERIOD)
    }
}

/// The entries that are not written, and which ones were written a moment ago.
#[derive(Debug)]
pub(super) struct MergedEntries {
    limits: MergeLimits,
    entries: HashMap<MergeKey, Merged>,
    /// How many rows may be written, as of a time.
    allowance: (f64, Instant),
}

impl MergedEntries {
    pub(super) fn new(limits: MergeLimits, now: Instant) -> Self {
        Self { limits, entries: HashMap::new(), allowance: (f64::from(limits.rows_burst), now) }
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.values().all(|merged| merged.waiting.is_none())
    }

    /// Adds an entry. Answers whether it is counted in another one.
    pub(super) fn add(&mut self, entry: AuditEntry, now: Instant) -> bool {
        let (key, entry) = self.place(entry, now);
        match &mut self.entries.entry(key).or_default().waiting {
            Some(first) => {
                first.count += entry.count;
                true
            }
            none => {
                *none = Some(entry);
                false
            }
        }
    }

    /// With which others an entry is counted, and as what.
    fn place(&mut self, entry: AuditEntry, now: Instant) -> (MergeKey, AuditEntry) {
        if self.entries.len() >= self.limits.entries_max {
            self.forget(now);
        }
        if self.limits.by_target {
            let key = MergeKey::of(&entry, true);
            if self.entries.len() < self.limits.entries_max / 2 || self.entries.contains_key(&key) {
                return (key, entry);
            }
        }
        let key = MergeKey::of(&entry, false);
        if self.entries.len() < self.limits.entries_max || self.entries.contains_key(&key) {
            return (key, entry);
        }
        let several = || SEVERAL.to_owned();
        let rest = AuditEntry {
            actor: several(),
            principal: None,
            role: several(),
            action: several(),
            target: several(),
            outcome: self.limits.outcome.to_owned(),
            status: 0,
            code: None,
            from: None,
            request_id: None,
            ..entry
        };
        (MergeKey::of(&rest, false), rest)
    }

    /// Forgets what was written a while ago.
    fn forget(&mut self, now: Instant) {
        self.entries.retain(|_, merged| merged.waiting.is_some() || merged.is_recent(now));
    }

    /// Takes what is to be written now, the oldest first.
    pub(super) fn take(&mut self, now: Instant) -> Vec<AuditEntry> {
        self.forget(now);
        let MergeLimits { rows_burst, rows_per_second, .. } = self.limits;
        let (left, since) = self.allowance;
        let seconds = now.saturating_duration_since(since).as_secs_f64();
        let mut left = (left + seconds * f64::from(rows_per_second)).min(f64::from(rows_burst));
        let mut due: Vec<_> = self.entries.values_mut().filter(|merged| merged.is_due(now)).collect();
        due.sort_by_key(|merged| merged.waiting.as_ref().map(|entry| entry.at));
        let mut taken = Vec::new();
        for merged in due {
            if left < 1.0 {
                break;
            }
            left -= 1.0;
            merged.written_at = Some(now);
            taken.extend(merged.waiting.take());
        }
        self.allowance = (left, now);
        taken
    }

    /// Takes everything that waits, the oldest first: there is no later time to write it.
    pub(super) fn take_all(&mut self) -> Vec<AuditEntry> {
        let mut taken: Vec<_> = self.entries.drain().filter_map(|(_, merged)| merged.waiting).collect();
        taken.sort_by_key(|entry| entry.at);
        taken
    }

    /// Keeps again what the store did not take. It is written again as soon as the rate allows it.
    pub(super) fn restore(&mut self, entries: Vec<AuditEntry>, now: Instant) {
        for entry in entries {
            let (key, entry) = self.place(entry, now);
            let merged = self.entries.entry(key).or_default();
            merged.written_at = None;
            let since = merged.waiting.take().map_or(0, |since| since.count);
            merged.waiting = Some(AuditEntry { count: entry.count + since, ..entry });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::test_entry;

    const LIMITS: MergeLimits = MergeLimits {
        entries_max: 10,
        rows_burst: 4,
        rows_per_second: 2,
        by_target: false,
        outcome: "refused",
    };

    fn shown(entries: &[AuditEntry]) -> Vec<(&str, &str, u64)> {
        entries.iter().map(|it| (it.actor.as_str(), it.target.as_str(), it.count)).collect()
    }

    fn of(actor: &str, target: &str) -> AuditEntry {
        AuditEntry { target: target.to_owned(), ..test_entry(actor, "refused") }
    }

    #[test]
    fn equal_entries_are_one_row_a_period_with_their_count() {
        let began = Instant::now();
        let mut merged = MergedEntries::new(LIMITS, began);
        assert!(!merged.add(of("a", "/1"), began));
        assert_eq!(shown(&merged.take(began)), [("a", "/1", 1)]);
        for path in ["/2", "/3", "/4"] {
            merged.add(of("a", path), began);
        }
        assert_eq!(merged.take(began + PERIOD / 2), [], "one was written a moment ago");
        assert!(!merged.is_empty());
        assert_eq!(shown(&merged.take(began + PERIOD)), [("a", "/2", 3)]);
        assert!(merged.is_empty());
    }

    #[test]
    fn different_entries_are_bounded_and_the_rest_is_counted_in_one() {
        let began = Instant::now();
        let mut merged = MergedEntries::new(LIMITS, began);
        for nth in 0..1_000 {
            merged.add(of(&format!("a{nth}"), "/"), began);
        }
        assert_eq!(merged.entries.len(), LIMITS.entries_max + 1);
        let mut all = merged.take(began);
        assert_eq!(all.len(), 4, "the burst");
        assert_eq!(merged.take(began), []);
        all.append(&mut merged.take(began + Duration::from_secs(1)));
        assert_eq!(all.len(), 6, "the rate");
        all.append(&mut merged.take_all());
        assert_eq!(all.iter().map(|entry| entry.count).sum::<u64>(), 1_000);
        assert!(all.iter().any(|entry| entry.actor == SEVERAL && entry.count == 990), "{all:?}");
    }

    #[test]
    fn targets_are_kept_apart_while_there_is_room() {
        let began = Instant::now();
        let mut merged = MergedEntries::new(MergeLimits { by_target: true, ..LIMITS }, began);
        for nth in 0..1_000 {
            merged.add(of("a", &format!("/{nth}")), began);
        }
        let all = merged.take_all();
        let counts: Vec<_> = all.iter().map(|entry| entry.count).collect();
        assert_eq!((counts.len(), counts.iter().sum::<u64>()), (6, 1_000), "{all:?}");
    }

    #[test]
    fn what_the_store_did_not_take_is_written_later_with_what_came_since() {
        let began = Instant::now();
        let mut merged = MergedEntries::new(LIMITS, began);
        merged.add(of("a", "/1"), began);
        let taken = merged.take(began);
        merged.add(of("a", "/2"), began);
        merged.restore(taken, began);
        assert_eq!(shown(&merged.take(began)), [("a", "/1", 2)]);
    }
}
