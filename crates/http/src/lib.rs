//! The actix kit and the core routes.
