//! Health, asked for one service at a time.

use serde::Serialize;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::Client;
use crate::methods::services;

/// How a service stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Health {
    /// Its name with the package; `linnetd` is all of them together.
    pub service: String,
    /// What it says of itself.
    pub state: Serving,
}

/// What a service says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Serving {
    /// It can answer.
    Serving,
    /// It does not yet have what it takes to answer, or the daemon is ending.
    NotServing,
    /// The daemon does not know it.
    Unknown,
}

impl Client {
    /// How the services stand: all together first, then each.
    ///
    /// # Errors
    /// The daemon does not answer.
    pub async fn health(&self) -> Result<Vec<Health>, Status> {
        let mut client = HealthClient::new(self.0.clone());
        let mut all = Vec::new();
        for service in std::iter::once("").chain(services()) {
            let checked = client.check(HealthCheckRequest { service: service.to_owned() }).await;
            let state = match checked {
                Ok(response) if response.get_ref().status() == ServingStatus::Serving => Serving::Serving,
                Ok(_) => Serving::NotServing,
                Err(status) if status.code() == Code::NotFound => Serving::Unknown,
                Err(status) => return Err(status),
            };
            let service = if service.is_empty() { "linnetd" } else { service };
            all.push(Health { service: service.to_owned(), state });
        }
        Ok(all)
    }
}
