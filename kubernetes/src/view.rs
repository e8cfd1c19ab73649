//! What is known of the Node.

use ipnet::IpNet;

/// What the API server has said last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// The CIDRs of the Node, sorted; empty where it has none or is not there. `None`: nothing was heard yet.
    pub pod_cidrs: Option<Vec<IpNet>>,
    /// How it stands with the API server.
    pub link: Link,
}

/// How it stands with the API server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Link {
    /// Nothing was heard yet, good or bad.
    #[default]
    Connecting,
    /// The view is what the server says now.
    Following,
    /// The view is what the server said last, if it ever did. It is tried again; this is what went wrong.
    Lost(String),
}
