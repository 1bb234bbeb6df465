//! Three-valued truth, with two reasons why a thing can be undecided.

/// The result of a condition for an input. False, missing input and a wrong type are three different things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Truth {
    True,
    False,
    /// Undecided, for an attribute is not in the input.
    Missing,
    /// Undecided, for a value is of another type than the constant.
    WrongType,
}

impl From<bool> for Truth {
    fn from(truth: bool) -> Self {
        if truth { Self::True } else { Self::False }
    }
}

impl Truth {
    /// The opposite; what is undecided stays undecided.
    pub(crate) fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            undecided => undecided,
        }
    }

    /// True when all are, false when any is false, else undecided; a wrong type weighs more than a missing input.
    pub(crate) fn all(items: impl Iterator<Item = Self>) -> Self {
        let mut worst = Self::True;
        for item in items {
            match (item, worst) {
                (Self::False, _) => return Self::False,
                (Self::WrongType, _) | (Self::Missing, Self::True) => worst = item,
                _ => {}
            }
        }
        worst
    }

    /// True when any is, false when all are false, else undecided.
    pub(crate) fn any(items: impl Iterator<Item = Self>) -> Self {
        Self::all(items.map(Self::not)).not()
    }
}

#[cfg(test)]
mod tests {
    use super::Truth::{False, Missing, True, WrongType};
    use super::*;

    #[test]
    fn the_tables_are_kleenes() {
        let all = |items: &[Truth]| Truth::all(items.iter().copied());
        let any = |items: &[Truth]| Truth::any(items.iter().copied());
        assert_eq!(all(&[True, True]), True);
        assert_eq!(all(&[Missing, False]), False);
        assert_eq!(all(&[Missing, True]), Missing);
        assert_eq!(all(&[Missing, WrongType, True]), WrongType);
        assert_eq!(all(&[WrongType, Missing]), WrongType);
        assert_eq!(any(&[Missing, True]), True);
        assert_eq!(any(&[False, False]), False);
        assert_eq!(any(&[Missing, False]), Missing);
        assert_eq!(any(&[Missing, WrongType]), WrongType);
        assert_eq!((Missing.not(), WrongType.not(), True.not()), (Missing, WrongType, False));
    }
}
