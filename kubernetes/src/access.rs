//! The way to the API server, and who we are there.

use std::path::PathBuf;

use kube::config::{Config, KubeConfigOptions, Kubeconfig};

use crate::follow::Error;

/// Where address, certificates and token of the API server come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// From where Kubernetes puts them for the processes in its pods: two environment variables, and the files of
    /// the service account.
    InCluster,
    /// From a kubeconfig file, its current context.
    Kubeconfig(PathBuf),
}

/// A client, its credentials read just now.
pub(crate) async fn connect(access: &Access) -> Result<kube::Client, Error> {
    let mut config = match access {
        Access::InCluster => Config::incluster_env().map_err(|error| not_in_a_pod(&error))?,
        Access::Kubeconfig(file) => read(file.clone()).await.map_err(|error| Error::Access(chain(&error)))?,
    };
    // Whoever retries in silence hides from the operator that something is wrong.
    config.default_retry = false;
    // A kubeconfig may name a program that gives the token, and the client waits for it.
    let client = tokio::task::spawn_blocking(|| kube::Client::try_from(config)).await;
    client.map_err(|error| Error::Access(error.to_string()))?.map_err(|error| Error::Access(chain(&error)))
}

fn not_in_a_pod(error: &(dyn std::error::Error + 'static)) -> Error {
    Error::Access(format!(
        "{}; outside of a pod a kubeconfig has to say what Kubernetes does not",
        chain(error)
    ))
}

async fn read(file: PathBuf) -> Result<Config, kube::config::KubeconfigError> {
    let kubeconfig = Kubeconfig::read_from(file)?;
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await
}

/// An error with all its reasons, for those that do not say them themselves.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut reason = error.source();
    while let Some(error) = reason {
        let said = error.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        reason = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_kubeconfig_that_is_not_there_is_named() {
        let access = Access::Kubeconfig("/nonexistent/kubeconfig".into());
        let error = connect(&access).await.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("/nonexistent/kubeconfig"), "{error}");
    }

    #[test]
    fn outside_of_a_pod_a_kubeconfig_is_asked_for() {
        let error = not_in_a_pod(&std::io::Error::other("no variable"));
        assert!(
            error
                .to_string()
                .ends_with("no variable; outside of a pod a kubeconfig has to say what Kubernetes does not")
        );
    }

    #[test]
    fn reasons_are_told_once() {
        let io = std::io::Error::other("the wire is cut");
        let outer = std::io::Error::other(io);
        assert_eq!(chain(&outer), "the wire is cut");
    }
}
