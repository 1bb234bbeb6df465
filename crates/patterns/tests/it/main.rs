//! Tests of the patterns kind through what it offers: documents in, answers out.

#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod budget;
#[cfg(test)]
mod expressions;
#[cfg(test)]
mod import;
#[cfg(test)]
mod kind;
#[cfg(test)]
mod matching;
#[cfg(test)]
mod mutations;
#[cfg(test)]
mod naive;
#[cfg(test)]
mod normalization;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod schemas;
#[cfg(test)]
mod shows;
#[cfg(test)]
mod support;
#[cfg(test)]
mod texts;
#[cfg(test)]
mod uniqueness;
