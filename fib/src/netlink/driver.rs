//! The loop: write a run, take what the kernel has to say, hand it over.
//!
//! Reading follows writing on one thread: a reader of its own would be woken by nearly every row of a run, which
//! costs more than the rows do.

use std::time::Duration;
use std::{io, thread};

use netlink_sys::Socket;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;

use super::dialect::{Dialect, Sort};
use super::reader::Reader;
use super::run::Run;
use super::socket::{self, Borrowed};

/// The time that the kernel's worker gets, after a full run of new rows, to let a VXLAN device's table grow.
const BREATHER: Duration = Duration::from_micros(100);

/// Why the loop ended.
pub(super) enum End {
    /// The socket failed.
    Socket(io::Error),
    /// Nobody takes events any more.
    Deaf,
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> End {
        End::Socket(error)
    }
}

/// Both halves and what is between them.
pub(super) struct Driver<'a, D: Dialect> {
    socket: &'a Socket,
    readiness: AsyncFd<Borrowed<'a>>,
    dialect: D,
    events: mpsc::Sender<Vec<D::Event>>,
    run: Run,
    reader: Reader,
    batch: Vec<D::Event>,
}

impl<'a, D: Dialect> Driver<'a, D> {
    /// To be called in the runtime that will drive it.
    pub(super) fn new(
        socket: &'a Socket,
        dialect: D,
        events: mpsc::Sender<Vec<D::Event>>,
    ) -> io::Result<Driver<'a, D>> {
        let readiness = socket::readiness(socket)?;
        let (run, reader, batch) = (Run::new(), Reader::new(), Vec::new());
        Ok(Driver { socket, readiness, dialect, events, run, reader, batch })
    }

    /// Serves until `ops` is closed.
    pub(super) async fn serve(&mut self, mut ops: mpsc::Receiver<Vec<D::Op>>) -> Result<(), End> {
        loop {
            tokio::select! {
                batch = ops.recv() => match batch {
                    Some(batch) => self.write(&batch).await?,
                    None => return Ok(()),
                },
                () = self.events.closed() => return Err(End::Deaf),
                ready = self.readiness.readable() => ready?.clear_ready(),
            }
            if ops.is_empty() {
                self.flush().await?;
            }
            self.read().await?;
            self.hand_over().await?;
        }
    }

    async fn write(&mut self, ops: &[D::Op]) -> Result<(), End> {
        for op in ops {
            let sort = D::sort(op);
            if self.run.ends_before(sort) {
                self.flush().await?;
            }
            if sort == Sort::Apart {
                self.batch.extend(self.dialect.do_apart(op).await);
            }
            self.run.put::<D>(op);
        }
        Ok(())
    }

    /// Sends the run and reads what came of it.
    async fn flush(&mut self) -> Result<(), End> {
        let bytes = self.run.seal();
        if bytes.is_empty() {
            return Ok(());
        }
        while let Err(error) = self.socket.send(bytes, 0) {
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error.into());
            }
        }
        if self.run.clear() {
            // The thread has nothing else to do.
            thread::sleep(BREATHER);
        }
        self.read().await
    }

    /// Reads all that is there, handing over full batches.
    async fn read(&mut self) -> Result<(), End> {
        while !self.reader.drain::<D>(self.socket, &mut self.batch)? {
            self.hand_over().await?;
        }
        Ok(())
    }

    async fn hand_over(&mut self) -> Result<(), End> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let batch = std::mem::take(&mut self.batch);
        self.events.send(batch).await.map_err(|_| End::Deaf)
    }
}
