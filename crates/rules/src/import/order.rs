//! Rules of equal priority keep the order of their file: distinct priorities are written.

use midflight_core::JsonPointer;
use serde_json::{Map, Value, json};

/// A rule that was read: its id, its place in the file and the body of its document.
pub(super) type ReadRule = (String, JsonPointer, Map<String, Value>);

/// Makes priorities distinct. `rules` are in the order of the file; none is changed when a priority is no whole number,
/// which the document is refused for later.
pub(super) fn keep(rules: &mut [ReadRule], notices: &mut Vec<String>) {
    let priority = |(_, _, body): &ReadRule| body.get("priority").map_or(Some(0), Value::as_i64);
    let Some(priorities) = rules.iter().map(priority).collect::<Option<Vec<i64>>>() else { return };
    let mut order: Vec<usize> = (0..rules.len()).collect();
    // A stable sort, so that equal ones stay in the order of the file.
    order.sort_by_key(|at| priorities[*at]);
    let mut last = None;
    for at in order {
        let own = priorities[at];
        let distinct = match last {
            Some(last) if own <= last => last.saturating_add(1),
            _ => own,
        };
        if distinct != own {
            let (id, _, body) = &mut rules[at];
            body.insert("priority".to_owned(), json!(distinct));
            notices.push(format!(
                "rule {id}: priority {own} becomes {distinct}, so that it stays after the rules that share {own} and stand \
                 before it in the file"
            ));
        }
        last = Some(distinct);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(priorities: &[Option<i64>], expected: &[i64], notices: usize) {
        let rule = |(i, priority): (usize, &Option<i64>)| {
            let members = priority.map(|priority| ("priority".to_owned(), json!(priority)));
            (format!("R{i}"), JsonPointer::root(), members.into_iter().collect::<Map<String, Value>>())
        };
        let mut rules: Vec<ReadRule> = priorities.iter().enumerate().map(rule).collect();
        let mut message = Vec::new();
        keep(&mut rules, &mut message);
        let of = |(_, _, body): &ReadRule| body.get("priority").map_or(0, |it| it.as_i64().unwrap());
        let found: Vec<i64> = rules.iter().map(of).collect();
        assert_eq!((found.as_slice(), message.len()), (expected, notices), "{message:?}");
    }

    #[test]
    fn equal_priorities_become_distinct_in_the_order_of_the_file() {
        check(&[Some(1), Some(2), Some(3)], &[1, 2, 3], 0);
        check(&[Some(1), Some(1), Some(1)], &[1, 2, 3], 2);
        check(&[Some(5), Some(1), Some(1), Some(2)], &[5, 1, 2, 3], 2);
        check(&[None, None], &[0, 1], 1);
        check(&[], &[], 0);
    }
}
