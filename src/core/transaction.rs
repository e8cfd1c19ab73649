//! The running configuration as a whole: where it comes from, and the way back from one that nobody has confirmed.
//!
//! Whatever changes it comes through [`Core::take`]: the file at start and at SIGHUP, and over the API a whole text or
//! one neighbour. A change that is to be confirmed keeps what was before; when its time is over, or at an operator's
//! word, that is taken again, by the same road. While it waits, other changes over the API are refused, so that there
//! is one way back only; the file is always taken, and ends the wait.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use api::query::ApiError;
use api::{Query, Request, v1};

use super::answer::{Answered, change_rows};
use super::{Core, LogLine};
use crate::config::diff::{Change, Diff, NeighborStep};
use crate::config::{Config, NeighborAddress};

/// A change that nobody has confirmed for so long will not be.
const LONGEST_WAIT: Duration = Duration::from_secs(86_400);

/// What is to be known of a neighbour before it goes.
const ONLY_HERE: &str = "it was added over the API: no file has it";

/// What is known of the running configuration besides what it says.
#[derive(Debug, Default)]
pub(super) struct Running {
    /// How many were taken after the first.
    taken: u64,
    standing: Standing,
    waiting: Option<Waiting>,
}

/// How a configuration stands to the file and to what is in force.
#[derive(Clone, Debug, Default)]
struct Standing {
    /// It was changed since the file was read.
    changed: bool,
    /// The keys that are in force after the next start only.
    needs_restart: Vec<&'static str>,
    /// The neighbours that came over the API since the file was read.
    added: BTreeSet<NeighborAddress>,
}

/// A change that is taken back unless it is confirmed.
#[derive(Debug)]
struct Waiting {
    until: Instant,
    before: Box<Config>,
    standing: Standing,
}

/// How a configuration is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    /// Only tell what would change.
    dry_run: bool,
    /// It is what the file says.
    from_file: bool,
    /// Who was shut down is as the configuration says, whatever operators have said since it was last read.
    admin_states: bool,
    /// It is taken back after this time unless it is confirmed.
    confirm_within: Option<Duration>,
}

impl Terms {
    /// What somebody asks for; without anybody it is the file's time.
    fn of(request: Option<&Query>) -> Answered<Terms> {
        let file = Terms { dry_run: false, from_file: true, admin_states: true, confirm_within: None };
        Ok(match request {
            Some(Query::ReloadConfiguration(query)) => Terms { dry_run: query.dry_run, ..file },
            Some(Query::ApplyConfiguration(query)) => {
                let within = Duration::from_secs(query.confirm_within_seconds.into());
                if within > LONGEST_WAIT {
                    let longest = LONGEST_WAIT.as_secs();
                    return Err(ApiError::InvalidArgument(format!("confirm_within_seconds: 0 to {longest}")));
                }
                let confirm_within = (!within.is_zero()).then_some(within);
                Terms { dry_run: query.dry_run, from_file: false, admin_states: true, confirm_within }
            }
            Some(_) => Terms { from_file: false, admin_states: false, ..file },
            None => file,
        })
    }
}

impl Core {
    /// The text of the running configuration, and its number.
    pub fn running(&self) -> (&crate::config::Text, u64) {
        (&self.config.text, self.revision())
    }

    fn revision(&self) -> u64 {
        self.running.taken + 1
    }

    /// Takes a configuration that was made of the one of this number: no other may have been taken meanwhile.
    pub(super) fn reconfigure_from(&mut self, now: Instant, base: u64, wanted: Config, request: Request) {
        if base != self.revision() {
            self.renew_listeners();
            let error = "the configuration has been changed by somebody else meanwhile: try again";
            return request.answer(Err(ApiError::FailedPrecondition(error.to_owned())));
        }
        self.reconfigure(now, wanted, Some(request));
    }

    /// Takes a configuration, or only tells what it would change where `request` wants no more.
    pub(super) fn reconfigure(&mut self, now: Instant, wanted: Config, request: Option<Request>) {
        let changes = self.terms(now, request.as_ref()).map(|terms| self.take(now, wanted, terms));
        self.renew_listeners();
        let Some(request) = request else { return };
        let answer = changes.map(|changes| match &request.query {
            Query::ApplyConfiguration(_) => v1::ApplyConfigurationResponse { changes }.into(),
            Query::AddNeighbor(_) => v1::AddNeighborResponse { changes }.into(),
            Query::RemoveNeighbor(_) => v1::RemoveNeighborResponse { changes }.into(),
            _ => v1::ReloadConfigurationResponse { changes }.into(),
        });
        request.answer(answer);
    }

