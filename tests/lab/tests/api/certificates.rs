//! Certificates, made by an authority of the test's own.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// An authority, and a folder with what it signed. The folder goes with it.
pub(crate) struct Authority {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Result<Authority> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("linnet-authority-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, format!("authority {number}"));
        let key = KeyPair::generate()?;
        fs::write(folder.join("ca.pem"), params.self_signed(&key)?.pem())?;
        Ok(Authority { folder, issuer: Issuer::new(params, key) })
    }

    /// Where `ca.pem` and the rest are.
    pub(crate) fn folder(&self) -> String {
        self.folder.to_string_lossy().into_owned()
    }

    /// Signs a certificate; with `.pem` and `.key` behind it, what is returned names its files.
    pub(crate) fn sign(&self, name: &str, hosts: &[&str]) -> Result<String> {
        let mut params =
            CertificateParams::new(hosts.iter().map(|host| (*host).to_owned()).collect::<Vec<_>>())?;
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate()?;
        let at = self.folder.join(name);
        fs::write(at.with_extension("pem"), params.signed_by(&key, &self.issuer)?.pem())?;
        let key_file = at.with_extension("key");
        fs::write(&key_file, key.serialize_pem())?;
        fs::set_permissions(Path::new(&key_file), Permissions::from_mode(0o600))?;
        Ok(at.to_string_lossy().into_owned())
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        // Nothing rests on it.
        drop(fs::remove_dir_all(&self.folder));
    }
}
