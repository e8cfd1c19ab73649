//! The border between the gRPC service and the core of the daemon.
//!
//! A [`Query`] is one request, an [`Answer`] its answer; both are plain values, so that core can be asked
//! without a server. A [`Request`] carries one query to the task that owns core, and the way back. The
//! channel it travels on is bounded: a busy core makes readers wait, never the other way round.
//!
//! # Watching
//!
//! A watch is a long poll, repeated. [`Query::Changes`] asks for what changed behind its `resume_token`. Core
//! answers at once if there is something, and otherwise keeps the request until there is: the reader's place
//! is its token, nothing else of it is kept. The server lets at most [`MAX_WATCHES`] streams be open, each
//! with one request at a time. When a reader goes away its request's [`Request::is_abandoned`] becomes true:
//! whoever keeps requests drops the abandoned ones whenever another comes to be kept, and then never keeps
//! more than [`MAX_WATCHES`].

use tokio::sync::oneshot;

use crate::v1;

/// How many rows a page has if the reader does not say.
pub const DEFAULT_PAGE_SIZE: u32 = 1000;

/// How many rows a page has at most, whatever the reader says: keeps messages to a few megabytes, and a turn
/// of core to a few milliseconds.
pub const MAX_PAGE_SIZE: u32 = 2000;

/// How many watch streams may be open at once.
pub const MAX_WATCHES: usize = 64;

/// How many rows to answer with, given what a request asked for.
pub fn page_size(asked: u32) -> usize {
    let size = if asked == 0 { DEFAULT_PAGE_SIZE } else { asked.min(MAX_PAGE_SIZE) };
    size as usize
}

/// One query on its way to core.
#[derive(Debug)]
pub struct Request {
    /// What is asked.
    pub query: Query,
    /// Where the answer goes. Dropped without one, it tells the reader that the daemon is ending.
    pub reply: oneshot::Sender<Result<Answer, ApiError>>,
}

impl Request {
    /// Whether nobody waits for the answer any more.
    pub fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    /// Answers it. An abandoned request takes its answer in silence.
    pub fn answer(self, answer: Result<Answer, ApiError>) {
        drop(self.reply.send(answer));
    }
}

/// What a watch asks for, each time: the changes behind `watch.resume_token`.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangesRequest {
    /// The topics, and the place to go on from. With an empty token: from the beginning of the present state,
    /// or from now with `changes_only`.
    pub watch: v1::WatchRequest,
    /// At most so many changes in the answer.
    pub max: usize,
}

/// How many streams may inject routes at once.
pub const MAX_INJECTIONS: usize = 16;

/// What a stream of routes asks for, or that it has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Injection {
    /// Which stream; no two ever have the same number.
    pub stream: u64,
    /// What it asks for; nothing where it has ended.
    pub request: Option<v1::InjectRequest>,
    /// It has ended: all that it brought goes.
    pub ended: bool,
}

/// Why a query was not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// The request makes no sense: says what was wrong and what would be right.
    #[error("{0}")]
    InvalidArgument(String),
    /// What it names is not there.
    #[error("{0}")]
    NotFound(String),
    /// It cannot be done in the present state.
    #[error("{0}")]
    FailedPrecondition(String),
    /// A token is from too long ago, or from another run.
    #[error("{0}")]
    Expired(String),
    /// Who asks may not do this.
    #[error("{0}")]
    Denied(String),
    /// Too many ask for this at once.
    #[error("{0}")]
    Exhausted(String),
    /// The daemon does not do this.
    #[error("{0}")]
    Unimplemented(String),
    /// The daemon is ending, or not ready yet.
    #[error("{0}")]
    Unavailable(String),
}

/// The one place where errors become status codes.
impl From<ApiError> for tonic::Status {
    fn from(error: ApiError) -> Self {
        use tonic::Code;
        let code = match error {
            ApiError::InvalidArgument(_) => Code::InvalidArgument,
            ApiError::NotFound(_) => Code::NotFound,
            ApiError::FailedPrecondition(_) => Code::FailedPrecondition,
            ApiError::Expired(_) => Code::OutOfRange,
            ApiError::Denied(_) => Code::PermissionDenied,
            ApiError::Exhausted(_) => Code::ResourceExhausted,
            ApiError::Unimplemented(_) => Code::Unimplemented,
            ApiError::Unavailable(_) => Code::Unavailable,
        };
        tonic::Status::new(code, error.to_string())
    }
}

/// A request message that has a place in [`Query`], tied to the answer that it gets.
pub(crate) trait Ask: Sized {
    /// What comes back.
    type Answer;
    fn query(self) -> Query;
    fn pick(answer: Answer) -> Option<Self::Answer>;
}

