//! Reads a redis.conf of the user's own.

use super::Directive;

/// A line that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct BadLine {
    /// From 1.
    pub line: usize,
    /// What is wrong.
    pub why: String,
}

/// The directives of a redis.conf, in order. Values keep the spelling of the file.
pub fn parse(text: &str) -> Result<Vec<Directive>, BadLine> {
    let mut directives = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let bad = |why: &str| BadLine { line: number + 1, why: why.into() };
        let (name, value) =
            line.split_once(char::is_whitespace).ok_or_else(|| bad("a directive needs a value"))?;
        let name = name.to_lowercase();
        if name == "include" {
            return Err(bad("`include` is not followed: name the included file itself, or paste it"));
        }
        let value = value.trim();
        let quoted = value.len() >= 2 && value.starts_with('"') && value.ends_with('"');
        let value = if quoted && !value[1..value.len() - 1].contains('"') {
            &value[1..value.len() - 1]
        } else {
            value
        };
        // Where things are is Outlast's business; a file written for production names its own places.
        if !super::directive::OWNED.contains(&name.as_str()) {
            directives.push(Directive { name, value: value.into() });
        }
    }
    Ok(directives)
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
        assert_eq!(parse("save 1 1\ninclude other.conf").expect_err("include").line, 2);
    }
}
