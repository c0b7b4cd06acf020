//! Integration tests: the library's laws, and the real command on real files.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod agreement;
mod ale;
mod any_model_runs;
mod bad_input;
mod catboost;
mod catboost_damage;
mod cli;
mod command;
mod compare;
mod config;
mod conformance;
mod contributions;
mod damage;
mod dataset;
mod dependence;
mod effects;
mod effects_golden;
mod fairness;
mod forests;
mod gates;
mod golden;
mod h_statistic;
mod interactions;
mod kernel_shap;
mod laws;
mod lightgbm;
mod lightgbm_damage;
mod lime;
mod native;
mod native_damage;
mod onnx;
mod onnx_damage;
mod oracle;
mod permutation;
mod run_folder;
mod run_settings;
mod subjects;
mod support;
mod surrogate;
mod value;
mod xgboost;
mod xgboost_damage;
