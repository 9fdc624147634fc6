//! The built web application, pre-compressed.
