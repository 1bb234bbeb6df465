//! How the log is polled.

use std::time::Duration;

use midflight_engine::Refresh;

/// The longest name and value of the variables below that an error repeats.
const SHOWN_CHARS: usize = 40;

/// A variable of the environment with a value it cannot have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable} is {value:?}; it takes {wanted}")]
pub struct SettingError {
    /// The variable.
    pub variable: &'static str,
    /// Its body.
    pub value: String,
    /// What it takes.
    pub wanted: &'static str,
}

/// The settings of the compatibility API: `HOT_RELOAD_*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HotReloadSettings {
    /// `HOT_RELOAD_ENABLED`: whether the log is polled. True.
    pub enabled: bool,
    /// `HOT_RELOAD_INTERVAL_SECONDS`: how often. 30.
    pub interval_seconds: u64,
    /// `HOT_RELOAD_VALIDATION_ENABLED`: whether stored checks are asked. True. What does not compile is refused
    /// either way.
    pub validation_enabled: bool,
    /// `HOT_RELOAD_MAX_AGE_SECONDS`: how long ago the log may have been looked at for what is served to count as
    /// fresh. 300.
    pub max_age_seconds: u64,
}

impl Default for HotReloadSettings {
    fn default() -> Self {
        Self { enabled: true, interval_seconds: 30, validation_enabled: true, max_age_seconds: 300 }
    }
}

impl HotReloadSettings {
    /// Reads the settings from variables; those that are not set or empty keep their default.
    ///
    /// # Errors
    /// [`SettingError`] names the variable and what it takes.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingError> {
        let default = Self::default();
        let read = |name: &'static str| variable(name).filter(|value| !value.trim().is_empty());
        Ok(Self {
            enabled: flag("HOT_RELOAD_ENABLED", read, default.enabled)?,
            interval_seconds: seconds("HOT_RELOAD_INTERVAL_SECONDS", read, default.interval_seconds)?,
            validation_enabled: flag("HOT_RELOAD_VALIDATION_ENABLED", read, default.validation_enabled)?,
            max_age_seconds: seconds("HOT_RELOAD_MAX_AGE_SECONDS", read, default.max_age_seconds)?,
        })
    }

    /// The same, where a variable that is not set or empty may have another name: pairs of a name of the settings and
    /// its alias.
    ///
    /// # Errors
    /// [`SettingError`] names the variable that was read and what it takes.
    pub fn from_variables_or(
        aliases: &[(&'static str, &'static str)],
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, SettingError> {
        let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let alias = |name: &str| {
            let mut of_name = aliases.iter().filter(|(known, _)| *known == name).map(|(_, alias)| *alias);
            of_name.find_map(|alias| Some((alias, set(alias)?)))
        };
        let read = |name: &str| set(name).or_else(|| alias(name).map(|(_, value)| value));
        Self::from_variables(read).map_err(|error| match alias(error.variable) {
            Some((alias, _)) if set(error.variable).is_none() => SettingError { variable: alias, ..error },
            _ => error,
        })
    }

    /// Reads the settings from the environment of this process, as [`Self::from_variables_or`] does.
    ///
    /// # Errors
    /// [`SettingError`] names the variable and what it takes.
    pub fn from_env(aliases: &[(&'static str, &'static str)]) -> Result<Self, SettingError> {
        Self::from_variables_or(aliases, |name| {
            std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
        })
    }

    /// How the engine looks at the log.
    #[must_use]
    pub fn refresh(&self) -> Refresh {
        Refresh { enabled: self.enabled, period: Duration::from_secs(self.interval_seconds) }
    }
}

fn flag(
    variable: &'static str,
    read: impl Fn(&'static str) -> Option<String>,
    default: bool,
) -> Result<bool, SettingError> {
    let Some(value) = read(variable) else { return Ok(default) };
    match value.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(SettingError { variable, value: clip(&value), wanted: "true or false" }),
    }
}

fn seconds(
    variable: &'static str,
    read: impl Fn(&'static str) -> Option<String>,
    default: u64,
) -> Result<u64, SettingError> {
    let Some(value) = read(variable) else { return Ok(default) };
    let parsed = value.trim().parse().ok().filter(|seconds| (1..=86_400).contains(seconds));
    parsed.ok_or(SettingError {
        variable,
        value: clip(&value),
        wanted: "a whole number of seconds, 1 to 86400",
    })
}

fn clip(value: &str) -> String {
    value.chars().take(SHOWN_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(variables: &[(&str, &str)], expected: Result<HotReloadSettings, &str>) {
        let find = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let read = HotReloadSettings::from_variables(find).map_err(|error| error.to_string());
        assert_eq!(read, expected.map_err(str::to_owned));
    }

    #[test]
    fn the_compatibility_variables_are_read_or_named_when_wrong() {
        let default = HotReloadSettings::default();
        check(&[], Ok(default));
        check(&[("HOT_RELOAD_ENABLED", "")], Ok(default));
        check(&[("HOT_RELOAD_ENABLED", "False")], Ok(HotReloadSettings { enabled: false, ..default }));
        let five = HotReloadSettings { interval_seconds: 5, max_age_seconds: 60, ..default };
        check(&[("HOT_RELOAD_INTERVAL_SECONDS", "5"), ("HOT_RELOAD_MAX_AGE_SECONDS", " 60 ")], Ok(five));
        check(
            &[("HOT_RELOAD_VALIDATION_ENABLED", "maybe")],
            Err("HOT_RELOAD_VALIDATION_ENABLED is \"maybe\"; it takes true or false"),
        );
        let aliases = [("HOT_RELOAD_INTERVAL_SECONDS", "OTHER_SECONDS"), ("HOT_RELOAD_ENABLED", "OTHER_ON")];
        let read = |variables: &[(&str, &str)]| {
            let find = |name: &str| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            };
            HotReloadSettings::from_variables_or(&aliases, find).map_err(|error| error.to_string())
        };
        let seven = HotReloadSettings { interval_seconds: 7, ..default };
        assert_eq!(read(&[("OTHER_SECONDS", "7")]), Ok(seven));
        assert_eq!(read(&[("OTHER_SECONDS", "9"), ("HOT_RELOAD_INTERVAL_SECONDS", "7")]), Ok(seven));
        assert_eq!(
            read(&[("OTHER_ON", "maybe")]),
            Err("OTHER_ON is \"maybe\"; it takes true or false".to_owned())
        );
        for bad in ["0", "-1", "1.5", "x"] {
            let output = format!(
                "HOT_RELOAD_INTERVAL_SECONDS is {bad:?}; it takes a whole number of seconds, 1 to 86400"
            );
            check(&[("HOT_RELOAD_INTERVAL_SECONDS", bad)], Err(&output));
        }
    }
}
