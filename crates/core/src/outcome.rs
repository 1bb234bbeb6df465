//! The vocabularies that this version knows: why a reload ran and how it ended. What the store keeps of them is
//! [`crate::Open`], since newer versions know more.

/// A word that is not of the vocabulary it was read as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is not one of: {known}")]
pub struct UnknownWord {
    /// The word.
    pub word: String,
    /// Every word there is, joined by commas.
    pub known: String,
}

/// Makes an enum whose variants are words on the wire, in the store and in metrics: one list serves them all.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident => $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$variant_meta])* $variant,)+ }

        impl $name {
            /// Every one, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word for it, the same everywhere.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl $crate::Vocabulary for $name {
            fn word(self) -> &'static str {
                self.as_str()
            }

            fn of_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == word)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::UnknownWord;
            fn from_str(word: &str) -> Result<Self, Self::Err> {
                <Self as $crate::Vocabulary>::of_word(word).ok_or_else(|| {
                    let known: Vec<_> = Self::ALL.iter().map(|known| known.as_str()).collect();
                    $crate::UnknownWord { word: word.chars().take(40).collect(), known: known.join(", ") }
                })
            }
        }
    };
}
pub(crate) use words;

words! {
    /// Why a reload ran.
    #[non_exhaustive]
    Trigger {
        /// A caller requested a reload.
        Manual => "manual",
        /// An edit came through the API.
        ApiUpdate => "api_update",
        /// The refresh period came round.
        Periodic => "periodic",
        /// A webhook was called.
        Webhook => "webhook",
        /// The process started.
        Startup => "startup",
        /// A watched file or directory changed.
        FileWatch => "file_watch",
        /// A followed table changed.
        TableWatch => "table_watch",
        /// The process got a signal.
        Signal => "signal",
        /// The bus announced that the log moved.
        Notify => "notify",
        /// A planned time came.
        Schedule => "schedule",
        /// A kind learned something from its traffic.
        Learned => "learned",
        /// An operator took the log as it is now, in place of the one that was followed.
        Adopt => "adopt",
    }
}

words! {
    /// How a reload ended, named by its consequence.
    #[non_exhaustive]
    Outcome {
        /// The new documents are live here.
        Success => "success",
        /// There was nothing to change: what is served is what was wanted.
        Unchanged => "unchanged",
        /// What was wanted could not be read; the old is served.
        LoadFailed => "load_failed",
        /// What was wanted is not valid, does not compile or breaks a check; the old is served.
        ValidationFailed => "validation_failed",
        /// A component could not prepare, or the log did not take the revision; the old is served.
        Rejected => "rejected",
        /// It was live, did not verify, and the retained old was swapped back.
        RolledBack => "rolled_back",
        /// It was cancelled before the point of no return; the old is served.
        Cancelled => "cancelled",
        /// It failed verification and could not be rolled back: an operator has to act.
        Stuck => "stuck",
    }
}

impl Outcome {
    /// Whether what was wanted is what is served.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Success | Self::Unchanged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_back() {
        for trigger in Trigger::ALL {
            assert_eq!(trigger.as_str().parse(), Ok(*trigger));
        }
        for outcome in Outcome::ALL {
            assert_eq!(outcome.as_str().parse(), Ok(*outcome));
        }
        let error = "nope".parse::<Outcome>().unwrap_err().to_string();
        assert!(error.starts_with("\"nope\" is not one of: success, unchanged"), "{error}");
    }
}