    fn terms(&self, now: Instant, request: Option<&Request>) -> Answered<Terms> {
        let terms = Terms::of(request.map(|request| &request.query))?;
        match &self.running.waiting {
            Some(waiting) if !terms.dry_run && !terms.from_file => {
                Err(ApiError::FailedPrecondition(format!(
                    "a change waits to be confirmed for another {} s: confirm it or roll it back first",
                    seconds_until(now, waiting.until)
                )))
            }
            _ => Ok(terms),
        }
    }

    fn take(&mut self, now: Instant, wanted: Config, terms: Terms) -> Vec<v1::ConfigurationChange> {
        let mut diff = Diff::between(&self.config, &wanted);
        diff.note_removed(&self.running.standing.added, ONLY_HERE);
        let changes = diff.changes();
        let rows = change_rows(&changes, &self.sessions_that_end(&diff));
        if terms.dry_run {
            return rows;
        }
        let before = terms.confirm_within.map(|within| Waiting {
            until: now + within,
            before: Box::new(self.config.clone()),
            standing: self.running.standing.clone(),
        });
        self.running.waiting = before;
        let added = match terms.from_file {
            true => BTreeSet::new(),
            false => diff.added_to(&self.running.standing.added),
        };
        let standing = Standing { changed: !terms.from_file, needs_restart: diff.restart.clone(), added };
        self.enforce(now, wanted, diff, terms.admin_states, standing, changes);
        rows
    }

    fn enforce(
        &mut self,
        now: Instant,
        wanted: Config,
        diff: Diff,
        admin_states: bool,
        standing: Standing,
        changes: Vec<Change>,
    ) {
        self.running.taken += 1;
        self.running.standing = standing;
        self.apply(now, wanted, diff, admin_states);
        self.log(LogLine::Reconfigured(changes));
    }

    /// The subjects of changes by which a session that is established ends.
    fn sessions_that_end(&self, diff: &Diff) -> Vec<String> {
        let ends = |(address, step): &&(_, NeighborStep)| {
            let Some(peer) = self.peers.by_address(*address).filter(|peer| peer.session.is_some()) else {
                return false;
            };
            match step {
                NeighborStep::Remove => self.becomes_visitor(peer.id).is_none(),
                NeighborStep::Change { config, resets, .. } => {
                    config.shutdown.is_some() || *resets && !self.goes_on_with(peer.id, config)
                }
                NeighborStep::Add(config) => !self.goes_on_with(peer.id, config),
            }
        };
        diff.neighbors.iter().filter(ends).map(|(address, _)| format!("neighbor {address}")).collect()
    }

    pub(super) fn get_configuration(&self, now: Instant) -> v1::RunningConfiguration {
        let status = Some(self.configuration_status(now));
        v1::RunningConfiguration { text: self.config.text.masked(), status }
    }

    pub(super) fn configuration_status(&self, now: Instant) -> v1::ConfigurationStatus {
        let Running { standing, waiting, .. } = &self.running;
        let origin = match standing.changed {
            true => v1::ConfigurationOrigin::Api,
            false => v1::ConfigurationOrigin::File,
        };
        v1::ConfigurationStatus {
            origin: origin.into(),
            revision: self.revision(),
            needs_restart: standing.needs_restart.iter().map(ToString::to_string).collect(),
            confirm_within_seconds: waiting.as_ref().map(|waiting| seconds_until(now, waiting.until)),
        }
    }

    pub(super) fn confirm_configuration(&mut self) -> Answered<v1::ConfirmConfigurationResponse> {
        self.running.waiting.take().ok_or_else(nothing_waits)?;
        self.log(LogLine::Confirmed);
        Ok(v1::ConfirmConfigurationResponse {})
    }

    pub(super) fn roll_back_configuration(
        &mut self,
        now: Instant,
    ) -> Answered<v1::RollBackConfigurationResponse> {
        let changes = self.roll_back(now).ok_or_else(nothing_waits)?;
        Ok(v1::RollBackConfigurationResponse { changes })
    }

