//! Texts of servers, logs and people, made harmless for the place where they are shown.

use std::borrow::Cow;
use std::fmt::Write;

/// One line without anything that a terminal, or a log that takes commands, could act on. Control characters become
/// their pictures, line ends become blanks.
pub fn line(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| shown(c) == c) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(shown).collect())
}

fn shown(c: char) -> char {
    match c {
        '\n' | '\r' | '\t' | '\u{85}' | '\u{2028}' | '\u{2029}' => ' ',
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or(' '),
        '\u{7f}' => '\u{2421}',
        // The other control characters, and those that turn the direction of a line.
        '\u{80}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' => {
            '\u{fffd}'
        }
        // No file of XML may hold these.
        '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
        c => c,
    }
}

/// The same in at most so many characters; what is cut off is told.
pub fn short(text: &str, most: usize) -> Cow<'_, str> {
    let line = line(text);
    match line.char_indices().nth(most) {
        Some((end, _)) => Cow::Owned(format!("{}… (cut)", &line[..end])),
        None => line,
    }
}

/// Text in Markdown: nothing in it is markup, a mention or a cell's end.
pub fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let line = line(text);
    for (at, c) in line.char_indices() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '|' | '~' | '#' | '!' | '$' | '@' => {
                let _ = write!(out, "&#{};", u32::from(c));
            }
            // Not even the beginning of an address.
            ':' if line[at..].starts_with("://") => out.push_str("&#58;"),
            c => out.push(c),
        }
    }
    out
}

/// Code in Markdown, in a table or elsewhere.
pub fn code(text: &str) -> String {
    format!("<code>{}</code>", markdown(text))
}

/// `11,869,988`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `no trial`, `1 trial`, `2 trials`.
pub fn count(number: u64, what: &str) -> String {
    match number {
        0 => format!("no {what}"),
        1 => format!("1 {what}"),
        number => format!("{} {what}s", grouped(number)),
    }
}

/// A time for a person: `0.4 ms`, `12 ms`, `3.4 s`.
pub fn millis(value: f64) -> String {
    match value {
        value if value < 10.0 => format!("{value:.1} ms"),
        value if value < 1_000.0 => format!("{value:.0} ms"),
        value => format!("{:.1} s", value / 1_000.0),
    }
}

/// `http://` and `https://` alone: other addresses could run something.
pub fn is_link(text: &str) -> bool {
    (text.starts_with("https://") || text.starts_with("http://"))
        && !text.contains(|c: char| c.is_whitespace() || c.is_control() || "<>\"'`()|\\".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_and_moves_no_cursor() {
        assert_eq!(line("plain ü 写"), "plain ü 写");
        assert_eq!(line("a\r\nb\u{1b}[31m\u{7}\0\u{9b}\u{202e}\u{2028}"), "a  b␛[31m␇␀\u{fffd}\u{fffd} ");
        assert_eq!(short("abcdef", 3), "abc… (cut)");
        assert_eq!(short("ü写", 2), "ü写");
    }

    #[test]
    fn markdown_keeps_no_markup() {
        let hostile = "|`x`|<b>&[a](javascript:x)**@all #1 http://x\n::error::";
        let safe = markdown(hostile);
        assert!(
            !safe.contains(['|', '`', '<', '>', '[', ']', '*', '@', '\n']) && !safe.contains("://"),
            "{safe}"
        );
        assert_eq!(markdown("core::redis-7.0"), "core::redis-7.0");
    }

    #[test]
    fn only_an_address_of_the_web_is_a_link() {
        assert!(is_link("https://example.com/a?b=c#d"));
        for bad in ["javascript:alert(1)", "", "https://a b", "https://a\"b", "https://a)b", "//a"] {
            assert!(!is_link(bad), "{bad}");
        }
    }
}
