//! EVPN routes, announced with good attributes or withdrawn.
#![no_main]

use bgp::wire::{EvpnKey, Nlris, Update};
use libfuzzer_sys::fuzz_target;

/// ORIGIN, AS_PATH and LOCAL_PREF.
const ATTRIBUTES: [u8; 14] = [0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 5, 4, 0, 0, 0, 100];

fuzz_target!(|input: &[u8]| {
    let Some((mut ctx, routes)) = fuzz::setting(input) else { return };
    ctx.families = bgp::types::Family::ALL.into_iter().collect();
    ctx.kind = bgp::wire::PeerKind::Ibgp;
    for head in [&[0x90, 14][..], &[0x90, 15]] {
        let before = if head[1] == 14 { &[0, 25, 70, 4, 10, 0, 0, 1, 0][..] } else { &[0, 25, 70] };
        let Ok(length) = u16::try_from(before.len() + routes.len()) else { return };
        let mp = [head, &length.to_be_bytes()[..], before, routes].concat();
        let attributes = if head[1] == 14 { [&mp[..], &ATTRIBUTES].concat() } else { mp };
        let Ok(length) = u16::try_from(attributes.len()) else { return };
        let body = [&[0, 0], &length.to_be_bytes()[..], &attributes].concat();
        match Update::parse(&body, &ctx) {
            Ok(update) => {
                fuzz::check_update(&update, &ctx);
                fuzz::check_round_trip(&update, &ctx);
                update.reach.iter().for_each(|reach| check_text(&reach.nlri));
            }
            Err(error) => fuzz::check_error(&error),
        }
    }
});

/// A key, written and read again, is the same.
fn check_text(nlri: &Nlris) {
    let Nlris::Evpn(routes) = nlri else { return };
    for route in routes {
        let text = route.nlri.to_string();
        assert_eq!(text.parse::<EvpnKey>().ok(), Some(route.nlri), "{text}");
    }
}
