//! What can be asked for, and the answers: one JSON object each.

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering::*;
use std::thread::{self, sleep};
use std::time::Duration;

use crate::arguments::Arguments;
use crate::encode::{Encoded, MACS, vtep};
use crate::kernel;
use crate::learn::learn;
use crate::monitor::{KINDS, Monitor};
use crate::prefixes::Table;
use crate::received::Received;
use crate::session::Session;
use crate::sys::now;

/// A move that is not seen within this time is lost.
const LOST: u64 = 3_000_000_000;

/// A step that visits all of up to some thousands of MACs before it comes back to one.
const STRIDE: usize = 7919;

pub struct Commands {
    sessions: HashMap<String, Session>,
    buffers: HashMap<String, Arc<Vec<u8>>>,
    monitor: Option<Arc<Monitor>>,
    /// Of each MAC: its VTEP and its sequence number.
    places: Vec<(u32, u32)>,
    /// The first MAC that no frame has come from yet.
    unlearnt: usize,
    /// Who is waited for.
    receivers: Vec<String>,
}

impl Commands {
    pub fn new() -> Commands {
        Commands {
            sessions: HashMap::new(),
            buffers: HashMap::new(),
            monitor: None,
            places: Vec::new(),
            unlearnt: MACS / 2,
            receivers: Vec::new(),
        }
    }

    /// Does what a line asks for; `None` where that is to end.
    pub fn run(&mut self, line: &str) -> Option<String> {
        let mut words = line.split_whitespace();
        let Some(name) = words.next() else { return Some(error("no command")) };
        let arguments = &Arguments::read(words);
        Some(match name {
            "open" => self.open(arguments),
            "gen_evpn" => self.generate_evpn(arguments),
            "gen_ipv4" => self.generate_ipv4(arguments),
            "gen_moves" => self.generate_moves(arguments),
            "send" => self.send(arguments),
            "sent" => self.sent(arguments),
            "mon" => {
                self.monitor = Some(Monitor::start(arguments));
                ok()
            }
            "arm" => {
                self.monitor().arm(arguments);
                ok()
            }
            "wait" => self.counts(arguments.number("timeout", 300)),
            "counts" => self.counts(0),
            "armrx" => self.arm_receivers(arguments),
            "waitrx" => self.wait_for_receivers(arguments),
            "status" => self.status(),
            "moves_single" => self.move_singly(arguments),
            "learn" => self.learn(arguments),
            "kbench" => measure_kernel(line),
            "quit" => return None,
            _ => error("unknown command"),
        })
    }

    fn open(&mut self, arguments: &Arguments) -> String {
        match Session::open(arguments) {
            Ok(session) => {
                self.sessions.insert(arguments.text("s").to_owned(), session);
                ok()
            }
            Err(why) => error(&why),
        }
    }

    fn generate_evpn(&mut self, arguments: &Arguments) -> String {
        let (fabric, macs) = (arguments.fabric(), arguments.number("n", 0) as u32);
        let withdraw = arguments.is_set("wd", false);
        let encoded = fabric.routes(macs, withdraw, arguments.is_set("imet", true));
        if !withdraw {
            self.places = (0..macs).map(|number| (fabric.place(number).0, 0)).collect();
        }
        self.keep(arguments, encoded)
    }

    fn generate_ipv4(&mut self, arguments: &Arguments) -> String {
        let table = Table {
            from: arguments.number("from", 0) as usize,
            to: arguments.number("n", 0) as usize,
            sets: arguments.number("sets", 0) as usize,
            next_hops: arguments.number("nhs", 24) as u32,
            withdraw: arguments.is_set("wd", false),
            end_of_rib: arguments.is_set("eor", true),
        };
        self.keep(arguments, table.encoded())
    }

    /// So many moves of the first MACs, in turn. The monitor is told where they end.
    fn generate_moves(&mut self, arguments: &Arguments) -> String {
        let (macs, moves) = (arguments.number("n", 0) as usize, arguments.number("moves", 0) as usize);
        let (fabric, mut encoded) = (arguments.fabric(), Encoded::default());
        for number in (0..macs).cycle().take(moves) {
            fabric.moved(&mut encoded, &mut self.places[number], number as u32, arguments.own_rd());
        }
        if let Some(monitor) = &self.monitor {
            monitor.expect_all(self.places[..macs.min(moves)].iter().map(|(number, _)| vtep(*number)));
        }
        self.keep(arguments, encoded)
    }

