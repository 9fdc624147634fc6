//! What is inside a file, read in contained worker processes.
