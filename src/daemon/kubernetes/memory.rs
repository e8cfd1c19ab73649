//! The set that the API server said last, kept in a file where one is configured.

use std::fs;
use std::io;
use std::path::Path;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::daemon::whole_file;

/// What was said of a Node. As the file has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Memory {
    node: String,
    /// `None`: nothing was ever said.
    pod_cidrs: Option<Vec<IpNet>>,
}

impl Memory {
    /// Is about this Node from now on, and knows what the file says of it if nothing better is known.
    pub(super) fn recall(&mut self, node: &str, file: Option<&Path>) {
        if self.node == node && self.pod_cidrs.is_some() {
            return;
        }
        let kept = match file.map(read) {
            Some(Ok(kept)) => kept.filter(|kept| kept.node == node),
            Some(Err(error)) => {
                warn!("native.kubernetes.state_file: {error}; it is written anew");
                None
            }
            None => None,
        };
        *self = kept.unwrap_or_else(|| Memory { node: node.to_owned(), pod_cidrs: None });
    }

    pub(super) fn pod_cidrs(&self) -> Option<&[IpNet]> {
        self.pod_cidrs.as_deref()
    }

    /// Keeps a set.
    ///
    /// # Errors
    /// The file cannot be written. The set is kept all the same, for as long as linnetd runs.
    pub(super) fn keep(&mut self, pod_cidrs: Vec<IpNet>, file: Option<&Path>) -> Result<(), String> {
        self.pod_cidrs = Some(pod_cidrs);
        let Some(file) = file else { return Ok(()) };
        if read(file).is_ok_and(|kept| kept.as_ref() == Some(self)) {
            return Ok(());
        }
        let text = serde_json::to_string(self).map_err(io::Error::other);
        text.and_then(|text| whole_file::replace(file, &text))
            .map_err(|error| format!("native.kubernetes.state_file: {}: {error}", file.display()))
    }
}

/// What a file says; nothing where there is none.
fn read(file: &Path) -> Result<Option<Memory>, String> {
    match fs::read_to_string(file) {
        Ok(text) => {
            serde_json::from_str(&text).map(Some).map_err(|error| format!("{}: {error}", file.display()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{}: {error}", file.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    fn recalled(node: &str, file: &Path) -> Option<Vec<IpNet>> {
        let mut memory = Memory::default();
        memory.recall(node, Some(file));
        memory.pod_cidrs().map(<[IpNet]>::to_vec)
    }

    #[test]
    fn a_set_outlives_its_keeper_but_not_its_node() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pod-cidrs");
        assert_eq!(recalled("worker", &file), None);
        let mut memory = Memory::default();
        memory.recall("worker", Some(&file));
        memory.keep(vec![net("10.244.1.0/24"), net("fd00::/64")], Some(&file)).unwrap();
        assert_eq!(recalled("worker", &file), Some(vec![net("10.244.1.0/24"), net("fd00::/64")]));
        assert_eq!(recalled("another", &file), None);
        memory.keep(Vec::new(), Some(&file)).unwrap();
        assert_eq!(recalled("worker", &file), Some(Vec::new()));
    }

    #[test]
    fn what_is_known_counts_more_than_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pod-cidrs");
        let mut memory = Memory::default();
        memory.recall("worker", None);
        memory.keep(vec![net("10.244.1.0/24")], None).unwrap();
        fs::write(&file, "{\"node\":\"worker\",\"pod_cidrs\":[]}").unwrap();
        memory.recall("worker", Some(&file));
        assert_eq!(memory.pod_cidrs(), Some(&[net("10.244.1.0/24")][..]));
    }

    #[test]
    fn a_file_that_makes_no_sense_is_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pod-cidrs");
        fs::write(&file, "half a fi").unwrap();
        assert_eq!(recalled("worker", &file), None);
        let mut memory = Memory { node: "worker".into(), pod_cidrs: None };
        memory.keep(vec![net("10.244.1.0/24")], Some(&file)).unwrap();
        assert_eq!(recalled("worker", &file), Some(vec![net("10.244.1.0/24")]));
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named_and_the_set_kept() {
        let mut memory = Memory::default();
        let error = memory.keep(vec![net("10.244.1.0/24")], Some(Path::new("/nonexistent/f"))).unwrap_err();
        assert!(error.starts_with("native.kubernetes.state_file: /nonexistent/f: No such file"), "{error}");
        assert!(memory.pod_cidrs().is_some());
    }
}
