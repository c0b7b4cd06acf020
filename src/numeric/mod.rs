//! Numbers without meaning: quadrature, seeds and exact-order sums that every room above may use.

pub mod quadrature;
pub mod seed;
