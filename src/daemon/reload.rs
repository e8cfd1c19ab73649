//! Reading the configuration file again: at SIGHUP, and when the API asks for it.

use std::path::PathBuf;

use api::Request;
use api::query::ApiError;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tracing::{error, warn};

use crate::config::Config;
use crate::core::Event;

/// Knows the file, and the way to core.
#[derive(Clone)]
pub(super) struct Reloader {
    file: PathBuf,
    core: mpsc::Sender<Event>,
}

impl Reloader {
    /// Of this file.
    pub(super) fn new(file: PathBuf, core: mpsc::Sender<Event>) -> Reloader {
        Reloader { file, core }
    }

    /// Reads the file and hands what it says to core, which answers `request`. A file with a fault changes nothing.
    pub(super) async fn reload(self, request: Option<Request>) {
        let Reloader { file, core } = self;
        let read = spawn_blocking(move || {
            let config = Config::load(&file).map_err(|error| error.to_string())?;
            super::preflight(&config).map_err(|error| error.to_string())?;
            Ok(config)
        })
        .await;
        match read.unwrap_or_else(|died| Err(died.to_string())) {
            Ok(config) => {
                config.warnings.iter().for_each(|warning| warn!("{warning}"));
                // Without a core the daemon is ending, and who asks is told so by the request's end.
                let _ = core.send(Event::Reconfigure { config: Box::new(config), request }).await;
            }
            Err(faults) => {
                error!("the configuration is not taken, what runs goes on: {faults}");
                if let Some(request) = request {
                    request.answer(Err(ApiError::FailedPrecondition(faults)));
                }
            }
        }
    }
}
