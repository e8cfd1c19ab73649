//! A BGP session with the device under test, which waits to be connected to.

use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering::*};
use std::sync::{Arc, Mutex};
use std::thread::{self, sleep};
use std::time::Duration;

use crate::arguments::Arguments;
use crate::received::Received;
use crate::sys::{self, Socket, now};

pub const KEEPALIVE: [u8; 19] = {
    let mut message = [0xff; 19];
    (message[16], message[17], message[18]) = (0, 19, 4);
    message
};

/// Far below any hold time.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);

pub type Writer = Arc<Mutex<TcpStream>>;

/// When something was written.
#[derive(Clone, Copy, Default)]
pub struct Sent {
    pub begin: u64,
    pub end: u64,
    pub done: bool,
}

pub struct Session {
    pub writer: Writer,
    pub received: Arc<Received>,
    sent: Arc<Mutex<Sent>>,
    busy: Arc<AtomicBool>,
}

impl Session {
    /// Connects, again and again, until there is a session.
    pub fn open(arguments: &Arguments) -> Result<Session, String> {
        let (local, remote) = (arguments.address("laddr"), arguments.address("raddr"));
        let port = arguments.number("port", 179) as u16;
        let open = open_message(arguments, local)?;
        let end = now() + arguments.number("timeout", 30) * 1_000_000_000;
        let mut why = String::new();
        while now() < end {
            let socket = Socket::new(sys::AF_INET, sys::SOCK_STREAM | sys::SOCK_CLOEXEC);
            socket.set(sys::SOL_SOCKET, sys::SO_REUSEADDR, 1);
            socket.set(sys::SOL_TCP, sys::TCP_NODELAY, 1);
            // The receiver's window is never what is waited for.
            socket.set(sys::SOL_SOCKET, sys::SO_RCVBUFFORCE, 16 << 20);
            socket.bind(&socket_address(local, 0)).map_err(|errno| format!("bind errno {errno}"))?;
            if let Err(errno) = socket.connect(&socket_address(remote, port)) {
                why = format!("connect errno {errno}");
                sleep(Duration::from_millis(50));
                continue;
            }
            match Session::begin(TcpStream::from(OwnedFd::from(socket)), &open, end) {
                Ok(session) => return Ok(session),
                Err(reason) => why = reason,
            }
            sleep(Duration::from_millis(300));
        }
        Err(why)
    }

    fn begin(stream: TcpStream, open: &[u8], end: u64) -> Result<Session, String> {
        let mut writer = stream.try_clone().map_err(|error| error.to_string())?;
        writer.write_all(open).map_err(|error| error.to_string())?;
        let (writer, received) = (Arc::new(Mutex::new(writer)), Arc::new(Received::default()));
        received.expect(u64::MAX);
        let (reader, to) = (Arc::clone(&received), Arc::clone(&writer));
        thread::spawn(move || reader.read(stream, &to));
        while now() < end && !received.established.load(Acquire) && !received.closed.load(Acquire) {
            sleep(Duration::from_millis(2));
        }
        if !received.established.load(Acquire) {
            return Err(format!("not established: {}", received.note.lock().expect("a note")));
        }
        keep_alive(Arc::clone(&received), Arc::clone(&writer));
        Ok(Session { writer, received, sent: Arc::default(), busy: Arc::default() })
    }

    /// Writes, on a thread of its own.
    pub fn send(&self, octets: Arc<Vec<u8>>) {
        let (writer, sent, busy) = (Arc::clone(&self.writer), Arc::clone(&self.sent), Arc::clone(&self.busy));
        busy.store(true, Release);
        thread::spawn(move || {
            let mut writer = writer.lock().expect("a writer");
            let begin = now();
            sent.lock().expect("times").begin = begin;
            let done = writer.write_all(&octets).is_ok();
            drop(writer);
            *sent.lock().expect("times") = Sent { begin, end: now(), done };
            busy.store(false, Release);
        });
    }

    /// Waits until all is written.
    pub fn sent(&self, timeout: u64) -> Sent {
        let end = now() + timeout * 1_000_000_000;
        while self.busy.load(Acquire) && now() < end {
            sleep(Duration::from_micros(200));
        }
        *self.sent.lock().expect("times")
    }
}

fn keep_alive(received: Arc<Received>, writer: Writer) {
    thread::spawn(move || {
        while !received.closed.load(Acquire) {
            sleep(KEEPALIVE_INTERVAL);
            // Who is writing keeps the session alive by that.
            if let Ok(mut writer) = writer.try_lock() {
                _ = writer.write_all(&KEEPALIVE);
            }
        }
    });
}

/// OPEN (RFC 4271 section 4.2), with the families asked for, route refresh and the AS in four octets.
fn open_message(arguments: &Arguments, id: Ipv4Addr) -> Result<Vec<u8>, String> {
    let asn = arguments.number("asn", 65_000) as u32;
    let hold = arguments.number("hold", 600) as u16;
    let mut capabilities = Vec::new();
    for family in arguments.list("af") {
        let (afi, safi) = match family.as_str() {
            "ipv4" => (1, 1),
            "ipv6" => (2, 1),
            "evpn" => (25, 70),
            _ => return Err(format!("no family {family}")),
        };
        capabilities.extend_from_slice(&[1, 4, 0, afi, 0, safi]);
    }
    capabilities.extend_from_slice(&[2, 0, 65, 4]);
    capabilities.extend_from_slice(&asn.to_be_bytes());
    let length = capabilities.len() as u8;
    let mut open = vec![0xff; 16];
    open.extend_from_slice(&[0, 19 + 10 + 2 + length, 1, 4]);
    open.extend_from_slice(&(asn as u16).to_be_bytes());
    open.extend_from_slice(&hold.to_be_bytes());
    open.extend_from_slice(&id.octets());
    open.extend_from_slice(&[length + 2, 2, length]);
    open.extend_from_slice(&capabilities);
    Ok(open)
}

fn socket_address(ip: Ipv4Addr, port: u16) -> [u8; 16] {
    let mut address = [0; 16];
    address[0..2].copy_from_slice(&(sys::AF_INET as u16).to_ne_bytes());
    address[2..4].copy_from_slice(&port.to_be_bytes());
    address[4..8].copy_from_slice(&ip.octets());
    address
}
