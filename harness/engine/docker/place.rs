//! Where a server lives: what its container is made of, and its config file. Pure.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;

use bollard::models::{
    ContainerCreateBody, HealthConfig, HostConfig, HostConfigLogConfig, PortBinding, RestartPolicy,
    RestartPolicyNameEnum,
};

use super::image::{Image, sanitize};
use super::{EngineFacts, RUN_LABEL, TRIAL_LABEL};
use crate::engine::tls::Secure;
use crate::engine::{Blueprint, EngineError};
use crate::matrix::{Launch, StorageKind};

/// Folder of the container that holds config, socket and log: the trial's folder, where it is bound.
pub(super) const HOME: &str = "/outlast";
/// Name of the config file below [`HOME`].
pub(super) const CONFIG: &str = "conf/redis.conf";
/// Name of the socket below [`HOME`].
pub(super) const SOCKET: &str = "redis.sock";
/// Name of the log below [`HOME`].
pub(super) const LOG: &str = "server.log";
/// Name of the folder below the trial's folder that is bound as the data directory.
pub(super) const BOUND_DATA: &str = "data";
/// Port in a container with a network of its own.
const PORT: u16 = 6379;

/// The choices that stay the same however often the container is made again.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// Name of the container, and of its volume.
    pub(super) name: String,
    /// Whether the engine shares this host's files.
    local: bool,
    /// `uid:gid` in the container.
    user: String,
    /// What holds the data directory.
    pub(super) storage: StorageKind,
    /// TCP port of the server in its network; absent when a unix socket is enough.
    port: Option<u16>,
    /// The listener with TLS, where the trial asked for one.
    pub(super) secure: Option<Secure>,
    labels: HashMap<String, String>,
}

impl Place {
    /// Chooses. `free_port` is a port of this host that nobody uses; `user` who runs this program.
    pub(super) fn choose(
        facts: &EngineFacts,
        run: &str,
        blueprint: &Blueprint,
        free_port: Option<u16>,
        secure: Option<Secure>,
        user: String,
    ) -> Result<Self, EngineError> {
        if blueprint.memory.is_some() && !facts.memory_limit {
            return Err(EngineError::Unsupported {
                reason: format!("{} cannot limit the memory of a container", facts.description),
                remedy: "enable the memory controller of cgroups for the engine".into(),
            });
        }
        if blueprint.tls && secure.is_none() {
            return Err(EngineError::Unsupported {
                reason: "TLS needs an engine that shares this host's files and network".into(),
                remedy: "use an engine on this host, or OUTLAST_ENGINE=process".into(),
            });
        }
        let storage = match blueprint.storage {
            // A folder of this host means nothing to an engine elsewhere; a named volume is its like.
            StorageKind::Bind if !facts.local => StorageKind::Volume,
            storage => storage,
        };
        // Files in a bound folder shall belong to the caller, who reads, damages and removes them.
        // Everywhere else the data directory belongs to root, as it does where root is not root.
        let as_caller = storage == StorageKind::Bind && !facts.rootless;
        Ok(Self {
            name: format!("{}-{}", sanitize(run), sanitize(&blueprint.id)),
            local: facts.local,
            user: if as_caller { user } else { "0:0".into() },
            storage,
            port: if facts.local { free_port } else { Some(PORT) },
            secure,
            labels: HashMap::from([
                (RUN_LABEL.into(), run.into()),
                (TRIAL_LABEL.into(), blueprint.id.clone()),
            ]),
        })
    }

    /// Labels of everything that belongs to the trial.
    pub(super) fn labels(&self) -> HashMap<String, String> {
        self.labels.clone()
    }

    /// The named volume, if there is one.
    pub(super) fn volume(&self) -> Option<&str> {
        (self.storage == StorageKind::Volume).then_some(self.name.as_str())
    }

    /// TCP port of the server on this host, where the engine is here and the trial asked for one.
    pub(super) fn port_here(&self) -> Option<u16> {
        self.port.filter(|_| self.local)
    }

