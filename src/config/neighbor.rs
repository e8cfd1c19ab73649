//! What a neighbour's keys mean together, with its group and the defaults applied, and what contradicts in them.

use std::net::Ipv4Addr;

use bgp::export::NextHopMode;
use bgp::rib::Admission;
use bgp::session::{RemoteAs, RoleConfig};
use bgp::types::{Asn, Family, FamilySet, RouterId};
use ipnet::IpNet;

use super::bfd::{self, BfdSection, BfdValue};
use super::checker::Checker;
use super::fault::Path;
use super::file::{self, AsSetWord, EbgpDefault, GracefulRestart, PeerSettings, RemoteAsWord};
use super::groups::Groups;
use super::max_prefix::MaxPrefix;
use super::policy::Direction;
use super::protection::hops;
use super::value::{FamilyValue, Force, LocalAsValue, NextHopSelf, ShutdownValue};
use super::{NeighborAddress, NeighborConfig};

/// The longest text that a shutdown can carry (RFC 9003 section 2).
const SHUTDOWN_OCTETS: usize = 255;

/// What of the whole file a neighbour's meaning depends on.
pub(super) struct Context<'f> {
    pub(super) asn: Asn,
    pub(super) router_id: RouterId,
    pub(super) ebgp_default: EbgpDefault,
    pub(super) client_to_client: bool,
    pub(super) default_local_pref: u32,
    pub(super) listens: bool,
    pub(super) groups: Groups,
    pub(super) graceful_restart: &'f GracefulRestart,
    pub(super) bfd: &'f BfdSection,
}

/// Whom settings are for.
#[derive(Clone, Copy)]
pub(super) struct Who<'a> {
    /// The neighbour's address, or the first of its range.
    pub(super) address: NeighborAddress,
    pub(super) range: Option<IpNet>,
    pub(super) peer_group: Option<&'a String>,
    pub(super) description: Option<&'a String>,
}

impl Checker {
    pub(super) fn neighbor(
        &mut self,
        at: &Path,
        address: NeighborAddress,
        neighbor: &file::Neighbor,
        context: &Context<'_>,
    ) -> NeighborConfig {
        let who = Who {
            address,
            range: None,
            peer_group: neighbor.peer_group.as_ref(),
            description: neighbor.description.as_ref(),
        };
        self.any_neighbor(at, who, neighbor.settings(), context)
    }

    /// A neighbour, named or one of a range.
    pub(super) fn any_neighbor(
        &mut self,
        at: &Path,
        who: Who<'_>,
        own: PeerSettings,
        context: &Context<'_>,
    ) -> NeighborConfig {
        self.own_addresses(at, who.address, &own);
        self.settings(at, &own);
        let group = self.group_of(at, who.peer_group, &context.groups);
        let graceful_restart = own.graceful_restart.clone().unwrap_or_default();
        let graceful_restart = graceful_restart
            .or(group.graceful_restart.as_ref().unwrap_or(&GracefulRestart::default()))
            .or(context.graceful_restart);
        let settings = own.or(group);
        match &settings.remote_as {
            None => self.find(at.key("remote_as"), "is given neither here nor in a group"),
            Some(file::RemoteAs::List(list)) if list.is_empty() => {
                self.find(at.key("remote_as"), "an empty list lets nobody in; name at least one AS");
            }
            Some(_) => {}
        }
        let remote_as = settings.remote_as.clone().map_or(RemoteAs::Internal, resolve_remote_as);
        let internal = is_internal(&remote_as, context.asn);
        if settings.role_strict == Some(true) && settings.role.is_none() {
            self.find(at.key("role_strict"), "means nothing without a role");
        }
        let client = settings.route_reflector_client.unwrap_or(false);
        let config = NeighborConfig {
            address: who.address,
            range: who.range,
            own_as: context.asn,
            own_id: context.router_id,
            // Whether this speaker reflects at all is known when all neighbours are.
            cluster: None,
            port: settings.port.unwrap_or(179),
            description: who.description.cloned().unwrap_or_default(),
            peer_group: who.peer_group.cloned().unwrap_or_default(),
            shutdown: settings.shutdown.clone().and_then(resolve_shutdown),
            local_address: settings.local_address,
            remote_as,
            families: self.families(at, settings.families.clone()),
            // Whoever comes from a range was not known before: there is nobody to connect to.
            passive: who.range.is_some() || settings.passive.unwrap_or(false),
            local_as: settings.local_as.map(LocalAsValue::resolve),
            route_reflector_client: client,
            between_clients: !client || context.client_to_client,
            hold_time: settings.hold_time.unwrap_or(90),
            keepalive: settings.keepalive,
            connect_retry: settings.connect_retry.unwrap_or(10),
            min_hold_time: settings.min_hold_time.unwrap_or(0),
            extended_next_hop: settings.extended_next_hop,
            role: settings
                .role
                .map(|role| RoleConfig { ours: role.0, strict: settings.role_strict.unwrap_or(false) }),
            admission: Admission {
                enforce_first_as: settings.enforce_first_as.unwrap_or(true),
                allow_as_in: settings.allow_as_in.unwrap_or(0),
                as_sets: settings.as_set == Some(AsSetWord::Accept),
                role: settings.role.map(|role| role.0),
            },
            add_path: settings.add_path.unwrap_or_default(),
            weight: settings.weight.unwrap_or(0),
            local_pref: settings.local_pref.unwrap_or(context.default_local_pref),
            fqdn: settings.fqdn.unwrap_or(true),
            software_version: settings.software_version.unwrap_or(false),
            hops: hops(&settings, internal),
            authentication: self.authentication(&settings),
            next_hop_mode: self.next_hop_mode(at, &settings),
            max_prefix: settings.max_prefix.as_ref().map(MaxPrefix::resolve),
            send_hold_time: settings.send_hold_time,
            ebgp_accept: internal == Some(true) || context.ebgp_default == EbgpDefault::Accept,
            bfd: bfd::resolve(settings.bfd.as_ref(), context.bfd, hops(&settings, internal)),
            import_policy: self.policies.chain(settings.import_policy.as_ref()),
            export_policy: self.policies.chain(settings.export_policy.as_ref()),
            keep_adj_in: settings.keep_adj_in.unwrap_or(false),
            graceful_restart: graceful_restart.settings(),
        };
        self.local_as(at, &config, internal, context.asn);
        self.neighbor_whole(at, &config, internal, context.listens);
        config
    }

