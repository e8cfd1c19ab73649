//! What went wrong with the connection, and what would put it right: the second line of an error.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use api::client::{ConnectError, Endpoint, Trouble};
use nix::unistd::{Gid, Group};
use tonic::{Code, Status};

/// What to do where there is no connection.
pub(super) fn on_connecting(error: &ConnectError) -> Option<String> {
    Some(match error {
        ConnectError::NoSocket(_) | ConnectError::NobodyAnswers(_) => {
            "start it (systemctl start linnetd), or say where it listens: --socket PATH or --address HOST:PORT".into()
        }
        ConnectError::NotASocket(_) => "--socket takes what linnetd's configuration has as `api.socket`".into(),
        ConnectError::Denied(path) => join_group(path),
        ConnectError::UnknownHost(..) | ConnectError::Silence(_) => {
            "is the address right, and does nothing stand between? `api.listen` says where linnetd listens".into()
        }
        ConnectError::NoTls(_) => {
            "leave --tls-ca and LINNET_TLS_CA out, or give linnetd a certificate: `api.tls`".into()
        }
        ConnectError::Untrusted(..) => {
            "--tls-ca names the file of who signed it, --tls-name the name that it is for".into()
        }
        ConnectError::NotAnAddress(_) | ConnectError::File(..) | ConnectError::Other(..) => return None,
    })
}

/// How to be let in by a socket.
fn join_group(socket: &Path) -> String {
    let gid = socket.metadata().ok().map(|file| Gid::from_raw(file.gid()));
    let group = gid.and_then(|gid| Group::from_gid(gid).ok().flatten()).map(|group| group.name);
    match group.filter(|group| group != "root") {
        Some(group) => format!("join its group (usermod -aG {group} USER, then log in anew), or use sudo"),
        None => "use sudo, or give the socket a group that you are in: `api.socket_group`".into(),
    }
}

/// What a failed request says of the connection, and what to do; `None` where linnetd has answered it.
pub(super) fn on_asking(status: &Status, at: &Endpoint) -> Option<String> {
    let text = match Trouble::of(status)? {
        Trouble::CertificateWanted => {
            format!("linnetd at {at} asks who you are\n--tls-cert FILE and --tls-key FILE show a certificate")
        }
        Trouble::CertificateRefused(why) => format!(
            "linnetd at {at} does not take the certificate: {why}\n`api.tls.client_ca_file` names who has to sign it"
        ),
        Trouble::Stranger => format!(
            "who answers at {at} is no linnetd, or an older one than this linnet ({})\n`api.listen` and `api.socket` \
             say where linnetd listens; linnet version compares",
            api::VERSION
        ),
        Trouble::Broken => match at {
            Endpoint::Tcp(_) => format!(
                "{at} has closed the connection\nif linnetd is to be found there it may want TLS: --tls-ca FILE"
            ),
            Endpoint::Unix(_) | Endpoint::Tls(..) => {
                "linnetd went away, or has too many connections\nlinnet health asks again".into()
            }
        },
    };
    Some(text)
}

/// What to do where the two programs are not of one version.
pub(super) const VERSIONS_DIFFER: &str =
    "start linnetd anew after an upgrade, or take the linnet of its version";

/// What to do where linnetd does not know a request.
pub(super) fn on_refusal(status: &Status) -> Option<String> {
    let is_unknown = status.code() == Code::Unimplemented;
    is_unknown.then(|| format!("this is linnet {}: {VERSIONS_DIFFER}", api::VERSION))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_is_told_from_another_program() {
        let at = Endpoint::Unix("/sock".into());
        let status = Status::unimplemented("unknown service linnet.v1.Rib");
        let said = on_asking(&status, &at).unwrap();
        assert!(said.starts_with("who answers at /sock is no linnetd, or an older one"), "{said}");
        let mut status = Status::unimplemented("this linnetd (0.0.1) knows no linnet.v1.Rib/Paint");
        status.metadata_mut().insert(api::VERSION_HEADER, "0.0.1".parse().unwrap());
        assert_eq!(on_asking(&status, &at), None);
        assert!(on_refusal(&status).unwrap().contains(VERSIONS_DIFFER));
        assert_eq!(on_refusal(&Status::not_found("no neighbor 10.0.0.9")), None);
    }

    #[test]
    fn who_is_not_let_in_is_told_whose_the_socket_is() {
        let dir = tempfile::tempdir().unwrap();
        let own = Group::from_gid(Gid::from_raw(dir.path().metadata().unwrap().gid())).unwrap().unwrap().name;
        let advice = join_group(dir.path());
        assert!(advice.contains(&own) || own == "root" && advice.contains("api.socket_group"), "{advice}");
        assert!(join_group(Path::new("/nowhere")).contains("sudo"));
    }
}
