//! What can be used on this machine, and why the rest cannot.

use crate::engine::docker::Docker;
use crate::matrix::Server;
use crate::server;

/// Looks for an engine and for every server. The text is for a person; the flag says whether anything can be run.
pub fn examine(servers: &[Server]) -> (String, bool) {
    let engine = Docker::probe();
    let mut text = match &engine {
        Some(facts) => format!("docker       {}\n", facts.description),
        None => "docker       no engine answers: trials run as processes\n".to_owned(),
    };
    let mut usable = engine.is_some();
    let wanted: Vec<_> = servers.iter().collect();
    for (server, found) in servers.iter().zip(server::acquire_all(&wanted, &server::cache_folder())) {
        match found {
            Ok(build) => {
                usable = true;
                let (product, version, origin) = (&build.product, &build.version, &build.origin);
                text.push_str(&format!(
                    "{:<12} {product} {version}, {} {}\n",
                    server.name, origin.kind, origin.source
                ));
            }
            Err(missing) => {
                text.push_str(&format!("{:<12} not here: {}\n", server.name, missing.tried.join("; ")));
                text.push_str(&format!("{:<12} {}\n", "", missing.remedy));
            }
        }
    }
    (text, usable)
}
