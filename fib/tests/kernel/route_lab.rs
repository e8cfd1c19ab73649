//! `Routes` with the running kernel, driven as the daemon drives it.

use std::net::IpAddr;
use std::time::Instant;

use fib::netlink::RouteKernel;
use fib::routes::{RouteStatus, WantedHop, WantedRoute};
use fib::{IfIndex, RouteEvent, RouteOp, Routes, RoutesConfig};

use crate::lab::{Driver, PATIENCE, in_namespace_with, ip, run};

/// Runs `test` in a fresh namespace with the devices `d1` and `d2`, each with a link of both families.
pub(crate) fn with_devices(test: impl FnOnce() + Send + 'static) {
    in_namespace_with(&DEVICES, test);
}

const DEVICES: [&str; 10] = [
    "ip link add d1 type veth peer name e1",
    "ip link add d2 type veth peer name e2",
    "ip link set d1 up",
    "ip link set e1 up",
    "ip link set e2 up",
    "ip link set d2 up",
    "ip address add 10.1.0.1/24 dev d1",
    "ip address add 10.2.0.1/24 dev d2",
    "ip address add fd01::1/64 dev d1 nodad",
    "ip address add fd02::1/64 dev d2 nodad",
];

pub(crate) fn config() -> RoutesConfig {
    RoutesConfig { install: true, ..RoutesConfig::default() }
}

/// The index of a device.
pub(crate) fn index(device: &str) -> IfIndex {
    let line = run(&format!("ip -oneline link show dev {device}"));
    IfIndex(line.split(':').next().unwrap().parse().unwrap())
}

/// Next hops: `ADDRESS`, `ADDRESS%DEVICE` or `ADDRESS onlink`.
pub(crate) fn via(hops: &[&str]) -> Option<WantedRoute> {
    let hop = |text: &&str| {
        let (text, onlink) = text.strip_suffix(" onlink").map_or((*text, false), |text| (text, true));
        let (address, device) = text.split_once('%').map_or((text, None), |(a, d)| (a, Some(index(d))));
        let address: IpAddr = ip(address);
        WantedHop { device, onlink, ..WantedHop::at(address) }
    };
    Some(WantedRoute::Via(hops.iter().map(hop).collect()))
}

/// A reconciler with a kernel.
pub(crate) struct RouteLab {
    pub(crate) routes: Routes,
    driver: Driver<RouteOp, RouteEvent>,
    /// All ops given out but dumps.
    pub(crate) writes: Vec<RouteOp>,
    /// News of routes that are gone does not reach the reconciler.
    pub(crate) deaf: bool,
}

impl RouteLab {
    /// Started, and synced with the kernel.
    pub(crate) fn start() -> RouteLab {
        RouteLab::with(config())
    }

    pub(crate) fn with(config: RoutesConfig) -> RouteLab {
        let with_rows = config.tunnel.is_some();
        let driver = Driver::start(move |ops, events| RouteKernel::open(with_rows).unwrap().run(ops, events));
        let mut lab = RouteLab { routes: Routes::new(config, 1), driver, writes: Vec::new(), deaf: false };
        lab.until("synced", |lab| lab.routes.is_synced());
        lab.settle();
        lab
    }

    pub(crate) fn want(&mut self, prefix: &str, wanted: Option<WantedRoute>) {
        self.routes.want(prefix.parse().unwrap(), wanted);
    }

    pub(crate) fn status(&self, prefix: &str) -> Option<RouteStatus> {
        self.routes.status(&prefix.parse().unwrap())
    }

    /// Drives until `done`, or fails.
    pub(crate) fn until(&mut self, what: &str, mut done: impl FnMut(&mut RouteLab) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.send_ops();
            if done(self) {
                return;
            }
            let now = Instant::now();
            let rows: Vec<_> = self.routes.rows().take(10).collect();
            assert!(
                now < deadline,
                "never {what}: {rows:?}, {:?}\n{}{}",
                self.routes.counters(),
                run("ip route show table all proto 108"),
                run("ip -6 route show table all proto 108")
            );
            let wake = self.routes.poll_timeout().unwrap_or(deadline).min(deadline).max(now);
            let news = self.driver.next(wake);
            let heard = news.into_iter().filter(|event| !(self.deaf && matches!(event, RouteEvent::Gone(_))));
            heard.for_each(|event| self.routes.handle(Instant::now(), event));
        }
    }

    fn send_ops(&mut self) {
        let now = Instant::now();
        let batch: Vec<RouteOp> = std::iter::from_fn(|| self.routes.poll_op(now)).collect();
        let is_write = |op: &&RouteOp| !matches!(op.action, fib::routes::RouteAction::Dump(_));
        self.writes.extend(batch.iter().filter(is_write).cloned());
        self.driver.send(batch);
    }

    /// Drives until nothing is left to do.
    pub(crate) fn settle(&mut self) {
        self.until("settled", |lab| lab.routes.is_settled());
    }

    /// Drives until a prefix stands like that, and nothing is left to do.
    pub(crate) fn until_status(&mut self, prefix: &str, status: &RouteStatus) {
        self.until(&format!("{prefix} {status:?}"), |lab| lab.status(prefix).as_ref() == Some(status));
        self.settle();
    }

    /// Ends the run as the daemon does.
    pub(crate) fn stop(self) {
        self.driver.stop();
    }
}
