//! The form of JUnit XML that Jenkins, GitLab and GitHub's viewers agree on, as a check: elements, attributes, counts.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// Test cases by what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    pub tests: usize,
    pub failures: usize,
    pub errors: usize,
    pub skipped: usize,
}

/// An element: who may hold it, what it must and may say, and how often it may stand in its holder.
struct Rule {
    name: &'static str,
    parents: &'static [&'static str],
    required: &'static [&'static str],
    optional: &'static [&'static str],
    once: bool,
}

const fn rule(
    name: &'static str,
    parents: &'static [&'static str],
    required: &'static [&'static str],
    optional: &'static [&'static str],
    once: bool,
) -> Rule {
    Rule { name, parents, required, optional, once }
}

const COUNTS: [&str; 4] = ["tests", "failures", "errors", "skipped"];
const RERUN: &[&str] = &["message", "type", "timestamp", "time"];
const RULES: &[Rule] = &[
    rule(
        "testsuites",
        &[""],
        &["name"],
        &["tests", "failures", "errors", "skipped", "time", "timestamp"],
        true,
    ),
    rule(
        "testsuite",
        &["testsuites"],
        &["name", "tests", "failures", "errors", "skipped"],
        &["time", "timestamp"],
        false,
    ),
    rule("properties", &["testsuite", "testcase"], &[], &[], true),
    rule("property", &["properties"], &["name", "value"], &[], false),
    rule("testcase", &["testsuite"], &["name", "classname"], &["time"], false),
    rule("skipped", &["testcase"], &[], &["message", "type"], true),
    rule("failure", &["testcase"], &["type"], &["message"], true),
    rule("error", &["testcase"], &["type"], &["message"], true),
    rule("flakyError", &["testcase"], &[], RERUN, false),
    rule("rerunError", &["testcase"], &[], RERUN, false),
    rule("system-out", &["testcase", "testsuite"], &[], &[], true),
    rule("system-err", &["testcase", "testsuite"], &[], &[], true),
];

/// An open element: its name, the counts that it states, those that were met, and the names of its children.
struct Open {
    name: String,
    stated: [Option<usize>; 4],
    met: Counts,
    children: Vec<String>,
}

/// Reads a file by the rules; what was counted, or the first thing that is wrong.
pub fn check(xml: &str) -> Result<Counts, String> {
    if let Some(bad) = xml.chars().find(
        |c| matches!(c, '\0'..='\u{8}' | '\u{b}'..='\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}'),
    ) {
        return Err(format!("{bad:?} is no character of XML"));
    }
    let mut reader = Reader::from_str(xml);
    let mut open =
        vec![Open { name: String::new(), stated: [None; 4], met: Counts::default(), children: Vec::new() }];
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(tag) => begin(&mut open, &tag)?,
            Event::Empty(tag) => {
                begin(&mut open, &tag)?;
                end(&mut open)?;
            }
            Event::End(_) => end(&mut open)?,
            Event::Text(text) => drop(text.xml10_content().map_err(|error| error.to_string())?),
            Event::Eof => break,
            _ => {}
        }
    }
    let root = open.pop().ok_or("nothing is left")?;
    if root.children != ["testsuites"] { Err("there must be one testsuites".into()) } else { Ok(root.met) }
}

fn begin(open: &mut Vec<Open>, tag: &BytesStart<'_>) -> Result<(), String> {
    let name = String::from_utf8_lossy(tag.name().as_ref()).into_owned();
    let parent = open.last_mut().ok_or("nothing is open")?;
    let rule = RULES.iter().find(|rule| rule.name == name).ok_or(format!("unknown element {name}"))?;
    if !rule.parents.contains(&parent.name.as_str()) {
        return Err(format!("{name} must not stand in {}", parent.name));
    }
    if rule.once && parent.children.contains(&name) {
        return Err(format!("{name} stands twice in {}", parent.name));
    }
    parent.children.push(name.clone());
    let mut stated = [None; 4];
    let mut seen = Vec::new();
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let key = String::from_utf8_lossy(attribute.key.as_ref()).into_owned();
        let value = String::from_utf8_lossy(&attribute.value).into_owned();
        if !rule.required.contains(&key.as_str()) && !rule.optional.contains(&key.as_str()) {
            return Err(format!("{name} has no attribute {key}"));
        }
        if let Some(at) = COUNTS.iter().position(|count| *count == key) {
            stated[at] = Some(value.parse().map_err(|_| format!("{key} is no number: {value}"))?);
        }
        if key == "time" && value.parse::<f64>().is_err() {
            return Err(format!("time is no number: {value}"));
        }
        seen.push(key);
    }
    if let Some(missing) = rule.required.iter().find(|key| !seen.iter().any(|seen| seen == *key)) {
        return Err(format!("{name} lacks {missing}"));
    }
    open.push(Open { name, stated, met: Counts::default(), children: Vec::new() });
    Ok(())
}

fn end(open: &mut Vec<Open>) -> Result<(), String> {
    let mut done = open.pop().ok_or("nothing is open")?;
    if done.name == "testcase" {
        let is = |name: &str| usize::from(done.children.iter().any(|child| child == name));
        done.met = Counts { tests: 1, failures: is("failure"), errors: is("error"), skipped: is("skipped") };
        if done.met.failures + done.met.errors + done.met.skipped > 1 {
            return Err("a test case has one outcome".into());
        }
    }
    let met = [done.met.tests, done.met.failures, done.met.errors, done.met.skipped];
    for ((stated, met), name) in done.stated.iter().zip(met).zip(COUNTS) {
        if stated.is_some_and(|stated| stated != met) {
            return Err(format!("{} says {name}={stated:?}, and there are {met}", done.name));
        }
    }
    let parent = open.last_mut().ok_or("nothing is open")?;
    parent.met.tests += done.met.tests;
    parent.met.failures += done.met.failures;
    parent.met.errors += done.met.errors;
    parent.met.skipped += done.met.skipped;
    Ok(())
}
