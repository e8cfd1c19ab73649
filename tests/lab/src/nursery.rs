//! Processes that cannot outlive us.
//!
//! A nursery is one PID namespace. Its first process does nothing but sleep, and the kernel kills it when we end,
//! however we end; with it goes every other process of the namespace. Setting a parent-death signal on each
//! process would not do: it is cleared when a daemon changes its user, as FRR's do.

use std::fs::File;
use std::io;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use crate::sys;

/// How long a process may take to end after SIGTERM before it is killed.
const PATIENCE: Duration = Duration::from_secs(3);

type Job = Box<dyn FnOnce() + Send>;

/// The home of a lab's processes; when it is dropped, all of them are gone.
#[derive(Debug, Clone)]
pub struct Nursery {
    /// To the one thread that spawns: PID namespaces are entered by a thread's future children only.
    jobs: SyncSender<Job>,
}

impl Nursery {
    /// An empty one.
    pub fn new() -> io::Result<Nursery> {
        let (jobs, inbox) = mpsc::sync_channel(0);
        let (started, outcome) = mpsc::sync_channel(1);
        thread::Builder::new().name("nursery".into()).spawn(move || keep(&inbox, &started))?;
        outcome.recv().map_err(io::Error::other)??;
        Ok(Nursery { jobs })
    }

    /// Starts `command`, both its outputs going to `log`.
    pub fn spawn(&self, name: &str, mut command: Command, log: &File) -> io::Result<Process> {
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log.try_clone()?);
        let child = self.ask(move || command.spawn())?;
        Ok(Process { name: name.to_owned(), child })
    }

    /// Starts `command` with the input and the outputs that it has; who waits for it is the caller.
    pub fn child(&self, mut command: Command) -> io::Result<Child> {
        self.ask(move || command.spawn())
    }

    /// Runs `command` to its end and takes its output.
    pub fn output(&self, mut command: Command) -> io::Result<Output> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Waiting is done here, not by the nursery's thread, so that a slow command holds nobody else up.
        self.ask(move || command.spawn())?.wait_with_output()
    }

    fn ask<T: Send + 'static>(&self, job: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
        let (reply, answer) = mpsc::sync_channel(1);
        let job = Box::new(move || drop(reply.send(job())));
        self.jobs.send(job).map_err(|_| io::Error::other("the nursery's thread is gone"))?;
        answer.recv().map_err(io::Error::other)?
    }
}

/// The life of the nursery's thread: the namespace, its first process, the jobs; then all is ended.
fn keep(inbox: &Receiver<Job>, started: &SyncSender<io::Result<()>>) {
    let mut first = match first_process() {
        Ok(first) => first,
        Err(error) => return drop(started.send(Err(error))),
    };
    if started.send(Ok(())).is_ok() {
        inbox.iter().for_each(|job| job());
    }
    // Killing the first process of a PID namespace kills the rest.
    let _ = first.kill();
    let _ = first.wait();
}

fn first_process() -> io::Result<Child> {
    sys::unshare(libc::CLONE_NEWPID)?;
    let mut sleep = Command::new("sleep");
    sleep.arg("infinity").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    sys::die_with_parent(&mut sleep);
    sleep.spawn()
}

/// A running daemon; ended when dropped: SIGTERM first, SIGKILL if that is not heard.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
}

impl Process {
    /// What it was called when it was spawned.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its number, as we see it.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Kills it at once, with no chance to clean up, and waits until it is gone.
    pub fn kill(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }

    /// Asks it to end, and kills it when it does not within three seconds.
    pub fn terminate(&mut self) -> io::Result<()> {
        if self.ended()?.is_some() {
            return Ok(());
        }
        self.signal(libc::SIGTERM)?;
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if self.ended()?.is_some() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(5));
        }
        self.kill()
    }

    /// Stops it where it is (SIGSTOP): its sockets stay, and it says nothing any more.
    pub fn pause(&self) -> io::Result<()> {
        self.signal(libc::SIGSTOP)
    }

    /// Lets it go on (SIGCONT).
    pub fn resume(&self) -> io::Result<()> {
        self.signal(libc::SIGCONT)
    }

    /// Asks it to read its configuration again (SIGHUP).
    pub fn reload(&self) -> io::Result<()> {
        self.signal(libc::SIGHUP)
    }

    fn signal(&self, signal: libc::c_int) -> io::Result<()> {
        sys::kill(self.child.id(), signal)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Nothing to do about an error: the nursery's end will take it.
        let _ = self.terminate();
    }
}
