//! What a neighbour's settings say about signatures and hops: their faults, and what they come to.

use super::authentication::{AoKey, Authentication, Hops};
use super::checker::Checker;
use super::fault::Path;
use super::file::{PeerSettings, TcpAo, TcpAoKey};

impl Checker {
    /// The faults of what is said in one place.
    pub(super) fn protection(&mut self, at: &Path, settings: &PeerSettings) {
        self.hop_settings(at, settings);
        let ways = [
            ("password", settings.password.is_some()),
            ("password_file", settings.password_file.is_some()),
            ("tcp_ao", settings.tcp_ao.is_some()),
        ];
        let mut given = ways.iter().filter(|(_, given)| *given).map(|(key, _)| *key);
        if let (Some(first), Some(second)) = (given.next(), given.next()) {
            self.find(
                at.key(second),
                format!("beside {first}: segments are signed in one way; keep one of them"),
            );
        }
        if let Some(fault) = settings.password.as_ref().and_then(|password| password.fault()) {
            self.find(at.key("password"), fault);
        }
        if let Some(path) = &settings.password_file
            && let Err(fault) = self.secrets.get(path)
        {
            self.find(at.key("password_file"), fault);
        }
        if let Some(ao) = &settings.tcp_ao {
            self.tcp_ao(&at.key("tcp_ao").key("keys"), ao);
        }
    }

    fn hop_settings(&mut self, at: &Path, settings: &PeerSettings) {
        if settings.multihop == Some(0) {
            self.find(at.key("multihop"), "1 (on the link) to 255");
        }
        if settings.ttl_security.is_some_and(|hops| hops == 0 || hops == 255) {
            self.find(at.key("ttl_security"), "1 (on the link) to 254 hops");
        }
        if settings.multihop.is_some() && settings.ttl_security.is_some() {
            let message = "beside multihop: ttl_security says itself how many hops away the neighbour may be";
            self.find(at.key("ttl_security"), message);
        }
    }

    fn tcp_ao(&mut self, at: &Path, ao: &TcpAo) {
        if ao.keys.is_empty() {
            self.find(at.clone(), "at least one key");
        }
        let mut seen: Vec<(u8, u8)> = Vec::new();
        for (i, key) in ao.keys.iter().enumerate() {
            let at = at.index(i);
            match ids(key) {
                None => self.find(at.clone(), "id, or both send_id and recv_id"),
                Some((send, receive)) => {
                    if seen.iter().any(|(s, r)| *s == send || *r == receive) {
                        let message = format!("send_id {send} or recv_id {receive} is another key's already");
                        self.find(at.clone(), message);
                    }
                    seen.push((send, receive));
                }
            }
            if let Err(fault) = self.secrets.get(&key.secret_file) {
                self.find(at.key("secret_file"), fault);
            }
        }
    }

    /// How segments are signed. What is at fault has been found, and counts as not given.
    pub(super) fn authentication(&mut self, settings: &PeerSettings) -> Authentication {
        let file = settings.password_file.as_ref().and_then(|path| self.secrets.get(path).ok());
        match (settings.password.clone().or(file), &settings.tcp_ao) {
            (Some(password), _) => Authentication::Md5(password),
            (None, Some(ao)) => {
                Authentication::Ao(ao.keys.iter().filter_map(|key| self.ao_key(key)).collect())
            }
            (None, None) => Authentication::None,
        }
    }

    fn ao_key(&mut self, key: &TcpAoKey) -> Option<AoKey> {
        let (send_id, recv_id) = ids(key)?;
        let secret = self.secrets.get(&key.secret_file).ok()?;
        Some(AoKey { send_id, recv_id, algorithm: key.algorithm, secret })
    }
}

/// Ours and the neighbour's.
fn ids(key: &TcpAoKey) -> Option<(u8, u8)> {
    match (key.id, key.send_id, key.recv_id) {
        (Some(id), None, None) => Some((id, id)),
        (None, Some(send), Some(receive)) => Some((send, receive)),
        _ => None,
    }
}

/// An external neighbour is on the link unless something else is said; an internal one may be anywhere.
pub(super) fn hops(settings: &PeerSettings, internal: Option<bool>) -> Hops {
    match (settings.ttl_security, internal) {
        (Some(hops), _) => Hops::Within(hops),
        (None, Some(false)) => Hops::Reach(settings.multihop.unwrap_or(1)),
        // Whoever may be in this AS may be hops away.
        (None, Some(true) | None) => Hops::Unlimited,
    }
}
