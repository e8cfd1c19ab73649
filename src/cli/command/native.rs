//! `native`: what this node announces of its own, and where that is found; the fallback tunnel.

use anyhow::Result;
use api::client::Client;
use api::v1;

use crate::cli::args::{AdvertisedFilter, Format, NativeArgs, NativeWhat};
use crate::cli::output::Output;

pub(super) async fn run(
    args: NativeArgs,
    client: &Client,
    format: Format,
    output: &mut Output<'_>,
) -> Result<()> {
    match args.what {
        Some(NativeWhat::Sources) => {
            return output.rows(client.list(v1::ListPrefixSourcesRequest::default()), format).await;
        }
        Some(NativeWhat::Tunnel) => {
            return output.rows(client.list(v1::ListTunnelEndsRequest::default()), format).await;
        }
        None => {}
    }
    let state = |filter| match filter {
        AdvertisedFilter::Advertised => v1::AdvertisedState::Advertised.into(),
        AdvertisedFilter::Withheld => v1::AdvertisedState::Withheld.into(),
    };
    let request = v1::ListAdvertisedRequest {
        source: args.source.unwrap_or_default(),
        states: args.state.into_iter().map(state).collect(),
        ..Default::default()
    };
    output.rows(client.list(request), format).await
}
