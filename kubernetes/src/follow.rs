//! List, watch, and begin again: the turns with an API server.
//!
//! A list gives a state and its version; a watch gives the changes after a version. A watch may end at any time, also
//! in the midst of a line, and the next one begins after the last version that was heard: bookmarks move it where no
//! Node changes. Only when the server no longer knows the version (410) the Node is listed anew.
//! See <https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes>.

use std::time::{Duration, Instant};

use futures_util::{Stream, StreamExt};
use ipnet::IpNet;
use k8s_openapi::api::core::v1::Node;
use kube::api::{Api, ListParams, WatchEvent, WatchParams};
use kube::core::Status;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::access::{self, Access};
use crate::node::{self, BadCidr};
use crate::pace::{Pace, Pauses};
use crate::view::{Link, View};

/// How much later than asked a server may end a watch before it counts as vanished.
const GRACE: Duration = Duration::from_secs(5);

/// What is to be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The name of the Node.
    pub node: String,
    /// The way to the API server.
    pub access: Access,
    /// How patient to be.
    pub pace: Pace,
}

/// What ends a turn.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("no way to the API server: {0}")]
    Access(String),
    #[error("the API server does not answer within {} s", .0.as_secs_f32())]
    Silent(Duration),
    #[error("{}", refusal(.0))]
    Refused(Box<Status>),
    #[error("{}", access::chain(.0))]
    Failed(kube::Error),
    #[error(transparent)]
    Cidr(#[from] BadCidr),
    #[error("a list of Nodes without a resourceVersion: this is no Kubernetes API")]
    Versionless,
}

impl From<kube::Error> for Error {
    fn from(error: kube::Error) -> Error {
        match error {
            kube::Error::Api(status) => Error::Refused(status),
            error => Error::Failed(error),
        }
    }
}

/// What the server says against a request, and what an operator can do.
fn refusal(status: &Status) -> String {
    let said = format!("the API server refuses with {} {}: {}", status.code, status.reason, status.message);
    match status.code {
        401 => format!("{said}; its token is read again"),
        403 => format!("{said}; linnetd's account needs the verbs get, list and watch on nodes"),
        _ => said,
    }
}

/// Keeps `view` true, until nobody looks at it any more.
pub async fn follow(settings: Settings, view: watch::Sender<View>) {
    let closed = view.clone();
    let mut follower = Follower { pod_cidrs: Vec::new(), version: None, settings, view };
    tokio::select! {
        () = follower.run() => {}
        () = closed.closed() => {}
    }
}

struct Follower {
    settings: Settings,
    /// What the Node has.
    pod_cidrs: Vec<IpNet>,
    /// The version that this is the state of; `None`: it is to be listed.
    version: Option<String>,
    view: watch::Sender<View>,
}

impl Follower {
    async fn run(&mut self) {
        let mut pauses = Pauses::new(self.settings.pace);
        let mut client = None;
        loop {
            let began = Instant::now();
            if let Err(error) = self.turn(&mut client).await {
                self.lose(&error, &mut client);
            }
            sleep(pauses.after(began.elapsed())).await;
        }
    }

    /// Brings the view up to date and keeps it so, until a watch ends.
    async fn turn(&mut self, client: &mut Option<kube::Client>) -> Result<(), Error> {
        let client = match client {
            Some(client) => client,
            None => client.insert(access::connect(&self.settings.access).await?),
        };
        let api = Api::<Node>::all(client.clone());
        let version = match self.version.take() {
            Some(version) => version,
            None => self.list(&api).await?,
        };
        let version = self.version.insert(version).clone();
        let parameters = WatchParams {
            field_selector: Some(self.selector()),
            timeout: u32::try_from(self.settings.pace.watch.as_secs()).ok(),
            bookmarks: true,
            ..WatchParams::default()
        };
        let events = self.in_time(api.watch(&parameters, &version)).await?;
        self.publish();
        self.hear(events).await
    }

    /// Takes over what the Node is now; the version that this is the state of.
    async fn list(&mut self, api: &Api<Node>) -> Result<String, Error> {
        let parameters = ListParams { field_selector: Some(self.selector()), ..ListParams::default() };
        let list = self.in_time(api.list(&parameters)).await?;
        let version = list.metadata.resource_version.filter(|version| !version.is_empty());
        let version = version.ok_or(Error::Versionless)?;
        let own = list.items.iter().find(|node| self.is_own(node));
        self.pod_cidrs = own.map(node::pod_cidrs).transpose()?.unwrap_or_default();
        self.publish();
        Ok(version)
    }

    /// Follows a watch to its end.
    async fn hear(
        &mut self,
        events: impl Stream<Item = kube::Result<WatchEvent<Node>>>,
    ) -> Result<(), Error> {
        let mut events = std::pin::pin!(events);
        let bound = self.settings.pace.watch + GRACE;
        while let Some(event) = timeout(bound, events.next()).await.map_err(|_| Error::Silent(bound))? {
            let version = match event? {
                WatchEvent::Added(node) | WatchEvent::Modified(node) => {
                    if self.is_own(&node) {
                        self.pod_cidrs = node::pod_cidrs(&node)?;
                    }
                    node.metadata.resource_version
                }
                WatchEvent::Deleted(node) => {
                    if self.is_own(&node) {
                        self.pod_cidrs = Vec::new();
                    }
                    node.metadata.resource_version
                }
                WatchEvent::Bookmark(bookmark) => Some(bookmark.metadata.resource_version),
                WatchEvent::Error(status) => return Err(Error::Refused(status)),
            };
            self.version = version.filter(|version| !version.is_empty());
            self.publish();
        }
        Ok(())
    }

    /// Whether it is the Node that was asked for; what stands between us and the server may know no selectors.
    fn is_own(&self, node: &Node) -> bool {
        node.metadata.name.as_ref() == Some(&self.settings.node)
    }

    fn selector(&self) -> String {
        format!("metadata.name={}", self.settings.node)
    }

    async fn in_time<T>(&self, answer: impl Future<Output = kube::Result<T>>) -> Result<T, Error> {
        let bound = self.settings.pace.answer;
        timeout(bound, answer).await.map_err(|_| Error::Silent(bound))?.map_err(Error::from)
    }

    /// Shows what is known, which is what the server says now.
    fn publish(&self) {
        self.show(View { pod_cidrs: Some(self.pod_cidrs.clone()), link: Link::Following });
    }

    /// Shows that what is known may be old, and does what the error asks for.
    fn lose(&mut self, error: &Error, client: &mut Option<kube::Client>) {
        match error {
            Error::Refused(status) if status.code == 410 => self.version = None,
            // The next watch would bring the same again, and only then what has mended it.
            Error::Cidr(_) | Error::Failed(kube::Error::SerdeError(_)) => self.version = None,
            // Token, certificates or the server's address may be others by now.
            Error::Refused(status) if status.code == 401 => *client = None,
            Error::Failed(_) => *client = None,
            _ => {}
        }
        let view = self.view.borrow().clone();
        self.show(View { link: Link::Lost(error.to_string()), ..view });
    }

    fn show(&self, view: View) {
        self.view.send_if_modified(|shown| std::mem::replace(shown, view) != *shown);
    }
}
