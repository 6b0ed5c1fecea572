//! The server's own check tools, in a container of their own with the dead server's data.

use std::time::Duration;

use bollard::models::HostConfigLogConfig;
use bollard::query_parameters::{CreateContainerOptions, RemoveContainerOptionsBuilder};

use super::{ACT, Container, describe, gone, limited, status};
use crate::engine::EngineError;
use crate::engine::docker::image::run_to_end;

/// Longest run of a check tool.
const TOOL: Duration = Duration::from_secs(60);
/// Exit code of a shell that does not find a program.
const NOT_FOUND: i64 = 127;

impl Container {
    /// Runs a tool from the server's image, as the same user; whether it ended well, and what it said.
    pub(super) async fn run_tool(
        &mut self,
        tool: &str,
        arguments: &[&str],
    ) -> Result<(bool, String), EngineError> {
        self.outlived_by_data()?;
        let name = format!("{}-{tool}", self.image.product);
        let action = format!("run {name} on the data of container {}", self.place.name);
        let lacking = |cause: &str| EngineError::Unsupported {
            reason: format!("{name} cannot be run from the server's image: {cause}"),
            remedy: "use an image that has a shell and the tool, or OUTLAST_ENGINE=process".into(),
        };
        let mut body = self.place.body(&self.image, &self.blueprint, &self.folder);
        // It asks before it cuts: every question gets a yes. The end of a pipe is the end of its last command.
        let script = format!("printf 'y\\ny\\ny\\n' | {name} \"$@\"");
        let words = ["/bin/sh", "-c", &script, "sh"];
        body.entrypoint = Some(words.iter().chain(arguments).map(|word| (*word).to_owned()).collect());
        if let Some(host) = &mut body.host_config {
            host.log_config = Some(HostConfigLogConfig { typ: Some("json-file".into()), config: None });
        }
        let _turn = self.link.turn().await;
        let create = self.client.create_container(None::<CreateContainerOptions>, body);
        let id = limited(&action, ACT, create).await?.id;
        let answer = tokio::time::timeout(TOOL, run_to_end(&self.client, &id)).await;
        let options = RemoveContainerOptionsBuilder::default().force(true).build();
        gone(&action, self.client.remove_container(&id, Some(options))).await?;
        match answer {
            Ok(Ok((NOT_FOUND, said))) => Err(lacking(said.trim())),
            Ok(Ok((code, said))) => Ok((code == 0, said)),
            // 400 and 404 say that there is no shell.
            Ok(Err(error)) if matches!(status(&error), Some(400 | 404)) => Err(lacking(&describe(&error))),
            Ok(Err(error)) => Err(EngineError::failed(action, describe(&error))),
            Err(_) => Err(EngineError::failed(action, format!("not over after {TOOL:?}"))),
        }
    }
}
