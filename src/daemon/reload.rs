//! Reading configurations: the file at SIGHUP and when the API asks for it, and what is given over the API, a whole
//! text or a neighbour. All are read in the same way, and what has a fault changes nothing.

use std::path::PathBuf;

use api::query::ApiError;
use api::{Query, Request};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tracing::{error, warn};

use crate::config::{Config, LoadError, Text};
use crate::core::Event;

use super::kernel::KernelTasks;
use super::keys::Keys;
use super::listen::Listeners;

/// What faults call a text that came over the API.
const GIVEN: &str = "configuration";

/// Knows the file, and the way to core.
#[derive(Clone)]
pub(super) struct Reloader {
    file: PathBuf,
    core: mpsc::Sender<Event>,
    listeners: Listeners,
    kernel: KernelTasks,
}

impl Reloader {
    /// Of this file. What a configuration asks of `listeners` and `kernel` is got ready before core hears of it.
    pub(super) fn new(
        file: PathBuf,
        core: mpsc::Sender<Event>,
        listeners: Listeners,
        kernel: KernelTasks,
    ) -> Reloader {
        Reloader { file, core, listeners, kernel }
    }

    /// Reads the file and hands what it says to core, which answers `request`. A file with a fault changes nothing.
    pub(super) async fn reload(self, request: Option<Request>) {
        let file = self.file.clone();
        let config = read(move || Config::load(&file)).await;
        match config.and_then(|config| self.get_ready(config, request.as_ref())) {
            // Without a core the daemon is ending, and who asks is told so by the request's end.
            Ok(config) => _ = self.core.send(Event::Reconfigure { config, request }).await,
            Err(faults) => {
                error!("the configuration is not taken, what runs goes on: {faults}");
                if let Some(request) = request {
                    request.answer(Err(ApiError::FailedPrecondition(faults)));
                }
            }
        }
    }

    /// Reads what a request asks to be taken, and hands it to core, which answers. `running` is the text of the
    /// configuration of this number, of which a change by a neighbour is made.
    pub(super) async fn serve(self, request: Request, running: Text, number: u64) {
        let edited = match &request.query {
            Query::ApplyConfiguration(query) => return self.apply(query.text.clone(), request).await,
            Query::AddNeighbor(query) => running.with_neighbor(&query.neighbor, query.replace),
            Query::RemoveNeighbor(query) => running.without_neighbor(&query.address),
            _ => return self.reload(Some(request)).await,
        };
        let text = match edited {
            Ok(text) => text,
            Err(error) => return request.answer(Err(ApiError::FailedPrecondition(error.to_string()))),
        };
        let config = read_text(text.as_str().to_owned()).await;
        match config.and_then(|config| self.get_ready(config, Some(&request))) {
            Ok(config) => _ = self.core.send(Event::Edited { config, base: number, request }).await,
            Err(faults) => request.answer(Err(ApiError::FailedPrecondition(faults))),
        }
    }

    async fn apply(self, text: String, request: Request) {
        let config = read_text(text).await;
        match config.and_then(|config| self.get_ready(config, Some(&request))) {
            Ok(config) => {
                _ = self.core.send(Event::Reconfigure { config, request: Some(request) }).await;
            }
            Err(faults) => request.answer(Err(ApiError::FailedPrecondition(faults))),
        }
    }
}

impl Reloader {
    /// Opens what a configuration needs that is not open yet: what cannot be had is a fault of it like others. What is
    /// got ready and not used is closed when core has looked at the configuration.
    fn get_ready(&self, config: Box<Config>, request: Option<&Request>) -> Result<Box<Config>, String> {
        let only_tells = request.is_some_and(|request| match &request.query {
            Query::ApplyConfiguration(query) => query.dry_run,
            Query::ReloadConfiguration(query) => query.dry_run,
            _ => false,
        });
        let ready = self.listeners.prepare(&config.bgp.listen, &Keys::of(&config.bgp));
        ready.and_then(|()| self.kernel.begin(&config, only_tells)).map_err(|error| error.to_string())?;
        Ok(config)
    }
}

async fn read_text(text: String) -> Result<Box<Config>, String> {
    read(move || Config::parse_here(GIVEN, &text).map_err(LoadError::Faults)).await
}

/// Reads on a thread that may wait for files, and looks whether this machine has what is asked for.
async fn read(
    load: impl FnOnce() -> Result<Config, LoadError> + Send + 'static,
) -> Result<Box<Config>, String> {
    let read = spawn_blocking(move || {
        let config = load().map_err(|error| error.to_string())?;
        super::preflight(&config).map_err(|error| error.to_string())?;
        Ok(Box::new(config))
    });
    let config = read.await.unwrap_or_else(|died| Err(died.to_string()))?;
    config.warnings.iter().for_each(|warning| warn!("{warning}"));
    Ok(config)
}
