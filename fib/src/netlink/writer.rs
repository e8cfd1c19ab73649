//! To the kernel: ops into runs of messages.
//!
//! A run is one `send`, which the kernel works off before it returns. Only refused messages are answered, so a
//! run ends with a message that says nothing and asks to be acknowledged: its answer carries the last op's
//! number and comes after everything the run brought about.

use std::io;
use std::thread;
use std::time::Duration;

use netlink_sys::Socket;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::device::Devices;
use super::wire::{self, put_message};
use super::{link, neigh};
use crate::event::KernelEvent;
use crate::op::{Action, Dump, Half, Op, OpId, Table};

/// New rows of a VXLAN device: its table grows in a worker of the kernel's, and a writer that gives it no time
/// fills long chains meanwhile. Measured for 100,000 MACs: 0.42 s like this, 0.91 s in large runs.
const SMALL_RUN: usize = 16 << 10;
/// The time that the worker gets between small runs.
const BREATHER: Duration = Duration::from_micros(100);
/// All else gains from large runs.
const LARGE_RUN: usize = 64 << 10;

/// The writing half of the driver.
pub(super) struct Writer<'a> {
    socket: &'a Socket,
    devices: &'a Devices,
    runtime: &'a Handle,
    events: &'a mpsc::Sender<Vec<KernelEvent>>,
    run: Vec<u8>,
    /// The last op in `run`.
    last: OpId,
    /// `run` makes a VXLAN device's table grow.
    grows: bool,
}

impl<'a> Writer<'a> {
    pub(super) fn new(
        socket: &'a Socket,
        devices: &'a Devices,
        runtime: &'a Handle,
        events: &'a mpsc::Sender<Vec<KernelEvent>>,
    ) -> Self {
        let run = Vec::with_capacity(LARGE_RUN + SMALL_RUN);
        Writer { socket, devices, runtime, events, run, last: OpId::default(), grows: false }
    }

    /// Writes until `ops` is closed.
    ///
    /// # Errors
    /// The socket's.
    pub(super) fn run(&mut self, ops: &mut mpsc::Receiver<Vec<Op>>) -> io::Result<()> {
        while let Some(batch) = ops.blocking_recv() {
            self.write(&batch)?;
            while let Ok(batch) = ops.try_recv() {
                self.write(&batch)?;
            }
            self.flush()?;
        }
        Ok(())
    }

    /// Has the kernel answer once more, to wake the reader.
    pub(super) fn wake_reader(&mut self) -> io::Result<()> {
        self.last = OpId::default();
        self.send_run()
    }

    fn write(&mut self, batch: &[Op]) -> io::Result<()> {
        for op in batch {
            self.make_room(&op.action)?;
            let sequence = op.id.0;
            if neigh::put_action(&mut self.run, sequence, &op.action) {
                self.last = op.id;
            } else {
                self.flush()?;
                self.do_apart(op)?;
            }
            // The answer to a dump is its end.
            if matches!(op.action, Action::Dump(_)) {
                self.send_bare()?;
            }
        }
        Ok(())
    }

    /// Sends what is there if it is enough, or of another sort than what comes.
    fn make_room(&mut self, next: &Action) -> io::Result<()> {
        let grows = matches!(next, Action::SetMac { half: Half::Both | Half::Tunnel, .. });
        let limit = if self.grows { SMALL_RUN } else { LARGE_RUN };
        let is_full = self.run.len() >= limit;
        if is_full || grows != self.grows || matches!(next, Action::Dump(_)) {
            let breathe = is_full && self.grows && grows;
            self.flush()?;
            self.grows = grows;
            if breathe {
                thread::sleep(BREATHER);
            }
        }
        Ok(())
    }

    /// Devices: the one dump that is not of rows, and what is rare and slow.
    fn do_apart(&mut self, op: &Op) -> io::Result<()> {
        if op.action == Action::Dump(Dump { table: Table::Links, bridge: None }) {
            link::put_dump(&mut self.run, op.id.0);
            return Ok(());
        }
        if let Err(fault) = self.runtime.block_on(self.devices.apply(&op.action)) {
            // That nobody takes events any more shows soon enough.
            let _ = self.events.blocking_send(vec![KernelEvent::Failed { id: op.id, fault }]);
        }
        self.last = op.id;
        self.send_run()
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.run.is_empty() { Ok(()) } else { self.send_run() }
    }

    /// Sends the run with its end.
    fn send_run(&mut self) -> io::Result<()> {
        put_message(&mut self.run, wire::NOOP, wire::REQUEST | wire::ACK, self.last.0, |_| ());
        self.send_bare()
    }

    fn send_bare(&mut self) -> io::Result<()> {
        while let Err(error) = self.socket.send(&self.run, 0) {
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
        self.run.clear();
        Ok(())
    }
}
