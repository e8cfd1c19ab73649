//! What the keys do, and what the words mean.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Block, Borders, Paragraph};

use super::Look;
use crate::cli::table::Tone;

const TEXT: &str = "\
Tab, Shift-Tab   the next list, the one before
Up, Down, j, k   the next row; PageUp, PageDown, Home, End
Enter            one neighbor, or one network, as a whole
Esc              back
s, r             sort by the next column; the other way round
q, Ctrl-C        quit

Acc, Adv         routes accepted from the neighbor, routes it was sent
Rt/s, Msg/s      routes and messages a second, in and out, over the last readings
Tables           destinations/paths, and best paths that changed a second
Kernel, Routes   what linnetd wants of the kernel and what that has; ops/s: changes made
Events           sessions, moves of hosts, networks, what the kernel refused; since top began";

/// Draws it.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, look: Look) {
    let block = Block::new().borders(Borders::TOP).title(Line::styled("Help ", look.style(Tone::Strong)));
    frame.render_widget(Paragraph::new(TEXT).block(block), area);
}
