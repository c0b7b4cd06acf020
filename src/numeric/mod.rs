//! Numbers without meaning: quadrature, dense systems, hashes, seeds and exact-order sums that every room above may use.

pub mod city_hash;
pub mod dense;
pub mod moments;
pub mod normal;
pub mod quadrature;
pub mod quantile;
pub mod rank;
pub mod seed;
pub mod sum;
pub mod value_counts;
