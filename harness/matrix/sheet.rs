//! A TOML table that is read by its table of keys, so that everything else in it is a mistake.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnose::{Mistake, nearest};
use super::keys::{Key, Kind, Others, Table};
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

    /// How many there are so far.
    pub fn count(&self) -> usize {
        self.list.borrow().len()
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
    keys: &'static Table,
    /// Where the table stands, for mistakes about what is missing.
    pub span: Range<usize>,
    notes: &'a Notes,
    asked: RefCell<BTreeSet<&'static str>>,
}

impl<'a, 't> Sheet<'a, 't> {
    /// Begins to read a table.
    pub fn new(table: &'a DeTable<'t>, keys: &'static Table, span: Range<usize>, notes: &'a Notes) -> Self {
        Self { table, keys, span, notes, asked: RefCell::default() }
    }

    /// The value of a key.
    pub fn value(&self, key: &'static str) -> Option<&'a Value<'t>> {
        debug_assert!(self.key(key).is_some(), "`{key}` is in no table of keys");
        self.asked.borrow_mut().insert(key);
        self.entries(key).next().map(|(_, value)| value)
    }

    /// A key in either spelling.
    fn entries(&self, key: &'static str) -> impl Iterator<Item = (&'a Spanned<Cow<'t, str>>, &'a Value<'t>)> {
        self.table.iter().filter(move |(name, _)| is(name.get_ref(), key))
    }

    fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.keys.iter().find(|key| is(name, key.name))
    }

    fn kind(&self, name: &str) -> Option<&'static Kind> {
        self.key(name).map(|key| &key.kind)
    }

    /// Where the value of a key stands, else the table.
    pub fn span_of(&self, key: &'static str) -> Range<usize> {
        self.value(key).map_or_else(|| self.span.clone(), Spanned::span)
    }

    fn read<T>(&self, key: &'static str, what: &str, read: impl Fn(&DeValue<'t>) -> Option<T>) -> Option<T> {
        let value = self.value(key)?;
        let got = read(value.get_ref());
        if got.is_none() {
            self.notes.add(
                value.span(),
                format!("`{key}` must be {what}, not {}", value.get_ref().type_str()),
                quoting(value.get_ref(), what),
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

    /// A whole number within the limits of its key.
    pub fn count(&self, key: &'static str) -> Option<u64> {
        let limits = match self.kind(key) {
            Some(Kind::Count(limits) | Kind::CountByProfile(limits, _)) => limits,
            _ => &(0..=u64::MAX),
        };
        let number = self.read(key, "a whole number", integer)?;
        self.within(key, number, limits)
    }

    /// As [`Sheet::count`], for what is kept in less room than its limits need.
    pub fn small<T: TryFrom<u64>>(&self, key: &'static str) -> Option<T> {
        self.count(key).and_then(|number| T::try_from(number).ok())
    }

    fn within(&self, key: &'static str, number: i128, limits: &RangeInclusive<u64>) -> Option<u64> {
        let limit = match u64::try_from(number) {
            Ok(number) if limits.contains(&number) => return Some(number),
            Ok(number) if number > *limits.end() => format!("most {}", limits.end()),
            Err(_) if number > 0 => format!("most {}", limits.end()),
            _ => format!("least {}", limits.start()),
        };
        self.notes.add(self.span_of(key), format!("`{key}` must be at {limit}"), None);
        None
    }

    /// A duration in words.
    pub fn duration(&self, key: &'static str) -> Option<Duration> {
        self.in_words(key, value::duration)
    }

    /// A size in words, or a number of bytes, up to the limit of its key.
    pub fn size(&self, key: &'static str) -> Option<u64> {
        let most = if let Some(Kind::Size(most)) = self.kind(key) { *most } else { u64::MAX };
        let number = match self.value(key).and_then(|value| integer(value.get_ref())) {
            Some(number) => number,
            None => i128::from(self.in_words(key, value::size)?),
        };
        self.within(key, number, &(0..=most))
    }

    /// A share in percent, from 0 to 1.
    pub fn share(&self, key: &'static str) -> Option<f64> {
        self.in_words(key, value::share)
    }

    fn in_words<T>(&self, key: &'static str, read: fn(&str) -> Result<T, value::Unreadable>) -> Option<T> {
        let text = self.string(key)?;
        match read(&text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.notes.add(self.span_of(key), error.to_string(), None);
                None
            }
        }
    }

    /// One of the words of its key.
    pub fn word(&self, key: &'static str) -> Option<&'static str> {
        let words = if let Some(Kind::Word(words)) = self.kind(key) { words } else { &[][..] };
        let text = self.string(key)?;
        let found = words.iter().find(|word| **word == text).copied();
        if found.is_none() {
            self.notes.add(self.span_of(key), format!("unknown {key} `{text}`"), nearest(&text, words));
        }
        found
    }

    /// One or several of the words of its key.
    pub fn some_of(&self, key: &'static str) -> Vec<String> {
        let valid = if let Some(Kind::Words(words)) = self.kind(key) { words } else { &[][..] };
        let words = self.words(key);
        for (word, span) in &words {
            if !valid.contains(&word.as_str()) {
                let message = format!("unknown word `{word}` in `{key}`");
                self.notes.add(span.clone(), message, nearest(word, valid));
            }
        }
        words.into_iter().map(|(word, _)| word).collect()
    }

    /// A string or a list of strings, with their places.
    pub fn words(&self, key: &'static str) -> Vec<(String, Range<usize>)> {
        self.value(key).map(|value| strings(value, key, self.notes)).unwrap_or_default()
    }

    /// A table.
    pub fn table(&self, key: &'static str) -> Option<Sheet<'a, 't>> {
        let value = self.value(key)?;
        let Some(Kind::Table(keys) | Kind::CountByProfile(_, keys)) = self.kind(key) else { return None };
        self.as_table(value, keys, value.span(), key)
    }

    /// A list of tables: `[[key]]`.
    pub fn tables(&self, key: &'static str) -> Vec<Sheet<'a, 't>> {
        let (Some(value), Some(Kind::Tables(keys))) = (self.value(key), self.kind(key)) else {
            return Vec::new();
        };
        let Some(list) = value.get_ref().as_array() else {
            self.notes.add(value.span(), format!("write [[{key}]], a list of tables"), None);
            return Vec::new();
        };
        list.iter().filter_map(|entry| self.as_table(entry, keys, entry.span(), key)).collect()
    }

    /// Named tables, in the order of the file: `[key.NAME]`.
    pub fn named(&self, key: &'static str) -> Vec<(String, Range<usize>, Sheet<'a, 't>)> {
        let (Some(value), Some(Kind::Named(keys))) = (self.value(key), self.kind(key)) else {
            return Vec::new();
        };
        let Some(table) = value.get_ref().as_table() else {
            self.notes.add(value.span(), format!("write [{key}.NAME], a table with a name"), None);
            return Vec::new();
        };
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        entries
            .into_iter()
            .filter_map(|(name, value)| {
                let (word, span) = (name.get_ref().to_string(), name.span());
                let sheet = self.as_table(value, keys, span.clone(), &format!("{key}.{word}"))?;
                Some((word, span, sheet))
            })
            .collect()
    }

    fn as_table(
        &self,
        value: &'a Value<'t>,
        keys: &'static Table,
        span: Range<usize>,
        what: &str,
    ) -> Option<Sheet<'a, 't>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.notes.add(value.span(), format!("`{what}` must be a table"), None);
        }
        Some(Sheet::new(table?, keys, span, self.notes))
    }

    /// Keys that are not Outlast's own, in the order of the file.
    pub fn rest(&self) -> Vec<(String, Range<usize>, &'a Value<'t>)> {
        let mut rest: Vec<_> = self
            .table
            .iter()
            .filter(|(name, _)| self.key(name.get_ref()).is_none())
            .map(|(name, value)| (name.get_ref().to_string(), name.span(), value))
            .collect();
        rest.sort_by_key(|(_, span, _)| span.start);
        rest
    }

    /// Ends the reading: what is left is unknown, unless it is a line of redis.conf.
    pub fn end(&self) {
        let own: Vec<_> = self.keys.keys.iter().map(|key| key.name).collect();
        for name in &own {
            debug_assert!(self.asked.borrow().contains(name), "nobody reads `{name}`");
            let mut twice: Vec<_> = self.entries(name).map(|(name, _)| name.span()).collect();
            twice.sort_by_key(|span| span.start);
            for span in twice.into_iter().skip(1) {
                self.notes.add(span, format!("`{name}` is given twice"), Some("leave one out".into()));
            }
        }
        if self.keys.others != Others::Unknown {
            return;
        }
        for (name, span, _) in self.rest() {
            self.notes.add(span, format!("unknown key `{name}`"), nearest(&name, &own));
        }
    }
}

