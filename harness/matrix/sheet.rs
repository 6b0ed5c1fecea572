//! A TOML table that remembers what was asked of it, so that everything else in it is a mistake.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnose::{Mistake, nearest};
use super::value;

/// Collects mistakes; the reading goes on after each.
#[derive(Default)]
pub struct Notes {
    list: RefCell<Vec<Mistake>>,
}

impl Notes {
    /// Notes a mistake.
    pub fn add(&self, span: Range<usize>, message: impl Into<String>, help: Option<String>) {
        self.list.borrow_mut().push(Mistake { span, message: message.into(), help });
    }

    /// All of them, in the order of the file, each once.
    pub fn into_list(self) -> Vec<Mistake> {
        let mut list = self.list.into_inner();
        list.sort_by_key(|mistake| mistake.span.start);
        list.dedup();
        list
    }
}

/// A value and where it stands.
pub type Value<'t> = Spanned<DeValue<'t>>;

/// A table that is being read. Keys of Outlast's own may be written with `_` for `-`.
pub struct Sheet<'a, 't> {
    table: &'a DeTable<'t>,
    /// Where the table stands, for mistakes about what is missing.
    pub span: Range<usize>,
    notes: &'a Notes,
    asked: RefCell<BTreeSet<&'static str>>,
}

impl<'a, 't> Sheet<'a, 't> {
    /// Begins to read a table.
    pub fn new(table: &'a DeTable<'t>, span: Range<usize>, notes: &'a Notes) -> Self {
        Self { table, span, notes, asked: RefCell::default() }
    }

    /// The value of a key.
    pub fn value(&self, key: &'static str) -> Option<&'a Value<'t>> {
        self.asked.borrow_mut().insert(key);
        let same = |name: &str| name == key || name.replace('_', "-") == key;
        self.table.iter().find(|(name, _)| same(name.get_ref())).map(|(_, value)| value)
    }

