//! What the section `api` says and means: where the gRPC API is served, and what those who come there may do.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path as FilePath, PathBuf};

use api::server::{ClientsConfig, ListenConfig, SocketConfig, TcpConfig, TlsConfig, TlsFault};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use super::checker::Checker;
use super::fault::Path;
use super::{host, secret};

/// Where the gRPC API is served, and to whom (docs/api.md).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ApiSection {
    /// Unix socket of those who may do everything; null: none.
    pub socket: Option<PathBuf>,
    /// Permissions of `socket`, octal digits in quotes as chmod takes them: "0660" unless given.
    pub socket_mode: Option<ModeValue>,
    /// Group of `socket`, by name or number; that of linnetd's process unless given.
    pub socket_group: Option<GroupValue>,
    /// A second Unix socket, for those who may only read; none unless given.
    pub read_only_socket: Option<PathBuf>,
    /// Permissions of `read_only_socket`: "0660" unless given.
    pub read_only_socket_mode: Option<ModeValue>,
    /// Group of `read_only_socket`; that of linnetd's process unless given.
    pub read_only_socket_group: Option<GroupValue>,
    /// TCP address such as 127.0.0.1:50151. One that is no loopback address takes `tls`.
    pub listen: Option<SocketAddr>,
    /// TLS on `listen`.
    pub tls: Option<TlsSection>,
}

impl Default for ApiSection {
    fn default() -> Self {
        ApiSection {
            socket: Some("/run/linnet/linnet.sock".into()),
            socket_mode: None,
            socket_group: None,
            read_only_socket: None,
            read_only_socket_mode: None,
            read_only_socket_group: None,
            listen: None,
            tls: None,
        }
    }
}

/// TLS 1.3 over TCP. Who is not known by a certificate may change something only over a loopback address.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsSection {
    /// PEM file of the server's certificate, and behind it of those that lead to one that clients trust.
    pub certificate_file: PathBuf,
    /// PEM file of its private key, which nobody else should be able to read.
    pub key_file: PathBuf,
    /// PEM file of the authorities that sign certificates of clients. With it every client has to show one.
    pub client_ca_file: Option<PathBuf>,
    /// Names in certificates of those who may do everything: a common name, DNS name or URI of its subject; "*" stands
    /// for all.
    #[serde(default)]
    pub read_write: Vec<String>,
    /// Names in certificates of those who may only read; "*" stands for all.
    #[serde(default)]
    pub read_only: Vec<String>,
}

/// Permissions of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModeValue(pub u32);

/// A group of users.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected the name of a group, or its number")]
pub enum GroupValue {
    /// Its number.
    Number(u32),
    /// Its name.
    Name(String),
}

/// The longest file of certificates that is read, in octets: some hundred of them.
const MAX_PEM: u64 = 1 << 20;

impl Checker {
    pub(super) fn api(&mut self, api: &ApiSection) -> ListenConfig {
        let path = Path::from("api");
        let socket =
            self.socket(&path, "socket", api.socket.as_deref(), api.socket_mode, api.socket_group.as_ref());
        let read_only_socket = self.socket(
            &path,
            "read_only_socket",
            api.read_only_socket.as_deref(),
            api.read_only_socket_mode,
            api.read_only_socket_group.as_ref(),
        );
        if api.socket.is_some() && api.socket == api.read_only_socket {
            self.find(path.key("read_only_socket"), "is `socket` already; it takes a path of its own");
        }
        if socket.as_ref().is_some_and(|socket| socket.mode & 0o002 != 0) {
            self.secrets.warnings.push("api.socket_mode: every local user may change this speaker".into());
        }
        let tls = api.tls.as_ref().and_then(|tls| self.tls(&path.key("tls"), tls));
        let tcp = api.listen.map(|address| TcpConfig { address, tls });
        self.reach(&path, api);
        ListenConfig { socket, read_only_socket, tcp }
    }

    /// Who can come by the address.
    fn reach(&mut self, path: &Path, api: &ApiSection) {
        match (&api.listen, &api.tls) {
            (None, Some(_)) => self.find(path.key("tls"), "says nothing without `listen`"),
            (Some(listen), None) if !listen.ip().is_loopback() => self.find(
                path.key("listen"),
                "without `tls` only a loopback address, such as 127.0.0.1:50151: whoever reaches it can change this \
                 speaker",
            ),
            (Some(listen), Some(tls)) if !listen.ip().is_loopback() && tls.client_ca_file.is_none() => {
                self.secrets.warnings.push(format!(
                    "api.tls: whoever reaches {listen} may read everything but secrets; with client_ca_file clients \
                     are asked for certificates"
                ));
            }
            _ => {}
        }
    }

