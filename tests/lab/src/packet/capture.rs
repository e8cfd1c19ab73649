//! Everything that crosses an interface, both ways, from the start of the capture on.

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::Socket;

use super::{ETHERTYPE_ALL, Frame, packet_socket};
use crate::netns::Netns;

/// How long the reader waits for a frame before it looks whether the capture has ended.
const TICK: Duration = Duration::from_millis(50);
/// Frames kept: a lab's capture is short, but a runaway loop of broadcasts must not take the memory.
const LIMIT: usize = 200_000;
/// What the kernel may hold for us while the reader does not run.
const BUFFER: usize = 8 << 20;

/// A capture that runs; it ends when it is dropped.
#[derive(Debug)]
pub struct Capture {
    shared: Arc<Shared>,
    reader: Option<JoinHandle<io::Result<()>>>,
}

#[derive(Debug, Default)]
struct Shared {
    ended: AtomicBool,
    frames: Mutex<Vec<Frame>>,
}

impl Capture {
    /// Begins to take what crosses `device` of `netns`; from the return on nothing is missed.
    pub fn start(netns: &Netns, device: &str) -> io::Result<Capture> {
        let socket = netns.run(|| packet_socket(device, ETHERTYPE_ALL))??;
        // Not all machines grant the size; the limit they have is good enough.
        let _ = socket.set_recv_buffer_size(BUFFER);
        socket.set_read_timeout(Some(TICK))?;
        let shared = Arc::new(Shared::default());
        let reader = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || shared.read(&socket)
        });
        Ok(Capture { shared, reader: Some(reader) })
    }

    /// How many frames so far are such.
    pub fn count(&self, such: impl Fn(&Frame) -> bool) -> usize {
        self.shared.frames().iter().filter(|frame| such(frame)).count()
    }

    /// ARP and neighbour discovery inside VXLAN so far.
    pub fn address_resolution_in_vxlan(&self) -> usize {
        self.count(|frame| frame.inner().is_some_and(|inner| inner.frame.resolves_address()))
    }

    /// Ends the capture and hands over all its frames, oldest first.
    pub fn stop(mut self) -> io::Result<Vec<Frame>> {
        self.end()?;
        Ok(std::mem::take(&mut *self.shared.frames()))
    }

    fn end(&mut self) -> io::Result<()> {
        self.shared.ended.store(true, Ordering::Relaxed);
        match self.reader.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(result)) => result,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
        }
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

impl Shared {
    /// Reads until the capture has ended AND the socket is empty, so that what crossed before the end counts.
    fn read(&self, socket: &Socket) -> io::Result<()> {
        let mut buffer = [0; 2048];
        loop {
            match (&*socket).read(&mut buffer) {
                Ok(length) => self.take(buffer.get(..length).unwrap_or_default())?,
                Err(error) if timed_out(&error) && self.ended.load(Ordering::Relaxed) => return Ok(()),
                Err(error) if timed_out(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn take(&self, bytes: &[u8]) -> io::Result<()> {
        let mut frames = self.frames();
        if frames.len() == LIMIT {
            return Err(io::Error::other("the capture is full: is there a forwarding loop?"));
        }
        frames.extend(Frame::parse(bytes));
        Ok(())
    }

    fn frames(&self) -> MutexGuard<'_, Vec<Frame>> {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a read ended because nothing came.
pub(super) fn timed_out(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}
