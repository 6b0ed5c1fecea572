//! Reads a redis.conf of the user's own.

use super::Directive;
use super::directive::{ADDITIVE, LIMITS, SAVE};

/// A line that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct BadLine {
    /// From 1.
    pub line: usize,
    /// What is wrong.
    pub why: String,
}

/// The directives of a redis.conf, in order, or every line that cannot be used. Values keep the spelling of the file.
pub fn parse(text: &str) -> Result<Vec<Directive>, Vec<BadLine>> {
    let mut lines: Vec<(usize, Directive)> = Vec::new();
    let mut bad = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match one(line).and_then(|line| line.map_or(Ok(None), |line| agrees(line, &lines).map(Some))) {
            Ok(line) => lines.extend(line.map(|line| (number + 1, line))),
            Err(why) => bad.push(BadLine { line: number + 1, why }),
        }
    }
    if bad.is_empty() { Ok(lines.into_iter().map(|(_, line)| line).collect()) } else { Err(bad) }
}

/// One line; nothing where it says what is Outlast's business.
fn one(line: &str) -> Result<Option<Directive>, String> {
    let (name, value) = line.split_once(char::is_whitespace).ok_or("a directive needs a value")?;
    let name = name.to_lowercase();
    match name.as_str() {
        "include" => {
            return Err("`include` is not followed: name the included file itself, or paste it".into());
        }
        // The harness would be locked out, and a password decides nothing that survives.
        "requirepass" => {
            return Err("`requirepass` locks the harness out, and nothing that survives depends on it: \
                        leave it out of the copy that is tested"
                .into());
        }
        _ => {}
    }
    let value = value.trim();
    let quoted = value.len() >= 2 && value.starts_with('"') && value.ends_with('"');
    let inner = if quoted { &value[1..value.len() - 1] } else { value };
    let value = if inner.contains('"') { value } else { inner };
    // Where things are is Outlast's business; a file written for production names its own places.
    let owned = super::directive::OWNED.contains(&name.as_str());
    Ok((!owned).then(|| Directive { name, value: value.into() }))
}

/// The line, unless an earlier one says something else: which of the two was meant, nobody can tell.
fn agrees(line: Directive, earlier: &[(usize, Directive)]) -> Result<Directive, String> {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let same = |other: &&(usize, Directive)| {
        let other = &other.1;
        other.name == line.name
            && match line.name.as_str() {
                // Save points add up, but with none they conflict.
                SAVE => words(&other.value).is_empty() != words(&line.value).is_empty(),
                LIMITS => {
                    other.value.split_whitespace().next() == line.value.split_whitespace().next()
                        && words(&other.value) != words(&line.value)
                }
                name => !ADDITIVE.contains(&name) && words(&other.value) != words(&line.value),
            }
    };
    match earlier.iter().find(same) {
        Some((number, other)) => Err(format!(
            "`{} {}` conflicts with `{} {}` in line {number}: leave one out",
            line.name, line.value, other.name, other.value
        )),
        None => Ok(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_file_is_read_without_its_comments_and_places() {
        let text = "# comment\n\nSAVE 900 1\nsave 300 10\nappendonly yes\nappendfilename \"a.aof\"\ndir /var/lib/redis\n";
        let lines = parse(text).expect("valid");
        let pairs: Vec<_> = lines.iter().map(|line| (line.name.as_str(), line.value.as_str())).collect();
        assert_eq!(
            pairs,
            [("save", "900 1"), ("save", "300 10"), ("appendonly", "yes"), ("appendfilename", "a.aof")]
        );
        assert_eq!(parse("save 1 1\ninclude other.conf").expect_err("include")[0].line, 2);
    }

    #[test]
    fn every_line_that_cannot_be_used_is_named_and_only_those() {
        let fine = "appendonly yes\nAppendOnly  yes\nsave 900 1\nsave 300 10\nrename-command A B\nrename-command C D\n\
                    client-output-buffer-limit normal 0 0 0\nclient-output-buffer-limit pubsub 32mb 8mb 60\n";
        assert_eq!(parse(fine).expect("nothing conflicts").len(), 8);
        let bad = "appendonly yes\nappendonly no\nsave 900 1\nsave \"\"\nlonely\nrequirepass secret\n\
                   client-output-buffer-limit normal 0 0 0\nclient-output-buffer-limit normal 1mb 0 0\n";
        let mistakes = parse(bad).expect_err("five mistakes");
        let numbers: Vec<_> = mistakes.iter().map(|mistake| mistake.line).collect();
        assert_eq!(numbers, [2, 4, 5, 6, 8]);
        assert!(mistakes[0].why.contains("`appendonly yes` in line 1"), "{}", mistakes[0].why);
        assert!(mistakes.iter().all(|mistake| !mistake.why.contains("secret")), "a password is not repeated");
    }
}
