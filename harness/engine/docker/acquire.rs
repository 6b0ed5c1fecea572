//! Finds the servers of a matrix as images.

use std::path::Path;

use super::{Docker, Image, blocking};
use crate::matrix::Server;
use crate::server::{self, Build, Unavailable};

impl Docker {
    /// Finds several servers, in order: their images, and where an image cannot be had, one made from a binary.
    pub fn acquire_all(&self, servers: &[&Server], cache: &Path) -> Vec<Result<Build, Unavailable>> {
        servers.iter().map(|server| self.acquire(server, cache)).collect()
    }

    fn acquire(&self, server: &Server, cache: &Path) -> Result<Build, Unavailable> {
        let named = Build { name: server.name.clone(), ..Build::default() };
        let no_image = match blocking(self.ensure_image(&named, server.image.as_deref())) {
            Ok(image) => return Ok(of_image(named, image)),
            Err(error) => error.to_string(),
        };
        // The image is missing: a binary of that version will do, and every record says so.
        let build = server::acquire(server, cache).map_err(|mut missing| {
            missing.tried.insert(0, no_image.clone());
            missing.remedy = format!(
                "let the engine pull {}, or {}",
                server.image.as_deref().unwrap_or("an image"),
                missing.remedy
            );
            missing
        })?;
        let settings = build.settings.clone();
        match blocking(self.ensure_image(&build, None)) {
            Ok(image) => Ok(Build { settings, ..of_image(build, image) }),
            Err(error) => Err(Unavailable {
                server: server.name.clone(),
                tried: vec![no_image, error.to_string()],
                remedy: "look at the engine's log".into(),
                packaged: server.package.is_some(),
            }),
        }
    }
}

fn of_image(build: Build, image: Image) -> Build {
    Build {
        version: image.version,
        product: image.product,
        image: Some(image.reference),
        origin: image.origin,
        ..build
    }
}
