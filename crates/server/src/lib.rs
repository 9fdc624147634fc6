//! The composition root: configuration, modules, boot, command line.
