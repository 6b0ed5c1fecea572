//! One connection for questions and orders, apart from the writers.

use std::collections::BTreeMap;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, IntoConnectionInfo, RedisResult, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::engine::Address;
use crate::matrix::Login;
use crate::workload::{Command, connection};

/// Longest wait for one answer. A blocking save of a large data set is the slowest of them.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// A control connection to one life of a server.
#[derive(Clone)]
pub struct Control {
    connection: MultiplexedConnection,
}

/// What a server says to PING.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pulse {
    /// It answers.
    Ready,
    /// It is reading its files.
    Loading,
    /// It takes connections and answers none within the limit: Redis 8.2 with io-threads says nothing while it loads.
    Mute,
    /// Nobody is there yet.
    Silent,
}

/// Asks once, within `limit`. A raw exchange: a client library would wrap it in a handshake.
pub async fn ping(address: &Address, limit: Duration) -> Pulse {
    let Ok(Ok(mut stream)) = timeout(limit, connection::connect(address)).await else { return Pulse::Silent };
    let asking = async {
        stream.write_all(b"PING\r\n").await.ok()?;
        let mut answer = [0; 64];
        let length = stream.read(&mut answer).await.ok()?;
        Some(answer[..length].to_vec())
    };
    match timeout(limit, asking).await {
        Ok(Some(answer)) if answer.starts_with(b"-LOADING") => Pulse::Loading,
        Ok(Some(answer)) if !answer.is_empty() => Pulse::Ready,
        Ok(_) => Pulse::Silent,
        Err(_) => Pulse::Mute,
    }
}

impl Control {
    /// Connects to a server that answers, and logs in.
    pub async fn connect(address: &Address, login: Option<&Login>) -> RedisResult<Self> {
        let mut info = url(address).as_str().into_connection_info()?;
        if let Some(login) = login {
            let settings = info.redis_settings().clone();
            info = info.set_redis_settings(settings.set_username(&login.name).set_password(&login.password));
        }
        let client = Client::open(info)?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(ANSWER_LIMIT))
            .set_response_timeout(Some(ANSWER_LIMIT));
        Ok(Self { connection: client.get_multiplexed_async_connection_with_config(&config).await? })
    }

    /// Sends one command.
    pub async fn ask<T: FromRedisValue>(&mut self, words: &[&str]) -> RedisResult<T> {
        let mut cmd = Cmd::new();
        for word in words {
            cmd.arg(*word);
        }
        cmd.query_async(&mut self.connection).await
    }

    /// Orders work that may end the server before it answers. A server that is at it already does what was asked.
    pub async fn order(&mut self, order: &str) -> RedisResult<()> {
        match self.ask::<redis::Value>(&[order]).await {
            Err(error) if error.code().is_some() && !error.to_string().contains("already in progress") => {
                Err(error)
            }
            _ => Ok(()),
        }
    }

    /// Sends a prepared command.
    pub async fn query<T: FromRedisValue>(&mut self, cmd: &Cmd) -> RedisResult<T> {
        cmd.query_async(&mut self.connection).await
    }

    /// Sends several commands at once.
    pub async fn query_all(&mut self, commands: &[Command]) -> RedisResult<Vec<Value>> {
        let mut pipe = redis::pipe();
        for command in commands {
            pipe.add_command(as_cmd(command));
        }
        pipe.query_async(&mut self.connection).await
    }

    /// The fields of one section of INFO.
    pub async fn info(&mut self, section: &str) -> RedisResult<BTreeMap<String, String>> {
        let text: String = self.ask(&["INFO", section]).await?;
        Ok(text
            .lines()
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim_end().to_owned()))
            .collect())
    }

    /// The effective configuration.
    pub async fn config(&mut self) -> RedisResult<BTreeMap<String, String>> {
        self.ask(&["CONFIG", "GET", "*"]).await
    }
}

/// A command in the client library's form.
pub fn as_cmd(command: &Command) -> Cmd {
    let mut cmd = Cmd::new();
    for word in command {
        cmd.arg(word.as_slice());
    }
    cmd
}

fn url(address: &Address) -> String {
    match address {
        Address::Unix(path) => format!("redis+unix://{}", path.display()),
        Address::Tcp(host, port) => format!("redis://{host}:{port}/"),
        Address::Tls { host, port, .. } => format!("rediss://{host}:{port}/"),
    }
}
