//! What hosts say on one device.
//!
//! However much is said there, core is told of no more than so much in a while, and of everything but once: who shouts
//! is not heard better. What is too much is counted.

use std::collections::HashSet;
use std::io;
use std::io::Read;
use std::time::{Duration, Instant};

use fib::IfIndex;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;
use tracing::{debug, warn};

use super::filter;
use crate::core::{Event, HostNews};
use crate::daemon::sockopt;
use crate::presence::frame::{self, SNAP, Said};

/// Frames read at a time.
const BATCH: usize = 64;

/// For so long a word that was said counts as said.
const WHILE: Duration = Duration::from_millis(100);

/// So many words are taken from a device in that time.
const WORDS: usize = 256;

/// After an error of a socket.
const PAUSE: Duration = Duration::from_secs(5);

/// Hears hosts on a device until it is aborted, and tells core whether it can.
pub(super) async fn keep(device: IfIndex, core: mpsc::Sender<Event>) {
    let mut warned = false;
    loop {
        let heard = match Ear::open(device) {
            Ok(ear) => {
                if tell(&core, vec![HostNews::Hears { device, hears: true }]).await.is_err() {
                    return;
                }
                ear.run(&core).await
            }
            Err(error) => Err(error),
        };
        let Err(error) = heard else { return };
        let name = nix::net::if_::if_indextoname(device.0).map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_else(|_| device.0.to_string());
        if std::mem::replace(&mut warned, true) {
            debug!(device = name, %error, "hosts cannot be heard");
        } else {
            warn!(device = name, %error, "hosts cannot be heard, so none is asked (CAP_NET_RAW?)");
        }
        if tell(&core, vec![HostNews::Hears { device, hears: false }]).await.is_err() {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn tell(core: &mpsc::Sender<Event>, news: Vec<HostNews>) -> Result<(), ()> {
    core.send(Event::Hosts(news)).await.map_err(drop)
}

struct Ear {
    device: IfIndex,
    socket: AsyncFd<Socket>,
    lately: Lately,
}

impl Ear {
    /// To be called within a tokio runtime.
    fn open(device: IfIndex) -> io::Result<Ear> {
        // Of no type before it is bound: no frame of another device gets in.
        let socket = Socket::new(Domain::PACKET, Type::RAW.nonblocking().cloexec(), Some(Protocol::from(0)))?;
        socket.attach_filter(&filter::address_resolution())?;
        sockopt::ignore_outgoing(&socket)?;
        sockopt::bind_packet(&socket, device)?;
        Ok(Ear { device, socket: sockopt::waitable(socket)?, lately: Lately::default() })
    }

    /// Ends without an error when core has gone.
    async fn run(mut self, core: &mpsc::Sender<Event>) -> io::Result<()> {
        loop {
            let mut ready = self.socket.readable().await?;
            let (device, lately) = (self.device, &mut self.lately);
            let Ok(read) = ready.try_io(|socket| read_batch(socket.get_ref(), device, lately)) else {
                continue;
            };
            let news = read?;
            if !news.is_empty() && tell(core, news).await.is_err() {
                return Ok(());
            }
        }
    }
}

/// What was said in the frames that are there, some of them at most.
fn read_batch(mut socket: &Socket, device: IfIndex, lately: &mut Lately) -> io::Result<Vec<HostNews>> {
    let (mut news, mut missed, mut frames) = (Vec::new(), 0, 0);
    let mut frame = [0; SNAP];
    while frames < BATCH {
        let length = match socket.read(&mut frame) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && frames > 0 => break,
            Err(error) => return Err(error),
        };
        frames += 1;
        let Some(said) = frame.get(..length).and_then(frame::parse) else { continue };
        match lately.hears(Instant::now(), said) {
            Word::New => news.push(HostNews::Heard { device, said }),
            Word::Known => {}
            Word::TooMuch => missed += 1,
        }
    }
    if frames == BATCH {
        missed += u64::from(sockopt::frames_missed(socket).unwrap_or_default());
    }
    news.extend((missed > 0).then_some(HostNews::Missed { device, words: missed }));
    Ok(news)
}

/// What was said in the last while.
#[derive(Default)]
struct Lately {
    since: Option<Instant>,
    said: HashSet<Said>,
}

#[derive(Debug, PartialEq, Eq)]
enum Word {
    New,
    Known,
    TooMuch,
}

impl Lately {
    fn hears(&mut self, now: Instant, said: Said) -> Word {
        if self.since.is_none_or(|since| now.duration_since(since) >= WHILE) {
            self.since = Some(now);
            self.said.clear();
        }
        if self.said.contains(&said) {
            Word::Known
        } else if self.said.len() >= WORDS {
            Word::TooMuch
        } else {
            self.said.insert(said);
            Word::New
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use bgp::types::Mac;

    use super::*;
    use crate::presence::frame::What;

    fn said(n: u16) -> Said {
        let [high, low] = n.to_be_bytes();
        let ip = IpAddr::from(Ipv4Addr::new(10, 0, high, low));
        Said { mac: Mac([2, 0, 0, 0, 0, 1]), ip, what: What::Has { router: None } }
    }

    #[test]
    fn a_word_counts_once_in_a_while_and_shouting_is_bounded() {
        let (start, mut lately) = (Instant::now(), Lately::default());
        assert_eq!(lately.hears(start, said(0)), Word::New);
        assert_eq!(lately.hears(start, said(0)), Word::Known);
        let taken = (1..1000).filter(|n| lately.hears(start, said(*n)) == Word::New).count();
        assert_eq!(taken, WORDS - 1);
        assert_eq!(lately.hears(start + WHILE, said(0)), Word::New);
    }
}
