//! The client against a real server, over a network that loses answers and a server that restarts.

#[cfg(test)]
mod errors;
#[cfg(test)]
mod network;
#[cfg(test)]
mod support;
#[cfg(test)]
mod watching;
#[cfg(test)]
mod writing;
