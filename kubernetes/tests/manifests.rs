//! The manifests in examples/kubernetes: Kubernetes' own types know every field of them, and they ask for no more
//! rights than are needed.

use anyhow::{Context, Result, bail, ensure};
use k8s_openapi::api::{apps, core, rbac};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn manifests() -> Result<Vec<Value>> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/kubernetes/daemonset.yaml");
    let text = std::fs::read_to_string(file)?;
    text.split("\n---\n").map(|manifest| Ok(serde_yaml::from_str(manifest)?)).collect()
}

fn manifest(kind: &str) -> Result<Value> {
    manifests()?.into_iter().find(|manifest| manifest["kind"] == kind).with_context(|| format!("no {kind}"))
}

/// What goes through a type and comes out again is the same: a field that it does not know would be missing.
fn holds<T: DeserializeOwned + Serialize>(manifest: &Value) -> Result<()> {
    let typed: T = serde_json::from_value(manifest.clone())?;
    let again = serde_json::to_value(&typed)?;
    ensure!(again == *manifest, "{again:#}\ninstead of\n{manifest:#}");
    Ok(())
}

#[test]
fn every_field_is_one_that_kubernetes_knows() -> Result<()> {
    for manifest in manifests()? {
        match manifest["kind"].as_str().unwrap_or_default() {
            "Namespace" => holds::<core::v1::Namespace>(&manifest),
            "ServiceAccount" => holds::<core::v1::ServiceAccount>(&manifest),
            "ConfigMap" => holds::<core::v1::ConfigMap>(&manifest),
            "ClusterRole" => holds::<rbac::v1::ClusterRole>(&manifest),
            "ClusterRoleBinding" => holds::<rbac::v1::ClusterRoleBinding>(&manifest),
            "DaemonSet" => holds::<apps::v1::DaemonSet>(&manifest),
            other => bail!("a manifest of kind {other}"),
        }?;
    }
    Ok(())
}

#[test]
fn nodes_are_read_and_nothing_else() -> Result<()> {
    let rules = json!([{ "apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "watch"] }]);
    ensure!(manifest("ClusterRole")?["rules"] == rules);
    Ok(())
}

#[test]
fn linnetd_has_three_capabilities() -> Result<()> {
    let daemonset = manifest("DaemonSet")?;
    let pod = &daemonset["spec"]["template"]["spec"];
    ensure!(pod["hostNetwork"] == true && pod["serviceAccountName"] == "linnet");
    let wanted = json!({
        "capabilities": { "drop": ["ALL"], "add": ["NET_ADMIN", "NET_BIND_SERVICE", "NET_RAW"] },
        "allowPrivilegeEscalation": false,
        "readOnlyRootFilesystem": true,
    });
    ensure!(pod["containers"][0]["securityContext"] == wanted);
    let names = pod["containers"][0]["env"].as_array().into_iter().flatten();
    ensure!(names.clone().any(|variable| {
        variable["name"] == "NODE_NAME" && variable["valueFrom"]["fieldRef"]["fieldPath"] == "spec.nodeName"
    }));
    Ok(())
}
