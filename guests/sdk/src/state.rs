//! States that know the version before them.

use crate::{Decoder, Encoder, Failure};

/// One version of a state.
///
/// The common mistake is to change a type that a released version has saved. Add a type with the next schema, and say
/// how it is made from that one.
pub trait VersionedState: Sized {
    /// Its number: one more than that of [`Self::Previous`].
    const SCHEMA: u32;
    /// The version before; [`NoState`] for the first.
    type Previous: VersionedState;

    /// Makes it from the version before.
    ///
    /// # Errors
    /// Why that has no equivalent.
    fn from_previous(previous: Self::Previous) -> Result<Self, Failure>;

    /// Writes it. The same state is always written in the same way: order what has no order of its own.
    fn encode(&self, out: &mut Encoder);

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// What is not as it was written.
    fn decode(input: &mut Decoder<'_>) -> Result<Self, Failure>;
}

/// What is before the first version. There is none of it.
pub enum NoState {}

impl VersionedState for NoState {
    const SCHEMA: u32 = 0;
    type Previous = Self;

    fn from_previous(previous: Self) -> Result<Self, Failure> {
        Ok(previous)
    }

    fn encode(&self, _: &mut Encoder) {
        match *self {}
    }

    fn decode(_: &mut Decoder<'_>) -> Result<Self, Failure> {
        Err(Failure::new("unknown_schema", "no state has schema 0"))
    }
}

/// Loads a state of any version from the first on; answers how many hops it took.
///
/// # Errors
/// An unknown schema, bytes that were not written by that version, or a hop that failed.
pub fn load<S: VersionedState>(schema: u32, bytes: &[u8]) -> Result<(S, u32), Failure> {
    const {
        assert!(
            S::SCHEMA == 0 || S::SCHEMA == <S::Previous as VersionedState>::SCHEMA + 1,
            "a hop is missing: Previous must be the version whose SCHEMA is one less"
        );
    }
    if schema == S::SCHEMA {
        let mut input = Decoder::new(bytes);
        let state = S::decode(&mut input)?;
        input.finish()?;
        return Ok((state, 0));
    }
    if schema > S::SCHEMA || S::SCHEMA == 0 {
        return Err(Failure::new("unknown_schema", format!("no version of this state has schema {schema}")));
    }
    let (previous, steps) = load::<S::Previous>(schema, bytes)?;
    Ok((S::from_previous(previous)?, steps + 1))
}

/// The bytes of a state.
pub fn save<S: VersionedState>(state: &S) -> Vec<u8> {
    let mut out = Encoder::default();
    state.encode(&mut out);
    out.into_bytes()
}

/// The schemas that [`load`] takes.
pub fn accepts<S: VersionedState>() -> Vec<u32> {
    (1..=S::SCHEMA).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct First(u64);
    #[derive(Debug, PartialEq)]
    struct Second(u64, String);
    #[derive(Debug, PartialEq)]
    struct Third(Vec<(String, u64)>);

    impl VersionedState for First {
        const SCHEMA: u32 = 1;
        type Previous = NoState;
        fn from_previous(previous: NoState) -> Result<Self, Failure> {
            match previous {}
        }
        fn encode(&self, out: &mut Encoder) {
            out.number(self.0);
        }
        fn decode(input: &mut Decoder<'_>) -> Result<Self, Failure> {
            Ok(Self(input.number()?))
        }
    }

    impl VersionedState for Second {
        const SCHEMA: u32 = 2;
        type Previous = First;
        fn from_previous(previous: First) -> Result<Self, Failure> {
            Ok(Self(previous.0, "all".to_owned()))
        }
        fn encode(&self, out: &mut Encoder) {
            out.number(self.0);
            out.text(&self.1);
        }
        fn decode(input: &mut Decoder<'_>) -> Result<Self, Failure> {
            Ok(Self(input.number()?, input.text()?.to_owned()))
        }
    }

    impl VersionedState for Third {
        const SCHEMA: u32 = 3;
        type Previous = Second;
        fn from_previous(Second(count, name): Second) -> Result<Self, Failure> {
            Ok(Self(vec![(name, count)]))
        }
        fn encode(&self, out: &mut Encoder) {
            out.list(&self.0, |out, (name, count)| {
                out.text(name);
                out.number(*count);
            });
        }
        fn decode(input: &mut Decoder<'_>) -> Result<Self, Failure> {
            Ok(Self(input.list(|input| Ok((input.text()?.to_owned(), input.number()?)))?))
        }
    }

    #[test]
    fn each_version_is_loaded_through_all_that_follow() {
        let third = || Third(vec![("all".to_owned(), 7)]);
        assert_eq!(load::<Third>(1, &save(&First(7))).unwrap(), (third(), 2));
        assert_eq!(load::<Third>(2, &save(&Second(7, "all".to_owned()))).unwrap(), (third(), 1));
        assert_eq!(load::<Third>(3, &save(&third())).unwrap(), (third(), 0));
        assert_eq!(accepts::<Third>(), [1, 2, 3]);
    }

    #[test]
    fn what_no_version_wrote_is_a_failure() {
        let code = |schema, bytes: &[u8]| load::<Third>(schema, bytes).unwrap_err().code;
        assert_eq!(code(0, &[]), "unknown_schema");
        assert_eq!(code(4, &[]), "unknown_schema");
        assert_eq!(code(1, &[]), "corrupt_state");
        assert_eq!(code(1, &[7, 7]), "corrupt_state");
        assert_eq!(code(3, &[0xff; 11]), "corrupt_state");
        assert_eq!(code(2, &[1, 2, 0xff, 0xfe]), "corrupt_state");
    }
}
