//! Finds a process by its name, and sends it a signal that it is waiting for.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};

/// How many bytes of a name the kernel keeps: `TASK_COMM_LEN` without its end.
const COMM_BYTES_MAX: usize = 15;
/// How many processes an error lists.
const LISTED_MAX: usize = 10;

/// The one process of this name, by what it calls itself or by the program that was started.
///
/// # Errors
/// When there is none, or more than one; then with their numbers.
pub(super) fn find(name: &str) -> Result<u32, String> {
    let entries = fs::read_dir("/proc").map_err(|error| format!("cannot read /proc: {error}"))?;
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let mut found: Vec<_> = pids.filter(|pid| *pid != std::process::id() && is_named(*pid, name)).collect();
    found.sort_unstable();
    match *found {
        [] => Err(format!("no process is named {name:?}; in a pod, is shareProcessNamespace on?")),
        [pid] => Ok(pid),
        _ => {
            let listed: Vec<_> = found.iter().take(LISTED_MAX).map(u32::to_string).collect();
            let more = if found.len() > LISTED_MAX { ", .." } else { "" };
            let (many, listed) = (found.len(), listed.join(", "));
            Err(format!("{many} processes are named {name:?}: {listed}{more}; choose one with --pid"))
        }
    }
}

fn is_named(pid: u32, name: &str) -> bool {
    let Some(comm) = comm(pid) else { return false };
    if comm == b"pause" || is_dead(pid) {
        return false;
    }
    // A longer name is cut by the kernel.
    let is_cut = comm.len() == COMM_BYTES_MAX && name.as_bytes().starts_with(&comm);
    comm == name.as_bytes() || is_cut || program(pid).is_some_and(|program| program == name.as_bytes())
}

fn comm(pid: u32) -> Option<Vec<u8>> {
    let mut comm = fs::read(format!("/proc/{pid}/comm")).ok()?;
    comm.pop_if(|last| *last == b'\n');
    Some(comm)
}

/// The file name of `argv[0]`.
fn program(pid: u32) -> Option<Vec<u8>> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let first = line.split(|byte| *byte == 0).next()?;
    Path::new(OsStr::from_bytes(first)).file_name().map(|name| name.as_bytes().to_vec())
}

/// Whether it has ended and only its parent has not looked yet.
fn is_dead(pid: u32) -> bool {
    status(pid).is_none_or(|status| {
        let state = status.lines().find_map(|line| line.strip_prefix("State:"));
        state.is_none_or(|state| state.trim_start().starts_with(['Z', 'X']))
    })
}

fn status(pid: u32) -> Option<String> {
    Some(String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/status")).ok()?).into_owned())
}

/// Sends a signal, unless it would end the process: an app that has only just begun does not listen for it yet.
///
/// # Errors
/// Why it was not sent.
pub(super) fn send(pid: u32, signal: Signal) -> Result<(), String> {
    if comm(pid).is_some_and(|comm| comm == b"pause") {
        return Err(format!("process {pid} is `pause`, which keeps a pod's namespaces; give the app's"));
    }
    let status = status(pid).filter(|_| !is_dead(pid)).ok_or_else(|| format!("no process {pid}"))?;
    let number = signal.as_raw();
    if !survives(&status, number) {
        let why = "does not listen for that signal (yet) and would be ended by it";
        return Err(format!("process {pid} {why}"));
    }
    let raw = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let raw = raw.ok_or_else(|| format!("{pid} is not a valid process ID"))?;
    kill_process(raw, signal).map_err(|error| match error {
        Errno::SRCH => format!("no process {pid}"),
        Errno::PERM => {
            format!("this user may not signal process {pid}; run the sidecar as the user of the app")
        }
        error => format!("cannot signal process {pid}: {error}"),
    })
}

/// Whether a signal is caught, ignored or blocked, by the masks in `/proc/PID/status`; see `proc_pid_status(5)`.
fn survives(status: &str, signal: i32) -> bool {
    let masks = ["SigCgt:", "SigIgn:", "SigBlk:"].map(|name| {
        let mask = status.lines().find_map(|line| line.strip_prefix(name));
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
    });
    // Where the system does not report it, the signal is sent.
    masks.iter().all(Option::is_none) || masks.into_iter().flatten().any(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_sent_to_whom_it_does_not_end() {
        let hup_caught = "SigBlk:\t0000000000000000\nSigIgn:\t0000000000001000\nSigCgt:\t0000000000000001\n";
        assert!(survives(hup_caught, 1));
        assert!(survives(hup_caught, 13));
        assert!(!survives(hup_caught, 10));
        assert!(survives("State:\tS\n", 1));
    }

    #[test]
    fn an_unknown_name_is_an_error() {
        assert!(find("no-such-program-anywhere").unwrap_err().contains("no process is named"));
    }

    #[test]
    fn it_never_finds_itself() {
        let name = program(std::process::id()).unwrap();
        let found = find(std::str::from_utf8(&name).unwrap());
        assert_ne!(found.ok(), Some(std::process::id()));
    }

    #[test]
    fn an_unknown_number_is_not_a_process() {
        assert!(send(i32::MAX.unsigned_abs(), Signal::HUP).unwrap_err().contains("no process"));
    }
}
