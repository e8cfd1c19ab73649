//! When files are to be looked at: what inotify(7) says of the directories that they are in.
//!
//! Directories are watched and not files, as a file that is renamed into place is another one than before. Of what
//! happens in them only that counts after which a file is whole. What cannot be watched, because it is not there or
//! there are no watches left, is to be looked at from time to time.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};
use tokio::io::unix::AsyncFd;

use crate::daemon::sockopt;

/// Something may have changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Hint {
    /// What has this name in this directory.
    Changed {
        /// As it was asked for.
        directory: PathBuf,
        /// In it.
        name: OsString,
    },
    /// Anything: the directory itself has changed, or too much has happened to be told.
    Everything,
}

/// The directories that are watched.
pub(super) struct Watches {
    inotify: Option<Watching>,
    directories: BTreeMap<WatchDescriptor, Vec<PathBuf>>,
    misses: bool,
}

/// An inotify instance, and the same to wait for.
struct Watching {
    inotify: Inotify,
    readiness: AsyncFd<OwnedFd>,
}

impl Watching {
    fn new() -> io::Result<Watching> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        let readiness = sockopt::waitable(inotify.as_fd().try_clone_to_owned()?)?;
        Ok(Watching { inotify, readiness })
    }
}

impl Watches {
    /// Nothing is watched.
    pub(super) fn none() -> Watches {
        Watches { inotify: None, directories: BTreeMap::new(), misses: false }
    }

    /// Watches each of these, be it a directory, and the directory that it is in.
    pub(super) fn open<'p>(paths: impl Iterator<Item = &'p Path>) -> Watches {
        let mut watches = Watches::none();
        let Ok(watching) = Watching::new() else { return Watches { misses: true, ..watches } };
        for path in paths {
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            watches.misses |= !parent.is_some_and(|parent| watches.add(&watching.inotify, parent));
            watches.add(&watching.inotify, path);
        }
        Watches { inotify: Some(watching), ..watches }
    }

    /// Whether something is to be looked at that no hint will be given of.
    pub(super) fn miss_something(&self) -> bool {
        self.misses
    }

    /// Waits until there are hints.
    pub(super) async fn next(&mut self) -> Vec<Hint> {
        loop {
            let Some(inotify) = &self.inotify else { return std::future::pending().await };
            match inotify.readiness.readable().await {
                Ok(mut guard) => guard.clear_ready(),
                Err(_) => return vec![Hint::Everything],
            }
            let hints = self.ready();
            if !hints.is_empty() {
                return hints;
            }
        }
    }

    /// The hints that are there.
    pub(super) fn ready(&mut self) -> Vec<Hint> {
        let mut hints = Vec::new();
        loop {
            let Some(inotify) = &self.inotify else { return hints };
            match inotify.inotify.read_events() {
                Ok(events) => events.iter().for_each(|event| self.hint(event, &mut hints)),
                Err(Errno::EAGAIN) => return hints,
                Err(Errno::EINTR) => {}
                Err(_) => {
                    hints.push(Hint::Everything);
                    return hints;
                }
            }
        }
    }

    fn hint(&self, event: &InotifyEvent, hints: &mut Vec<Hint>) {
        let whole = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_MOVED_FROM
            | AddWatchFlags::IN_DELETE;
        let directories = self.directories.get(&event.wd).map(Vec::as_slice).unwrap_or_default();
        match &event.name {
            Some(name) if event.mask.intersects(whole) => {
                let changed =
                    |directory: &PathBuf| Hint::Changed { directory: directory.clone(), name: name.clone() };
                hints.extend(directories.iter().map(changed));
            }
            // A link is whole when it is made, and a directory may have been waited for.
            Some(name) => hints.extend(directories.iter().filter_map(|directory| made(directory, name))),
            None => hints.push(Hint::Everything),
        }
    }

    /// Says whether it could be done. A path that is no directory is not one to be watched.
    fn add(&mut self, inotify: &Inotify, directory: &Path) -> bool {
        let flags = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_MOVE
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_MOVE_SELF
            | AddWatchFlags::IN_ONLYDIR;
        match inotify.add_watch(directory, flags) {
            Ok(descriptor) => {
                let directories = self.directories.entry(descriptor).or_default();
                if !directories.iter().any(|known| known == directory) {
                    directories.push(directory.to_owned());
                }
                true
            }
            Err(_) => false,
        }
    }
}

/// What is to be thought of something new in a directory.
fn made(directory: &Path, name: &OsStr) -> Option<Hint> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::symlink_metadata(directory.join(name)).ok()?;
    if metadata.is_dir() {
        return Some(Hint::Everything);
    }
    let is_whole = metadata.is_symlink() || metadata.nlink() > 1;
    is_whole.then(|| Hint::Changed { directory: directory.to_owned(), name: name.to_owned() })
}
