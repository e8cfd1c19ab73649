//! Secrets: where they come from, and that they are never shown.
//!
//! A [`Secret`] prints as `<secret>`, whoever prints it. What the reader says of a value that is none names its
//! kind and not the value.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};

use super::host::unreadable;

/// The longest key that the kernel takes, in octets (`TCP_MD5SIG_MAXKEYLEN`, `TCP_AO_MAXKEYLEN`).
const MAX_SECRET_OCTETS: usize = 80;

/// What only we and a neighbour are to know.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<[u8]>);

impl Secret {
    /// The octets, for those who hand them to the kernel.
    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    /// What is wrong with its length.
    pub(super) fn fault(&self) -> Option<String> {
        match self.0.len() {
            0 => Some("is empty; 1 to 80 octets".into()),
            1..=MAX_SECRET_OCTETS => None,
            length => Some(format!("has {length} octets; 1 to {MAX_SECRET_OCTETS} are possible")),
        }
    }
}

impl From<&[u8]> for Secret {
    fn from(octets: &[u8]) -> Secret {
        Secret(octets.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SecretVisitor)
    }
}

struct SecretVisitor;

impl SecretVisitor {
    fn no_text<E: de::Error>() -> Result<Secret, E> {
        Err(E::custom("is no text to YAML; put it in quotes"))
    }
}

impl Visitor<'_> for SecretVisitor {
    type Value = Secret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text of 1 to 80 octets")
    }

    fn visit_str<E>(self, text: &str) -> Result<Secret, E> {
        Ok(Secret::from(text.as_bytes()))
    }

    // The trait's own words for these would show the value.
    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Secret, E> {
        Self::no_text()
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Secret, E> {
        Self::no_text()
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Secret, E> {
        Self::no_text()
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Secret, E> {
        Self::no_text()
    }
}

impl JsonSchema for Secret {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "minLength": 1, "maxLength": MAX_SECRET_OCTETS, "writeOnly": true})
    }
}

/// The files that a configuration takes secrets from, each read once.
#[derive(Default)]
pub(super) struct SecretFiles {
    read: HashMap<PathBuf, Result<Secret, String>>,
    /// What an operator should know about them.
    pub(super) warnings: Vec<String>,
}

impl SecretFiles {
    /// The secret in the file, or what is wrong with it.
    pub(super) fn get(&mut self, path: &Path) -> Result<Secret, String> {
        if let Some(known) = self.read.get(path) {
            return known.clone();
        }
        let secret = self.take(path);
        self.read.insert(path.to_owned(), secret.clone());
        secret
    }

    /// What is in a file that is for us alone, `most` octets of it; that others may read it is no fault, but told of.
    pub(super) fn private(&mut self, path: &Path, most: u64) -> Result<Vec<u8>, String> {
        let name = path.display();
        let (octets, mode) = read(path, most).map_err(|error| unreadable(path, &error))?;
        if mode & 0o077 != 0 {
            let mode = mode & 0o7777;
            self.warnings.push(format!(
                "{name} holds a secret, and others may read it (mode {mode:04o}): chmod 600 it"
            ));
        }
        Ok(octets)
    }

    fn take(&mut self, path: &Path) -> Result<Secret, String> {
        let octets = self.private(path, READ_OCTETS)?;
        let secret = Secret::from(without_newline(&octets));
        match secret.fault() {
            Some(fault) => Err(format!("what {} holds {fault}", path.display())),
            None => Ok(secret),
        }
    }
}

/// A little more than a secret may be long: enough to see that it is too long.
const READ_OCTETS: u64 = 4096;

/// A regular file, `most` octets of it, and its permissions.
pub(super) fn read(path: &Path, most: u64) -> io::Result<(Vec<u8>, u32)> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    // A pipe that nobody writes to would keep us for ever.
    if !metadata.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut octets = Vec::new();
    file.take(most).read_to_end(&mut octets)?;
    Ok((octets, metadata.permissions().mode()))
}

/// An editor ends the last line; the secret does not.
fn without_newline(octets: &[u8]) -> &[u8] {
    let line = octets.strip_suffix(b"\n").unwrap_or(octets);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};

    #[test]
    fn nobody_prints_it() {
        let secret = Secret::from(&b"hunter2"[..]);
        assert_eq!(
            format!("{secret} {secret:?} {:#?}", Some(&secret)),
            "<secret> <secret> Some(\n    <secret>,\n)"
        );
    }

    #[test]
    fn files() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let write = |name: &str, octets: &[u8], mode: u32| {
            fs::write(path(name), octets).unwrap();
            fs::set_permissions(path(name), Permissions::from_mode(mode)).unwrap();
        };
        write("plain", b"hunter2", 0o600);
        write("edited", b"hunter2\r\n", 0o400);
        write("spaced", b" hunter2 \n\n", 0o600);
        write("open", b"hunter2\n", 0o644);
        write("longest", &[b'x'; 80], 0o600);
        write("longer", &[b'x'; 81], 0o600);
        write("empty", b"\n", 0o600);
        let mut files = SecretFiles::default();
        let mut get = |name: &str| files.get(&path(name)).map(|secret| secret.octets().to_vec());
        assert_eq!(get("plain").unwrap(), b"hunter2");
        assert_eq!(get("edited").unwrap(), b"hunter2");
        assert_eq!(get("spaced").unwrap(), b" hunter2 \n", "one newline, and nothing else");
        assert_eq!(get("open").unwrap(), b"hunter2");
        assert_eq!(get("longest").unwrap().len(), 80);
        for (name, fault) in [
            ("longer", "has 81 octets; 1 to 80 are possible"),
            ("empty", "is empty"),
            ("missing", "No such file"),
            (".", "no regular file"),
        ] {
            let said = get(name).unwrap_err();
            assert!(said.contains(fault), "{said}");
        }
        assert!(get("open").is_ok());
        let [warning] = &files.warnings[..] else { panic!("{:?}", files.warnings) };
        assert!(warning.contains("open") && warning.contains("0644"), "{warning}");
    }
}
