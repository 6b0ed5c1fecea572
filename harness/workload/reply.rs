//! Cuts a byte stream into replies, so that what was acknowledged before a connection broke is known
//! op by op. A client library reports a broken pipeline as one failure; here every answer counts.

/// One answer, of either protocol version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply<'a> {
    /// A word, such as `OK` or `QUEUED`.
    Word,
    /// An integer.
    Integer(i64),
    /// Nothing.
    Nil,
    /// A string.
    Bulk(&'a [u8]),
    /// A list, a set or a map.
    Many {
        /// How many elements or pairs.
        length: usize,
        /// The first element, where it is an integer.
        first: Option<i64>,
    },
    /// The server answered with an error: its text.
    Error(&'a [u8]),
}

/// Bytes that are no reply: the server does not speak the protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the server answered {0:?}, which is no reply to a write")]
pub struct Garbled(pub String);

/// Takes the first whole reply off `bytes`: the reply and its length; `None` when more must be read.
pub fn next(bytes: &[u8]) -> Result<Option<(Reply<'_>, usize)>, Garbled> {
    let Some((line, after)) = line(bytes) else { return Ok(None) };
    let garbled = || Garbled(String::from_utf8_lossy(&line[..line.len().min(60)]).into_owned());
    let (mark, text) = line.split_first().ok_or_else(garbled)?;
    let number =
        || std::str::from_utf8(text).ok().and_then(|text| text.parse::<i64>().ok()).ok_or_else(garbled);
    let reply = match mark {
        b'+' | b'#' | b',' | b'(' => Reply::Word,
        b'-' => Reply::Error(text),
        b':' => Reply::Integer(number()?),
        b'_' => Reply::Nil,
        b'$' | b'=' | b'!' => {
            let Ok(length) = usize::try_from(number()?) else { return Ok(Some((Reply::Nil, after))) };
            let Some(body) = bytes.get(after..after + length) else { return Ok(None) };
            let end = after + length + 2;
            let reply = if *mark == b'!' { Reply::Error(body) } else { Reply::Bulk(body) };
            return Ok((bytes.len() >= end).then_some((reply, end)));
        }
        b'*' | b'~' | b'%' | b'>' => {
            let Ok(length) = usize::try_from(number()?) else { return Ok(Some((Reply::Nil, after))) };
            let (mut end, mut first) = (after, None);
            for position in 0..if *mark == b'%' { length * 2 } else { length } {
                let Some((element, used)) = next(&bytes[end..])? else { return Ok(None) };
                if let (0, Reply::Integer(number)) = (position, element) {
                    first = Some(number);
                }
                end += used;
            }
            return Ok(Some((Reply::Many { length, first }, end)));
        }
        _ => return Err(garbled()),
    };
    Ok(Some((reply, after)))
}

/// The first line without its end, and where the next one begins.
fn line(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    Some((&bytes[..end], end + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_cut_one_by_one_and_a_torn_one_is_not_counted() {
        let whole: &[u8] = b"+OK\r\n:1\r\n-MISCONF no\r\n$-1\r\n$3\r\na\r\n\r\n*2\r\n:1\r\n*1\r\n$1\r\nx\r\n%1\r\n+a\r\n_\r\n";
        let expected = [
            Reply::Word,
            Reply::Integer(1),
            Reply::Error(b"MISCONF no"),
            Reply::Nil,
            Reply::Bulk(b"a\r\n"),
            Reply::Many { length: 2, first: Some(1) },
            Reply::Many { length: 1, first: None },
        ];
        for cut in 0..=whole.len() {
            let mut bytes = &whole[..cut];
            let mut seen = Vec::new();
            while let Some((reply, length)) = next(bytes).expect("well formed") {
                seen.push(reply);
                bytes = &bytes[length..];
            }
            assert!(expected.starts_with(&seen), "cut at {cut}: {seen:?}");
            assert_eq!(seen.len() == expected.len(), cut == whole.len(), "cut at {cut}");
        }
        assert!(next(b"HTTP/1.1 400\r\n").is_err());
    }
}