    /// Data directory in the container. Official images declare `/data` a volume, so the container's own
    /// layer begins elsewhere.
    pub(super) fn data(&self) -> &'static str {
        if self.storage == StorageKind::None { "/var/lib/outlast" } else { "/data" }
    }

    /// Whether the server listens on TCP.
    fn listens(&self) -> bool {
        self.port.is_some() || self.secure.is_some()
    }

    /// Where things are, as redis.conf lines; also the server's arguments when it gets no config file.
    fn whereabouts(&self) -> Vec<(String, String)> {
        let mut lines = vec![
            ("dir".to_owned(), self.data().to_owned()),
            ("daemonize".to_owned(), "no".into()),
            ("logfile".to_owned(), format!("{HOME}/{LOG}")),
            ("port".to_owned(), self.port.unwrap_or(0).to_string()),
        ];
        if self.local {
            // The client is another user than root in the container.
            lines.push(("unixsocket".into(), format!("{HOME}/{SOCKET}")));
            lines.push(("unixsocketperm".into(), "777".into()));
        }
        let secure = self.secure.iter().flat_map(|secure| secure.lines(HOME));
        lines.extend(secure.map(|line| (line.name, line.value)));
        if self.listens() {
            lines.push(("protected-mode".into(), "no".into()));
            lines.push(("bind".into(), if self.local { "127.0.0.1" } else { "0.0.0.0" }.into()));
        }
        lines
    }

    /// The config file: the blueprint's directives, then where things are. The last word counts.
    pub(super) fn config(&self, blueprint: &Blueprint) -> String {
        let mut text = String::new();
        let directives = blueprint.directives.iter().map(|line| (line.name.clone(), line.value.clone()));
        for (name, value) in directives.chain(self.whereabouts()) {
            let _ = writeln!(text, "{name} {value}");
        }
        text
    }

    fn command(&self, server: &str, launch: Launch) -> Vec<String> {
        let config = format!("{HOME}/{CONFIG}");
        match launch {
            Launch::Direct => vec![server.into(), config],
            // Without the second command a shell becomes the server instead of waiting for it.
            Launch::Shell => vec!["/bin/sh".into(), "-c".into(), format!("{server} {config}; exit $?")],
            Launch::WithoutConfig => {
                let places = self.whereabouts().into_iter();
                let arguments = places.flat_map(|(name, value)| [format!("--{name}"), value]);
                std::iter::once(server.to_owned()).chain(arguments).collect()
            }
        }
    }

    /// What the engine is asked to create. `folder` is the trial's folder on this host.
    pub(super) fn body(&self, image: &Image, blueprint: &Blueprint, folder: &Path) -> ContainerCreateBody {
        let mut binds = Vec::new();
        if self.local {
            binds.push(format!("{}:{HOME}", folder.display()));
        }
        match self.storage {
            StorageKind::Bind => binds.push(format!("{}:{}", folder.join(BOUND_DATA).display(), self.data())),
            StorageKind::Volume => binds.push(format!("{}:{}", self.name, self.data())),
            // A disk is bound like any folder of the host, and comes here as one.
            StorageKind::Anonymous | StorageKind::None | StorageKind::Disk => {}
        }
        let published = (!self.local).then(|| {
            // The engine chooses the host's port, anew at every start.
            let binding = PortBinding { host_ip: None, host_port: Some(String::new()) };
            HashMap::from([(format!("{PORT}/tcp"), Some(vec![binding]))])
        });
        let memory = blueprint.memory.map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
        let host = HostConfig {
            binds: Some(binds),
            port_bindings: published,
            // A replica on this host reaches the port without the 100 ms that a bridge costs.
            network_mode: (self.local && self.listens()).then(|| "host".into()),
            // The server's own log is a file; the engine's copy costs a start and is read only for
            // what a server says before it opens that file.
            log_config: Some(HostConfigLogConfig { typ: Some("none".into()), config: None }),
            restart_policy: Some(RestartPolicy {
                name: Some(RestartPolicyNameEnum::NO),
                maximum_retry_count: None,
            }),
            // What makes a container safe for strangers' code costs a third of its start. These are the
            // user's own servers, without a network.
            security_opt: Some(vec!["seccomp=unconfined".into(), "label=disable".into()]),
            masked_paths: Some(Vec::new()),
            readonly_paths: Some(Vec::new()),
            ipc_mode: Some("none".into()),
            memory,
            // Equal limits leave no swap to flee to.
            memory_swap: memory,
            ..HostConfig::default()
        };
        ContainerCreateBody {
            image: Some(image.reference.clone()),
            // Images drop root and change owners in their entrypoint: all that is known here already.
            entrypoint: Some(self.command(&image.server, blueprint.launch)),
            cmd: Some(Vec::new()),
            user: Some(self.user.clone()),
            // The engine makes the folder if the image has none.
            working_dir: Some(self.data().into()),
            network_disabled: (self.local && !self.listens()).then_some(true),
            exposed_ports: (!self.local).then(|| vec![format!("{PORT}/tcp")]),
            volumes: (self.storage == StorageKind::Anonymous).then(|| vec![self.data().into()]),
            labels: Some(self.labels()),
            stop_signal: Some("SIGTERM".into()),
            healthcheck: Some(HealthConfig { test: Some(vec!["NONE".into()]), ..HealthConfig::default() }),
            host_config: Some(host),
            ..ContainerCreateBody::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::matrix::Directive;
    use crate::server::Build;

    fn blueprint(storage: StorageKind, launch: Launch) -> Blueprint {
        Blueprint {
            id: "t1".into(),
            folder: "/t".into(),
            build: Arc::new(Build::default()),
            directives: vec![Directive { name: "dir".into(), value: "/elsewhere".into() }],
            storage,
            launch,
            memory: None,
            tcp: false,
            tls: false,
        }
    }

    fn place(local: bool, blueprint: &Blueprint) -> Place {
        let facts = EngineFacts { local, memory_limit: true, ..EngineFacts::default() };
        Place::choose(&facts, "r", blueprint, None, None, "1000:1000".into()).unwrap()
    }

    #[test]
    fn the_place_has_the_last_word_in_the_config() {
        let blueprint = blueprint(StorageKind::Bind, Launch::Direct);
        let config = place(true, &blueprint).config(&blueprint);
        let dirs: Vec<_> = config.lines().filter(|line| line.starts_with("dir ")).collect();
        assert_eq!(dirs, ["dir /elsewhere", "dir /data"]);
        assert!(config.contains("unixsocket /outlast/redis.sock") && config.contains("port 0"), "{config}");
    }

    #[test]
    fn a_remote_engine_gets_no_path_of_this_host() {
        let blueprint = blueprint(StorageKind::Bind, Launch::Direct);
        let place = place(false, &blueprint);
        let image = Image {
            reference: "i".into(),
            server: "redis-server".into(),
            version: String::new(),
            product: String::new(),
            origin: crate::record::Origin::default(),
        };
        let body = place.body(&image, &blueprint, Path::new("/t"));
        assert_eq!(body.host_config.unwrap().binds.unwrap(), ["r-t1:/data"]);
        assert_eq!(body.network_disabled, None);
        assert_eq!(place.volume(), Some("r-t1"));
    }

    #[test]
    fn without_config_no_argument_names_the_config_file() {
        let blueprint = blueprint(StorageKind::Bind, Launch::WithoutConfig);
        let command = place(true, &blueprint).command("redis-server", Launch::WithoutConfig);
        assert!(command.contains(&"--unixsocket".to_owned()));
        assert!(!command.iter().any(|argument| argument.contains("redis.conf")), "{command:?}");
    }

    #[test]
    fn files_in_a_bound_folder_belong_to_the_caller() {
        assert_eq!(place(true, &blueprint(StorageKind::Bind, Launch::Direct)).user, "1000:1000");
        assert_eq!(place(true, &blueprint(StorageKind::Volume, Launch::Direct)).user, "0:0");
    }
}
