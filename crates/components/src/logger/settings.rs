//! What is logged, and how it looks.

use midflight_core::{Problem, Problems};
use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::SettingsSource;

/// The longest text of a level, in bytes: a few dozen directives.
const LEVEL_BYTES_MAX: usize = 4096;

/// The settings of a [`Logger`](crate::Logger) that change while it logs. Where it logs to is set once, at its
/// installation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSettings {
    /// What is logged; `info`. One of `off`, `error`, `warn`, `info`, `debug` and `trace`, or several directives with
    /// commas between them, each a level or `TARGET=LEVEL`: `info,my_crate::http=debug`. At most 4,096 bytes.
    pub level: String,
    /// How a line looks; `text`.
    pub format: LogFormat,
}

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Text }
    }
}

impl LogSettings {
    /// Everything that cannot be in these settings.
    ///
    /// A kind can ask this when it validates, so that such settings are refused before anything is prepared.
    ///
    /// # Errors
    /// All of it, each with its place and its cure.
    pub fn check(&self, place: &SettingsSource<Self>) -> Result<(), Problems> {
        self.filter().map(drop).map_err(|wrong| problems(place, wrong))
    }

    /// The filter of the level, or every invalid directive.
    pub(super) fn filter(&self) -> Result<EnvFilter, Vec<String>> {
        if self.level.len() > LEVEL_BYTES_MAX {
            return Err(vec![format!(
                "the level has {} bytes; write at most {LEVEL_BYTES_MAX}",
                self.level.len()
            )]);
        }
        let directives = self.level.split(',').map(str::trim).filter(|directive| !directive.is_empty());
        let directives: Vec<_> = directives.collect();
        let wrong: Vec<_> =
            directives.iter().filter(|directive| !is_directive(directive)).map(reported).collect();
        if !wrong.is_empty() {
            return Err(wrong);
        }
        // The filter would treat an empty text as errors only, which is not what was meant.
        let level = Some(directives.join(",")).filter(|level| !level.is_empty());
        // What is asked of a field is compared as text: a pattern could take for ever.
        let parsed = level.and_then(|level| EnvFilter::builder().with_regex(false).parse(level).ok());
        parsed.ok_or_else(|| vec![reported(&self.level)])
    }
}

/// Whether it is a level, or names one for a target. A word alone would be taken for a target, and `warnign` would
/// silence everything else.
fn is_directive(directive: &str) -> bool {
    let level = directive.rsplit_once('=').map_or(directive, |(_, level)| level);
    let has_level = level.parse::<LevelFilter>().is_ok() && !level.is_empty();
    has_level && EnvFilter::builder().with_regex(false).parse(directive).is_ok()
}

fn reported(directive: impl AsRef<str>) -> String {
    let directive = directive.as_ref();
    format!(
        "invalid directive {directive:?}: expected off, error, warn, info, debug or trace, or \
         TARGET=LEVEL, separated by commas"
    )
}

pub(super) fn problems(place: &SettingsSource<LogSettings>, wrong: Vec<String>) -> Problems {
    let problem = |message| -> Problem { place.problem("invalid_level", "level", message) };
    wrong.into_iter().map(problem).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(level: &str) -> Vec<String> {
        let settings = LogSettings { level: level.to_owned(), ..LogSettings::default() };
        settings.filter().err().unwrap_or_default()
    }

    #[test]
    fn a_level_is_what_the_filter_takes_and_every_wrong_directive_is_named() {
        for level in ["info", "OFF", "info,a::b=debug", " warn , a=off,", "a[span{id=1}]=trace"] {
            assert_eq!(wrong(level), Vec::<String>::new(), "{level}");
        }
        for level in ["warnign", "verbose", "a=loud", "a=", "info,7x", "a[=debug", ""] {
            let wrong = wrong(level);
            let last = level.rsplit(',').next().unwrap_or_default();
            assert!(
                wrong.len() == 1 && wrong[0].contains(&format!("invalid directive {last:?}")),
                "{level}: {wrong:?}"
            );
        }
        assert_eq!(wrong("loud,quiet,info").len(), 2);
        assert!(wrong(&"info,".repeat(1000))[0].contains("write at most 4096"));
    }
}
