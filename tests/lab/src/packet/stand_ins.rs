//! Hosts that are not there, but answer when they are asked: so many that namespaces of their own would be too many.

use std::collections::HashMap;
use std::io::{self, Read};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use bgp::types::Mac;

use super::frame::{Frame, Payload};
use super::{ETHERTYPE_ARP, announce_crowd, arp, packet_socket, timed_out};
use crate::netns::Netns;

/// How often is looked whether it is over.
const LOOK: Duration = Duration::from_millis(50);

/// Hosts behind one device, until this is dropped.
#[derive(Debug)]
pub struct StandIns {
    netns: Netns,
    device: String,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

#[derive(Debug, Default)]
struct Shared {
    ended: AtomicBool,
    hosts: Mutex<HashMap<Ipv4Addr, Mac>>,
}

impl StandIns {
    /// None yet, behind `device`.
    pub fn start(netns: &Netns, device: &str) -> io::Result<StandIns> {
        let shared = Arc::new(Shared::default());
        let answering = Arc::clone(&shared);
        let mut socket = netns.run(|| packet_socket(device, ETHERTYPE_ARP))??;
        socket.set_read_timeout(Some(LOOK))?;
        let thread = std::thread::spawn(move || answering.answer(&mut socket));
        Ok(StandIns { netns: netns.clone(), device: device.to_owned(), shared, thread: Some(thread) })
    }

    /// These hosts are here from now on, and say so.
    pub fn appear(&self, hosts: impl IntoIterator<Item = (Mac, Ipv4Addr)>) -> io::Result<()> {
        let hosts: Vec<_> = hosts.into_iter().collect();
        self.shared.hosts().extend(hosts.iter().map(|(mac, ip)| (*ip, *mac)));
        self.netns.run(|| announce_crowd(&self.device, hosts))?
    }

    /// Nobody has this address here any more.
    pub fn vanish(&self, ip: Ipv4Addr) {
        self.shared.hosts().remove(&ip);
    }
}

impl Drop for StandIns {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Shared {
    fn answer(&self, socket: &mut socket2::Socket) -> io::Result<()> {
        let mut octets = [0; 64];
        while !self.ended.load(Ordering::Relaxed) {
            let length = match socket.read(&mut octets) {
                Ok(length) => length,
                Err(error) if timed_out(&error) => continue,
                Err(error) => return Err(error),
            };
            let asked = octets.get(..length).and_then(Frame::parse);
            let Some(Frame { source, payload: Payload::ArpRequest { sender, target }, .. }) = asked else {
                continue;
            };
            let mac = self.hosts().get(&target).copied();
            // What they say themselves is seen, too; it asks nobody.
            if let Some(mac) = mac.filter(|mac| *mac != source) {
                socket.send(&arp::answer(mac, target, (source, sender)))?;
            }
        }
        Ok(())
    }

    fn hosts(&self) -> MutexGuard<'_, HashMap<Ipv4Addr, Mac>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
