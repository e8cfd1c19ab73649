//! What every request passes, whichever service it is for: whether its caller may do it, and whether there is room.
//!
//! Every answer says the version of who gave it, so that a client that is not understood can tell why.

use std::future::{self, Future};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::OwnedSemaphorePermit;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::{HeaderValue, Request, Response};
use tower::{Layer, Service};

use super::caller::Visit;
use crate::methods::{Access, Method};
use crate::query::ApiError;
use crate::{VERSION, VERSION_HEADER};

/// Services that are not linnet's own. They only read.
const FOREIGN: [&str; 3] = [
    "/grpc.health.v1.Health/",
    "/grpc.reflection.v1.ServerReflection/",
    "/grpc.reflection.v1alpha.ServerReflection/",
];

/// Puts the guard before the services.
#[derive(Clone, Copy)]
pub(super) struct GuardLayer;

impl<S> Layer<S> for GuardLayer {
    type Service = Guard<S>;

    fn layer(&self, inner: S) -> Guard<S> {
        Guard(inner)
    }
}

/// The services, guarded.
#[derive(Clone)]
pub(super) struct Guard<S>(S);

type Answering<E> = Pin<Box<dyn Future<Output = Result<Response<Body>, E>> + Send>>;

impl<S> Service<Request<Body>> for Guard<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Answering<S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let permit = match admit(&request) {
            Ok(permit) => permit,
            Err(refusal) => {
                return Box::pin(future::ready(Ok(signed(Status::from(refusal).into_http()))));
            }
        };
        let answer = self.0.call(request);
        Box::pin(async move {
            let answer = answer.await;
            drop(permit);
            answer.map(signed)
        })
    }
}

/// Lets a request through, or says why not.
fn admit(request: &Request<Body>) -> Result<OwnedSemaphorePermit, ApiError> {
    let visit = request.extensions().get::<Visit>();
    let visit = visit.ok_or_else(|| ApiError::Denied("nobody knows who asks".into()))?;
    let (access, name) = what_is_called(request.uri().path())?;
    visit.caller.may(access, name)?;
    visit.begin()
}

/// What is not in the list of methods reaches no service.
fn what_is_called(path: &str) -> Result<(Access, &str), ApiError> {
    if FOREIGN.iter().any(|service| path.starts_with(service)) {
        return Ok((Access::Read, path));
    }
    let method = Method::at(path).ok_or_else(|| {
        ApiError::Unimplemented(format!("this linnetd ({VERSION}) knows no {}", path.trim_start_matches('/')))
    })?;
    Ok((method.access, method.name))
}

fn signed(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(VERSION_HEADER, HeaderValue::from_static(VERSION));
    response
}
