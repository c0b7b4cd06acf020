//! Exact, reproducible explanation audits of tree ensembles: config → dataset → model → attributions → derivations → report.
//!
//! See `docs/ARCHITECTURE.md` for the rooms, their layers and where a new method goes.

pub mod attribution;
pub mod cli;
pub mod command;
pub mod compare;
pub mod config;
pub mod dataset;
pub mod derive;
pub mod engine;
pub mod explain;
pub mod gates;
pub mod model;
pub mod numeric;
pub mod pattern;
pub mod report;
pub mod run;
pub mod settings;
pub mod subject;
pub mod table;
pub mod train;
