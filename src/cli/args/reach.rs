//! Where linnetd is, and how the way there is protected: options, and environment.

use std::path::PathBuf;

use api::client::{Endpoint, TlsFiles};
use clap::{Args, ValueHint};

/// Where linnetd listens unless its configuration says otherwise.
pub const DEFAULT_SOCKET: &str = "/run/linnet/linnet.sock";

/// Where linnetd is.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct Reach {
    /// Unix socket of linnetd [env: LINNET_SOCKET] [default: /run/linnet/linnet.sock]
    #[arg(long, global = true, value_name = "PATH", conflicts_with = "address")]
    pub socket: Option<PathBuf>,
    /// TCP address of linnetd [env: LINNET_ADDRESS]
    #[arg(long, global = true, value_name = "HOST:PORT")]
    pub address: Option<String>,
    /// PEM file of who signed linnetd's certificate: TCP is to be TLS [env: LINNET_TLS_CA]
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub tls_ca: Option<PathBuf>,
    /// PEM file of the certificate to show to linnetd [env: LINNET_TLS_CERT]
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub tls_cert: Option<PathBuf>,
    /// PEM file of its private key [env: LINNET_TLS_KEY]
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub tls_key: Option<PathBuf>,
    /// Name in linnetd's certificate, where that is not the host's [env: LINNET_TLS_NAME]
    #[arg(long, global = true, value_name = "NAME")]
    pub tls_name: Option<String>,
}

impl Reach {
    /// Where linnetd is: an option beats the environment, `env`, which beats the default.
    ///
    /// # Errors
    /// What of TLS is missing.
    pub fn endpoint(&self, env: impl Fn(&str) -> Option<String>) -> Result<Endpoint, String> {
        let set = |name: &str| env(name).filter(|value| !value.is_empty());
        let tcp = |address: String| self.tcp(address, set);
        let unix =
            |path| match [&self.tls_ca, &self.tls_cert, &self.tls_key].iter().any(|file| file.is_some()) {
                true => Err("TLS is for TCP: --address HOST:PORT says where".to_owned()),
                false => Ok(Endpoint::Unix(path)),
            };
        if let Some(socket) = &self.socket {
            return unix(socket.clone());
        }
        if let Some(address) = &self.address {
            return tcp(address.clone());
        }
        match (set("LINNET_SOCKET"), set("LINNET_ADDRESS")) {
            (Some(socket), _) => unix(socket.into()),
            (None, Some(address)) => tcp(address),
            (None, None) => unix(DEFAULT_SOCKET.into()),
        }
    }

    fn tcp(&self, address: String, set: impl Fn(&str) -> Option<String>) -> Result<Endpoint, String> {
        let file = |option: &Option<PathBuf>, name| option.clone().or_else(|| set(name).map(PathBuf::from));
        let ca = file(&self.tls_ca, "LINNET_TLS_CA");
        let certificate = file(&self.tls_cert, "LINNET_TLS_CERT");
        let key = file(&self.tls_key, "LINNET_TLS_KEY");
        let name = self.tls_name.clone().or_else(|| set("LINNET_TLS_NAME"));
        let identity = match (certificate, key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => return Err("a certificate takes its key: --tls-key FILE".into()),
            (None, Some(_)) => return Err("a key takes its certificate: --tls-cert FILE".into()),
        };
        match ca {
            Some(ca) => Ok(Endpoint::Tls(address, TlsFiles { ca, identity, name })),
            None if identity.is_some() || name.is_some() => {
                Err("TLS takes --tls-ca FILE: whose signature linnetd's certificate has".into())
            }
            None => Ok(Endpoint::Tcp(address)),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::args::Cli;

    fn endpoint(arguments: &[&str], env: &[(&str, &str)]) -> Result<Endpoint, String> {
        let cli = Cli::try_parse_from(["linnet", "status"].iter().chain(arguments)).unwrap();
        let get = |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        cli.global.reach.endpoint(get)
    }

    #[test]
    fn an_option_beats_the_environment_which_beats_the_default() {
        let env = [("LINNET_SOCKET", "/env"), ("LINNET_ADDRESS", "env:1")];
        let shown = |arguments: &[&str], env: &[(&str, &str)]| endpoint(arguments, env).unwrap().to_string();
        assert_eq!(shown(&[], &[]), DEFAULT_SOCKET);
        assert_eq!(shown(&[], &[("LINNET_SOCKET", "")]), DEFAULT_SOCKET);
        assert_eq!(shown(&[], &env), "/env");
        assert_eq!(shown(&[], &env[1..]), "env:1");
        assert_eq!(shown(&["--address", "opt:1"], &env), "opt:1");
        assert_eq!(shown(&["--socket", "/opt"], &env), "/opt");
    }

    #[test]
    fn an_authority_makes_it_tls() {
        let identity = ["--tls-cert", "c", "--tls-key", "k"];
        let with_ca = [&["--address", "h:1", "--tls-ca", "a"], &identity[..]].concat();
        let env = [("LINNET_TLS_CA", "b"), ("LINNET_TLS_NAME", "leaf1")];
        let files = |ca: &str, name: Option<&str>| TlsFiles {
            ca: ca.into(),
            identity: Some(("c".into(), "k".into())),
            name: name.map(Into::into),
        };
        assert_eq!(endpoint(&with_ca, &[]), Ok(Endpoint::Tls("h:1".into(), files("a", None))));
        assert_eq!(endpoint(&with_ca, &env), Ok(Endpoint::Tls("h:1".into(), files("a", Some("leaf1")))));
        assert_eq!(endpoint(&["--address", "h:1"], &[]), Ok(Endpoint::Tcp("h:1".into())));
        // The environment is for TCP, and no fault where a socket is asked.
        assert_eq!(endpoint(&["--socket", "/s"], &env), Ok(Endpoint::Unix("/s".into())));
    }

    #[test]
    fn half_of_it_is_none() {
        for (arguments, fault) in [
            (&["--address", "h:1", "--tls-cert", "c"][..], "--tls-key"),
            (&["--address", "h:1", "--tls-key", "k"], "--tls-cert"),
            (&["--address", "h:1", "--tls-cert", "c", "--tls-key", "k"], "--tls-ca"),
            (&["--address", "h:1", "--tls-name", "n"], "--tls-ca"),
            (&["--tls-ca", "a"], "--address"),
        ] {
            let said = endpoint(arguments, &[]).unwrap_err();
            assert!(said.contains(fault), "{said}");
        }
    }
}