    fn socket(
        &mut self,
        path: &Path,
        key: &str,
        place: Option<&FilePath>,
        mode: Option<ModeValue>,
        group: Option<&GroupValue>,
    ) -> Option<SocketConfig> {
        let [mode_key, group_key] = ["mode", "group"].map(|end| path.key(&format!("{key}_{end}")));
        let Some(place) = place else {
            for (key_of_it, is_there) in [(mode_key, mode.is_some()), (group_key, group.is_some())] {
                if is_there {
                    self.find(key_of_it, format!("says nothing without `{key}`"));
                }
            }
            return None;
        };
        let group = group.and_then(|group| self.group(group_key, group));
        Some(SocketConfig {
            mode: mode.map_or(SocketConfig::DEFAULT_MODE, |ModeValue(mode)| mode),
            group,
            ..SocketConfig::at(place)
        })
    }

    fn group(&mut self, at: Path, group: &GroupValue) -> Option<u32> {
        let name = match group {
            GroupValue::Number(number) => return Some(*number),
            GroupValue::Name(name) => name,
        };
        let found = host::group(name);
        if found.is_none() {
            self.find(
                at,
                format!("there is no group `{name}` on this machine: `groupadd --system {name}` makes it"),
            );
        }
        found
    }

    fn tls(&mut self, path: &Path, tls: &TlsSection) -> Option<TlsConfig> {
        self.client_names(path, tls);
        let certificate = self.pem(path.key("certificate_file"), &tls.certificate_file);
        let key = self.secrets.private(&tls.key_file, MAX_PEM);
        let key = self.found(path.key("key_file"), key);
        let ca = tls.client_ca_file.as_deref().map(|file| self.pem(path.key("client_ca_file"), file));
        let clients = match ca {
            None => None,
            Some(ca) => {
                let (read_write, read_only) = (tls.read_write.clone(), tls.read_only.clone());
                Some(ClientsConfig { ca: ca?, read_write, read_only })
            }
        };
        let config = TlsConfig { certificate: certificate?, key: key?, clients };
        if let Err(fault) = config.check() {
            let (key, wrong) = match fault {
                TlsFault::Certificate(wrong) => ("certificate_file", wrong),
                TlsFault::Key(wrong) => ("key_file", wrong),
                TlsFault::ClientCa(wrong) => ("client_ca_file", wrong),
            };
            self.find(path.key(key), format!("what it is to hold {wrong}"));
        }
        Some(config)
    }

    fn client_names(&mut self, path: &Path, tls: &TlsSection) {
        let lists = [("read_write", &tls.read_write), ("read_only", &tls.read_only)];
        let named = lists.iter().any(|(_, list)| !list.is_empty());
        match &tls.client_ca_file {
            Some(_) if !named => self.find(
                path.key("client_ca_file"),
                "lets nobody in: names of certificates belong into `read_write` or `read_only`; \"*\" stands for all",
            ),
            Some(_) => {}
            None => {
                for (key, _) in lists.iter().filter(|(_, list)| !list.is_empty()) {
                    let message = "says nothing without `client_ca_file`: nobody is asked for a certificate";
                    self.find(path.key(key), message);
                }
            }
        }
    }

    fn pem(&mut self, at: Path, file: &FilePath) -> Option<Vec<u8>> {
        let read = secret::read(file, MAX_PEM).map(|(octets, _)| octets);
        self.found(at, read.map_err(|error| host::unreadable(file, &error)))
    }

    fn found<T>(&mut self, at: Path, found: Result<T, String>) -> Option<T> {
        found.map_err(|fault| self.find(at, fault)).ok()
    }
}

impl<'de> Deserialize<'de> for ModeValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ModeVisitor)
    }
}

struct ModeVisitor;

