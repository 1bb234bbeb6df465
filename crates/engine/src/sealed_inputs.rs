//! The inputs of replicas as they may be compared with each other: digests under the key of the log.

use std::collections::BTreeMap;
use std::sync::Arc;

use hmac::{Hmac, Mac as _};
use midflight_core::{Digest, KindName, LogId};
use midflight_store::SeenReplica;
use sha2::Sha256;

use crate::environment::EnvironmentInput;

type InputsByKind = BTreeMap<KindName, Vec<EnvironmentInput>>;

/// The inputs of this replica, sealed once for as long as they and the key stay the same.
#[derive(Default)]
pub(crate) struct SealedInputs {
    /// The key, and of which log it is.
    key: Option<(Option<LogId>, [u8; 32])>,
    last: Option<(Arc<InputsByKind>, BTreeMap<String, Digest>)>,
}

impl SealedInputs {
    /// Whether the key is that of a log. A replica that adopts another log needs its key.
    pub(crate) fn has_key_of(&self, log: Option<LogId>) -> bool {
        self.key.is_some_and(|(of, _)| of == log)
    }

    pub(crate) fn set_key(&mut self, log: Option<LogId>, key: [u8; 32]) {
        self.key = Some((log, key));
        self.last = None;
    }

    /// The digests of inputs; none while there is no key.
    pub(crate) fn of(&mut self, inputs: &Arc<InputsByKind>) -> BTreeMap<String, Digest> {
        let Some((_, key)) = &self.key else { return BTreeMap::new() };
        match &self.last {
            Some((of, sealed)) if Arc::ptr_eq(of, inputs) => sealed.clone(),
            _ => {
                let sealed = sealed(inputs, key);
                self.last = Some((Arc::clone(inputs), sealed.clone()));
                sealed
            }
        }
    }
}

/// Bound into every digest of an input, so that it is none of anything else that the key is used for.
const INPUT_PURPOSE: &[u8] = b"midflight input 1\n";
/// How many inputs are reported by their names. The report is written twice a second, so it has to be small.
const INPUTS_NAMED_MAX: usize = 64;

/// The digests of inputs, by their names, as other replicas of the log may compare them: keyed, so that a short secret
/// cannot be guessed from its digest without the key of the log.
fn sealed(inputs: &InputsByKind, key: &[u8; 32]) -> BTreeMap<String, Digest> {
    let mut output: BTreeMap<String, Vec<&EnvironmentInput>> = BTreeMap::new();
    let count = inputs.values().map(Vec::len).sum::<usize>();
    for input in inputs.values().flatten() {
        let name = match count > INPUTS_NAMED_MAX {
            true => "(all)".to_owned(),
            false => input.name.to_string(),
        };
        output.entry(name).or_default().push(input);
    }
    let seal = |(name, mut inputs): (String, Vec<&EnvironmentInput>)| {
        inputs.sort_unstable();
        // A key of any length is a key for HMAC, so this is never none.
        let mut keyed = Hmac::<Sha256>::new_from_slice(key).ok()?.chain_update(INPUT_PURPOSE);
        for input in inputs {
            keyed.update(input.name.to_string().as_bytes());
            keyed.update(b"\n");
            keyed.update(input.digest.as_bytes());
        }
        Some((name, Digest::new(keyed.finalize().into_bytes().into())))
    };
    output.into_iter().filter_map(seal).collect()
}