    fn keep(&mut self, arguments: &Arguments, encoded: Encoded) -> String {
        let (octets, messages) = (encoded.octets.len(), encoded.messages);
        self.buffers.insert(arguments.text("buf").to_owned(), Arc::new(encoded.octets));
        format!(r#"{{"bytes":{octets},"msgs":{messages}}}"#)
    }

    fn send(&self, arguments: &Arguments) -> String {
        self.session(arguments).send(Arc::clone(&self.buffers[arguments.text("buf")]));
        ok()
    }

    fn sent(&self, arguments: &Arguments) -> String {
        let session = self.session(arguments);
        let sent = session.sent(arguments.number("timeout", 600));
        let (begin, end, done, note) = (sent.begin, sent.end, u8::from(sent.done), note(&session.received));
        format!(r#"{{"t0":{begin},"t1":{end},"ok":{done},"note":{note}}}"#)
    }

    /// What the monitor has counted, once all that is wanted has been there, or after so many seconds.
    fn counts(&self, timeout: u64) -> String {
        let monitor = self.monitor();
        wait_until(timeout, || monitor.is_done());
        let count = |(tally, kind): (&crate::monitor::Tally, &str)| {
            let (count, hit) = (tally.count.load(Acquire), tally.hit.load(Acquire));
            format!(r#""{kind}":{count},"t_{kind}":{hit}"#)
        };
        let counts: Vec<String> = monitor.tallies.iter().zip(KINDS).map(count).collect();
        let [overruns, events, last] =
            [&monitor.overruns, &monitor.events, &monitor.last].map(|number| number.load(Relaxed));
        let (ok, counts) = (u8::from(monitor.is_done()), counts.join(","));
        format!(r#"{{"ok":{ok},{counts},"overruns":{overruns},"events":{events},"last":{last}}}"#)
    }

    fn arm_receivers(&mut self, arguments: &Arguments) -> String {
        self.receivers = arguments.list("s");
        self.received().for_each(|received| received.expect(arguments.number("n", 0)));
        ok()
    }

    fn wait_for_receivers(&self, arguments: &Arguments) -> String {
        let is_done = || self.received().all(|received| received.hit.load(Acquire) != 0);
        wait_until(arguments.number("timeout", 300), is_done);
        let hits = || self.received().map(|received| received.hit.load(Acquire));
        let have = || self.received().map(|received| received.have.load(Acquire));
        let announced: u64 = self.received().map(|received| received.announced.load(Acquire)).sum();
        let messages: u64 = self.received().map(|received| received.messages.load(Acquire)).sum();
        let octets: u64 = self.received().map(|received| received.octets.load(Acquire)).sum();
        let ok = u8::from(is_done());
        let [first, last, least] = [hits().min(), hits().max(), have().min()].map(Option::unwrap_or_default);
        let have: u64 = have().sum();
        format!(
            r#"{{"ok":{ok},"first":{first},"last":{last},"have":{have},"ann":{announced},"msgs":{messages},"bytes":{octets},"min_have":{least}}}"#
        )
    }

    fn status(&self) -> String {
        let row = |(name, session): (&String, &Session)| {
            let received = &session.received;
            let [established, closed] =
                [&received.established, &received.closed].map(|flag| flag.load(Relaxed));
            let [have, announced] = [&received.have, &received.announced].map(|number| number.load(Relaxed));
            let note = note(received);
            format!(
                r#""{name}":{{"est":{established},"closed":{closed},"have":{have},"ann":{announced},"note":{note}}}"#
            )
        };
        let rows: Vec<String> = self.sessions.iter().map(row).collect();
        format!("{{{}}}", rows.join(","))
    }

    /// One move after the other, each followed into the kernel.
    fn move_singly(&mut self, arguments: &Arguments) -> String {
        let fabric = arguments.fabric();
        let (count, macs) = (arguments.number("count", 300), arguments.number("n", 1) as usize);
        let gap = Duration::from_millis(arguments.number("gap_ms", 5));
        let monitor = Arc::clone(self.monitor());
        monitor.wait_live(true);
        let (mut delays, mut lost) = (Vec::new(), 0);
        for step in 0..count as usize {
            let number = step * STRIDE % macs;
            let mut encoded = Encoded::default();
            fabric.moved(&mut encoded, &mut self.places[number], number as u32, arguments.own_rd());
            monitor.expect(number, vtep(self.places[number].0));
            let begin = now();
            // Who has gone is told by the moves that get lost.
            _ = self.session(arguments).writer.lock().expect("a writer").write_all(&encoded.octets);
            while monitor.arrived(number) == 0 && now() - begin < LOST {
                sleep(Duration::from_micros(100));
            }
            match monitor.arrived(number) {
                0 => lost += 1,
                arrived => delays.push(arrived - begin),
            }
            sleep(gap);
        }
        monitor.wait_live(false);
        format!(r#"{{"lat":{delays:?},"lost":{lost}}}"#)
    }

    fn learn(&mut self, arguments: &Arguments) -> String {
        let first = self.unlearnt;
        self.unlearnt += arguments.number("count", 300) as usize;
        learn(arguments, &self.session(arguments).received, first..self.unlearnt)
    }

    fn session(&self, arguments: &Arguments) -> &Session {
        &self.sessions[arguments.text("s")]
    }

    fn monitor(&self) -> &Arc<Monitor> {
        self.monitor.as_ref().expect("`mon` before this")
    }

    fn received(&self) -> impl Iterator<Item = &Received> {
        self.receivers.iter().map(|name| &*self.sessions[name].received)
    }
}

/// On a thread of its own, which goes into a namespace for it.
fn measure_kernel(line: &str) -> String {
    let arguments = Arguments::read(line.split_whitespace().skip(1));
    let rows = arguments.number("n", 0) as f64;
    let measured = thread::spawn(move || kernel::measure(&arguments)).join().expect("a measurement");
    let kernel::Measured { seconds, cpu, errors, last_error } = measured;
    let rate = rows / seconds;
    format!(r#"{{"s":{seconds:.6},"cpu":{cpu:.6},"errors":{errors},"ecode":{last_error},"rate":{rate:.0}}}"#)
}

fn wait_until(seconds: u64, is_done: impl Fn() -> bool) {
    let end = now() + seconds * 1_000_000_000;
    while now() < end && !is_done() {
        sleep(Duration::from_millis(1));
    }
}

/// As a JSON string.
fn note(received: &Received) -> String {
    format!("{:?}", received.note.lock().expect("a note"))
}

fn ok() -> String {
    r#"{"ok":1}"#.to_owned()
}

fn error(why: &str) -> String {
    format!(r#"{{"error":{why:?}}}"#)
}
