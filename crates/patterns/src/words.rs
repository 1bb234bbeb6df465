//! The closed vocabularies of a pattern, each with its words.

use std::fmt;

/// Declares an enum of words: variant, word, what it means.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$of:meta])* $variant:ident => $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
        pub enum $name { $($(#[$of])* $variant,)+ }

        impl $name {
            /// Every word with its meaning.
            pub const WORDS: &'static [(&'static str, Self)] = &[$(($word, Self::$variant),)+];

            /// The word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// How a pattern's text is found in a query.
    Match {
        /// The query's key is the text's key.
        #[default]
        Exact => "exact",
        /// The query begins with the text.
        Prefix => "prefix",
        /// The text is somewhere in the query.
        Contains => "contains",
        /// The text is in the query as whole words.
        Word => "word",
        /// The regular expression matches somewhere in the query.
        Regex => "regex",
    }
}

words! {
    /// What is to be done with a query of a category.
    Action {
        /// The direct response is the answer.
        Respond => "respond",
        /// A tool answers.
        #[default]
        Tool => "tool",
        /// Another service answers.
        Route => "route",
        /// An agent finds out what to do.
        React => "react",
    }
}

words! {
    /// Whether a pattern answers.
    PatternStatus {
        /// It waits for approval.
        Pending => "pending",
        /// It answers.
        #[default]
        Approved => "approved",
        /// It was taken out of use.
        Disabled => "disabled",
    }
}

words! {
    /// Who made a pattern.
    CreatedBy {
        /// A person, or a program for one.
        #[default]
        Manual => "manual",
        /// It was learned from what an LLM answered, or from a correction of it.
        Llm => "llm",
    }
}
