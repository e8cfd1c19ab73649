//! The picture. What does not fit is left out, the least important first: a column, a list, a line of the head.

mod detail;
mod head;
mod help;
mod list;
mod overview;

use std::time::Instant;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use super::model::{Model, Pane, View};
use super::order::{NEIGHBOR_ORDERS, VNI_ORDERS};
use crate::cli::table::Tone;

/// How the picture may look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// In colours. Bold and reversed are none.
    pub(super) colour: bool,
}

impl Look {
    fn style(self, tone: Tone) -> Style {
        match tone {
            Tone::Strong => Style::new().add_modifier(Modifier::BOLD),
            _ if !self.colour => Style::new(),
            Tone::Plain => Style::new(),
            Tone::Good => Style::new().fg(Color::Green),
            Tone::Waiting => Style::new().fg(Color::Yellow),
            Tone::Bad => Style::new().fg(Color::Red),
        }
    }
}

/// Below this height there is no head: a list says more.
const LEAST_WITH_HEAD: u16 = 12;

/// Draws the model as it stands at `now`.
pub(super) fn draw(frame: &mut Frame<'_>, model: &Model, now: Instant, look: Look) {
    let mut head = head::lines(model, now, look);
    if frame.area().height < LEAST_WITH_HEAD {
        head.truncate(1);
    }
    let [top, body, foot] =
        Layout::vertical([Constraint::Length(head.len() as u16), Constraint::Fill(1), Constraint::Length(1)])
            .areas(frame.area());
    frame.render_widget(Paragraph::new(head), top);
    match &model.view {
        _ if model.help => help::draw(frame, body, look),
        View::Overview => overview::draw(frame, body, model, look),
        View::Neighbor(address) => detail::neighbor(frame, body, model, address, look),
        View::Vni(vni) => detail::vni(frame, body, model, *vni, look),
    }
    frame.render_widget(Paragraph::new(Line::styled(keys(model), look.style(Tone::Strong))), foot);
}

/// The keys that do something now.
fn keys(model: &Model) -> String {
    if model.help {
        return "Esc back".to_owned();
    }
    if model.view != View::Overview {
        return "Esc back   Up/Down scroll   ? help   q quit".to_owned();
    }
    let sort = model.sort(model.focus);
    let order = match model.focus {
        Pane::Neighbors => NEIGHBOR_ORDERS.get(sort.column).map(|(name, _)| *name),
        Pane::Vnis => VNI_ORDERS.get(sort.column).map(|(name, _)| *name),
        Pane::Happenings => None,
    };
    let reversed = if sort.reversed { ", reversed" } else { "" };
    let sorted = order.map(|name| format!("   s sort ({name}{reversed})")).unwrap_or_default();
    format!("q quit   ? help   Tab next list   Enter look{sorted}")
}
