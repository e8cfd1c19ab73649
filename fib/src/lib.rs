//! Makes the Linux kernel agree with what EVPN and BGP want, and tells EVPN what the kernel has seen of hosts.
//!
//! Two halves with a narrow border between them:
//! - [`Fib`] is pure. It holds what is wanted and what the kernel was seen to have, compares the two, and says
//!   which [`Op`] comes next. One code path serves start, change, drift and restart: a key is dirty, its two
//!   sides are compared, the difference becomes an op.
//! - [`netlink`] carries ops to the kernel and [`KernelEvent`]s back. It decides nothing.
//!
//! What `Fib` believes of the kernel comes only from rows that the kernel itself reported. The answer to an op
//! says that the op is over, never what the kernel now has: a write that was accepted and not done is noticed.
//! This is exact because the driver writes and listens on ONE netlink socket, so notifications, dumps and
//! answers arrive in the order in which they happened.
//!
//! Beside them stand [`Routes`] and [`netlink::RouteKernel`], which do the same for IP routes: what the kernel has of
//! them says how the next hops of BGP paths resolve, too. Both reconcilers share their dumps, retries and flights, and
//! one driver carries the ops of either.
//!
//! Not here: which route is best (`bgp`), which MAC is where (`evpn`), VLAN-aware bridges, and VXLAN devices that carry many VNIs (`external`).

mod addresses;
mod audit;
pub mod config;
mod dumps;
pub mod event;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
mod flight;
pub mod netlink;
pub mod op;
pub mod reconcile;
mod retry;
pub mod routes;
pub mod row;
mod tally;

pub use config::{FibConfig, ManagedVni};
pub use event::{KernelEvent, Link, LinkKind};
pub use op::{Action, Fault, Op, OpId, TunnelDevice};
pub use reconcile::{
    Attached, Belief, CREDIT, Changed, Counters, Devices, Fib, FibRow, Looks, RowPlace, Status,
};
pub use routes::{Resolution, RouteEvent, RouteOp, Routes, RoutesConfig};
pub use row::{IfIndex, Row};
pub use tally::Counts;
