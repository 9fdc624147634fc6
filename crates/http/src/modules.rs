//! What a module adds to the interface: routes under its own prefix.

use std::fmt;

use crate::openapi::Document;
use actix_web::web::ServiceConfig;

/// The routes of one module, mounted at `/api/v1/<name>`.
///
/// Handlers take [`crate::Guarded`], like those of the core.
#[derive(Clone)]
pub struct ModuleRoutes {
    /// The module's name.
    pub name: &'static str,
    /// Registers the routes, with paths below the prefix (`/boxes/{id}`).
    pub configure: fn(&mut ServiceConfig),
    /// Describes them, with whole paths; added with [`Document::add`].
    pub describe: Option<fn(Document) -> Document>,
}

impl fmt::Debug for ModuleRoutes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModuleRoutes").field("name", &self.name).finish_non_exhaustive()
    }
}
