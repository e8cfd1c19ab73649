//! A connection of whichever kind.

use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};

/// What both ends speak over: a Unix socket, TCP, or TLS.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send {}
impl<T: AsyncRead + AsyncWrite + Send> Stream for T {}

/// One of them.
pub(crate) type AnyStream = Pin<Box<dyn Stream>>;
