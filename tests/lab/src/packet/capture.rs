//! Everything that crosses an interface, both ways, from the start of the capture on.

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::Socket;

use super::{ETHERTYPE_ALL, Frame, packet_socket, timed_out};
use crate::netns::Netns;
use crate::sys;

/// How often the socket is emptied while nobody asks: at the default buffer, good for 20,000 frames a second.
const TICK: Duration = Duration::from_millis(10);
/// Frames kept: a lab's capture is short, but a runaway loop of broadcasts must not take the memory.
const LIMIT: usize = 200_000;

/// A capture that runs; it ends when it is dropped.
///
/// Its answers are exact: what crossed before the question is counted, and a frame that was missed is an error.
#[derive(Debug)]
pub struct Capture {
    shared: Arc<Shared>,
    reader: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    socket: Socket,
    ended: AtomicBool,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    frames: Vec<Frame>,
    /// Frames that the socket had no room for.
    missed: u32,
}

impl Capture {
    /// Begins to take what crosses `device` of `netns`.
    pub fn start(netns: &Netns, device: &str) -> io::Result<Capture> {
        let socket = netns.run(|| packet_socket(device, ETHERTYPE_ALL))??;
        socket.set_nonblocking(true)?;
        let shared = Arc::new(Shared { socket, ended: AtomicBool::new(false), taken: Mutex::default() });
        let reader = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || shared.keep_emptying()
        });
        Ok(Capture { shared, reader: Some(reader) })
    }

    /// How many frames so far are such.
    pub fn count(&self, such: impl Fn(&Frame) -> bool) -> io::Result<usize> {
        self.shared.with_frames(|frames| frames.iter().filter(|frame| such(frame)).count())
    }

    /// ARP and neighbour discovery inside VXLAN so far.
    pub fn address_resolution_in_vxlan(&self) -> io::Result<usize> {
        self.count(|frame| frame.inner().is_some_and(|inner| inner.frame.resolves_address()))
    }

    /// All frames so far, oldest first.
    pub fn frames(&self) -> io::Result<Vec<Frame>> {
        self.shared.with_frames(<[Frame]>::to_vec)
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        if let Some(reader) = self.reader.take() {
            // It has nothing to say that a question did not say.
            let _ = reader.join();
        }
    }
}

impl Shared {
    fn keep_emptying(&self) {
        // An error here is met again, and told, by the next question.
        while !self.ended.load(Ordering::Relaxed) && self.with_frames(|_| ()).is_ok() {
            std::thread::sleep(TICK);
        }
    }

    /// Shows all frames so far to `look`.
    fn with_frames<T>(&self, look: impl FnOnce(&[Frame]) -> T) -> io::Result<T> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        self.empty_socket_into(&mut taken.frames)?;
        taken.missed += sys::packets_missed(&self.socket)?;
        match taken.missed {
            0 => Ok(look(&taken.frames)),
            missed => Err(io::Error::other(format!("the capture missed {missed} frames"))),
        }
    }

    fn empty_socket_into(&self, frames: &mut Vec<Frame>) -> io::Result<()> {
        // As large as a packet may be that the kernel has not cut yet.
        let mut buffer = vec![0; 65536 + 14];
        loop {
            match (&self.socket).read(&mut buffer) {
                Ok(_) if frames.len() == LIMIT => {
                    return Err(io::Error::other("the capture is full: is there a forwarding loop?"));
                }
                Ok(length) => frames.extend(Frame::parse(buffer.get(..length).unwrap_or_default())),
                Err(error) if timed_out(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}
