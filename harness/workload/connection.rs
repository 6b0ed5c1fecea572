//! A writer's connection: made, logged in, and ready for its first op.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::rustls::pki_types::ServerName;

use super::reply::{self, Reply};
use super::{Command, Workload, command, words};
use crate::engine::{Address, tls};
use crate::matrix;

/// Longest wait for a connection to be made, and for an answer to its greeting.
const LIMIT: Duration = Duration::from_secs(10);

/// A connected stream of either kind.
pub trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

/// Connects to a server, within a limit.
pub async fn connect(address: &Address) -> io::Result<Box<dyn Stream>> {
    let connecting = async {
        Ok::<Box<dyn Stream>, io::Error>(match address {
            Address::Unix(path) => Box::new(UnixStream::connect(path).await?),
            Address::Tcp(host, port) => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                Box::new(stream)
            }
            Address::Tls { host, port, certificate } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                let name = ServerName::try_from(host.clone()).map_err(io::Error::other)?;
                let connector = tls::connector(certificate).map_err(io::Error::other)?;
                Box::new(connector.connect(name, stream).await?)
            }
        })
    };
    timeout(LIMIT, connecting).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Connects, logs in where that is asked for, and says what the workload says before its first op.
pub async fn open(
    address: &Address,
    spec: &matrix::Workload,
    greeting: &[Command],
) -> io::Result<Box<dyn Stream>> {
    let mut stream = connect(address).await?;
    let login = login(spec);
    greet(&mut stream, login.iter().chain(greeting)).await?;
    Ok(stream)
}

/// What a lane's connection says before its first op: its database, and what the workload has to say.
pub fn greeting(spec: &matrix::Workload, workload: &dyn Workload, lane: u16) -> Vec<Command> {
    let database = spec.database(lane).to_string();
    let select = (database != "0").then(|| words(&["SELECT", &database]));
    select.into_iter().chain(workload.greeting(lane)).collect()
}

/// AUTH, or HELLO where a version of the protocol is asked for.
fn login(spec: &matrix::Workload) -> Option<Command> {
    let user = spec.user.as_ref().map(|user| ["AUTH", &user.name, &user.password]);
    let said = match (spec.resp, user) {
        (None, None) => return None,
        (None, Some(auth)) => words(&auth),
        (Some(version), auth) => {
            let version = version.to_string();
            words(&["HELLO", &version].into_iter().chain(auth.into_iter().flatten()).collect::<Vec<_>>())
        }
    };
    Some(said)
}

/// Sends commands and reads their answers.
async fn greet(stream: &mut Box<dyn Stream>, said: impl Iterator<Item = &Command> + Clone) -> io::Result<()> {
    let mut out = Vec::new();
    for words in said.clone() {
        command(&mut out, &words.iter().map(Vec::as_slice).collect::<Vec<_>>());
    }
    stream.write_all(&out).await?;
    stream.flush().await?;
    let mut input = Vec::new();
    for words in said {
        let first = String::from_utf8_lossy(&words[0]).into_owned();
        let length = loop {
            match reply::next(&input).map_err(io::Error::other)? {
                Some((Reply::Error(text), _)) => {
                    let text = String::from_utf8_lossy(text);
                    return Err(io::Error::other(format!("{first} was answered with {text}")));
                }
                Some((_, length)) => break length,
                None => {}
            }
            if timeout(LIMIT, stream.read_buf(&mut input)).await?? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        };
        input.drain(..length);
    }
    Ok(())
}
