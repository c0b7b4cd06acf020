//! The attribution methods, one line each.

crate::settings::steps! {
    /// Attribution methods; one that is not named does not run, but for `tree_shap`.
    tree_shap: On,
}
