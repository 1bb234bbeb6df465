//! The chunks of a ruleset as a row: an edit rebuilds the chunks it touches and shares the rest.

use std::sync::Arc;

use crate::bits::ROWS_MAX;
use crate::chunk::RuleChunk;
use crate::rule::{Rule, RuleOrder};

/// A chunk with fewer rows than this joins a neighbour when it is rebuilt.
const ROWS_MIN: usize = ROWS_MAX / 4;

/// A stretch of rules on the way to being chunks.
enum Piece {
    Shared(Arc<RuleChunk>),
    Fresh(Vec<Arc<Rule>>),
}

impl Piece {
    fn row_count(&self) -> usize {
        match self {
            Self::Shared(chunk) => chunk.row_count(),
            Self::Fresh(rules) => row_count(rules),
        }
    }

    fn into_rules(self) -> Vec<Arc<Rule>> {
        match self {
            Self::Shared(chunk) => chunk.rules.to_vec(),
            Self::Fresh(rules) => rules,
        }
    }
}

fn row_count(rules: &[Arc<Rule>]) -> usize {
    rules.iter().map(|rule| rule.rows.len()).sum()
}

/// The chunks after `removed` are taken out and `inserted` put in. Both are in execution order, no rule twice.
pub(crate) fn edited(
    chunks: &[Arc<RuleChunk>],
    removed: &[Arc<Rule>],
    inserted: &[Arc<Rule>],
) -> Vec<Arc<RuleChunk>> {
    let (mut removed, mut inserted) = (removed, inserted);
    let mut pieces = Vec::with_capacity(chunks.len() + 1);
    for (i, chunk) in chunks.iter().enumerate() {
        let end = chunks.get(i + 1).and_then(|next| next.order());
        let (vanished, come) = (take_before(&mut removed, end), take_before(&mut inserted, end));
        add(
            &mut pieces,
            match (vanished, come) {
                ([], []) => Piece::Shared(chunk.clone()),
                _ => Piece::Fresh(merged(&chunk.rules, vanished, come)),
            },
        );
    }
    add(&mut pieces, Piece::Fresh(inserted.to_vec()));
    pieces.into_iter().flat_map(built).collect()
}

/// Takes the rules before `end` off the front of `rules`.
fn take_before<'a>(rules: &mut &'a [Arc<Rule>], end: Option<RuleOrder<'_>>) -> &'a [Arc<Rule>] {
    let count = end.map_or(rules.len(), |end| rules.partition_point(|rule| rule.order() < end));
    let (taken, rest) = rules.split_at(count);
    *rules = rest;
    taken
}

fn merged(rules: &[Arc<Rule>], vanished: &[Arc<Rule>], come: &[Arc<Rule>]) -> Vec<Arc<Rule>> {
    let is_missing =
        |rule: &Arc<Rule>| vanished.binary_search_by(|other| other.order().cmp(&rule.order())).is_ok();
    let kept = rules.iter().filter(|rule| !is_missing(rule));
    let mut merged: Vec<_> = kept.chain(come).cloned().collect();
    merged.sort_by(|a, b| a.order().cmp(&b.order()));
    merged
}

/// Adds a piece, joined with the one before it when either is new and too small alone.
fn add(pieces: &mut Vec<Piece>, piece: Piece) {
    let rows = piece.row_count();
    if rows == 0 {
        return;
    }
    let joins = pieces.last().is_some_and(|last| {
        let small = |piece: &Piece| matches!(piece, Piece::Fresh(_)) && piece.row_count() < ROWS_MIN;
        (small(last) || small(&piece)) && last.row_count() + rows <= ROWS_MAX
    });
    match pieces.pop_if(|_| joins) {
        None => pieces.push(piece),
        Some(last) => {
            let mut rules = last.into_rules();
            rules.extend(piece.into_rules());
            pieces.push(Piece::Fresh(rules));
        }
    }
}

/// Builds the chunks of a piece, of even size.
fn built(piece: Piece) -> Vec<Arc<RuleChunk>> {
    let rules = match piece {
        Piece::Shared(chunk) => return vec![chunk],
        Piece::Fresh(rules) => rules,
    };
    let rows = row_count(&rules);
    let target = rows.div_ceil(rows.div_ceil(ROWS_MAX).max(1));
    let (mut chunks, mut open, mut open_rows) = (Vec::new(), Vec::new(), 0);
    for rule in rules {
        let more = rule.rows.len();
        if open_rows >= target || open_rows + more > ROWS_MAX {
            chunks.push(Arc::new(RuleChunk::new(std::mem::take(&mut open))));
            open_rows = 0;
        }
        open_rows += more;
        open.push(rule);
    }
    if !open.is_empty() {
        chunks.push(Arc::new(RuleChunk::new(open)));
    }
    chunks
}