/// Writes [`Query`], [`Answer`] and what ties their variants together, from one line for each.
macro_rules! border {
    ($($(#[doc = $doc:literal])+ $name:ident($request:ty) -> $response:ty;)+) => {
        /// Every question to core.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Query {
            $($(#[doc = $doc])+ $name($request),)+
        }

        /// The answer to the [`Query`] of the same name. Boxed: some are large, and all pass through a channel.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Answer {
            $(#[doc = concat!("To [`Query::", stringify!($name), "`].")] $name(Box<$response>),)+
        }

        $(impl Ask for $request {
            type Answer = $response;

            fn query(self) -> Query {
                Query::$name(self)
            }

            fn pick(answer: Answer) -> Option<$response> {
                match answer {
                    Answer::$name(answer) => Some(*answer),
                    _ => None,
                }
            }
        }

        impl From<$response> for Answer {
            fn from(answer: $response) -> Answer {
                Answer::$name(Box::new(answer))
            }
        })+
    };
}

border! {
    /// A page of paths.
    ListPaths(v1::ListPathsRequest) -> v1::ListPathsResponse;
    /// Counts of each family.
    Summarize(v1::SummarizeRequest) -> v1::SummarizeResponse;
    /// Why the paths of a destination stand as they do.
    Explain(v1::ExplainRequest) -> v1::ExplainResponse;
    /// A page of neighbours.
    ListNeighbors(v1::ListNeighborsRequest) -> v1::ListNeighborsResponse;
    /// One neighbour.
    GetNeighbor(v1::GetNeighborRequest) -> v1::Neighbor;
    /// Reset a session.
    ResetNeighbor(v1::ResetNeighborRequest) -> v1::ResetNeighborResponse;
    /// Shut a neighbour down, or enable it.
    SetNeighborAdmin(v1::SetNeighborAdminRequest) -> v1::SetNeighborAdminResponse;
    /// A page of policies.
    ListPolicies(v1::ListPoliciesRequest) -> v1::ListPoliciesResponse;
    /// A page of BFD sessions.
    ListBfdSessions(v1::ListBfdSessionsRequest) -> v1::ListBfdSessionsResponse;
    /// A page of networks.
    ListVnis(v1::ListVnisRequest) -> v1::ListVnisResponse;
    /// A page of MACs.
    ListMacs(v1::ListMacsRequest) -> v1::ListMacsResponse;
    /// A page of ARP and ND bindings.
    ListArps(v1::ListArpsRequest) -> v1::ListArpsResponse;
    /// A page of remote VTEPs.
    ListVteps(v1::ListVtepsRequest) -> v1::ListVtepsResponse;
    /// A page of duplicates.
    ListDuplicates(v1::ListDuplicatesRequest) -> v1::ListDuplicatesResponse;
    /// Have duplicates count as one host again.
    ClearDuplicates(v1::ClearDuplicatesRequest) -> v1::ClearDuplicatesResponse;
    /// A page of kernel entries.
    ListFibEntries(v1::ListFibEntriesRequest) -> v1::ListFibEntriesResponse;
    /// A page of native routing's routes.
    ListRoutes(v1::ListRoutesRequest) -> v1::ListRoutesResponse;
    /// A page of prefixes that the node announces.
    ListAdvertised(v1::ListAdvertisedRequest) -> v1::ListAdvertisedResponse;
    /// A page of sources of such prefixes.
    ListPrefixSources(v1::ListPrefixSourcesRequest) -> v1::ListPrefixSourcesResponse;
    /// A page of the fallback tunnel's ends.
    ListTunnelEnds(v1::ListTunnelEndsRequest) -> v1::ListTunnelEndsResponse;
    /// The daemon at a glance.
    GetStatus(v1::GetStatusRequest) -> v1::Status;
    /// Read the configuration file again; answered by who knows the file.
    ReloadConfiguration(v1::ReloadConfigurationRequest) -> v1::ReloadConfigurationResponse;
    /// The running configuration.
    GetConfiguration(v1::GetConfigurationRequest) -> v1::RunningConfiguration;
    /// Take a configuration; read by who reads the file.
    ApplyConfiguration(v1::ApplyConfigurationRequest) -> v1::ApplyConfigurationResponse;
    /// Keep what waits to be confirmed.
    ConfirmConfiguration(v1::ConfirmConfigurationRequest) -> v1::ConfirmConfigurationResponse;
    /// Take back what waits to be confirmed.
    RollBackConfiguration(v1::RollBackConfigurationRequest) -> v1::RollBackConfigurationResponse;
    /// Add a neighbour; read by who reads the file.
    AddNeighbor(v1::AddNeighborRequest) -> v1::AddNeighborResponse;
    /// Remove a neighbour; the text that is left is read by who reads the file.
    RemoveNeighbor(v1::RemoveNeighborRequest) -> v1::RemoveNeighborResponse;
    /// Add and withdraw routes of a stream, or end them.
    Inject(Injection) -> v1::InjectResponse;
    /// What changed: may be kept until something does. `Change.time` is left to the server.
    Changes(ChangesRequest) -> v1::WatchResponse;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_sizes() {
        assert_eq!((page_size(0), page_size(7), page_size(u32::MAX)), (1000, 7, 2000));
    }

    #[test]
    fn an_abandoned_request_is_known() {
        let (reply, asker) = oneshot::channel();
        let request = Request { query: Query::GetStatus(v1::GetStatusRequest {}), reply };
        assert!(!request.is_abandoned());
        drop(asker);
        assert!(request.is_abandoned());
        request.answer(Ok(v1::Status::default().into()));
    }
}
