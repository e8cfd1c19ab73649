//! How long a burst of remote hosts takes to get into the kernel and out of it, through the reconciler and the
//! driver, on `br100` and `vxlan100` of the current network namespace:
//!
//! ```text
//! unshare -n sh -c 'ip link add br100 type bridge
//!   ip link add vxlan100 type vxlan id 100 dstport 4789 local 127.0.0.1 nolearning
//!   ip link set vxlan100 master br100; ip link set br100 up; ip link set vxlan100 up
//!   cargo run --profile bench -p linnet-fib --example burst -- 100000'
//! ```

#[path = "shared/cpu.rs"]
mod cpu;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use bgp::types::{Mac, Vni};
use evpn::dataplane::{Observation, WantedKey, WantedValue};
use fib::netlink::Kernel;
use fib::{CREDIT, Fib, FibConfig, KernelEvent, Op};
use tokio::sync::mpsc;

use cpu::{cpu, used};

struct Daemon {
    fib: Fib,
    ops: mpsc::Sender<Vec<Op>>,
    events: mpsc::Receiver<Vec<KernelEvent>>,
}

impl Daemon {
    /// Drives until `done`.
    async fn until(
        &mut self,
        mut done: impl FnMut(&mut Fib) -> bool,
    ) -> Result<(), Box<dyn std::error::Error>> {
        loop {
            let now = Instant::now();
            let batch: Vec<Op> = std::iter::from_fn(|| self.fib.poll_op(now)).collect();
            if !batch.is_empty() {
                self.ops.try_send(batch)?;
            }
            if done(&mut self.fib) {
                return Ok(());
            }
            let batch = self.events.recv().await.ok_or("the kernel task has ended")?;
            let now = Instant::now();
            batch.into_iter().for_each(|event| self.fib.handle(now, event));
        }
    }
}

fn hosts(count: u32, neighbors: bool) -> impl Iterator<Item = (WantedKey, WantedValue)> {
    let vni = Vni::from_octets([0, 0, 100]);
    (0..count).flat_map(move |n| {
        let [_, a, b, c] = n.to_be_bytes();
        let mac = Mac([2, 11, 0, a, b, c]);
        let vtep = IpAddr::V4(Ipv4Addr::new(10, 0, 2, (n % 24) as u8 + 1));
        let ip = IpAddr::V4(Ipv4Addr::from_bits(0x0a80_0000 + n));
        let remote = (WantedKey::Mac { vni, mac }, WantedValue::Mac { vtep, sticky: false });
        let binding = (WantedKey::Neighbor { vni, ip }, WantedValue::Neighbor { mac, router: false });
        [Some(remote), neighbors.then_some(binding)].into_iter().flatten()
    })
}

async fn measure(
    daemon: &mut Daemon,
    what: &str,
    hosts: Vec<(WantedKey, Option<WantedValue>)>,
) -> Result<(), Box<dyn std::error::Error>> {
    let (start, before) = (Instant::now(), cpu());
    for (key, value) in hosts {
        daemon.fib.want(key, value);
    }
    let wanted = start.elapsed();
    daemon.until(|fib| fib.is_settled()).await?;
    println!("{what}: {:?} (of it {wanted:?} to want), CPU {}", start.elapsed(), used(&before));
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count = std::env::args().nth(1).map_or(Ok(100_000), |text| text.parse())?;
    let (ops, ops_out) = mpsc::channel(CREDIT);
    let (events_in, events) = mpsc::channel(16);
    tokio::spawn(Kernel::open()?.run(ops_out, events_in));
    let mut daemon = Daemon { fib: Fib::new(FibConfig::default(), 1), ops, events };
    daemon
        .until(|fib| std::iter::from_fn(|| fib.poll_observation()).any(|seen| seen == Observation::Synced))
        .await?;
    for (what, neighbors) in [("MAC", false), ("MAC and neighbour", true)] {
        let add = hosts(count, neighbors).map(|(key, value)| (key, Some(value))).collect();
        measure(&mut daemon, &format!("{count} x {what}, add"), add).await?;
        println!("  differences: {}, {:?}", daemon.fib.diff().count(), daemon.fib.counters());
        let (start, before) = (Instant::now(), cpu());
        daemon.fib.resync(start);
        daemon.until(|fib| fib.is_settled()).await?;
        println!("  a look at all of it: {:?}, CPU {}", start.elapsed(), used(&before));
        let remove = hosts(count, neighbors).map(|(key, _)| (key, None)).collect();
        measure(&mut daemon, &format!("{count} x {what}, remove"), remove).await?;
    }
    Ok(())
}
