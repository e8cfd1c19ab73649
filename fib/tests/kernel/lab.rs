//! A network namespace of its own for each test, with a bridge, a VXLAN device, and a `Fib` that is driven as the
//! daemon drives it.

use std::io::{self, Write as _};
use std::net::IpAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bgp::types::{Mac, Vni};
use evpn::dataplane::{Observation, WantedKey, WantedValue};
use fib::netlink::Kernel;
use fib::{CREDIT, Fib, FibConfig, KernelEvent, Op, Status};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

/// Nothing here takes a tenth of it, even on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn vni() -> Vni {
    Vni::new(100).unwrap()
}

pub(crate) fn mac(n: u32) -> Mac {
    let [_, a, b, c] = n.to_be_bytes();
    Mac([2, 0, 0, a, b, c])
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub(crate) fn mac_key(mac: Mac) -> WantedKey {
    WantedKey::Mac { vni: vni(), mac }
}

pub(crate) fn neighbor_key(text: &str) -> WantedKey {
    WantedKey::Neighbor { vni: vni(), ip: ip(text) }
}

pub(crate) fn flood_key(text: &str) -> WantedKey {
    WantedKey::Flood { vni: vni(), vtep: ip(text) }
}

pub(crate) fn at(vtep: &str) -> Option<WantedValue> {
    Some(WantedValue::Mac { vtep: ip(vtep), sticky: false })
}

pub(crate) fn neighbor(mac: Mac) -> Option<WantedValue> {
    Some(WantedValue::Neighbor { mac, router: false })
}

/// Runs `test` in a fresh namespace with `br100` and `vxlan100`, both up, and a veth pair `p0` (a port of the
/// bridge) and `p1`.
pub(crate) fn in_namespace(test: impl FnOnce() + Send + 'static) {
    in_namespace_with(&BRIDGE, test);
}

const BRIDGE: [&str; 8] = [
    "ip link add br100 type bridge",
    "ip link add vxlan100 type vxlan id 100 dstport 4789 local 127.0.0.1 nolearning",
    "ip link set vxlan100 master br100",
    "ip link add p0 type veth peer name p1",
    "ip link set p0 master br100",
    "ip link set br100 up",
    "ip link set vxlan100 up",
    "ip link set p0 up",
];

/// Runs `test` in a fresh namespace that these commands have prepared. Where the system cannot do that, the test says so
/// and passes.
pub(crate) fn in_namespace_with(commands: &'static [&str], test: impl FnOnce() + Send + 'static) {
    let outcome = std::thread::spawn(move || match prepare(commands) {
        Ok(()) => test(),
        // Not by `println`, which the test harness keeps to itself.
        Err(reason) => {
            let _ = writeln!(io::stderr(), "SKIPPED: {reason}");
        }
    });
    if let Err(panic) = outcome.join() {
        std::panic::resume_unwind(panic);
    }
}

fn prepare(commands: &[&str]) -> Result<(), String> {
    unshare().map_err(|error| format!("no network namespace of our own: {error}"))?;
    try_run("ip link set lo up")?;
    commands.iter().try_for_each(|command| try_run(command).map(drop))
}

#[expect(unsafe_code, reason = "the standard library has no unshare")]
fn unshare() -> io::Result<()> {
    // SAFETY: takes no pointer; it concerns the calling thread only, which is the test's own.
    match unsafe { libc::unshare(libc::CLONE_NEWNET) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn try_run(command: &str) -> Result<String, String> {
    let mut words = command.split_whitespace();
    let output = Command::new(words.next().unwrap()).args(words).output();
    let output = output.map_err(|error| format!("{command}: {error}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(format!("{command}: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}

/// Runs a command in the test's namespace.
pub(crate) fn run(command: &str) -> String {
    try_run(command).unwrap()
}

/// The lines of a command's output that contain `part`, with single spaces.
pub(crate) fn lines(command: &str, part: &str) -> Vec<String> {
    let output = run(command);
    let found = output.lines().filter(|line| line.contains(part));
    found.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// A host on the far side of `p1`, in a namespace of its own.
pub(crate) struct Host {
    process: Child,
}

impl Host {
    /// With `mac`, and `address` if it is to answer.
    pub(crate) fn attach(mac: Mac, address: Option<&str>) -> Host {
        let process =
            Command::new("unshare").args(["-n", "sleep", "60"]).stdin(Stdio::null()).spawn().unwrap();
        let host = Host { process };
        let deadline = Instant::now() + PATIENCE;
        // Until it has a namespace of its own, the device would stay where it is.
        while host.namespace() == std::fs::read_link("/proc/thread-self/ns/net").ok() {
            assert!(Instant::now() < deadline);
            std::thread::yield_now();
        }
        run(&format!("ip link set p1 netns {}", host.process.id()));
        host.run(&format!("ip link set p1 address {mac}"));
        if let Some(address) = address {
            host.run(&format!("ip address add {address} dev p1"));
        }
        host.run("ip link set p1 up");
        host
    }

    fn namespace(&self) -> Option<std::path::PathBuf> {
        std::fs::read_link(format!("/proc/{}/ns/net", self.process.id())).ok()
    }

    /// Runs a command where the host is.
    pub(crate) fn run(&self, command: &str) -> String {
        run(&format!("nsenter -t {} -n {command}", self.process.id()))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A driver, as the daemon runs it.
pub(crate) struct Driver<Op, Event> {
    runtime: Runtime,
    ops: Option<mpsc::Sender<Vec<Op>>>,
    events: mpsc::Receiver<Vec<Event>>,
    kernel: tokio::task::JoinHandle<io::Result<()>>,
}

impl<Op, Event> Driver<Op, Event> {
    /// `open` opens it and says how it is run.
    pub(crate) fn start<Run>(
        open: impl FnOnce(mpsc::Receiver<Vec<Op>>, mpsc::Sender<Vec<Event>>) -> Run,
    ) -> Self
    where
        Run: Future<Output = io::Result<()>> + Send + 'static,
    {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (ops, ops_out) = mpsc::channel(CREDIT);
        let (events_in, events) = mpsc::channel(16);
        let kernel = {
            let _inside = runtime.enter();
            tokio::spawn(open(ops_out, events_in))
        };
        Driver { runtime, ops: Some(ops), events, kernel }
    }

    pub(crate) fn send(&self, batch: Vec<Op>) {
        if !batch.is_empty() {
            let sent = self.ops.as_ref().unwrap().try_send(batch);
            assert!(sent.is_ok(), "credit makes room");
        }
    }

    /// The next news, or none in time.
    pub(crate) fn next(&mut self, wake: Instant) -> Vec<Event> {
        let news = async { tokio::time::timeout_at(wake.into(), self.events.recv()).await };
        match self.runtime.block_on(news) {
            Ok(batch) => batch.expect("the kernel task has ended"),
            Err(_) => Vec::new(),
        }
    }

    /// Ends it as the daemon does: by closing the channel.
    pub(crate) fn stop(mut self) {
        self.ops = None;
        let Driver { runtime, kernel, mut events, .. } = self;
        runtime.block_on(async {
            while events.recv().await.is_some() {}
            tokio::time::timeout(PATIENCE, kernel).await.expect("it ends").unwrap().unwrap();
        });
    }
}

/// A `Fib` with a kernel.
pub(crate) struct Lab {
    pub(crate) fib: Fib,
    driver: Driver<Op, KernelEvent>,
    /// All that was observed.
    pub(crate) observed: Vec<Observation>,
    /// All ops given out.
    pub(crate) log: Vec<Op>,
}

impl Lab {
    /// Started, and synced with the kernel.
    pub(crate) fn start() -> Lab {
        Lab::with(FibConfig::default())
    }

    pub(crate) fn with(config: FibConfig) -> Lab {
        let driver = Driver::start(|ops, events| Kernel::open().unwrap().run(ops, events));
        let mut lab = Lab { fib: Fib::new(config, 1), driver, observed: Vec::new(), log: Vec::new() };
        lab.until("synced", |lab| lab.observed.contains(&Observation::Synced));
        lab.settle();
        lab
    }

    pub(crate) fn want(&mut self, key: WantedKey, value: Option<WantedValue>) {
        self.fib.want(key, value);
    }

    /// Drives until `done`, or fails.
    pub(crate) fn until(&mut self, what: &str, mut done: impl FnMut(&Lab) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            // Whoever waits for an observation is in evpn's place, and may want something else before more ops.
            self.observed.extend(std::iter::from_fn(|| self.fib.poll_observation()));
            if done(self) {
                return;
            }
            self.send_ops();
            if done(self) {
                return;
            }
            let now = Instant::now();
            let state: Vec<_> = self.fib.rows().take(10).collect();
            assert!(
                now < deadline,
                "never {what}: {state:?}, {:?}",
                self.observed.iter().rev().take(10).collect::<Vec<_>>()
            );
            let wake = self.fib.poll_timeout().unwrap_or(deadline).min(deadline).max(now);
            let news = self.driver.next(wake);
            news.into_iter().for_each(|event| self.fib.handle(Instant::now(), event));
        }
    }

    fn send_ops(&mut self) {
        let now = Instant::now();
        let batch: Vec<Op> = std::iter::from_fn(|| self.fib.poll_op(now)).collect();
        self.log.extend(batch.iter().cloned());
        self.driver.send(batch);
    }

    /// Drives until nothing is left to do.
    pub(crate) fn settle(&mut self) {
        self.until("settled", |lab| lab.fib.is_settled());
    }

    /// Drives until a key stands like that.
    pub(crate) fn until_status(&mut self, key: WantedKey, status: &Status) {
        self.until(&format!("{key:?} {status:?}"), |lab| lab.fib.status(&key).as_ref() == Some(status));
        self.settle();
    }

    /// Drives until this was observed, and forgets what was.
    pub(crate) fn until_observed(&mut self, observation: Observation) {
        self.until(&format!("{observation:?}"), |lab| lab.observed.contains(&observation));
        self.observed.clear();
    }

    /// Ends the run as the daemon does: by closing the channel.
    pub(crate) fn stop(self) {
        self.driver.stop();
    }
}
