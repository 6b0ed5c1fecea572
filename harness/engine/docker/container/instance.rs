//! What a server in a container can be told and asked.

use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bollard::errors::Error;
use bollard::query_parameters::{StopContainerOptionsBuilder, WaitContainerOptionsBuilder};
use futures_util::StreamExt;
use rustix::process::{Signal as Posix, pidfd_send_signal};

use super::exit::{was_forced, whole_seconds};
use super::host::{inside, list, make_folder, read_tail};
use super::{Container, SETTLE};
use crate::engine::docker::archive;
use crate::engine::docker::image::image_of;
use crate::engine::docker::link::{ACT, describe, limited};
use crate::engine::docker::place::{HOME, LOG, SOCKET};
use crate::engine::tls::Secure;
use crate::engine::{Address, DataFile, EngineError, Exit, Instance, Killer, Restart, Signal, Volume};
use crate::matrix::Directive;
use crate::server::Build;

#[async_trait(?Send)]
impl Instance for Container {
    async fn start(&mut self) -> Result<(), EngineError> {
        let action = format!("start container {}", self.place.name);
        // A start before the engine has noticed the death is answered "it runs already".
        if self.started && self.exited(SETTLE).await?.is_none() {
            return Err(EngineError::failed(action, "the server still lives"));
        }
        if self.link.facts.local {
            match std::fs::remove_file(self.folder.join(SOCKET)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(EngineError::failed("remove the last life's socket", error));
                }
                _ => {}
            }
        }
        {
            let _turn = self.link.turn().await;
            let start = limited(&action, ACT, self.client.start_container(&self.id, None)).await;
            start
                .map_err(|error| if self.blueprint.memory.is_some() { self.lacking(error) } else { error })?;
        }
        self.started = true;
        self.look().await
    }

    async fn signal(&mut self, signal: Signal) -> Result<(), EngineError> {
        let action = |verb: &str| format!("{verb} container {}", self.place.name);
        match signal {
            Signal::Term => self.send(Posix::TERM, "SIGTERM").await,
            Signal::Kill => self.send(Posix::KILL, "SIGKILL").await,
            Signal::Abort => self.send(Posix::ABORT, "SIGABRT").await,
            Signal::Segfault => self.send(Posix::SEGV, "SIGSEGV").await,
            Signal::Pause => {
                let pause = limited(&action("pause"), ACT, self.client.pause_container(&self.id)).await;
                pause.map_err(|error| self.lacking(error))?;
                self.paused = true;
                Ok(())
            }
            // As SIGCONT does to a process that runs.
            Signal::Resume if !self.paused => Ok(()),
            Signal::Resume => {
                limited(&action("unpause"), ACT, self.client.unpause_container(&self.id)).await?;
                self.paused = false;
                Ok(())
            }
        }
    }

    async fn stop(&mut self, grace: Duration) -> Result<Exit, EngineError> {
        let Some(seconds) = whole_seconds(grace) else { return self.stop_by_hand(grace).await };
        let options = StopContainerOptionsBuilder::default().t(seconds).build();
        let begun = Instant::now();
        let stop = self.client.stop_container(&self.id, Some(options));
        limited(&format!("stop container {}", self.place.name), grace + ACT, stop).await?;
        let waited = begun.elapsed();
        let exit = self.exited(SETTLE).await?.ok_or_else(|| self.immortal())?;
        Ok(Exit { forced: was_forced(exit, waited, grace), ..exit })
    }

    async fn exited(&mut self, limit: Duration) -> Result<Option<Exit>, EngineError> {
        if self.supervised.is_some() {
            return self.end_of_life(limit).await;
        }
        // A starting server is looked at every few milliseconds: that is no question for the engine.
        if limit.is_zero() && self.process.as_ref().is_some_and(|process| !process.is_gone()) {
            return Ok(None);
        }
        let options = WaitContainerOptionsBuilder::default().condition("not-running").build();
        let mut wait = std::pin::pin!(self.client.wait_container(&self.id, Some(options)));
        match tokio::time::timeout(limit, wait.next()).await {
            // An exit code other than 0 is an error to the client, not to us.
            Ok(Some(Err(error))) if !matches!(error, Error::DockerContainerWaitError { .. }) => {
                let action = format!("wait for the end of container {}", self.place.name);
                Err(EngineError::failed(action, describe(&error)))
            }
            _ => self.ended().await,
        }
    }

    async fn restart(&mut self, grace: Duration) -> Result<Exit, EngineError> {
        let Some(seconds) = whole_seconds(grace) else {
            let exit = self.stop_by_hand(grace).await?;
            self.start().await?;
            return Ok(exit);
        };
        let (exit, waited) = self.restart_and_see(grace, seconds).await?;
        self.started = true;
        self.paused = false;
        self.look().await?;
        Ok(Exit { forced: was_forced(exit, waited, grace), ..exit })
    }

    async fn recreate(&mut self, volume: Volume) -> Result<(), EngineError> {
        self.take_away().await?;
        if volume == Volume::Drop {
            self.drop_volume().await?;
            if let Some(folder) = self.data_here() {
                std::fs::remove_dir_all(&folder)
                    .map_err(|error| EngineError::failed(format!("empty {}", folder.display()), error))?;
            }
            self.make_volume().await?;
        }
        self.make().await
    }

    async fn configure(&mut self, directives: &[Directive]) -> Result<(), EngineError> {
        self.blueprint.directives = directives.to_vec();
        if self.link.facts.local { self.write_config_here() } else { self.write_config_there().await }
    }

    fn address(&self) -> Address {
        if !self.link.facts.local {
            // Before the first start there is no port; nobody can connect then.
            return Address::Tcp(self.link.endpoint.host().into(), self.published_port.unwrap_or_default());
        }
        Address::Unix(match &self.folder_handle {
            Some(handle) => PathBuf::from(format!("/proc/self/fd/{}/{SOCKET}", handle.as_raw_fd())),
            None => self.folder.join(SOCKET),
        })
    }

    fn tcp_port(&self) -> Option<u16> {
        self.place.port_here()
    }

    fn secure_address(&self) -> Option<Address> {
        self.place.secure.as_ref().map(Secure::address)
    }

    fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(|process| process.pid.as_raw_nonzero().get().unsigned_abs())
    }

    async fn files(&mut self) -> Result<Vec<DataFile>, EngineError> {
        let mut files = match self.data_here() {
            Some(folder) => list(&folder)
                .map_err(|error| EngineError::failed(format!("list {}", folder.display()), error))?,
            None => {
                let members = archive::download(&self.client, &self.id, self.place.data(), false).await?;
                members.into_iter().map(|member| member.file).collect()
            }
        };
        files.sort();
        Ok(files)
    }

    async fn read_file(&mut self, path: &str) -> Result<Vec<u8>, EngineError> {
        inside(path)?;
        if let Some(folder) = self.data_here() {
            let path = folder.join(path);
            return std::fs::read(&path)
                .map_err(|error| EngineError::failed(format!("read {}", path.display()), error));
        }
        let path = format!("{}/{path}", self.place.data());
        let members = archive::download(&self.client, &self.id, &path, true).await?;
        let file = members.into_iter().next();
        file.map(|member| member.bytes)
            .ok_or_else(|| EngineError::failed(format!("read {path}"), "not a file"))
    }

    async fn write_file(&mut self, path: &str, bytes: &[u8]) -> Result<(), EngineError> {
        inside(path)?;
        if let Some(folder) = self.data_here() {
            let path = folder.join(path);
            make_folder(path.parent().unwrap_or(&folder))?;
            return std::fs::write(&path, bytes)
                .map_err(|error| EngineError::failed(format!("write {}", path.display()), error));
        }
        archive::upload(&self.client, &self.id, self.place.data(), path, bytes).await
    }

    async fn remove_file(&mut self, path: &str) -> Result<(), EngineError> {
        inside(path)?;
        let Some(folder) = self.data_here() else {
            return Err(EngineError::Unsupported {
                reason: format!("an engine's archives cannot remove {path}"),
                remedy: "use the storage `bind` on an engine of this host, or OUTLAST_ENGINE=process".into(),
            });
        };
        let path = folder.join(path);
        std::fs::remove_file(&path)
            .map_err(|error| EngineError::failed(format!("remove {}", path.display()), error))
    }

    async fn replace_build(&mut self, build: Arc<Build>) -> Result<(), EngineError> {
        self.outlived_by_data()?;
        let image = image_of(&self.images, &build)?;
        self.take_away().await?;
        (self.image, self.blueprint.build) = (image, build);
        self.make_from_image().await
    }

    async fn check_tool(&mut self, tool: &str, arguments: &[&str]) -> Result<(bool, String), EngineError> {
        self.run_tool(tool, arguments).await
    }

    fn data_folder(&self) -> Option<PathBuf> {
        self.data_here()
    }

    fn killer(&self) -> Option<Killer> {
        let handle = self.process.as_ref()?.handle.try_clone().ok()?;
        Some(Box::new(move || {
            let _ = pidfd_send_signal(&handle, Posix::KILL);
        }))
    }

    async fn supervise(&mut self, restart: Restart) -> Result<(), EngineError> {
        self.put_under_policy(restart).await
    }

    async fn revived(&mut self) -> Result<(), EngineError> {
        self.started_again().await
    }

    async fn log_tail(&mut self, lines: usize) -> Vec<String> {
        let bytes = if self.link.facts.local {
            read_tail(&self.folder.join(LOG)).unwrap_or_default()
        } else {
            let log = archive::download(&self.client, &self.id, &format!("{HOME}/{LOG}"), true).await;
            log.unwrap_or_default().into_iter().next().map(|member| member.bytes).unwrap_or_default()
        };
        let text = String::from_utf8_lossy(&bytes);
        let all: Vec<_> = text.lines().collect();
        all[all.len().saturating_sub(lines)..].iter().map(|&line| line.to_owned()).collect()
    }

    async fn remove(&mut self) -> Result<(), EngineError> {
        self.take_away().await?;
        self.drop_volume().await
    }
}
