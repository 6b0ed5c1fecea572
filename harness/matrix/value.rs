//! Durations and sizes, as people write them.

use std::time::Duration;

/// A value that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {what}")]
pub struct Unreadable {
    /// What was written.
    pub text: String,
    /// What it should be, with an example.
    pub what: &'static str,
}

/// What [`duration`] reads, for editors.
pub const DURATION_PATTERN: &str = r"^_*[0-9][0-9_]*\s*(ms|s|m|min|h)\s*$";
/// What [`size`] reads, for editors.
pub const SIZE_PATTERN: &str = r"^_*[0-9][0-9_]*\s*([kKmMgG][iI]?[bB]|[bB])?\s*$";

/// What [`share`] reads, for editors.
pub const SHARE_PATTERN: &str = r"^(100(\.0+)?|[0-9]{1,2}(\.[0-9]+)?)\s*%$";

/// `10%`, `2.5%`: from 0 to 1.
pub fn share(text: &str) -> Result<f64, Unreadable> {
    let read = || {
        let number = text.strip_suffix('%')?.trim_end();
        let plain = number.starts_with(|c: char| c.is_ascii_digit()) && !number.contains(['e', 'E']);
        let percent: f64 = plain.then(|| number.parse().ok())??;
        (0.0..=100.0).contains(&percent).then_some(percent / 100.0)
    };
    read().ok_or_else(|| Unreadable { text: text.into(), what: "share from 0% to 100%, such as 10%" })
}

/// `500ms`, `10s`, `30m`, `2h`.
pub fn duration(text: &str) -> Result<Duration, Unreadable> {
    let read = || {
        let (number, unit) = split(text)?;
        let millis = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            _ => return None,
        };
        Some(Duration::from_millis(number.checked_mul(millis)?))
    };
    read().ok_or_else(|| Unreadable { text: text.into(), what: "duration, such as 500ms, 10s or 30m" })
}

/// `512B`, `4KiB`, `64KB`, `16MB`: powers of 1024 in either spelling, as in redis.conf. A bare number counts bytes.
pub fn size(text: &str) -> Result<u64, Unreadable> {
    let read = || {
        let (number, unit) = split(text)?;
        let shift = match unit.to_ascii_lowercase().as_str() {
            "" | "b" => 0,
            "kb" | "kib" => 10,
            "mb" | "mib" => 20,
            "gb" | "gib" => 30,
            _ => return None,
        };
        number.checked_mul(1 << shift)
    };
    read().ok_or_else(|| Unreadable { text: text.into(), what: "size, such as 512B, 4KiB or 16MB" })
}

fn split(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    Some((digits.replace('_', "").parse().ok()?, unit.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_are_read_as_people_write_them() {
        for (text, millis) in [("500ms", 500), ("10s", 10_000), ("30m", 1_800_000), ("2h", 7_200_000)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for (text, bytes) in
            [("512B", 512), ("4KiB", 4096), ("64kb", 65_536), ("16MB", 16 << 20), ("1_000", 1000)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for bad in ["", "10", "s", "10 parsecs", "-1s", "99999999999999999999s"] {
            assert!(duration(bad).is_err(), "{bad:?}");
        }
        for (text, part) in [("10%", 0.1), ("2.5 %", 0.025), ("0%", 0.0), ("100%", 1.0)] {
            assert_eq!(share(text), Ok(part), "{text}");
        }
        for bad in ["", "%", "10", "101%", "-1%", "1e1%", "NaN%", "inf%"] {
            assert!(share(bad).is_err(), "{bad:?}");
        }
        for bad in ["", "B", "12XB", "-1", "99999999999GB"] {
            assert!(size(bad).is_err(), "{bad:?}");
        }
    }
}
