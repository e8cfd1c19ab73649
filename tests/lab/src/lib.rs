//! The lab: real daemons on a real kernel, in network namespaces that vanish with the process that made them.
//!
//! It brings the very topology files up that containerlab reads, with the daemons that are installed here, and
//! gives tests and the demo what they look with: pings that know which packet was lost, captures that look inside
//! VXLAN, the kernel's own tables. Nothing has a name outside the process: a namespace is a descriptor, a node's
//! files lie in a `/run` of its own, and its processes live in a PID namespace that ends with us, so that nothing
//! is left behind, not even after SIGKILL.
//!
//! What stands on what, lowest first:
//!
//! ```text
//! sys         the unsafe calls: unshare, setns, prctl, packet sockets
//! netlink     links, addresses and the kernel's tables, of the thread's own namespace
//! netns       a network namespace (and a /run of its own), closures in it
//! privilege   may we make namespaces; becoming root of a user namespace
//! slowness    how slow the kernel is
//! nursery     processes that cannot outlive us
//! packet      ping, flow, ARP, capture      speaker      tcp      wait, skip, random
//! topology    the file
//! node        a namespace with processes and commands in it
//! recording   what a program beside the daemon says
//! feature     what not every kernel has, and whether this one does
//! router      a speaker's part in a test, in each daemon's words
//! daemon      how each kind of daemon is run in a node, and asked
//! seen        what it shows of a route, in words that all have in common
//! lab         a topology brought up
//! kubernetes  a small API server
//! ```
//!
//! It knows nothing of linnet's insides: linnet is a daemon like the others here, run and asked from outside.

pub mod daemon;
mod feature;
mod kind;
pub mod kubernetes;
mod lab;
pub mod netlink;
mod netns;
mod node;
mod nursery;
pub mod packet;
pub mod privilege;
mod random;
mod recording;
mod router;
mod seen;
pub mod skip;
mod slowness;
pub mod speaker;
mod sys;
pub mod tcp;
mod topology;
mod wait;

pub use feature::{Feature, NO_FULL_KERNEL_VARIABLE};
pub use kind::Daemon;
pub use lab::{Lab, cable};
pub use netns::Netns;
pub use node::Node;
pub use nursery::{Nursery, Process};
pub use random::{Random, rounds};
pub use recording::Recording;
pub use router::{Family, Router};
pub use seen::SeenPath;
pub use slowness::slowness;
pub use topology::{Endpoint, LinkSpec, NodeSpec, Topology};
pub use wait::wait_until;
