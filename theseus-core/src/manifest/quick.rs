//! The same tree as [`tree`](super::tree) gives, in a small part of the time, for a text that is
//! written as nearly all manifests are: block maps and lists, maps and lists in brackets on one
//! line, and scalars on one line without escapes.
//!
//! It decides nothing about what is valid: whatever else there is, all that is wrong included, is
//! left to the parser that knows the whole of YAML.

use std::rc::Rc;

use super::map::{Entry, Map};
use super::scalar::{Kind, Scalar};
use super::text::Span;
use super::tree::{MAX_DEPTH, MAX_VALUES, Node, Value};

/// YAML takes a word for a key up to 1024 characters before its colon.
const LONGEST_KEY: usize = 1000;

/// Reads a text; `None` when it takes more of YAML than is known here.
pub(super) fn read(text: &str) -> Option<Node<'_>> {
    let mut reader = Reader {
        text,
        at: 0,
        line: 0,
        column: None,
        values: 0,
    };
    reader.next_line(true)?;
    let root = reader.block_map(reader.column?, 0)?;
    reader.column.is_none().then_some(root)
}

/// Every function that reads something gives up with `None`.
struct Reader<'s> {
    text: &'s str,
    at: usize,
    /// Where the line begins that it is in.
    line: usize,
    /// Where the next block goes on, counted from 0; `None` at the end of the text.
    column: Option<usize>,
    values: u32,
}

/// A scalar or a key.
struct Word<'s> {
    /// Without its quotes.
    text: &'s str,
    span: Span,
    is_quoted: bool,
}

/// What a scalar is in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Line,
    Brackets,
}

impl<'s> Reader<'s> {
    fn peek(&self) -> Option<u8> {
        self.byte(self.at)
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    fn skip_blanks(&mut self) {
        while self.peek() == Some(b' ') {
            self.at += 1;
        }
    }

    /// Passes over a character, if it is this one.
    fn takes(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    /// Goes on to the next line on which there is something; from behind a value, unless it is the
    /// beginning of the text.
    fn next_line(&mut self, mut is_begun: bool) -> Option<()> {
        loop {
            let from = self.at;
            self.skip_blanks();
            match self.peek() {
                None => {
                    self.column = None;
                    return Some(());
                }
                Some(b'\n') => {
                    self.at += 1;
                    self.line = self.at;
                    is_begun = true;
                }
                // Behind a value, a blank sets it apart.
                Some(b'#') if is_begun || self.at > from => self.comment()?,
                Some(_) if is_begun => {
                    self.column = Some(self.at - self.line);
                    return Some(());
                }
                Some(_) => return None,
            }
        }
    }

    fn comment(&mut self) -> Option<()> {
        let rest = &self.text[self.at..];
        let comment = &rest[..rest.find('\n').unwrap_or(rest.len())];
        self.at += comment.len();
        (!comment.contains(['\r', '\0'])).then_some(())
    }

    fn begins_item(&self) -> bool {
        self.text[self.at..].starts_with("- ")
    }

    fn block_map(&mut self, column: usize, depth: u32) -> Option<Node<'s>> {
        self.begin(depth)?;
        let start = self.at;
        let mut map = Map::default();
        loop {
            let key = self.key()?;
            let node = self.value_of_key(column, depth + 1)?;
            let entry = Entry {
                key: key.span,
                node,
            };
            map.insert(key.text.into(), entry).ok()?;
            if self.column != Some(column) {
                break;
            }
        }
        self.block_ends(column)?;
        Some(self.map(start, map))
    }

    fn block_list(&mut self, column: usize, depth: u32) -> Option<Node<'s>> {
        self.begin(depth)?;
        let start = self.at;
        let mut items = Vec::new();
        while self.column == Some(column) && self.begins_item() {
            self.at += 1;
            self.skip_blanks();
            let inside = self.at;
            let node = if self.key().is_some() {
                self.at = inside;
                self.block_map(inside - self.line, depth + 1)?
            } else {
                self.at = inside;
                self.value_on_line(depth + 1)?
            };
            items.push(node);
        }
        self.block_ends(column)?;
        Some(self.list(start, items))
    }

    /// What is further in would go on with the last value.
    fn block_ends(&self, column: usize) -> Option<()> {
        (self.column <= Some(column)).then_some(())
    }

