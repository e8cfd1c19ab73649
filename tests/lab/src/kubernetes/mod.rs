//! A small Kubernetes API server: Nodes, to be listed and watched, and to be made to misbehave.
//!
//! It speaks as much of the API as a client of Nodes hears: versions, field selectors by name, bookmarks,
//! bearer tokens, 410 for versions that it no longer knows. It writes down every request, so that a test can hold a
//! client to what it asked. There is no TLS.
//! See <https://kubernetes.io/docs/reference/using-api/api-concepts/>.

mod http;
mod state;
mod watch;

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::Result;
use serde_json::{Value, json};

pub use http::Request;
use state::State;
pub use state::{Cut, Gone, Mood};

/// A server that answers until the process ends.
#[derive(Clone, Debug)]
pub struct ApiServer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl ApiServer {
    /// A server behind a listener, which may be in any namespace. It has no Nodes, and takes any token.
    pub fn start(listener: TcpListener) -> io::Result<ApiServer> {
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let server = ApiServer { address, shared: shared.clone() };
        thread::Builder::new().name("kubernetes".into()).spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = shared.clone();
                // What a client does to its connection is not the server's fault.
                thread::spawn(move || drop(serve(&shared, stream)));
            }
        })?;
        Ok(server)
    }

    /// A kubeconfig for it, with these keys of a user, such as `token: secret`.
    pub fn kubeconfig(&self, user: &str) -> String {
        format!(
            "apiVersion: v1
kind: Config
clusters: [{{ name: lab, cluster: {{ server: \"http://{}\" }} }}]
users: [{{ name: linnetd, user: {{ {user} }} }}]
contexts: [{{ name: lab, context: {{ cluster: lab, user: linnetd }} }}]
current-context: lab
",
            self.address
        )
    }

    /// Makes a Node, or changes it: these are its pod CIDRs, and this is its address.
    pub fn put(&self, name: &str, pod_cidrs: &[&str], address: &str) {
        let spec = match pod_cidrs.first() {
            Some(first) => json!({ "podCIDR": first, "podCIDRs": pod_cidrs }),
            None => json!({}),
        };
        let status = json!({ "addresses": [{ "type": "InternalIP", "address": address }] });
        self.change(|state| state.put(name, json!({ "spec": spec, "status": status })));
    }

    /// Deletes a Node.
    pub fn delete(&self, name: &str) {
        self.change(|state| state.delete(name));
    }

    /// Moves the version on, with nothing that a client of Nodes would see, and says so in a bookmark. The version.
    pub fn bookmark(&self) -> String {
        self.change(State::bookmark).to_string()
    }

    /// The present version.
    pub fn version(&self) -> String {
        self.lock().version.to_string()
    }

    /// Moves the version on and forgets all changes so far: whoever watches from before is told so like this.
    pub fn forget(&self, gone: Gone) {
        self.change(|state| state.forget(gone));
    }

    /// Ends all watches that stand.
    pub fn cut(&self, how: Cut) {
        self.change(|state| state.cuts.push(how));
    }

    /// How new requests are taken from now on.
    pub fn set_mood(&self, mood: Mood) {
        self.change(|state| state.mood = mood);
    }

    /// Takes no token but this from now on.
    pub fn take_only(&self, token: &str) {
        self.change(|state| state.token = Some(token.to_owned()));
    }

    /// All requests so far, those that were refused as well.
    pub fn requests(&self) -> Vec<Request> {
        self.lock().requests.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.lock()
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.lock());
        self.shared.changed.notify_all();
        result
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers one request; a connection carries one only.
fn serve(shared: &Shared, mut stream: TcpStream) -> Result<()> {
    let request = Request::read(&stream)?;
    let (mood, takes) = {
        let mut state = shared.lock();
        state.requests.push(request.clone());
        (state.mood, state.takes(&request))
    };
    match mood {
        Mood::Well if !takes => http::refuse(&mut stream, 401, "Unauthorized", "Unauthorized"),
        Mood::Well if request.path != "/api/v1/nodes" => {
            http::refuse(&mut stream, 404, "NotFound", "the server could not find the requested resource")
        }
        Mood::Well if request.is_watch() => watch::serve(shared, &request, stream),
        Mood::Well => http::answer(&mut stream, 200, &list(&shared.lock(), &request)),
        Mood::Refuses(code) => http::refuse(&mut stream, code, "Refused", "not now"),
        Mood::Away => Ok(()),
        Mood::Silent => {
            drop(shared.changed.wait_while(shared.lock(), |state| state.mood == Mood::Silent));
            Ok(())
        }
    }
}

fn list(state: &State, request: &Request) -> Value {
    let nodes: Vec<&Value> = state.chosen(request).collect();
    let metadata = json!({ "resourceVersion": state.version.to_string() });
    json!({ "kind": "NodeList", "apiVersion": "v1", "metadata": metadata, "items": nodes })
}
