//! What happens to a leaf's kernel is put right within a second of the kernel's notice: flushes, flaps, devices that are
//! moved or made anew. FRR is the reflector and the other leaf; two flows cross the fabric all the while.

mod fabric;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use fabric::{CONVERGE, Host, host};
use lab::packet::Flow;
use lab::{Lab, Node, netlink, skip_if, wait_until};

const PACE: Duration = Duration::from_millis(5);
/// What is promised.
const LIMIT: Duration = Duration::from_secs(1);
/// Each thing happens so often. A machine under load is late now and then; the best time counts.
const TIMES: u32 = 3;

struct Stage {
    lab: Lab,
    remote: Host,
    flows: [Flow; 2],
}

/// Something that happens to the kernel of the leaf.
struct Trouble {
    what: &'static str,
    /// In the way; a shell's lines. The last of them is what the time is counted from.
    before: &'static str,
    last: &'static str,
    /// The bridge that serves the VNI then.
    bridge: &'static str,
    /// Physics ask for no loss on the way from this leaf to the other one.
    harmless: bool,
}

const fn trouble(what: &'static str, before: &'static str, last: &'static str) -> Trouble {
    Trouble { what, before, last, bridge: "br100", harmless: false }
}

const fn harmless(what: &'static str, last: &'static str) -> Trouble {
    Trouble { what, before: "true", last, bridge: "br100", harmless: true }
}

const TROUBLES: [Trouble; 12] = [
    harmless("a stranger flushes the bridge's FDB", "bridge fdb flush dev br100 self"),
    harmless("a stranger flushes the neighbours", "ip neigh flush dev br100 nud all"),
    harmless("a stranger deletes the bridge's row", "bridge fdb del 02:00:00:00:00:21 dev vxlan100 master"),
    harmless("a stranger deletes the tunnel's row", "bridge fdb del 02:00:00:00:00:21 dev vxlan100 self"),
    harmless("a stranger deletes the neighbour", "ip neigh del 192.168.1.21 dev br100"),
    trouble("a stranger flushes the VXLAN device's FDB", "true", "bridge fdb flush dev vxlan100 self"),
    trouble("the bridge flaps", "ip link set br100 down", "ip link set br100 up"),
    trouble("the VXLAN device flaps", "ip link set vxlan100 down", "ip link set vxlan100 up"),
    trouble("all carriers are lost and come back", "ip link set eth2 down; ip link set vxlan100 down", "ip link set vxlan100 up; ip link set eth2 up"),
    trouble("the VXLAN device leaves its bridge and comes back", "ip link set vxlan100 nomaster", "ip link set vxlan100 master br100"),
    Trouble {
        what: "the VNI moves to another bridge",
        before: "ip link add br101 type bridge; ip link set br101 up; ip link set eth2 master br101;
                 ip addr del 192.168.1.1/24 dev br100; ip addr add 192.168.1.1/24 dev br101",
        last: "ip link set vxlan100 master br101",
        bridge: "br101",
        harmless: false,
    },
    trouble(
        "both devices are deleted and made again",
        "ip link del vxlan100; ip link del br101; ip link del br100;
         ip link add br100 address 02:00:00:01:00:01 type bridge; ip link set eth2 master br100; ip link set br100 up;
         ip addr add 192.168.1.1/24 dev br100;
         ip link add vxlan100 type vxlan id 100 local 10.0.0.1 dstport 4789 nolearning;
         ip link set vxlan100 mtu 1450 master br100 addrgenmode none",
        "ip link set vxlan100 up",
    ),
];

impl Stage {
    fn up(topology: &lab::Topology) -> Result<Stage> {
        let lab = Lab::up(topology)?;
        let [one, remote] = [host("host1", "leaf1", 11), host("host2", "leaf2", 21)];
        fabric::introduce_both(&lab, [one, remote])?;
        let flow = |from: Host, to: Host| {
            Flow::start(lab.node(from.node)?.netns(), lab.node(to.node)?.netns(), to.ip, PACE)
                .map_err(anyhow::Error::from)
        };
        let flows = [flow(one, remote)?, flow(remote, one)?];
        let stage = Stage { lab, remote, flows };
        stage.wait_for_traffic()?;
        Ok(stage)
    }

    fn leaf(&self) -> Result<&Node> {
        self.lab.node("leaf1")
    }

