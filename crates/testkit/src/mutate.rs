//! Broken copies of values, for tests of what reads them: the same ones in every run.

use std::sync::Arc;

use midflight_core::{DocumentName, JsonPointer, Problem, Problems, check_body};
use serde_json::{Value, json};

/// A generator of numbers from a seed (splitmix64), so that every run breaks the same documents.
#[derive(Debug)]
pub struct Seeded(u64);

impl Seeded {
    /// The one of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.number() % u64::try_from(end).unwrap()).unwrap()
    }

    /// One of them.
    pub fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// A broken copy of the value that a JSON text says: with a bit of the text flipped, with a part of it cut out, or
    /// with one of these values in place of a part. None where what remains is no JSON.
    pub fn broken(&mut self, text: &str, strange: &[Value]) -> Option<Value> {
        let mut bytes = text.as_bytes().to_vec();
        match self.below(3) {
            0 => {
                let at = self.below(bytes.len());
                bytes[at] ^= 1 << self.below(8);
            }
            1 => {
                let (at, end) = (self.below(bytes.len()), self.below(bytes.len()));
                bytes.drain(at.min(end)..at.max(end));
            }
            _ => {
                let mut value = serde_json::from_str(text).ok()?;
                self.spoil(&mut value, strange);
                return Some(value);
            }
        }
        serde_json::from_slice(&bytes).ok()
    }

    /// Puts something strange in place of one part of a value.
    fn spoil(&mut self, value: &mut Value, strange: &[Value]) {
        let deeper = self.below(4) > 0;
        match value {
            Value::Object(members) if deeper && !members.is_empty() => {
                let at = self.below(members.len());
                members.values_mut().nth(at).into_iter().for_each(|member| self.spoil(member, strange));
            }
            Value::Array(items) if deeper && !items.is_empty() => {
                let at = self.below(items.len());
                self.spoil(&mut items[at], strange);
            }
            part => *part = self.one(strange).clone(),
        }
    }
}

/// Values that a reader does not expect, of every type.
#[must_use]
pub fn strange() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(-1),
        json!(0.5),
        json!(1e308),
        json!(u64::MAX),
        json!(""),
        json!("\u{0}\u{200b}"),
        json!("a b/c"),
        json!("((((((a{99}){99}){99}){99}"),
        json!("{{{{"),
        json!("x".repeat(20_000)),
        json!([]),
        json!({}),
        json!([[[[[[[[[[1]]]]]]]]]]),
        json!(["a", null, ["b"]]),
        json!(vec!["x"; 1_001]),
        (0..60).fold(json!("c1"), |inner, _| json!({ "not": inner })),
        (0..500).map(|n| json!({"name": format!("a{n}")})).collect(),
    ]
}

/// Breaks documents of a kind a thousand times, and has each copy taken, which validates it, compiles it, and looks
/// that nothing else changed. None may panic, and none is refused without a reason and a place.
///
/// # Panics
/// A refusal says too little, or so few are refused that it tests little.
pub fn break_documents(
    documents: &[(&str, Value)],
    strange: &[Value],
    mut take: impl FnMut(DocumentName, &Arc<Value>) -> Result<(), Problems>,
) {
    let (mut seeded, mut tried, mut refused) = (Seeded::new(42), 0, 0);
    while tried < 1_000 {
        let (name, body) = seeded.one(documents);
        let Some(body) = seeded.broken(&body.to_string(), strange) else { continue };
        tried += 1;
        let taken =
            check_body(&body).or(()).and_then(|()| take(DocumentName::new(name).unwrap(), &Arc::new(body)));
        if let Err(problems) = taken {
            refused += 1;
            assert!(problems.count() > 0);
            problems.iter().for_each(assert_explained);
        }
    }
    assert!((200..1_000).contains(&refused), "{refused} were refused, so the mutations test little");
}

fn assert_explained(problem: &Problem) {
    let path = problem.path.as_str();
    assert!(path.is_empty() || path.starts_with('/'), "{problem}");
    assert!(problem.message.len() > 10 && problem.message.len() < 2_000, "{problem}");
}

/// The place of everything in a value, the value itself first.
#[must_use]
pub fn places(value: &Value) -> Vec<JsonPointer> {
    fn add(value: &Value, at: JsonPointer, found: &mut Vec<JsonPointer>) {
        match value {
            Value::Object(members) => {
                found.push(at.clone());
                members.iter().for_each(|(key, member)| add(member, at.key(key), found));
            }
            Value::Array(items) => {
                found.push(at.clone());
                items.iter().enumerate().for_each(|(i, item)| add(item, at.index(i), found));
            }
            _ => found.push(at),
        }
    }
    let mut found = Vec::new();
    add(value, JsonPointer::root(), &mut found);
    found
}
