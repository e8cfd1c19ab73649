//! Prefixes as a daemon would say that it announces them.

use api::v1;

pub(crate) fn advertised() -> Vec<v1::Advertised> {
    let text = str::to_owned;
    let kernel = "kernel table 254 device cali*";
    vec![
        v1::Advertised {
            communities: vec![text("65000:100"), text("no-export")],
            ..row("10.96.0.0/12", "configuration", v1::PrefixKind::Services)
        },
        v1::Advertised {
            sources: vec![text("configuration"), text("file /etc/linnet/blocks")],
            local_pref: Some(200),
            ..row("10.244.1.0/26", "", v1::PrefixKind::Blocks)
        },
        v1::Advertised {
            state: v1::AdvertisedState::Withheld.into(),
            withheld_by: text("10.244.1.0/26"),
            ..row("10.244.1.5/32", kernel, v1::PrefixKind::Prefixes)
        },
        v1::Advertised { med: Some(0), ..row("fd00:244:1::/64", "configuration", v1::PrefixKind::Prefixes) },
    ]
}

pub(crate) fn sources() -> Vec<v1::PrefixSource> {
    let source = |name: &str, prefixes, fault: &str| v1::PrefixSource {
        name: name.to_owned(),
        prefixes,
        heard: true,
        fault: fault.to_owned(),
    };
    let fault = "/etc/linnet/blocks:3: `10.244.1` is no prefix; such as 10.244.1.0/24 or fd00:244:1::/64";
    vec![
        source("configuration", 3, ""),
        source("file /etc/linnet/blocks", 1, fault),
        v1::PrefixSource { heard: false, ..source("kernel table 254 device cali*", 0, "") },
    ]
}

pub(crate) fn tunnel() -> Vec<v1::TunnelEnd> {
    let end = |address: &str, mac: &str, state: v1::KernelState| v1::TunnelEnd {
        address: address.to_owned(),
        mac: mac.to_owned(),
        state: state.into(),
        device: "linnet.vxlan".to_owned(),
        vni: 4096,
        port: 4789,
        ..v1::TunnelEnd::default()
    };
    let (programmed, conflict) = (v1::KernelState::Programmed, v1::KernelState::Conflict);
    let reason = "somebody else's neighbor 10.9.0.7 has another MAC".to_owned();
    vec![
        v1::TunnelEnd { local: true, ..end("", "02:6c:0a:00:00:01", programmed) },
        v1::TunnelEnd { disputed: true, ..end("10.9.0.6", "02:6c:0a:09:00:06", programmed) },
        v1::TunnelEnd { reason, ..end("10.9.0.7", "02:6c:0a:09:00:07", conflict) },
    ]
}

fn row(prefix: &str, source: &str, kind: v1::PrefixKind) -> v1::Advertised {
    v1::Advertised {
        prefix: prefix.to_owned(),
        sources: vec![source.to_owned()],
        kind: kind.into(),
        state: v1::AdvertisedState::Advertised.into(),
        ..Default::default()
    }
}