    /// Takes back what nobody has confirmed in time.
    pub(super) fn roll_back_overdue(&mut self, now: Instant) {
        if self.confirmation_ends().is_some_and(|until| until <= now) {
            self.roll_back(now);
        }
    }

    /// When the change that waits is taken back.
    pub(super) fn confirmation_ends(&self) -> Option<Instant> {
        self.running.waiting.as_ref().map(|waiting| waiting.until)
    }

    fn roll_back(&mut self, now: Instant) -> Option<Vec<v1::ConfigurationChange>> {
        let Waiting { until, before, standing } = self.running.waiting.take()?;
        self.log(LogLine::RolledBack { in_time: now < until });
        let diff = Diff::between(&self.config, &before);
        let changes = diff.changes();
        let rows = change_rows(&changes, &self.sessions_that_end(&diff));
        self.enforce(now, *before, diff, false, standing, changes);
        self.renew_listeners();
        Some(rows)
    }
}

fn nothing_waits() -> ApiError {
    ApiError::FailedPrecondition("no change waits to be confirmed".to_owned())
}

/// Rounded up: what is left of a second is one.
fn seconds_until(now: Instant, until: Instant) -> u64 {
    until.saturating_duration_since(now).as_millis().div_ceil(1000) as u64
}

#[cfg(test)]
mod tests {
    use api::{Answer, ApiError};
    use tokio::sync::oneshot;

    use super::*;
    use crate::core::testing::Node;
    use crate::core::{Action, Event};

    fn text(neighbors: &[&str]) -> String {
        let list: String = neighbors
            .iter()
            .map(|n| format!("    - {{ {n}, remote_as: 65000, families: [l2vpn-evpn, ipv4-unicast] }}\n"))
            .collect();
        format!(
            "bgp:\n  asn: 65000\n  router_id: 10.0.0.1\n  neighbors:\n{list}evpn:\n  vtep: 10.0.0.1\n  advertise_all_vni: true\n"
        )
    }

    fn config(neighbors: &[&str]) -> Box<Config> {
        Box::new(Config::parse("t", &text(neighbors)).unwrap_or_else(|faults| panic!("{faults}")))
    }

    const A: &str = "address: 10.0.1.1";
    const B: &str = "address: 10.0.1.2";

    /// What core says to `query`, which comes with `config` where it brings one.
    fn ask(node: &mut Node, query: Query, config: Option<Box<Config>>) -> Result<Answer, ApiError> {
        let (reply, mut answer) = oneshot::channel();
        let request = Request { query, reply };
        let event = match config {
            Some(config) => Event::Reconfigure { config, request: Some(request) },
            None => Event::Request(request),
        };
        node.core.handle(node.now, event);
        answer.try_recv().unwrap()
    }

    /// Applies; the changes, those that end a session marked.
    fn apply(
        node: &mut Node,
        neighbors: &[&str],
        dry_run: bool,
        within: u32,
    ) -> Result<Vec<String>, ApiError> {
        let query =
            v1::ApplyConfigurationRequest { dry_run, confirm_within_seconds: within, ..Default::default() };
        let answer = ask(node, Query::ApplyConfiguration(query), Some(config(neighbors)))?;
        let Answer::ApplyConfiguration(answer) = answer else { panic!("{answer:?}") };
        let line = |c: &v1::ConfigurationChange| {
            format!("{}{}", c.subject, if c.ends_session { " ends" } else { "" })
        };
        Ok(answer.changes.iter().map(line).collect())
    }

    fn status(node: &Node) -> (bool, u64, Option<u64>) {
        let status = node.core.configuration_status(node.now);
        let changed = status.origin() == v1::ConfigurationOrigin::Api;
        (changed, status.revision, status.confirm_within_seconds)
    }

    fn addresses(node: &Node) -> Vec<String> {
        node.core.peers.iter().map(|peer| peer.config.address.to_string()).collect()
    }

    fn established() -> Node {
        let mut node = Node::new();
        [0, 1].into_iter().for_each(|peer| node.up(peer));
        node.run();
        node
    }

