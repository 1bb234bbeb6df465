//! The environment variables of another tool catalogue, as other names of the server's own settings.

/// Pairs of a variable of [`crate::HotReloadSettings`] and the variable of that catalogue that means the same. The period
/// and the age are those of the whole log, since a replica serves every kind at one revision.
pub const HOT_RELOAD_ALIASES: [(&str, &str); 3] = [
    ("HOT_RELOAD_ENABLED", "TOOL_CATALOG_PERIODIC_REFRESH"),
    ("HOT_RELOAD_INTERVAL_SECONDS", "TOOL_CATALOG_REFRESH_INTERVAL"),
    ("HOT_RELOAD_MAX_AGE_SECONDS", "TOOL_CATALOG_CACHE_TTL"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HotReloadSettings;

    #[test]
    fn the_variables_of_the_original_set_the_refresh() {
        let find = |variables: &'static [(&str, &str)]| {
            HotReloadSettings::from_variables_or(&HOT_RELOAD_ALIASES, move |name| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            })
        };
        let default = HotReloadSettings::default();
        assert_eq!(
            find(&[("TOOL_CATALOG_PERIODIC_REFRESH", "false"), ("TOOL_CATALOG_REFRESH_INTERVAL", "300")]),
            Ok(HotReloadSettings { enabled: false, interval_seconds: 300, ..default })
        );
        assert_eq!(
            find(&[("TOOL_CATALOG_CACHE_TTL", "60"), ("TOOL_CATALOG_REFRESH_INTERVAL", "9")]),
            Ok(HotReloadSettings { max_age_seconds: 60, interval_seconds: 9, ..default })
        );
        // The server's own name counts where both are set.
        assert_eq!(
            find(&[("HOT_RELOAD_INTERVAL_SECONDS", "5"), ("TOOL_CATALOG_REFRESH_INTERVAL", "300")]),
            Ok(HotReloadSettings { interval_seconds: 5, ..default })
        );
        let wrong = find(&[("TOOL_CATALOG_CACHE_TTL", "soon")]).map_err(|error| error.to_string());
        assert_eq!(
            wrong,
            Err("TOOL_CATALOG_CACHE_TTL is \"soon\"; it takes a whole number of seconds, 1 to 86400"
                .to_owned())
        );
    }
}
