//! The list of modules. A module stands after those it requires.

use cartulary_http::ModuleRoutes;
use cartulary_repository::Module;

use crate::maintenance;

/// Returns the modules of every office.
pub fn usual() -> Vec<Module> {
    Vec::new()
}

/// Returns the modules of a demonstration office.
pub fn with_demo() -> Vec<Module> {
    let mut modules = usual();
    modules.push(cartulary_demo::module());
    modules
}

/// Returns the routes that stand beside those of the core.
pub fn routes() -> Vec<ModuleRoutes> {
    vec![maintenance::routes()]
}
