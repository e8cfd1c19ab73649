//! How long a full table of routes takes to get into the kernel and out of it, through the reconciler and the driver,
//! beside bare netlink, in the current network namespace, over a device `d1` with a link 10.1.0.0/24:
//!
//! ```text
//! unshare -n sh -c 'ip link add d1 type veth peer name e1
//!   ip link set d1 up; ip link set e1 up; ip address add 10.1.0.1/24 dev d1
//!   cargo run --profile bench -p linnet-fib --example burst_routes -- 100000'
//! ```

#[path = "shared/cpu.rs"]
mod cpu;

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use fib::netlink::RouteKernel;
use fib::routes::WantedRoute;
use fib::{CREDIT, RouteEvent, RouteOp, Routes, RoutesConfig};
use ipnet::IpNet;
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use tokio::sync::mpsc;

use cpu::{cpu, used};

struct Daemon {
    routes: Routes,
    ops: mpsc::Sender<Vec<RouteOp>>,
    events: mpsc::Receiver<Vec<RouteEvent>>,
}

impl Daemon {
    /// Drives until `done`.
    async fn until(&mut self, mut done: impl FnMut(&mut Routes) -> bool) -> Result<(), Box<dyn Error>> {
        loop {
            let now = Instant::now();
            let batch: Vec<RouteOp> = std::iter::from_fn(|| self.routes.poll_op(now)).collect();
            if !batch.is_empty() {
                self.ops.try_send(batch)?;
            }
            if done(&mut self.routes) {
                return Ok(());
            }
            let batch = self.events.recv().await.ok_or("the kernel task has ended")?;
            let now = Instant::now();
            batch.into_iter().for_each(|event| self.routes.handle(now, event));
        }
    }
}

fn prefixes(count: u32) -> impl Iterator<Item = IpNet> {
    (0..count).map(|n| IpNet::V4(ipnet::Ipv4Net::new_assert(Ipv4Addr::from_bits(0x1400_0000 + (n << 8)), 24)))
}

/// To one of some next hops.
fn to(n: u32, shift: u32) -> WantedRoute {
    WantedRoute::via(IpAddr::V4(Ipv4Addr::new(10, 1, 0, ((n + shift) % 24) as u8 + 2)))
}

/// The most memory that the process has had, in MiB.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    let kib: u64 = line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or_default();
    format!("peak {:.1} MiB", kib as f64 / 1024.0)
}

/// The same with nothing but messages made beforehand, in sends of 64 KiB without an answer.
fn bare(count: u32, device: u32) -> Result<(), Box<dyn Error>> {
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    for (what, kind, flags) in [("add", 24u16, 0x1 | 0x400 | 0x200u16), ("remove", 25, 0x1)] {
        let mut runs = vec![Vec::new()];
        for (n, prefix) in prefixes(count).enumerate() {
            let IpAddr::V4(address) = prefix.addr() else { continue };
            let mut body = vec![
                2,
                24,
                0,
                0,
                254,
                108,
                if kind == 25 { 255 } else { 0 },
                u8::from(kind == 24),
                0,
                0,
                0,
                0,
            ];
            let mut attribute = |kind: u16, value: [u8; 4]| {
                body.extend(8u16.to_ne_bytes());
                body.extend(kind.to_ne_bytes());
                body.extend(value);
            };
            attribute(1, address.octets());
            attribute(6, 50u32.to_ne_bytes());
            if kind == 24 {
                attribute(4, device.to_ne_bytes());
                attribute(5, [10, 1, 0, (n % 24) as u8 + 2]);
            }
            let is_full = runs.last().is_none_or(|run| run.len() + body.len() + 16 > 64 << 10);
            if is_full {
                runs.push(Vec::new());
            }
            let Some(run) = runs.last_mut() else { continue };
            run.extend((16 + body.len() as u32).to_ne_bytes());
            run.extend(kind.to_ne_bytes());
            run.extend(flags.to_ne_bytes());
            run.extend([0; 8]);
            run.extend(body);
        }
        let (start, before) = (Instant::now(), cpu());
        for run in &runs {
            socket.send(run, 0)?;
        }
        println!("bare netlink, {what}: {:?}, CPU {}", start.elapsed(), used(&before));
    }
    Ok(())
}

/// From what is wanted to what the kernel has.
async fn measure(
    daemon: &mut Daemon,
    what: &str,
    wants: impl Iterator<Item = (IpNet, Option<WantedRoute>)>,
) -> Result<(), Box<dyn Error>> {
    let (start, before) = (Instant::now(), cpu());
    wants.for_each(|(prefix, wanted)| daemon.routes.want(prefix, wanted));
    let wanted = start.elapsed();
    daemon.until(|routes| routes.is_settled()).await?;
    println!("{what}: {:?} (of it {wanted:?} to want), CPU {}, {}", start.elapsed(), used(&before), peak());
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let count = std::env::args().nth(1).map_or(Ok(100_000), |text| text.parse())?;
    let (ops, ops_out) = mpsc::channel(CREDIT);
    let (events_in, events) = mpsc::channel(16);
    tokio::spawn(RouteKernel::open(false)?.run(ops_out, events_in));
    let config = RoutesConfig { install: true, ..RoutesConfig::default() };
    let mut daemon = Daemon { routes: Routes::new(config, 1), ops, events };
    daemon.until(|routes| routes.is_synced()).await?;
    println!("at first: {}", peak());
    for round in 0..2 {
        let to_all = |shift| prefixes(count).zip(0..).map(move |(prefix, n)| (prefix, Some(to(n, shift))));
        measure(&mut daemon, &format!("{count} routes in, round {round}"), to_all(0)).await?;
        println!("  differences: {}", daemon.routes.diff().count());
        measure(&mut daemon, "all replaced", to_all(1)).await?;
        measure(&mut daemon, "all out", prefixes(count).map(|prefix| (prefix, None))).await?;
    }
    let device =
        daemon.routes.addresses().map(|(device, _)| device.0).max().ok_or("no device has an address")?;
    bare(count, device)?;
    bare(count, device)
}
