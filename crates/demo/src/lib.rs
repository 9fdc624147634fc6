//! A small living office made by code.