    /// The value behind a key of a block map in this column, up to where the map goes on.
    fn value_of_key(&mut self, column: usize, depth: u32) -> Option<Node<'s>> {
        let behind = self.at;
        self.skip_blanks();
        match self.peek()? {
            b'\n' => {}
            b'#' if self.at > behind => {}
            _ => return self.value_on_line(depth),
        }
        self.next_line(false)?;
        match self.column? {
            inside if inside >= column && self.begins_item() => {
                let mut list = self.block_list(inside, depth)?;
                // As the parser has it, one that is no further in begins with its first item.
                if inside == column
                    && let Value::List(items) = &list.value
                {
                    list.span.start = items.first()?.span.start;
                }
                Some(list)
            }
            inside if inside > column => self.block_map(inside, depth),
            _ => None,
        }
    }

    /// A value that ends on its line, up to where the block goes on.
    fn value_on_line(&mut self, depth: u32) -> Option<Node<'s>> {
        let node = self.value(Inside::Line, depth)?;
        self.next_line(false)?;
        Some(node)
    }

    fn value(&mut self, inside: Inside, depth: u32) -> Option<Node<'s>> {
        match self.peek()? {
            b'[' => self.list_in_brackets(depth),
            b'{' => self.map_in_brackets(depth),
            _ => self.scalar(inside),
        }
    }

    fn list_in_brackets(&mut self, depth: u32) -> Option<Node<'s>> {
        self.begin(depth)?;
        let start = self.at;
        let mut items = Vec::new();
        self.in_brackets(b']', |reader| {
            items.push(reader.value(Inside::Brackets, depth + 1)?);
            Some(())
        })?;
        Some(self.list(start, items))
    }

    fn map_in_brackets(&mut self, depth: u32) -> Option<Node<'s>> {
        self.begin(depth)?;
        let start = self.at;
        let mut map = Map::default();
        self.in_brackets(b'}', |reader| {
            let key = reader.key()?;
            reader.skip_blanks();
            let node = reader.value(Inside::Brackets, depth + 1)?;
            let entry = Entry {
                key: key.span,
                node,
            };
            map.insert(key.text.into(), entry).ok()
        })?;
        Some(self.map(start, map))
    }

    /// Reads what is between commas, up to the closing bracket.
    fn in_brackets(
        &mut self,
        close: u8,
        mut read: impl FnMut(&mut Self) -> Option<()>,
    ) -> Option<()> {
        self.at += 1;
        self.skip_blanks();
        if self.takes(close) {
            return Some(());
        }
        loop {
            read(self)?;
            self.skip_blanks();
            if self.takes(close) {
                return Some(());
            }
            if !self.takes(b',') {
                return None;
            }
            self.skip_blanks();
        }
    }

    /// A key with its colon, and a blank or nothing behind that.
    fn key(&mut self) -> Option<Word<'s>> {
        let key = match self.peek()? {
            quote @ (b'\'' | b'"') => self.quoted(quote)?,
            byte if byte.is_ascii_alphanumeric() || byte == b'_' => {
                let rest = &self.text.as_bytes()[self.at..];
                let is_inside = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-/".contains(byte);
                let length = rest.iter().position(|byte| !is_inside(byte))?;
                self.word(length)
            }
            _ => return None,
        };
        let is_key = self.takes(b':') && matches!(self.peek()?, b' ' | b'\n');
        (is_key && key.text.len() < LONGEST_KEY).then_some(key)
    }

    fn scalar(&mut self, inside: Inside) -> Option<Node<'s>> {
        let Word {
            text,
            span,
            is_quoted,
        } = match self.peek()? {
            quote @ (b'\'' | b'"') => self.quoted(quote)?,
            _ => self.plain(inside)?,
        };
        let kind = if is_quoted {
            Kind::Text
        } else {
            Kind::of(text)
        };
        let scalar = Scalar {
            text: text.into(),
            kind,
            span,
        };
        let node = Node::of_scalar(scalar);
        self.count(node.weight())?;
        Some(node)
    }

    fn quoted(&mut self, quote: u8) -> Option<Word<'s>> {
        let start = self.at;
        let rest = &self.text.as_bytes()[start + 1..];
        let length = rest.iter().position(|&byte| byte == quote)?;
        let is_sure = |&byte: &u8| is_printable(byte) && byte != b'\\';
        // Two quotes in a row stand for one, in a text that goes on.
        if !rest[..length].iter().all(is_sure) || rest.get(length + 1) == Some(&quote) {
            return None;
        }
        self.at = start + length + 2;
        Some(Word {
            text: &self.text[start + 1..=start + length],
            span: Span {
                start,
                end: self.at,
            },
            is_quoted: true,
        })
    }

    fn plain(&mut self, inside: Inside) -> Option<Word<'s>> {
        let in_brackets = inside == Inside::Brackets;
        let next = |at| self.byte(at + 1).unwrap_or(b'\n');
        let is_first = match self.peek()? {
            b'-' | b'+' => next(self.at).is_ascii_alphanumeric() || b".-/".contains(&next(self.at)),
            byte => byte.is_ascii_alphanumeric() || b"/_.".contains(&byte),
        };
        if !is_first {
            return None;
        }
        let (mut at, mut end) = (self.at, self.at);
        loop {
            match self.byte(at).unwrap_or(b'\n') {
                b'\n' => break,
                b' ' => {}
                b'#' if self.byte(at - 1) == Some(b' ') => break,
                b':' if next(at).is_ascii_alphanumeric() || next(at) == b'/' => end = at + 1,
                b'#' | b':' => return None,
                b',' | b']' | b'}' if in_brackets => break,
                b'[' | b'{' if in_brackets => return None,
                b'-' if in_brackets && b",[]{}".contains(&next(at)) => return None,
                byte if is_printable(byte) => end = at + 1,
                _ => return None,
            }
            at += 1;
        }
        Some(self.word(end - self.at))
    }

    /// The text from here, of this length.
    fn word(&mut self, length: usize) -> Word<'s> {
        let start = self.at;
        self.at += length;
        Word {
            text: &self.text[start..self.at],
            span: Span {
                start,
                end: self.at,
            },
            is_quoted: false,
        }
    }

    fn begin(&mut self, depth: u32) -> Option<()> {
        self.count(1)?;
        (depth < MAX_DEPTH).then_some(())
    }

    fn count(&mut self, values: u32) -> Option<()> {
        self.values = self.values.saturating_add(values);
        (self.values <= MAX_VALUES).then_some(())
    }

    fn list(&self, start: usize, items: Vec<Node<'s>>) -> Node<'s> {
        Node::around(self.since(start), Value::List(Rc::new(items)))
    }

    fn map(&self, start: usize, map: Map<'s>) -> Node<'s> {
        Node::around(self.since(start), Value::Map(Rc::new(map)))
    }

    fn since(&self, start: usize) -> Span {
        Span {
            start,
            end: self.at,
        }
    }
}

fn is_printable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::{Index, select};

    use super::*;
    use crate::manifest::finding::Findings;
    use crate::manifest::text::Text;
    use crate::manifest::tree;

    /// What is read here, all of YAML reads in the same way. Whether it was.
    fn agrees(content: &str) -> bool {
        let Some(quick) = read(content) else {
            return false;
        };
        let mut findings = Findings::default();
        let text = Text::new("f".into(), content);
        let whole = tree::read_any(&text, 0, &mut findings);
        assert!(findings.is_empty(), "{content}");
        assert_eq!(Some(quick), whole.unwrap(), "{content}");
        true
    }

    #[test]
    fn what_nearly_all_manifests_are_like() {
        for text in [
            include_str!("../../../examples/ingestor.yaml"),
            "a: b",
            "# ä\n\na: b # ö\n\n  # c\n",
            "a:\n  b:\n    c: d e  f\n  g: [h, 'i # {', {j: \"k: l\"}, [], {}]\nm: -1\n",
            "a:\n- b\n- c: d\n  e: f\n-  'g': h\n\ni:\n  - j\n\n  - http://k:5000/l?m=n&o",
            "a: 'b' # c\nd: [\"e\" , 'f']  # '\ng: {h: i} # }\n'j': k\n",
            "'a b': /c:/d:ro\n\"e\": 12:30\nf: [a-b:c, -1, .5, +7, x]  \n",
        ] {
            assert!(agrees(text), "{text}");
        }
    }

    #[test]
    fn what_is_left_to_the_whole_of_yaml() {
        for text in [
            "",
            "---\na: b\n",
            "a:\n",
            "a: b\n c\n",
            "a: &b c\n",
            "a: *b\n",
            "a: !!str b\n",
            "a: |\n  b\n",
            "a: 'b''c'\n",
            "a: \"b\\n\"\n",
            "a: b: c\n",
            "a: b\na: c\n",
            "<<: a\n",
            "a: [b,\n  c]\n",
            "{a: b}\n",
            "a: [b, ]\n",
            "a: {b}\n",
            "a: [b: c]\n",
            "a: [b #c]\n",
            "a: b\r\n",
            "a:\tb\n",
            "a: ä\n",
            "a: ~\n",
            "a: b #c\n\td\n",
            "? a\n",
            "- a\n",
            "a:\n    b: c\n  d: e\n",
            "a: b\n  c: d\n",
            "a: 'b' c\n",
            "a: [b] c\n",
            "a: [b]#c\n",
            "a: 'b'#c\n",
            "a:b\n",
            "a: -\n",
            "a: - b\n",
            "a: [-]\n",
            "a: @b\n",
            "a: b#c\n",
        ] {
            assert!(read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn its_bounds_are_the_same() {
        let nested = |levels: usize| {
            let (open, close) = ("[".repeat(levels), "]".repeat(levels));
            format!("a: {open}{close}\n")
        };
        assert!(agrees(&nested(63)));
        assert!(read(&nested(64)).is_none());
        let many = format!("a: [{}b]\n", "b, ".repeat(2_000_000));
        assert!(read(&many).is_none());
    }

    fn scalar() -> impl Strategy<Value = String> {
        let plain = "[a-z0-9/_.+-][a-z0-9 :/.,#{}'\"?!&*%@|>\\[\\]-]{0,6}";
        prop_oneof![plain, "[a-z]{1,4}", "'[ -~]{0,5}'", "\"[ -~]{0,5}\""]
    }

    /// A value in brackets or on a line, as people may write it.
    fn inline() -> BoxedStrategy<String> {
        let brackets = |inner: BoxedStrategy<String>| {
            let list = vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(", ")));
            let entry = ("[a-z]{1,3}", inner).prop_map(|(key, value)| format!("{key}: {value}"));
            let map = vec(entry, 0..4).prop_map(|entries| format!("{{{}}}", entries.join(", ")));
            prop_oneof![list, map].boxed()
        };
        scalar().boxed().prop_recursive(3, 12, 4, brackets).boxed()
    }

    /// The lines of a text, each with an indent that mostly fits those around it.
    fn lines() -> impl Strategy<Value = String> {
        let key = prop_oneof!["[a-z]{1,2}:", "'[a-z ]{1,2}':"];
        let begin = prop_oneof![3 => key.clone(), 1 => key.prop_map(|key| format!("- {key}")), 1 => Just("-".to_owned())];
        let end = select(vec!["", "", "", " ", " # x", "\n", "\n  # ä", "#"]);
        let line = (0..4_usize, begin, option_of(inline()), end);
        vec(line, 1..8).prop_map(|lines| {
            let line = |(indent, begin, value, end): &(usize, String, Option<String>, &str)| {
                let value = value
                    .as_ref()
                    .map_or(String::new(), |value| format!(" {value}"));
                format!("{}{begin}{value}{end}\n", "  ".repeat(indent / 2))
            };
            lines.iter().map(line).collect()
        })
    }

    fn option_of(value: BoxedStrategy<String>) -> impl Strategy<Value = Option<String>> {
        prop_oneof![1 => Just(None), 3 => value.prop_map(Some)]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn it_never_reads_anything_in_a_way_of_its_own(text in lines()) {
            agrees(&text);
        }

        #[test]
        fn nor_in_brackets(value in inline(), end in "[ #,a]{0,2}") {
            agrees(&format!("a: {value}{end}\nb: c\n"));
        }

        #[test]
        fn nor_in_what_is_damaged(
            changes in vec((any::<Index>(), 0..3_usize, "[ -~\n]{0,2}"), 1..4)
        ) {
            let mut text = include_str!("../../../examples/ingestor.yaml").to_owned();
            for (at, removed, added) in changes {
                let at = at.index(text.len());
                let end = (at + removed).min(text.len());
                if text.is_char_boundary(at) && text.is_char_boundary(end) {
                    text.replace_range(at..end, &added);
                }
            }
            agrees(&text);
        }
    }
}
