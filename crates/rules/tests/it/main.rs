//! Tests of the rules kind through what it offers: documents in, answers out.

#[cfg(test)]
mod batches;
#[cfg(test)]
mod budget;
#[cfg(test)]
mod every_file;
#[cfg(test)]
mod import;
#[cfg(test)]
mod mutations;
#[cfg(test)]
mod naive;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod schemas;
#[cfg(test)]
mod semantics;
#[cfg(test)]
mod support;