    /// What linnetd is to have in the kernel, with this bridge.
    fn golden(&self, bridge: &str) -> [String; 4] {
        let Host { mac, ip, vtep, .. } = self.remote;
        [
            format!("00:00:00:00:00:00 dev vxlan100 dst {vtep} self extern_learn permanent"),
            format!("{mac} dev vxlan100 extern_learn master {bridge}"),
            format!("{mac} dev vxlan100 dst {vtep} self extern_learn permanent"),
            format!("{ip} dev {bridge} lladdr {mac} extern_learn NOARP proto 108"),
        ]
    }

    fn wait_until_right(&self, bridge: &str) -> Result<()> {
        let golden = self.golden(bridge);
        wait_until(CONVERGE, "right rows", || {
            let both = || (netlink::fdb("vxlan100"), netlink::neighbors(bridge));
            let (fdb, neighbors) = self.leaf()?.netns().run(both)?;
            let fdb =
                fdb.unwrap_or_default().into_iter().filter(|row| row.extern_learn).map(|row| row.to_string());
            let neighbors = neighbors.unwrap_or_default().into_iter().filter(|row| row.extern_learn);
            let rows: Vec<String> = fdb.chain(neighbors.map(|row| row.to_string())).collect();
            ensure!(golden.iter().all(|row| rows.contains(row)), "{rows:#?} instead of {golden:#?}");
            Ok(())
        })
        .with_context(|| self.leaf().map(Node::log).unwrap_or_default())
    }

    /// Waits until datagrams get through both ways.
    fn wait_for_traffic(&self) -> Result<()> {
        let since = Instant::now();
        self.flows.iter().try_for_each(|flow| {
            wait_until(CONVERGE, "datagram", || flow.so_far().arrived_since(since).ok_or("none")).map(drop)
        })
    }

    /// Lets it happen; how long it took to be right, and for how long datagrams to the other leaf were lost after it.
    fn suffer(&self, trouble: &Trouble) -> Result<(Duration, Duration)> {
        let began = Instant::now();
        self.leaf()?.sh(trouble.before)?;
        self.leaf()?.sh(trouble.last)?;
        let since = Instant::now();
        self.wait_until_right(trouble.bridge)?;
        let right = since.elapsed();
        self.wait_for_traffic()?;
        let [there, back] = self.flows.each_ref().map(Flow::so_far);
        let outages = [there.outage_since(since), back.outage_since(since)].map(|outage| outage.as_millis());
        println!(
            "{}: right after {} ms; {} ms without a way there, {} ms back",
            trouble.what,
            right.as_millis(),
            outages[0],
            outages[1]
        );
        if trouble.harmless {
            let lost = there.outage_since(began);
            ensure!(lost.is_zero(), "{}: lost for {lost:?} and need not", trouble.what);
        }
        Ok((right, there.outage_since(since)))
    }
}

#[test]
fn trouble_is_put_right_within_a_second() -> Result<()> {
    let topology = fabric::topology("tests/lab/tests/frr-around/frr-around.clab.yml")?;
    skip_if!(topology.missing());
    let stage = Stage::up(&topology)?;
    let mut best = [(CONVERGE, CONVERGE); TROUBLES.len()];
    for _ in 0..TIMES {
        for (trouble, (right, outage)) in TROUBLES.iter().zip(&mut best) {
            let took = stage.suffer(trouble)?;
            (*right, *outage) = ((*right).min(took.0), (*outage).min(took.1));
        }
    }
    for (trouble, (right, outage)) in TROUBLES.iter().zip(best) {
        ensure!(right < LIMIT && outage < LIMIT, "{}: {right:?}, {outage:?}", trouble.what);
    }
    let status = stage.leaf()?.linnet("status")?;
    let repairs = status.pointer("/fib/repairs").and_then(serde_json::Value::as_u64);
    ensure!(repairs.is_some_and(|repairs| repairs > 0), "{status:#}");
    wait_until(CONVERGE, "agreement", || {
        let diff = stage.leaf()?.linnet("fib diff")?;
        ensure!(diff.as_array().is_some_and(Vec::is_empty), "{diff:#}");
        Ok(())
    })?;
    let Stage { flows: [there, back], .. } = stage;
    println!("host1 to host2: {}\nhost2 to host1: {}", there.stop()?.summary(), back.stop()?.summary());
    Ok(())
}
