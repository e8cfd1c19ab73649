//! From text to [`File`], with every fault of shape at once: keys that are unknown, missing or twice there, and
//! values of the wrong kind.
//!
//! The reader stops at its first fault. So the fault is noted, mended in the tree that was read, and reading
//! begins again, until nothing is left to say. What was mended is remembered: nothing that is said later
//! about an invented value is the operator's fault.

use serde_yaml::{Mapping, Value};

use super::fault::{Fault, Path, Position, Step};
use super::file::File;
use super::locate::{self, Part};

/// A text in which every value is wrong must not be read for ever.
const MAX_FAULTS: usize = 100;

/// What reading gave.
pub(super) struct Read {
    /// The file, with invented values where it was mended; `None` where it is no YAML.
    pub(super) file: Option<File>,
    /// What was wrong.
    pub(super) faults: Vec<Fault>,
    /// Places that hold an invented value, or none.
    mended: Vec<Path>,
}

impl Read {
    /// Whether what stands at `path` is what the operator wrote.
    pub(super) fn is_genuine(&self, path: &Path) -> bool {
        !self.mended.contains(path)
    }

    /// The place in the text of what stands at `path` in the mended tree, from which list elements are missing.
    pub(super) fn original(&self, path: &Path) -> Path {
        let mut original = Path::default();
        for step in &path.0 {
            let step = match step {
                Step::Index(index) => Step::Index(self.original_index(&original, *index)),
                Step::Key(_) => step.clone(),
            };
            original.0.push(step);
        }
        original
    }

    fn original_index(&self, list: &Path, mut index: usize) -> usize {
        let mut removed: Vec<usize> = self.mended.iter().filter_map(|path| index_in(list, path)).collect();
        removed.sort_unstable();
        for gap in removed {
            index += usize::from(gap <= index);
        }
        index
    }
}

fn index_in(list: &Path, path: &Path) -> Option<usize> {
    match path.0.split_last() {
        Some((Step::Index(index), parent)) if *parent == list.0 => Some(*index),
        _ => None,
    }
}

/// Reads the text.
pub(super) fn read(text: &str) -> Read {
    let mut read = Read { file: None, faults: Vec::new(), mended: Vec::new() };
    let mut tree = match serde_yaml::from_str::<Value>(text) {
        Ok(Value::Null) => Value::Mapping(Mapping::new()),
        Ok(tree) => tree,
        Err(error) => {
            read.faults.push(syntax_fault(text, &error));
            return read;
        }
    };
    while read.faults.len() < MAX_FAULTS {
        match serde_path_to_error::deserialize::<_, File>(tree.clone()) {
            Ok(file) => {
                read.file = Some(file);
                break;
            }
            Err(error) => {
                let wrong = Wrong::new(&error);
                let mended = wrong.mend(&mut tree);
                let path = read.original(&wrong.path());
                if read.is_genuine(&path) {
                    read.faults.push(wrong.fault(path.clone(), text));
                }
                if !mended {
                    break;
                }
                read.mended.push(path);
            }
        }
    }
    read
}

fn syntax_fault(text: &str, error: &serde_yaml::Error) -> Fault {
    let message = error.to_string();
    let twice = message.contains("duplicate entry");
    let position = if twice { locate::locate_duplicate(text) } else { locate::position(error) };
    let message = if twice { "this key stands here twice".to_owned() } else { without_position(&message) };
    Fault { path: Path::default(), position, message }
}

/// The reader's message without the position that it puts at the end, which is shown in front.
fn without_position(message: &str) -> String {
    message.split(" at line ").next().unwrap_or(message).to_owned()
}

/// One fault of shape.
enum Wrong {
    Unknown { parent: Path, key: String, expected: String },
    Missing { parent: Path, key: String },
    Value { path: Path, message: String },
}

impl Wrong {
    fn new(error: &serde_path_to_error::Error<serde_yaml::Error>) -> Wrong {
        let path = path_of(error.path());
        let message = without_position(&error.inner().to_string());
        let (head, key, tail) = {
            let mut parts = message.splitn(3, '`');
            (
                parts.next().unwrap_or_default(),
                parts.next().unwrap_or_default(),
                parts.next().unwrap_or_default(),
            )
        };
        let parent_of = |path: Path| match path.0.split_last() {
            Some((Step::Key(last), parent)) if last == key => Path(parent.to_vec()),
            _ => path,
        };
        match head {
            "unknown field " => Wrong::Unknown {
                parent: parent_of(path),
                key: key.to_owned(),
                expected: tail.trim_start_matches(", ").to_owned(),
            },
            "missing field " => Wrong::Missing { parent: path, key: key.to_owned() },
            _ => Wrong::Value { path, message },
        }
    }