impl Visitor<'_> for ModeVisitor {
    type Value = ModeValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A number in YAML may be octal or not, by how it is written.
        f.write_str("octal digits in quotes, such as \"0660\", that let linnetd's user read and write")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<ModeValue, E> {
        let mode = u32::from_str_radix(text, 8).ok();
        let fits = mode.filter(|mode| *mode <= 0o777 && mode & 0o600 == 0o600);
        fits.map(ModeValue).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

impl JsonSchema for ModeValue {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Mode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^0*[67][0-7][0-7]$"})
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use tempfile::TempDir;

    use crate::config::Config;

    use super::*;

    fn read(api: &str) -> Result<Config, String> {
        let text = format!("bgp: {{ asn: 1, router_id: 1.1.1.1 }}\napi:\n{api}");
        Config::parse("t.yaml", &text).map_err(|faults| faults.to_string())
    }

    fn listens(api: &str) -> ListenConfig {
        read(api).unwrap_or_else(|faults| panic!("{faults}")).api
    }

    /// A folder with a certificate, its key, and another key.
    fn files() -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        let names = vec!["leaf1.example".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let other = rcgen::KeyPair::generate().unwrap();
        for (name, text) in [
            ("tls.pem", made.cert.pem()),
            ("tls.key", made.signing_key.serialize_pem()),
            ("other.key", other.serialize_pem()),
        ] {
            let path = dir.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        }
        dir
    }

    fn tls(dir: &TempDir, key: &str, more: &str) -> String {
        let at = dir.path().display();
        format!(
            "  listen: 192.0.2.1:50151\n  tls:\n    certificate_file: {at}/tls.pem\n    key_file: {at}/{key}\n{more}"
        )
    }

    #[test]
    fn sockets_and_their_permissions() {
        let config = listens("  socket: /tmp/l.sock\n  socket_mode: \"0600\"\n  socket_group: 0\n");
        assert_eq!(
            config.socket,
            Some(SocketConfig { path: "/tmp/l.sock".into(), mode: 0o600, group: Some(0) })
        );
        assert_eq!((config.read_only_socket, config.tcp), (None, None));
        // Without quotes it is a text to YAML, too, for its nought.
        let config =
            listens("  read_only_socket: /tmp/r.sock\n  read_only_socket_mode: 0666\n  socket_group: root\n");
        assert_eq!(config.socket.as_ref().map(|socket| (socket.mode, socket.group)), Some((0o660, Some(0))));
        assert_eq!(config.read_only_socket.map(|socket| socket.mode), Some(0o666));
        let warnings = read("  socket_mode: \"0666\"\n").unwrap().warnings;
        assert!(matches!(&warnings[..], [warning] if warning.contains("every local user")), "{warnings:?}");
    }

    #[test]
    fn tls_and_whom_it_knows() {
        let dir = files();
        let names =
            format!("    client_ca_file: {}/tls.pem\n    read_write: [alice]\n", dir.path().display());
        let config = read(&tls(&dir, "tls.key", &names)).unwrap();
        let tcp = config.api.tcp.unwrap();
        let clients = tcp.tls.unwrap().clients.unwrap();
        assert_eq!((clients.read_write, clients.read_only.len()), (vec!["alice".to_owned()], 0));
        assert_eq!(config.warnings, [] as [&str; 0]);

        fs::set_permissions(dir.path().join("tls.key"), Permissions::from_mode(0o644)).unwrap();
        let [whoever, others] = &read(&tls(&dir, "tls.key", "")).unwrap().warnings[..] else { panic!() };
        assert!(whoever.contains("others may read it (mode 0644)"), "{whoever}");
        assert!(others.contains("whoever reaches 192.0.2.1:50151 may read"), "{others}");
    }

    #[test]
    fn what_is_wrong_is_said_at_its_place() {
        let dir = files();
        let ca = format!("    client_ca_file: {}/tls.pem\n", dir.path().display());
        for (api, fault) in [
            (
                "  listen: 192.0.2.1:50151\n".to_owned(),
                "t.yaml:3:11: api.listen: without `tls` only a loopback",
            ),
            ("  socket_mode: 660\n".into(), "api.socket_mode"),
            ("  socket_mode: \"0060\"\n".into(), "octal digits in quotes"),
            ("  socket_mode: \"0888\"\n".into(), "octal digits in quotes"),
            ("  socket_group: no-such-group\n".into(), "api.socket_group: there is no group `no-such-group`"),
            ("  socket: null\n  socket_mode: \"0660\"\n".into(), "says nothing without `socket`"),
            ("  read_only_socket_group: 0\n".into(), "says nothing without `read_only_socket`"),
            ("  read_only_socket: /run/linnet/linnet.sock\n".into(), "is `socket` already"),
            (
                tls(&dir, "other.key", ""),
                "api.tls.key_file: what it is to hold is not that of the certificate",
            ),
            (tls(&dir, "tls.pem", ""), "api.tls.key_file: what it is to hold is not there"),
            (tls(&dir, "none.key", ""), "none.key: No such file"),
            (tls(&dir, "tls.key", &ca), "api.tls.client_ca_file: lets nobody in"),
            (tls(&dir, "tls.key", "    read_only: [bob]\n"), "says nothing without `client_ca_file`"),
            (
                tls(&dir, "tls.key", "").replace("  listen: 192.0.2.1:50151\n", ""),
                "says nothing without `listen`",
            ),
        ] {
            let faults = read(&api).map(drop).unwrap_err();
            assert!(faults.contains(fault), "{fault}\n{faults}");
        }
    }
}
