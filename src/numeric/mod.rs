//! Numbers without meaning: quadrature, seeds and exact-order sums that every room above may use.

pub mod moments;
pub mod quadrature;
pub mod quantile;
pub mod seed;