    fn read<T>(&self, key: &'static str, what: &str, read: impl Fn(&DeValue<'t>) -> Option<T>) -> Option<T> {
        let value = self.value(key)?;
        let got = read(value.get_ref());
        if got.is_none() {
            self.notes.add(
                value.span(),
                format!("`{key}` must be {what}, not {}", value.get_ref().type_str()),
                None,
            );
        }
        got
    }

    /// A string.
    pub fn string(&self, key: &'static str) -> Option<String> {
        self.read(key, "a string", |value| value.as_str().map(str::to_owned))
    }

    /// A string that must be there.
    pub fn required(&self, key: &'static str) -> String {
        if self.value(key).is_none() {
            self.notes.add(self.span.clone(), format!("`{key}` is missing"), None);
        }
        self.string(key).unwrap_or_default()
    }

    /// A truth value.
    pub fn truth(&self, key: &'static str) -> Option<bool> {
        self.read(key, "true or false", DeValue::as_bool)
    }

    /// A whole number of at least `least`.
    pub fn count(&self, key: &'static str, least: u64) -> Option<u64> {
        let number = self.read(key, "a whole number", integer)?;
        if number < least {
            let span = self.value(key).map_or_else(|| self.span.clone(), Spanned::span);
            self.notes.add(span, format!("`{key}` must be at least {least}"), None);
            return None;
        }
        Some(number)
    }

    /// A duration in words.
    pub fn duration(&self, key: &'static str) -> Option<Duration> {
        self.in_words(key, value::duration)
    }

    /// A size in words, or a number of bytes.
    pub fn size(&self, key: &'static str) -> Option<u64> {
        if let Some(number) = self.value(key).and_then(|value| integer(value.get_ref())) {
            return Some(number);
        }
        self.in_words(key, value::size)
    }

    fn in_words<T>(&self, key: &'static str, read: fn(&str) -> Result<T, value::Unreadable>) -> Option<T> {
        let text = self.string(key)?;
        match read(&text) {
            Ok(value) => Some(value),
            Err(error) => {
                let span = self.value(key).map_or_else(|| self.span.clone(), Spanned::span);
                self.notes.add(span, error.to_string(), None);
                None
            }
        }
    }

    /// One of a few words.
    pub fn word(&self, key: &'static str, words: &[&'static str]) -> Option<&'static str> {
        let text = self.string(key)?;
        let found = words.iter().find(|word| **word == text).copied();
        if found.is_none() {
            let span = self.value(key).map_or_else(|| self.span.clone(), Spanned::span);
            self.notes.add(span, format!("unknown {key} `{text}`"), nearest(&text, words));
        }
        found
    }

    /// A string or a list of strings, with their places.
    pub fn words(&self, key: &'static str) -> Vec<(String, Range<usize>)> {
        self.value(key).map(|value| strings(value, key, self.notes)).unwrap_or_default()
    }

    /// A table.
    pub fn table(&self, key: &'static str) -> Option<Sheet<'a, 't>> {
        let value = self.value(key)?;
        match value.get_ref().as_table() {
            Some(table) => Some(Sheet::new(table, value.span(), self.notes)),
            None => {
                self.notes.add(value.span(), format!("`{key}` must be a table"), None);
                None
            }
        }
    }

    /// A list of tables: `[[key]]`.
    pub fn tables(&self, key: &'static str) -> Vec<Sheet<'a, 't>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let Some(list) = value.get_ref().as_array() else {
            self.notes.add(value.span(), format!("write [[{key}]], a list of tables"), None);
            return Vec::new();
        };
        list.iter()
            .filter_map(|entry| {
                let table = entry.get_ref().as_table();
                if table.is_none() {
                    self.notes.add(entry.span(), format!("`{key}` must be a table"), None);
                }
                Some(Sheet::new(table?, entry.span(), self.notes))
            })
            .collect()
    }

    /// Named tables, in the order of the file: `[key.NAME]`.
    pub fn named(&self, key: &'static str) -> Vec<(String, Range<usize>, Sheet<'a, 't>)> {
        let Some(outer) = self.table(key) else { return Vec::new() };
        let mut entries: Vec<_> = outer.table.iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        entries
            .into_iter()
            .filter_map(|(name, value)| {
                let table = value.get_ref().as_table();
                if table.is_none() {
                    self.notes.add(value.span(), format!("`{key}.{}` must be a table", name.get_ref()), None);
                }
                Some((name.get_ref().to_string(), name.span(), Sheet::new(table?, name.span(), self.notes)))
            })
            .collect()
    }

    /// Keys that were not asked for, in the order of the file.
    pub fn rest(&self) -> Vec<(String, Range<usize>, &'a Value<'t>)> {
        let asked = self.asked.borrow();
        let mut rest: Vec<_> = self
            .table
            .iter()
            .filter(|(name, _)| {
                let name = name.get_ref();
                !asked.contains(name.as_ref()) && !asked.contains(name.replace('_', "-").as_str())
            })
            .map(|(name, value)| (name.get_ref().to_string(), name.span(), value))
            .collect();
        rest.sort_by_key(|(_, span, _)| span.start);
        rest
    }

    /// Ends the reading: what is left is unknown.
    pub fn end(&self) {
        let asked: Vec<_> = self.asked.borrow().iter().copied().collect();
        for (name, span, _) in self.rest() {
            self.notes.add(span, format!("unknown key `{name}`"), nearest(&name, &asked));
        }
    }
}

/// A string or a list of strings, with their places.
pub fn strings(value: &Value<'_>, key: &str, notes: &Notes) -> Vec<(String, Range<usize>)> {
    let one = |value: &Value<'_>| match value.get_ref().as_str() {
        Some(text) => Some((text.to_owned(), value.span())),
        None => {
            notes.add(
                value.span(),
                format!("`{key}` must be a string, not {}", value.get_ref().type_str()),
                None,
            );
            None
        }
    };
    match value.get_ref().as_array() {
        Some(list) => list.iter().filter_map(one).collect(),
        None => one(value).into_iter().collect(),
    }
}

/// A whole number that is not negative.
pub fn integer(value: &DeValue<'_>) -> Option<u64> {
    let number = value.as_integer()?;
    u64::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok()
}
