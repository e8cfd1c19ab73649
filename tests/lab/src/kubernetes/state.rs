//! What the server has and what has happened to it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::http::Request;

/// How requests are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    /// They are answered.
    #[default]
    Well,
    /// They are refused with this code.
    Refuses(u16),
    /// Their connections are closed without a word.
    Away,
    /// They are never answered.
    Silent,
}

/// How a watch ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// As at the end of its time.
    Cleanly,
    /// The connection goes in the midst of an event.
    InMidLine,
}

/// How a watch from a version that is no longer known is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gone {
    /// With an answer of status 410.
    #[default]
    Status,
    /// With an answer that holds an event of type ERROR.
    Event,
}

/// A change, for those who watch.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) version: u64,
    /// The Node that it concerns; none for a bookmark.
    pub(super) name: Option<String>,
    pub(super) event: Value,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) version: u64,
    nodes: BTreeMap<String, Value>,
    pub(super) changes: Vec<Change>,
    /// Changes up to this version are forgotten.
    pub(super) forgotten: u64,
    pub(super) gone: Gone,
    pub(super) cuts: Vec<Cut>,
    pub(super) mood: Mood,
    pub(super) token: Option<String>,
    pub(super) requests: Vec<Request>,
}

impl State {
    pub(super) fn put(&mut self, name: &str, mut node: Value) {
        self.version += 1;
        let metadata = json!({ "name": name, "resourceVersion": self.version.to_string() });
        if let Some(node) = node.as_object_mut() {
            node.extend([
                ("kind".into(), "Node".into()),
                ("apiVersion".into(), "v1".into()),
                ("metadata".into(), metadata),
            ]);
        }
        let before = self.nodes.insert(name.to_owned(), node.clone());
        self.tell(Some(name), if before.is_some() { "MODIFIED" } else { "ADDED" }, &node);
    }

    pub(super) fn delete(&mut self, name: &str) {
        let Some(mut node) = self.nodes.remove(name) else { return };
        self.version += 1;
        if let Some(version) = node.pointer_mut("/metadata/resourceVersion") {
            *version = self.version.to_string().into();
        }
        self.tell(Some(name), "DELETED", &node);
    }

    pub(super) fn bookmark(&mut self) -> u64 {
        self.version += 10;
        let metadata = json!({ "resourceVersion": self.version.to_string() });
        self.tell(None, "BOOKMARK", &json!({ "kind": "Node", "apiVersion": "v1", "metadata": metadata }));
        self.version
    }

    pub(super) fn forget(&mut self, gone: Gone) {
        self.version += 1;
        self.forgotten = self.version;
        self.changes.clear();
        self.gone = gone;
    }

    fn tell(&mut self, name: Option<&str>, kind: &str, object: &Value) {
        let event = json!({ "type": kind, "object": object });
        self.changes.push(Change { version: self.version, name: name.map(str::to_owned), event });
    }

    pub(super) fn takes(&self, request: &Request) -> bool {
        self.token.is_none() || self.token == request.token
    }

    /// The Nodes that a list asks for.
    pub(super) fn chosen(&self, request: &Request) -> impl Iterator<Item = &Value> {
        self.nodes.iter().filter(|(name, _)| selects(request, name)).map(|(_, node)| node)
    }
}

/// Whether a request is about a Node.
pub(super) fn selects(request: &Request, name: &str) -> bool {
    request.key("fieldSelector").is_none_or(|fields| fields.strip_prefix("metadata.name=") == Some(name))
}