/// Whether a key of the file is this one.
fn is(written: &str, key: &str) -> bool {
    written == key || (written.contains('_') && written.replace('_', "-") == key)
}

/// What to do about a value of the wrong type, where that is a matter of quotes.
fn quoting(value: &DeValue<'_>, wanted: &str) -> Option<String> {
    match value {
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_)
            if wanted.contains("string") =>
        {
            Some("put it in quotes".into())
        }
        DeValue::String(text) if text.parse::<u64>().is_ok() || text.parse::<bool>().is_ok() => {
            Some("leave the quotes out".into())
        }
        _ => None,
    }
}

/// A string or a list of strings, with their places.
pub fn strings(value: &Value<'_>, key: &str, notes: &Notes) -> Vec<(String, Range<usize>)> {
    let one = |value: &Value<'_>, wanted: &str| match value.get_ref().as_str() {
        Some(text) => Some((text.to_owned(), value.span())),
        None => {
            let message = format!("`{key}` must be {wanted}, not {}", value.get_ref().type_str());
            notes.add(value.span(), message, quoting(value.get_ref(), wanted));
            None
        }
    };
    match value.get_ref().as_array() {
        Some(list) => list.iter().filter_map(|value| one(value, "a list of strings")).collect(),
        None => one(value, "a string or a list of strings").into_iter().collect(),
    }
}

/// A whole number.
pub fn integer(value: &DeValue<'_>) -> Option<i128> {
    let number = value.as_integer()?;
    i128::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok()
}
