//! Whole lists of a node, read page by page as an operator's tool reads them.

use api::{Answer, Query, v1};

use crate::node::Node;
use crate::peer::ip;

/// All that a node lists of EVPN and of its kernel.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    pub(crate) vnis: Vec<v1::Vni>,
    pub(crate) macs: Vec<v1::Mac>,
    pub(crate) arps: Vec<v1::Arp>,
    pub(crate) vteps: Vec<v1::Vtep>,
    pub(crate) fib_entries: Vec<v1::FibEntry>,
}

/// Every page of a list.
macro_rules! pages {
    ($node:expr, $list:ident, $request:expr, $rows:ident) => {{
        let (mut request, mut rows) = ($request, Vec::new());
        loop {
            let Answer::$list(page) = $node.ask(Query::$list(request.clone())) else {
                unreachable!("an answer to another question");
            };
            rows.extend(page.$rows);
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                break rows;
            }
        }
    }};
}

/// What a node lists. It serves EVPN or routes.
pub(crate) fn listed(node: &mut Node) -> Listed {
    let mut all = Listed::default();
    if !node.spec.vnis.is_empty() {
        all.vnis = pages!(node, ListVnis, v1::ListVnisRequest::default(), vnis);
        all.macs = pages!(node, ListMacs, v1::ListMacsRequest::default(), macs);
        all.arps = pages!(node, ListArps, v1::ListArpsRequest::default(), arps);
        all.vteps = pages!(node, ListVteps, v1::ListVtepsRequest::default(), vteps);
    }
    if !node.spec.is_bare() {
        all.fib_entries = pages!(node, ListFibEntries, v1::ListFibEntriesRequest::default(), fib_entries);
    }
    all
}

/// A table of a node, or what of it concerns a neighbour.
pub(crate) fn all_paths(node: &mut Node, table: v1::Table, neighbor: Option<usize>) -> Vec<v1::Path> {
    let neighbor = neighbor.map(|neighbor| ip(neighbor).to_string()).unwrap_or_default();
    let request = v1::ListPathsRequest { neighbor, table: table.into(), ..Default::default() };
    pages!(node, ListPaths, request, paths)
}
