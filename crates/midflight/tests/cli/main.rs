//! The binary, run as people run it.
