//! A network namespace, held by descriptors only, together with a `/run` of its own.
//!
//! The private `/run` is what lets several nodes use the default paths of their daemons (`/run/frr`,
//! `/run/linnet/linnet.sock`) side by side, as containers do. Both vanish when the last process and descriptor
//! that use them are gone: there is nothing to clean up.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::process::Command;
use std::sync::Arc;
use std::thread;

use crate::netlink::Link;
use crate::sys;

/// A network namespace with an empty `/run`. Clones are handles on the same one.
#[derive(Clone, Debug)]
pub struct Netns(Arc<Descriptors>);

#[derive(Debug)]
struct Descriptors {
    net: File,
    mounts: File,
}

impl Netns {
    /// A new namespace, its loopback up.
    pub fn new() -> io::Result<Netns> {
        // A thread of its own, for what unshare changes it changes for good.
        let made = thread::spawn(|| {
            sys::unshare(libc::CLONE_NEWNET | libc::CLONE_NEWNS)?;
            sys::make_mounts_private()?;
            sys::mount_tmpfs(c"/run")?;
            Ok(Descriptors {
                net: File::open("/proc/thread-self/ns/net")?,
                mounts: File::open("/proc/thread-self/ns/mnt")?,
            })
        });
        let netns = Netns(Arc::new(joined(made.join())?));
        netns.run(|| Link::named("lo")?.up())??;
        Ok(netns)
    }

    /// Runs `work` inside, in a thread of its own, and waits for it.
    ///
    /// Sockets that it opens stay in the namespace, also when they are handed out. Processes are not to be
    /// spawned in here: they would not be a [`Nursery`](crate::Nursery)'s.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> io::Result<T> {
        thread::scope(|scope| {
            let inside = scope.spawn(|| {
                self.join_thread()?;
                Ok(work())
            });
            joined(inside.join())
        })
    }

    /// Starts a thread inside which runs `work`; `work` must know when to end.
    pub fn spawn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> thread::JoinHandle<io::Result<T>> {
        let netns = self.clone();
        thread::spawn(move || {
            netns.join_thread()?;
            work()
        })
    }

    /// Has `command` run inside. Its working directory becomes `/`; this namespace must be kept until it has
    /// been spawned.
    pub fn wrap(&self, command: &mut Command) {
        let Descriptors { net, mounts } = &*self.0;
        let namespaces = vec![(net.as_raw_fd(), libc::CLONE_NEWNET), (mounts.as_raw_fd(), libc::CLONE_NEWNS)];
        sys::join_before_exec(command, namespaces);
    }

    fn join_thread(&self) -> io::Result<()> {
        // A mount namespace is only joined by who shares root and working directory with nobody (setns(2)).
        sys::unshare(libc::CLONE_FS)?;
        sys::setns(self.0.net.as_fd(), libc::CLONE_NEWNET)?;
        sys::setns(self.0.mounts.as_fd(), libc::CLONE_NEWNS)
    }
}

/// The descriptor of the network namespace, by which a netlink request names it.
impl AsFd for Netns {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.net.as_fd()
    }
}

/// What a thread came to; its panic goes on in the caller, where a test reports it.
fn joined<T>(result: thread::Result<io::Result<T>>) -> io::Result<T> {
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
