//! How many connections the file descriptors of this process allow.

/// How many descriptors are kept for the log, watched files, hints and components.
const RESERVED: u64 = 128;

/// As many connections as the process can have: its soft limit of open files is raised to what they need, as far as the
/// hard limit allows, and where that is not enough there are fewer of them.
pub fn allowed_connections(connections_max: usize) -> usize {
    let wanted = (connections_max as u64).saturating_add(RESERVED);
    let Some(files_max) = raised(wanted) else { return connections_max };
    let allowed = allowed(connections_max, files_max);
    if allowed < connections_max {
        tracing::warn!(
            connections_max,
            open_files_max = files_max,
            connections_allowed = allowed,
            "the limit of open files (RLIMIT_NOFILE) allows fewer connections than connections_max; raise it, or lower \
             connections_max"
        );
    }
    allowed
}

fn allowed(connections_max: usize, files_max: u64) -> usize {
    // With next to no files, half of them are for connections.
    let left = files_max.saturating_sub(RESERVED).max(files_max / 2);
    connections_max.min(usize::try_from(left).unwrap_or(usize::MAX)).max(1)
}

/// How many files may be open, after raising the soft limit towards `wanted`; none when there is no limit.
#[cfg(unix)]
fn raised(wanted: u64) -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let limit = getrlimit(Resource::Nofile);
    let current = limit.current?;
    if current >= wanted {
        return Some(current);
    }
    let raised = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted)).max(current);
    match setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum: limit.maximum }) {
        Ok(()) => Some(raised),
        Err(error) => {
            tracing::debug!(%error, "cannot raise the soft limit of open files");
            Some(current)
        }
    }
}

#[cfg(not(unix))]
fn raised(_: u64) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_for_the_rest() {
        for (connections_max, files_max, expected) in
            [(20_000, 1 << 20, 20_000), (20_000, 1024, 896), (20_000, 100, 50), (10, 1024, 10), (10, 0, 1)]
        {
            assert_eq!(allowed(connections_max, files_max), expected, "{connections_max} {files_max}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_soft_limit_is_raised_when_connections_need_it() {
        use rustix::process::{Resource, getrlimit};

        let before = getrlimit(Resource::Nofile);
        let (Some(current), Some(maximum)) = (before.current, before.maximum) else { return };
        let wanted = usize::try_from(maximum.saturating_sub(RESERVED)).unwrap();
        let allowed = allowed_connections(wanted);
        assert!(allowed as u64 + RESERVED >= current, "{allowed} of {current}");
        assert_eq!(getrlimit(Resource::Nofile).current, Some(maximum.max(current)));
    }
}