    fn path(&self) -> Path {
        match self {
            Wrong::Unknown { parent, key, .. } | Wrong::Missing { parent, key } => parent.key(key),
            Wrong::Value { path, .. } => path.clone(),
        }
    }

    /// The fault, said of `path`, where it stands in the text.
    fn fault(&self, path: Path, text: &str) -> Fault {
        let (position, message) = match self {
            Wrong::Unknown { expected, .. } => {
                (locate::locate(text, &path, Part::Key), format!("unknown key; {expected}"))
            }
            Wrong::Missing { key, .. } => (locate_parent(text, &path), format!("the key `{key}` is missing")),
            Wrong::Value { message, .. } => (locate::locate(text, &path, Part::Value), message.clone()),
        };
        Fault { path, position, message }
    }

    /// Makes the tree such that this fault is gone; says whether that could be done.
    fn mend(&self, tree: &mut Value) -> bool {
        match self {
            Wrong::Unknown { parent, key, .. } => at(tree, parent)
                .and_then(Value::as_mapping_mut)
                .is_some_and(|mapping| mapping.shift_remove(key.as_str()).is_some()),
            Wrong::Missing { parent, key } => {
                match (at(tree, parent).and_then(Value::as_mapping_mut), stand_in(key)) {
                    (Some(mapping), Some(value)) => mapping.insert(key.as_str().into(), value).is_none(),
                    _ => false,
                }
            }
            Wrong::Value { path, .. } => remove(tree, path),
        }
    }
}

/// A mapping that lacks a key is shown by the key that it stands behind; an element of a list by itself.
fn locate_parent(text: &str, path: &Path) -> Option<Position> {
    let parent = path.parent();
    let part = if matches!(parent.0.last(), Some(Step::Key(_))) { Part::Key } else { Part::Value };
    locate::locate(text, &parent, part)
}

/// What stands in for a required key, so that reading can go on.
fn stand_in(key: &str) -> Option<Value> {
    let address = || Value::from("192.0.2.1");
    match key {
        "bgp" => Some(Value::Mapping(
            [("asn".into(), 1.into()), ("router_id".into(), address())].into_iter().collect(),
        )),
        "asn" | "vni" => Some(1.into()),
        "router_id" | "address" | "vtep" => Some(address()),
        "range" => Some("192.0.2.0/24".into()),
        "name" => Some("".into()),
        "action" => Some("next".into()),
        "algorithm" => Some("hmac-sha-1-96".into()),
        "secret_file" => Some("/dev/null".into()),
        "keys" | "nodes" => Some(Value::Sequence(Vec::new())),
        _ => None,
    }
}

fn at<'t>(tree: &'t mut Value, path: &Path) -> Option<&'t mut Value> {
    path.0.iter().try_fold(tree, |node, step| match step {
        Step::Key(key) => node.get_mut(key.as_str()),
        Step::Index(index) => node.get_mut(*index),
    })
}

fn remove(tree: &mut Value, path: &Path) -> bool {
    let Some((last, parent)) = path.0.split_last() else { return false };
    let Some(parent) = at(tree, &Path(parent.to_vec())) else { return false };
    match (parent, last) {
        (Value::Mapping(mapping), Step::Key(key)) => mapping.shift_remove(key.as_str()).is_some(),
        (Value::Sequence(list), Step::Index(index)) if *index < list.len() => {
            list.remove(*index);
            true
        }
        _ => false,
    }
}

fn path_of(path: &serde_path_to_error::Path) -> Path {
    use serde_path_to_error::Segment;
    let step = |segment: &Segment| match segment {
        Segment::Map { key } => Some(Step::Key(key.clone())),
        Segment::Seq { index } => Some(Step::Index(*index)),
        Segment::Enum { .. } | Segment::Unknown => None,
    };
    Path(path.iter().filter_map(step).collect())
}