/// The inputs ([`midflight_store::Replica::inputs`]) by which replicas differ: for each replica that differs, their
/// names. What most replicas have is the rule; where no answer is the most common, all of them differ.
#[must_use]
pub fn differing_inputs(seen: &[SeenReplica]) -> BTreeMap<String, Vec<String>> {
    let mut answers: BTreeMap<&str, BTreeMap<Digest, Vec<&str>>> = BTreeMap::new();
    for SeenReplica { replica, .. } in seen {
        for (name, digest) in &replica.inputs {
            answers.entry(name).or_default().entry(*digest).or_default().push(&replica.id);
        }
    }
    let mut differing: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, by_digest) in answers.into_iter().filter(|(_, by_digest)| by_digest.len() > 1) {
        let most = by_digest.values().map(Vec::len).max().unwrap_or_default();
        let is_rule = |replicas: &Vec<&str>| replicas.len() == most;
        let has_rule = by_digest.values().filter(|replicas| is_rule(replicas)).count() == 1;
        for id in by_digest.values().filter(|replicas| !(has_rule && is_rule(replicas))).flatten() {
            differing.entry((*id).to_owned()).or_default().push(name.to_owned());
        }
    }
    differing
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use midflight_core::RevisionNumber;
    use midflight_store::Replica;

    use super::*;

    #[test]
    fn the_rule_for_an_input_is_what_most_replicas_have() {
        let with = |id: &str, inputs: &[(&str, &str)]| {
            let inputs =
                inputs.iter().map(|(name, text)| ((*name).to_owned(), Digest::of_bytes(text.as_bytes())));
            let replica = Replica {
                id: id.to_owned(),
                address: String::new(),
                labels: BTreeMap::new(),
                version: String::new(),
                started_at: jiff::Timestamp::UNIX_EPOCH,
                applied: RevisionNumber::ZERO,
                applied_digest: None,
                diverged: false,
                refused: Vec::new(),
                degraded: None,
                inputs: inputs.collect(),
            };
            SeenReplica { replica, age: Duration::ZERO }
        };
        let seen = [
            with("a", &[("env:A", "1"), ("env:B", "1"), ("env:C", "1")]),
            with("b", &[("env:A", "1"), ("env:B", "2"), ("env:C", "1")]),
            with("c", &[("env:A", "2"), ("env:C", "1")]),
            with("d", &[]),
        ];
        let differing = differing_inputs(&seen);
        let differing: Vec<_> = differing.iter().map(|(id, names)| (id.as_str(), names.join(" "))).collect();
        let expected =
            [("a", "env:B"), ("b", "env:B"), ("c", "env:A")].map(|(id, names)| (id, names.to_owned()));
        assert_eq!(differing, expected);
    }

    #[test]
    fn digests_of_inputs_are_keyed_and_their_number_is_bounded() {
        let kind = KindName::new("config").unwrap();
        let of = |count: usize| {
            let name = |n: usize| crate::InputName::Variable(format!("V{n}"));
            let input = |n| EnvironmentInput::new(name(n), crate::DocumentWriter::Operator, "secret");
            BTreeMap::from([(kind.clone(), (0..count).map(input).collect::<Vec<_>>())])
        };
        let (one, other) = (sealed(&of(2), &[1; 32]), sealed(&of(2), &[2; 32]));
        assert_eq!(one.keys().collect::<Vec<_>>(), ["env:V0", "env:V1"]);
        assert_eq!(one, sealed(&of(2), &[1; 32]));
        assert!(one.iter().all(|(name, digest)| other[name] != *digest));
        assert!(one.values().all(|digest| *digest != Digest::of_bytes(b"secret")));
        let many = sealed(&of(INPUTS_NAMED_MAX + 1), &[1; 32]);
        assert_eq!(many.keys().collect::<Vec<_>>(), ["(all)"]);
    }

    #[test]
    fn inputs_are_sealed_once_until_they_or_the_log_change() {
        let inputs = |text: &str| {
            let input = EnvironmentInput::new(
                crate::InputName::Variable("A".to_owned()),
                crate::DocumentWriter::Operator,
                text,
            );
            Arc::new(BTreeMap::from([(KindName::new("config").unwrap(), vec![input])]))
        };
        let (one, other) = (inputs("1"), inputs("2"));
        let mut sealed = SealedInputs::default();
        assert!(sealed.of(&one).is_empty() && !sealed.has_key_of(None));
        sealed.set_key(None, [1; 32]);
        let first = sealed.of(&one);
        assert_eq!((first.len(), sealed.of(&one)), (1, first.clone()));
        assert_ne!(sealed.of(&other), first);
        assert_eq!(sealed.of(&one), first);
        let log = Some(LogId::new([7; 16]));
        assert!(sealed.has_key_of(None) && !sealed.has_key_of(log));
        sealed.set_key(log, [2; 32]);
        assert_ne!(sealed.of(&one), first);
    }
}
