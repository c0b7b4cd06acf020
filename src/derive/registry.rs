//! The derivations, one line each.

crate::settings::steps! {
    /// What is derived from the attributions; a step that is not named does not run, but for `importance` and `summary`.
    importance: On,
    summary: On,
}
