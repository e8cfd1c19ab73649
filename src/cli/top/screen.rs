//! The terminal: taken for the time being, and put back at the end, whatever that is.

use std::io::{IsTerminal, stdin, stdout};

use anyhow::{Result, bail};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::{DefaultTerminal, Frame};
use tokio::sync::mpsc;

use super::input::{Input, Key};

/// The terminal, as long as it is ours. A panic puts it back before it is told of.
pub(super) struct Screen(DefaultTerminal);

impl Screen {
    /// Takes the terminal: no line by line, no echo, a screen of its own.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn take() -> Result<Screen> {
        if !stdin().is_terminal() || !stdout().is_terminal() {
            bail!(
                "linnet top needs a terminal; for scripts there are `linnet status -o json`, \
                 `linnet neighbor -o json` and `linnet monitor -o jsonl`"
            );
        }
        Ok(Screen(ratatui::try_init()?))
    }

    /// Draws a picture.
    pub(super) fn draw(&mut self, picture: impl FnOnce(&mut Frame<'_>)) -> Result<()> {
        self.0.draw(picture)?;
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// Reads keys on a thread of its own, which ends with the terminal or the process: a read cannot be taken back.
pub(super) fn read_keys(inputs: mpsc::Sender<Input>) {
    std::thread::spawn(move || {
        while let Ok(event) = event::read() {
            if let Some(input) = input_of(&event)
                && inputs.blocking_send(input).is_err()
            {
                return;
            }
        }
        // Without a terminal there is nobody to quit.
        let _ = inputs.blocking_send(Input::Key(Key::Interrupt));
    });
}

fn input_of(event: &Event) -> Option<Input> {
    match event {
        Event::Resize(..) => Some(Input::Clock),
        Event::Key(key) if key.kind != KeyEventKind::Release => key_of(*key).map(Input::Key),
        _ => None,
    }
}

fn key_of(key: KeyEvent) -> Option<Key> {
    Some(match key.code {
        KeyCode::Char('c' | 'd') if key.modifiers.contains(KeyModifiers::CONTROL) => Key::Interrupt,
        KeyCode::Char(c) if !key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) => {
            Key::Char(c)
        }
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => Key::BackTab,
        _ => return None,
    })
}
