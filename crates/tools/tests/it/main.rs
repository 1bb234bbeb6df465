//! Tests of the tools kind through what it offers: documents in, answers out.

#[cfg(test)]
mod catalogue;
#[cfg(test)]
mod expressions;
#[cfg(test)]
mod kind;
#[cfg(test)]
mod mutations;
#[cfg(test)]
mod poisoned;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod schemas;
#[cfg(test)]
mod support;