    /// Another AS is for those who see this speaker from outside.
    fn local_as(&mut self, at: &Path, config: &NeighborConfig, internal: Option<bool>, asn: Asn) {
        let Some(local) = config.local_as else { return };
        let at = at.key("local_as");
        if local.asn == asn {
            self.find(at.clone(), format!("AS {asn} is this speaker's own"));
        }
        if internal != Some(false) {
            self.find(
                at.clone(),
                "is for neighbours in other ASes: name theirs in remote_as, or say external",
            );
        }
        if config.remote_as == RemoteAs::Number(local.asn) {
            self.find(at, format!("AS {} is the neighbour's", local.asn));
        }
    }

    /// What the named group sets; nothing where none is named.
    fn group_of(&mut self, at: &Path, name: Option<&String>, groups: &Groups) -> PeerSettings {
        let Some(name) = name else { return PeerSettings::default() };
        match groups.get(name) {
            Some(settings) => settings.clone(),
            None => {
                self.find(at.key("peer_group"), format!("there is no group `{name}` in bgp.peer_groups"));
                PeerSettings::default()
            }
        }
    }

    /// What can be said of settings before it is known whom they are for.
    pub(super) fn settings(&mut self, at: &Path, settings: &PeerSettings) {
        if let Some(ShutdownValue::Text(text)) = &settings.shutdown
            && text.len() > SHUTDOWN_OCTETS
        {
            let message = format!(
                "{} octets; a neighbour can be told {SHUTDOWN_OCTETS} at most (RFC 9003)",
                text.len()
            );
            self.find(at.key("shutdown"), message);
        }
        self.hold_time(at, settings.hold_time, settings.keepalive);
        if let Some(max_prefix) = &settings.max_prefix {
            max_prefix.check(&at.key("max_prefix"), |at, message| self.find(at, message));
        }
        self.protection(at, settings);
        if settings.port == Some(0) {
            self.find(at.key("port"), "0 is no port; 179 is BGP's");
        }
        if let Some(BfdValue(Some(section))) = &settings.bfd {
            self.bfd(&at.key("bfd"), section);
        }
        for (key, names, way) in [
            ("import_policy", &settings.import_policy, Direction::Import),
            ("export_policy", &settings.export_policy, Direction::Export),
        ] {
            self.policies.check_names(&at.key(key), names.as_ref(), way, &mut self.findings);
        }
        if let Some(section) = &settings.graceful_restart {
            self.graceful_restart(at, section);
        }
    }

    pub(super) fn graceful_restart(&mut self, at: &Path, section: &GracefulRestart) {
        let at = at.key("graceful_restart");
        section.faults(|keys, message| {
            let place = keys.iter().fold(at.clone(), |path, key| path.key(key));
            self.find(place, message);
        });
    }

    fn families(&mut self, at: &Path, families: Option<Vec<FamilyValue>>) -> FamilySet {
        let Some(families) = families else { return FamilySet::from_iter([Family::Ipv4Unicast]) };
        if families.is_empty() {
            self.find(at.key("families"), "at least one family is needed");
        }
        families.into_iter().map(|f| f.0).collect()
    }

