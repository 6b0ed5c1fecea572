//! Cuts a byte stream into replies, so that what was acknowledged before a connection broke is known
//! op by op. A client library reports a broken pipeline as one failure; here every answer counts.

/// One answer to a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply<'a> {
    /// The write was acknowledged.
    Done,
    /// The server answered with an error: its text.
    Error(&'a [u8]),
}

/// Bytes that are no reply to a write: the server does not speak the protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the server answered {0:?}, which is no reply to a write")]
pub struct Garbled(pub String);

/// Takes the first whole reply off `bytes`: the reply and its length; `None` when more must be read.
/// Writes are answered with simple strings, integers, errors and (bulk) nil only.
pub fn next(bytes: &[u8]) -> Result<Option<(Reply<'_>, usize)>, Garbled> {
    let Some(end) = bytes.iter().position(|&b| b == b'\n') else { return Ok(None) };
    let reply = match bytes[0] {
        b'+' | b':' | b'$' | b'_' => Reply::Done,
        b'-' => Reply::Error(bytes[1..end].trim_ascii_end()),
        _ => return Err(Garbled(String::from_utf8_lossy(&bytes[..end.min(60)]).into_owned())),
    };
    Ok(Some((reply, end + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_cut_at_line_ends_and_a_torn_one_is_not_counted() {
        let mut bytes: &[u8] = b"+OK\r\n:1\r\n-MISCONF no\r\n+O";
        let mut seen = Vec::new();
        while let Some((reply, length)) = next(bytes).expect("well formed") {
            seen.push(reply);
            bytes = &bytes[length..];
        }
        assert_eq!(seen, [Reply::Done, Reply::Done, Reply::Error(b"MISCONF no")]);
        assert_eq!(bytes, b"+O");
        assert!(next(b"HTTP/1.1 400\r\n").is_err());
    }
}