    #[test]
    fn a_dry_run_tells_whose_session_ends_and_changes_nothing() {
        let mut node = established();
        let told = apply(&mut node, &[&format!("{A}, port: 1179")], true, 0);
        assert_eq!(told.unwrap(), ["neighbor 10.0.1.1 ends", "neighbor 10.0.1.2 ends"]);
        let told = apply(&mut node, &[&format!("{A}, hold_time: 9"), B, "address: 10.0.1.3"], true, 0);
        assert_eq!(told.unwrap(), ["neighbor 10.0.1.1", "neighbor 10.0.1.3"]);
        assert_eq!((status(&node), addresses(&node).len()), ((false, 1, None), 2));
    }

    #[test]
    fn what_nobody_confirms_is_taken_back() {
        let mut node = established();
        apply(&mut node, &[A, B, "address: 10.0.1.3"], false, 60).unwrap();
        assert_eq!((status(&node), addresses(&node).len()), ((true, 2, Some(60)), 3));
        let again = apply(&mut node, &[A], false, 0).unwrap_err().to_string();
        assert!(again.contains("another 60 s"), "{again}");
        apply(&mut node, &[A], true, 0).unwrap();
        node.now += Duration::from_secs(59);
        node.run();
        assert_eq!((status(&node).2, addresses(&node).len()), (Some(1), 3));
        assert!(node.core.poll_timeout(node.now) <= Some(node.now + Duration::from_secs(1)));
        node.now += Duration::from_secs(1);
        node.run();
        assert_eq!(
            (status(&node), addresses(&node)),
            ((false, 3, None), ["10.0.1.1", "10.0.1.2"].map(String::from).to_vec())
        );
        assert!(
            node.core.peers.iter().all(|peer| peer.session.is_some()),
            "those that stayed noticed nothing"
        );
    }

    #[test]
    fn what_is_confirmed_stays() {
        let mut node = established();
        let confirm = || Query::ConfirmConfiguration(v1::ConfirmConfigurationRequest {});
        assert!(ask(&mut node, confirm(), None).is_err());
        apply(&mut node, &[B], false, 60).unwrap();
        ask(&mut node, confirm(), None).unwrap();
        node.now += Duration::from_secs(61);
        node.run();
        assert_eq!((status(&node), addresses(&node)), ((true, 2, None), vec!["10.0.1.2".to_owned()]));
    }

    #[test]
    fn an_operator_takes_back_and_the_file_ends_the_wait() {
        let mut node = established();
        let roll_back = || Query::RollBackConfiguration(v1::RollBackConfigurationRequest {});
        assert!(ask(&mut node, roll_back(), None).is_err());
        apply(&mut node, &[B], false, 60).unwrap();
        ask(&mut node, roll_back(), None).unwrap();
        assert_eq!(addresses(&node).len(), 2);
        apply(&mut node, &[B], false, 60).unwrap();
        node.core.handle(node.now, Event::Reconfigure { config: config(&[B]), request: None });
        assert_eq!(status(&node), (false, 5, None));
        assert!(ask(&mut node, roll_back(), None).is_err());
    }

    #[test]
    fn a_change_by_a_neighbour_leaves_the_others_as_operators_want_them() {
        let mut node = established();
        let shutdown = v1::SetNeighborAdminRequest {
            address: "10.0.1.1".into(),
            admin_state: v1::AdminState::Shutdown.into(),
            message: String::new(),
        };
        ask(&mut node, Query::SetNeighborAdmin(shutdown), None).unwrap();
        while node.core.poll_action().is_some() {}
        let mut edit = |base: u64| {
            let (reply, mut answer) = oneshot::channel();
            let query = Query::AddNeighbor(v1::AddNeighborRequest::default());
            let config = config(&[A, B, "address: 10.0.1.3"]);
            node.core.handle(node.now, Event::Edited { config, base, request: Request { query, reply } });
            answer.try_recv().unwrap()
        };
        assert!(edit(7).unwrap_err().to_string().contains("meanwhile"));
        assert!(edit(1).is_ok());
        let said: Vec<Action> = std::iter::from_fn(|| node.core.poll_action()).collect();
        assert!(said.iter().all(|action| !matches!(action, Action::Session { .. })), "{said:?}");
        assert_eq!(addresses(&node).len(), 3);
    }
}
