//! Pictures, drawn on paper: what an operator sees, at 80 by 24 and smaller.

use std::time::{Duration, Instant};

use api::v1;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Color;
use v1::change::Row;

use super::draw::{Look, draw};
use super::input::{Input, Key, Outcome};
use super::model::{Facts, Hosts, Model, View};

/// A model, and its clock.
struct World {
    model: Model,
    now: Instant,
}

fn neighbor(address: &str, state: v1::NeighborState, accepted: u64) -> v1::Neighbor {
    let family =
        v1::NeighborFamily { family: "l2vpn-evpn".into(), accepted, advertised: 7, ..Default::default() };
    v1::Neighbor {
        address: address.into(),
        remote_as: 65000,
        state: state.into(),
        since_seconds: Some(3723),
        families: vec![family],
        description: "spine\u{1b}[2J".into(),
        last_error: "closed by us: hold timer expired".into(),
        ..Default::default()
    }
}

fn facts(updates: u64) -> Facts {
    let counts = v1::MessageCounts { update: updates, ..Default::default() };
    let up = v1::Neighbor {
        messages_received: Some(counts),
        messages_sent: Some(v1::MessageCounts::default()),
        routes_received: 100 * updates,
        ..neighbor("10.0.1.1", v1::NeighborState::Established, 5)
    };
    let down = neighbor("10.0.1.2", v1::NeighborState::Active, 0);
    let vni = |number, remote| v1::Vni {
        vni: number,
        state: v1::VniState::Up.into(),
        remote_macs: remote,
        local_macs: 1,
        vxlan: format!("vxlan{number}"),
        ..Default::default()
    };
    let status = v1::Status {
        version: "9.9.9".into(),
        asn: 65000,
        router_id: "10.0.0.1".into(),
        neighbors: 2,
        neighbors_established: 1,
        vnis: 2,
        pid: 1,
        tables: vec![v1::TableStatus {
            family: "l2vpn-evpn".into(),
            version: updates,
            destinations: 3,
            paths: 4,
        }],
        fib: Some(v1::FibStatus {
            synced: true,
            wanted: 5,
            programmed: 3,
            pending: 1,
            failed: 1,
            ..Default::default()
        }),
        ..Default::default()
    };
    Facts { status, neighbors: vec![up, down], vnis: vec![vni(100, 2), vni(200, 9)], hosts: None }
}

fn moved() -> v1::Change {
    let mac =
        v1::Mac { vni: 100, mac: "02:00:00:00:00:50".into(), vtep: "10.0.0.3".into(), ..Default::default() };
    v1::Change {
        kind: v1::ChangeKind::Put.into(),
        time: "2026-03-01T12:00:01.250Z".into(),
        row: Some(Row::Mac(mac)),
        reason: "moved from 10.0.0.2 to 10.0.0.3, with sequence 4".into(),
        moved_from: "10.0.0.2".into(),
        ..Default::default()
    }
}

impl World {
    /// Two answers of linnetd's, two seconds apart.
    fn new() -> World {
        let mut world = World { model: Model::new("/run/sock".into()), now: Instant::now() };
        world.take(Input::Facts(Box::new(facts(10))));
        world.now += Duration::from_secs(2);
        world.take(Input::Facts(Box::new(facts(30))));
        world
    }

    fn take(&mut self, input: Input) {
        assert_eq!(self.model.update(self.now, input), Outcome::Continue);
    }

    fn keys(&mut self, keys: &[Key]) {
        keys.iter().for_each(|key| self.take(Input::Key(*key)));
    }

    fn drawn(&self, width: u16, height: u16, colour: bool) -> Terminal<TestBackend> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, &self.model, self.now, Look { colour })).unwrap();
        terminal
    }

    /// The picture at 80 by 24, a line each, without blanks at the end.
    fn lines(&self) -> Vec<String> {
        lines(&self.drawn(80, 24, false))
    }

    fn line(&self, with: &str) -> String {
        let lines = self.lines();
        let found = lines.iter().find(|line| line.contains(with));
        found.unwrap_or_else(|| panic!("no {with} in\n{}", lines.join("\n"))).clone()
    }
}

fn lines(terminal: &Terminal<TestBackend>) -> Vec<String> {
    let buffer = terminal.backend().buffer();
    let row = |row: &[ratatui::buffer::Cell]| row.iter().map(|cell| cell.symbol()).collect::<String>();
    buffer.content().chunks(buffer.area.width.into()).map(|cells| row(cells).trim_end().to_owned()).collect()
}

#[test]
fn the_overview_says_how_it_stands() {
    let mut world = World::new();
    world.take(Input::Changes(vec![moved(); 2]));
    assert_eq!(world.model.happenings.len(), 1, "told again when the kernel has it");
    assert!(world.line("linnetd 9.9.9").contains("AS 65000   10.0.0.1   up 00:00:00"));
    let sessions = "Sessions  1 of 2 up; in 10 msg/s, 1000 routes/s; out 0 msg/s, 0 routes/s";
    assert_eq!(world.line("Sessions"), sessions);
    assert_eq!(world.line("Tables"), "Tables    l2vpn-evpn 3/4 10/s");
    assert!(world.line("Kernel").starts_with("Kernel    3 of 5 entries, 1 pending, 1 failed; 0 ops/s"));
    let words = |line: String| line.split_whitespace().map(ToOwned::to_owned).collect::<Vec<_>>().join(" ");
    assert_eq!(words(world.line("10.0.1.1 ")), "10.0.1.1 Established 01:02:03 5 7 1000 0 10 0");
    assert!(words(world.line("10.0.1.2 ")).starts_with("10.0.1.2 Active 01:02:03 0 7"));
    assert_eq!(words(world.line("vxlan200")), "200 up 1 9 0 0 vxlan200");
    assert!(world.line("12:00:01").starts_with("12:00:01 move      100 02:00:00:00:00:50"));
    assert!(world.line("q quit").contains("s sort (address)"));
}

