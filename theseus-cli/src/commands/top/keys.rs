//! From what a terminal sends to keys.

use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// A key, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Letter(char),
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    Enter,
    Escape,
    Back,
    /// Ctrl-C: the terminal does not make a signal of it now.
    Interrupt,
    /// Ctrl-Z.
    Suspend,
}

/// The key that was pressed, if it is one of those.
pub(super) fn of(event: &Event) -> Option<Key> {
    let Event::Key(KeyEvent {
        code,
        modifiers,
        kind: KeyEventKind::Press | KeyEventKind::Repeat,
        ..
    }) = event
    else {
        return None;
    };
    if modifiers.contains(KeyModifiers::CONTROL) {
        return match code {
            KeyCode::Char('c') => Some(Key::Interrupt),
            KeyCode::Char('z') => Some(Key::Suspend),
            KeyCode::Char('f') => Some(Key::PageDown),
            KeyCode::Char('b') => Some(Key::PageUp),
            _ => None,
        };
    }
    Some(match code {
        KeyCode::Char(letter) => Key::Letter(*letter),
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::Backspace => Key::Back,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_sends() {
        let plain = KeyModifiers::NONE;
        for (code, modifiers, expected) in [
            (
                KeyCode::Char('c'),
                KeyModifiers::CONTROL,
                Some(Key::Interrupt),
            ),
            (
                KeyCode::Char('z'),
                KeyModifiers::CONTROL,
                Some(Key::Suspend),
            ),
            (KeyCode::Char('x'), KeyModifiers::CONTROL, None),
            (KeyCode::Char('c'), plain, Some(Key::Letter('c'))),
            (
                KeyCode::Char('G'),
                KeyModifiers::SHIFT,
                Some(Key::Letter('G')),
            ),
            (KeyCode::Up, plain, Some(Key::Up)),
            (KeyCode::Esc, plain, Some(Key::Escape)),
            (KeyCode::F(1), plain, None),
        ] {
            let mut event = KeyEvent::new(code, modifiers);
            assert_eq!(of(&Event::Key(event)), expected, "{event:?}");
            event.kind = KeyEventKind::Release;
            assert_eq!(of(&Event::Key(event)), None, "{event:?}");
        }
        assert_eq!(of(&Event::Resize(80, 24)), None);
    }
}