    fn next_hop_mode(&mut self, at: &Path, settings: &PeerSettings) -> NextHopMode {
        let unchanged = settings.next_hop_unchanged.unwrap_or(false);
        let rule = match settings.next_hop_self {
            Some(NextHopSelf::Switch(true)) => NextHopMode::SelfForExternal,
            Some(NextHopSelf::Word(Force::Force)) => NextHopMode::SelfForAll,
            Some(NextHopSelf::Switch(false)) | None if unchanged => NextHopMode::Unchanged,
            Some(NextHopSelf::Switch(false)) | None => NextHopMode::Standard,
        };
        if unchanged && rule != NextHopMode::Unchanged {
            self.find(at.key("next_hop_unchanged"), "contradicts next_hop_self: one of the two");
        }
        rule
    }

    fn hold_time(&mut self, at: &Path, hold_time: Option<u16>, keepalive: Option<u16>) {
        if hold_time.is_some_and(|t| t == 1 || t == 2) {
            self.find(at.key("hold_time"), "0 (never), or at least 3 seconds (RFC 4271 section 4.2)");
        }
        if let (Some(hold), Some(keepalive)) = (hold_time, keepalive)
            && hold != 0
            && keepalive >= hold
        {
            let message = format!("must be below the hold time of {hold} seconds; a third of it is usual");
            self.find(at.key("keepalive"), message);
        }
    }

    fn neighbor_whole(&mut self, at: &Path, config: &NeighborConfig, internal: Option<bool>, listens: bool) {
        if config.passive && !listens {
            self.find(at.clone(), "passive, but linnetd listens nowhere: set bgp.listen");
        }
        if config.route_reflector_client && internal == Some(false) {
            self.find(at.clone(), "route_reflector_client is for neighbours in this AS (RFC 4456)");
        }
        let least = config.hold_time.max(3);
        if config.send_hold_time.is_some_and(|time| time < least.into()) {
            let message = format!("at least {least} seconds, and not below the hold time (RFC 9687)");
            self.find(at.key("send_hold_time"), message);
        }
        if config.role.is_some() && internal == Some(true) {
            self.find(at.clone(), "role is for neighbours in other ASes (RFC 9234)");
        }
        if config.hold_time != 0 && config.hold_time < config.min_hold_time {
            let message = format!(
                "above our own hold time of {} seconds, which the neighbour would take",
                config.hold_time
            );
            self.find(at.key("min_hold_time"), message);
        }
        self.on_link(at, config);
        if config.connect_retry == 0 {
            self.find(at.key("connect_retry"), "at least 1 second");
        }
    }
}

/// Says in whose sessions this speaker's cluster has a part: if it reflects to anybody, in those of its own AS.
pub(super) fn join_cluster(all: &mut [&mut NeighborConfig], asn: Asn, cluster: Ipv4Addr) {
    if all.iter().any(|neighbor| neighbor.route_reflector_client) {
        let may_be_internal = |n: &&mut &mut NeighborConfig| is_internal(&n.remote_as, asn) != Some(false);
        all.iter_mut().filter(may_be_internal).for_each(|neighbor| neighbor.cluster = Some(cluster));
    }
}

fn resolve_remote_as(remote_as: file::RemoteAs) -> RemoteAs {
    match remote_as {
        file::RemoteAs::Number(asn) => RemoteAs::Number(asn.0),
        file::RemoteAs::List(list) => RemoteAs::OneOf(list.iter().map(|asn| asn.0).collect()),
        file::RemoteAs::Word(RemoteAsWord::Internal) => RemoteAs::Internal,
        file::RemoteAs::Word(RemoteAsWord::External) => RemoteAs::External,
        file::RemoteAs::Word(RemoteAsWord::Any) => RemoteAs::Any,
    }
}

fn resolve_shutdown(value: ShutdownValue) -> Option<String> {
    match value {
        ShutdownValue::Whether(whether) => whether.then(String::new),
        ShutdownValue::Text(text) => Some(text),
    }
}

/// `None` where only the OPEN will tell.
fn is_internal(remote_as: &RemoteAs, local: Asn) -> Option<bool> {
    match remote_as {
        RemoteAs::Number(asn) => Some(*asn == local),
        RemoteAs::OneOf(list) if !list.contains(&local) => Some(false),
        RemoteAs::OneOf(list) if list.iter().all(|asn| *asn == local) => Some(true),
        RemoteAs::Internal => Some(true),
        RemoteAs::External => Some(false),
        RemoteAs::OneOf(_) | RemoteAs::Any => None,
    }
}