#[test]
fn keys_lead_into_a_neighbor_and_back() {
    let mut world = World::new();
    world.keys(&[Key::Down, Key::Enter]);
    assert_eq!(world.model.view, View::Neighbor("10.0.1.2".into()));
    assert!(world.line("Last error").contains("hold timer expired"));
    assert!(world.line("Rates").contains("in 0 msg/s, 0 routes/s"));
    world.keys(&[Key::Escape, Key::Tab, Key::End, Key::Enter]);
    assert_eq!((world.model.view.clone(), world.model.asked()), (View::Vni(200), Some(200)));
    let mac =
        v1::Mac { vni: 200, mac: "02:00:00:00:00:51".into(), vtep: "10.0.0.4".into(), ..Default::default() };
    let hosts = Some(Hosts { vni: 200, macs: vec![mac], vteps: vec![] });
    world.take(Input::Facts(Box::new(Facts { hosts, ..facts(40) })));
    assert_eq!(world.line("MACs, "), "MACs, 1 of 10");
    assert!(world.line("02:00:00:00:00:51").contains("10.0.0.4"));
    world.keys(&[Key::Escape]);
    assert_eq!(world.model.asked(), None);
}

#[test]
fn lists_are_sorted_and_the_selected_row_stays_selected() {
    let mut world = World::new();
    let first = |world: &World| world.model.sorted_neighbors().first().unwrap().address.clone();
    world.keys(&[Key::Char('s')]);
    assert!(world.line("q quit").contains("s sort (state)"));
    assert_eq!(first(&world), "10.0.1.2", "what is down comes first");
    world.keys(&[Key::Char('s')]);
    assert_eq!(first(&world), "10.0.1.1", "who has most routes");
    world.keys(&[Key::Char('r')]);
    assert_eq!(first(&world), "10.0.1.2");
    world.keys(&[Key::End, Key::Char('r'), Key::Enter]);
    assert_eq!(world.model.view, View::Neighbor("10.0.1.1".into()));
}

#[test]
fn help_is_drawn_over_it_and_q_quits() {
    let mut world = World::new();
    world.keys(&[Key::Char('?')]);
    assert!(world.line("Shift-Tab").contains("the next list"));
    world.keys(&[Key::Char('q'), Key::Enter, Key::Escape]);
    assert!(!world.model.help && world.model.view == View::Overview);
    for key in [Key::Char('q'), Key::Interrupt] {
        assert_eq!(world.model.update(world.now, Input::Key(key)), Outcome::Quit);
    }
}

#[test]
fn a_daemon_that_goes_away_is_shown_and_what_was_known_stays() {
    let mut world = World::new();
    world.take(Input::Lost("linnetd went away".into()));
    world.now += Duration::from_secs(7);
    world.take(Input::Lost("linnetd is not running: no socket at /run/sock".into()));
    let line = world.line("linnetd is away");
    assert_eq!(line, "linnetd is away for 7 s: linnetd is not running: no socket at /run/sock; trying");
    assert!(world.line("10.0.1.1 ").contains("Established"));
    // Another process: its counters are not compared with the old one's.
    let mut anew = facts(10_000);
    anew.status.pid = 2;
    world.take(Input::Facts(Box::new(anew)));
    assert!(world.line("linnetd 9.9.9").contains("AS 65000"));
    assert!(world.line("Sessions").contains("in 0 msg/s"));
}

#[test]
fn before_the_first_answer_it_says_what_it_waits_for() {
    let world = World { model: Model::new("/run/sock".into()), now: Instant::now() };
    assert_eq!(world.lines().first().unwrap(), "connecting to /run/sock ...");
}

#[test]
fn every_size_can_be_drawn() {
    let mut world = World::new();
    let change = |n: u32| v1::Change { reason: n.to_string(), ..moved() };
    world.take(Input::Changes((0..300).map(change).collect()));
    let views: [&[Key]; 5] = [
        &[],
        &[Key::Enter],
        &[Key::Escape, Key::Tab, Key::Enter],
        &[Key::Char('?')],
        &[Key::Escape, Key::Escape],
    ];
    for keys in views {
        world.keys(keys);
        for (width, height) in
            (0..100).step_by(9).flat_map(|width| (0..30).map(move |height| (width, height)))
        {
            world.drawn(width, height, true);
        }
    }
    let small = lines(&world.drawn(40, 8, false));
    assert!(small.iter().any(|line| line.contains("VTEPs")), "{small:#?}");
}

#[test]
fn no_colour_where_none_is_wanted_and_no_escape_of_anybodys() {
    let world = World::new();
    let colours = |terminal: &Terminal<TestBackend>| {
        let cells = terminal.backend().buffer().content().iter();
        cells.filter(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset).count()
    };
    assert_eq!(colours(&world.drawn(130, 24, false)), 0);
    let coloured = world.drawn(130, 24, true);
    assert!(colours(&coloured) > 0);
    assert!(lines(&coloured).iter().any(|line| line.contains("spine\\u{1b}[2J")));
}
