//! Receives changes in folders by inotify, and knows when they are over.

use std::collections::BTreeMap;
use std::ffi::{CStr, OsStr, OsString};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;

use crate::files::{PathFilter, PathFilters, is_kubelets};
use crate::logging;

/// How long nothing may happen before files are read: a save is several events.
const QUIET: Duration = Duration::from_millis(5);
/// How many times that is waited for when it never is quiet.
const UNREST_MAX: u32 = 20;
/// How long a writer that goes quiet with a file open is waited for: a file that is being written is not read in the
/// middle, and a writer that never closes its file is not waited for for ever.
const WRITER_MAX: Duration = Duration::from_secs(1);
/// How many files being written are kept track of.
const WRITTEN_MAX: usize = 1000;
/// The most folders that are listened to. The system has a limit too, which all programs share.
const FOLDERS_MAX: usize = 4096;

/// Listens to folders.
#[derive(Debug)]
pub(super) struct InotifyWatcher {
    /// None where inotify is not available: there are no events then.
    inotify: Option<OwnedFd>,
    folders: BTreeMap<i32, (PathBuf, PathFilter)>,
    /// Files that were written to and not closed, with the time of the last event.
    written: BTreeMap<(i32, OsString), Instant>,
    complained: bool,
}

impl InotifyWatcher {
    pub(super) fn new() -> Self {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK);
        let mut inotify_watcher =
            Self { inotify: None, folders: BTreeMap::new(), written: BTreeMap::new(), complained: false };
        match inotify {
            Ok(inotify) => inotify_watcher.inotify = Some(inotify),
            Err(error) => inotify_watcher.complain("every folder", error),
        }
        inotify_watcher
    }

    /// As where inotify cannot be had.
    #[cfg(test)]
    pub(super) fn deaf() -> Self {
        Self { inotify: None, ..Self::new() }
    }

    /// Whether a file is being written as far as is known.
    #[cfg(test)]
    pub(super) fn is_waiting(&self) -> bool {
        !self.written.is_empty()
    }

    fn complain(&mut self, folder: &str, error: Errno) {
        if !std::mem::replace(&mut self.complained, true) {
            logging::warn(
                "file events are unavailable; polling every --interval",
                &[("folder", &folder), ("error", &error)],
            );
        }
    }

    /// Listens to these folders from now on and to no others. Whether any of them was not listened to before, so that
    /// something may have happened there unheard.
    pub(super) fn listen_to(&mut self, folders: PathFilters) -> bool {
        let mut now = BTreeMap::<i32, (PathBuf, PathFilter)>::new();
        if folders.len() > FOLDERS_MAX {
            self.complain("those beyond 4096", Errno::NOSPC);
        }
        for (path, concern) in folders.into_iter().take(FOLDERS_MAX) {
            let Some(fd) = &self.inotify else { return false };
            match inotify::add_watch(fd, &path, flags(&concern)) {
                Ok(watch) => {
                    let known = now.entry(watch).or_insert_with(|| (path, PathFilter::default()));
                    known.1.all |= concern.all;
                    known.1.content |= concern.content;
                    known.1.names.extend(concern.names);
                }
                // It was removed again, which is reported by the folder above.
                Err(Errno::NOENT | Errno::NOTDIR) => {}
                Err(error) => self.complain(&path.to_string_lossy(), error),
            }
        }
        if let Some(fd) = &self.inotify {
            for removed in self.folders.keys().filter(|watch| !now.contains_key(*watch)) {
                // The system forgets removed folders by itself, and then reports that it knows no such watch.
                inotify::remove_watch(fd, *removed).unwrap_or_default();
            }
        }
        let is_new = now.keys().any(|watch| !self.folders.contains_key(watch));
        self.folders = now;
        is_new
    }

    /// Waits until something happened that matters, for at most so long.
    pub(super) fn wait(&mut self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let patience = Timespec::try_from(left).unwrap_or_default();
            let polled = match &self.inotify {
                Some(inotify) => poll(&mut [PollFd::new(inotify, PollFlags::IN)], Some(&patience)),
                None => poll(&mut [], Some(&patience)),
            };
            let is_over = left.is_zero() || matches!(polled, Ok(0));
            if self.receive() {
                return true;
            }
            if is_over {
                return false;
            }
        }
    }

    /// Waits until nothing has happened for a moment and no file is open for writing, within reason.
    pub(super) fn settle(&mut self) {
        let began = Instant::now();
        loop {
            let writing = self.written.values().max().copied();
            let patience = writing.map_or(QUIET, |since| WRITER_MAX.saturating_sub(since.elapsed()));
            let received = self.wait(patience);
            let unrest_max = if writing.is_some() { WRITER_MAX * 2 } else { QUIET * UNREST_MAX };
            if !received || began.elapsed() > unrest_max {
                self.written.clear();
                return;
            }
        }
    }

    /// Takes the events of the system; answers whether any of them matters.
    pub(super) fn receive(&mut self) -> bool {
        let Some(inotify) = self.inotify.take() else { return false };
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(&inotify, &mut buffer);
        let mut matters = false;
        // Anything but an event means that there are no more.
        while let Ok(event) = events.next() {
            let name = event.file_name().map(CStr::to_bytes).map(OsStr::from_bytes);
            matters |= self.matters(event.wd(), event.events(), name);
        }
        self.inotify = Some(inotify);
        matters
    }

    fn matters(&mut self, watch: i32, event: ReadFlags, name: Option<&OsStr>) -> bool {
        if event.contains(ReadFlags::QUEUE_OVERFLOW) {
            self.written.clear();
            return true;
        }
        let Some((folder, concern)) = self.folders.get(&watch) else { return false };
        let Some(name) = name else {
            // Of the folder itself: it went, or something else about it changed.
            return !event.contains(ReadFlags::IGNORED);
        };
        if !concern.names.contains(name) && (!concern.all || is_kubelets(name)) {
            return false;
        }
        let file = (watch, name.to_owned());
        let begins = concern.content
            && event.contains(ReadFlags::CREATE)
            // Every file that a program creates to write to it is closed by it; one that came otherwise is complete.
            && std::fs::symlink_metadata(folder.join(name)).is_ok_and(|is| is.is_file() && is.nlink() == 1);
        if begins || event.contains(ReadFlags::MODIFY) {
            if self.written.len() < WRITTEN_MAX || self.written.contains_key(&file) {
                self.written.insert(file, Instant::now());
            }
        } else if !event.contains(ReadFlags::ATTRIB) {
            self.written.remove(&file);
        }
        true
    }
}

fn flags(concern: &PathFilter) -> WatchFlags {
    let of_entries = WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::MOVE | WatchFlags::ATTRIB;
    let of_itself = WatchFlags::DELETE_SELF | WatchFlags::MOVE_SELF | WatchFlags::ONLYDIR;
    let of_content = WatchFlags::MODIFY | WatchFlags::CLOSE_WRITE;
    of_entries | of_itself | if concern.content { of_content } else { WatchFlags::empty() }
}
