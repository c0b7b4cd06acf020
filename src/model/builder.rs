//! The checking builder: formats describe trees as they find them, the builder accepts only sound forests.

use super::forest::{Feature, Forest, LinearLeaf, Node, NodeKind, Rule, Split, Tree, TreeOutput};

/// A node as a file describes it; children are indices into the same tree, in any order.
#[derive(Clone, Debug, PartialEq)]
pub enum RawNode {
    /// An inner node; yes goes left.
    Split {
        /// Feature index.
        feature: usize,
        /// The question.
        rule: Rule,
        /// Whether missing values go left.
        missing_left: bool,
        /// Left child.
        left: usize,
        /// Right child.
        right: usize,
        /// Training weight.
        cover: f64,
    },
    /// A leaf with one value, or one for each output.
    Leaf {
        /// Values.
        values: Vec<f64>,
        /// Training weight.
        cover: f64,
    },
    /// A leaf with a linear function; in a tree with one, all leaves are such.
    LinearLeaf {
        /// The function.
        linear: LinearLeaf,
        /// Value where one of the function's features is missing.
        value: f64,
        /// Training weight.
        cover: f64,
    },
    /// A place that the library left behind when it pruned the tree; nothing points to it.
    Deleted,
}

/// A tree as a file describes it; the root is node 0.
#[derive(Clone, Debug, PartialEq)]
pub struct RawTree {
    /// Nodes, by their index in the file.
    pub nodes: Vec<RawNode>,
    /// Outputs that the leaves add to.
    pub output: TreeOutput,
    /// Factor on the leaf values.
    pub scale: f64,
}

/// Why a forest was refused, with its place.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{}{message}", place(*.tree, *.node))]
pub struct ForestError {
    /// Tree, 0-based in the file's order, if the fault lies in one.
    pub tree: Option<usize>,
    /// Node, by its index in the file, if the fault lies in one.
    pub node: Option<usize>,
    /// What is wrong.
    pub message: String,
}

fn place(tree: Option<usize>, node: Option<usize>) -> String {
    match (tree, node) {
        (Some(tree), Some(node)) => format!("tree {tree}, node {node}: "),
        (Some(tree), None) => format!("tree {tree}: "),
        _ => String::new(),
    }
}

impl ForestError {
    fn whole(message: String) -> Self {
        Self { tree: None, node: None, message }
    }

    fn tree(tree: usize, message: impl Into<String>) -> Self {
        Self { tree: Some(tree), node: None, message: message.into() }
    }

    fn at(tree: usize, node: usize, message: impl Into<String>) -> Self {
        Self { tree: Some(tree), node: Some(node), message: message.into() }
    }
}

/// Adds checked trees to a forest that starts without any.
#[derive(Debug)]
pub struct ForestBuilder {
    forest: Forest,
}

impl ForestBuilder {
    /// Starts from everything but the trees; `frame.trees` is empty.
    ///
    /// # Errors
    /// If there are no outputs, the base margins do not match them or are not finite, or feature names repeat.
    pub fn new(frame: Forest) -> Result<Self, ForestError> {
        if frame.outputs.is_empty() || frame.base.len() != frame.outputs.len() {
            let (outputs, base) = (frame.outputs.len(), frame.base.len());
            return Err(ForestError::whole(format!("{outputs} outputs with {base} base margins")));
        }
        if let Some(base) = frame.base.iter().find(|base| !base.is_finite()) {
            return Err(ForestError::whole(format!("base margin {base} is not finite")));
        }
        let mut names: Vec<&str> = frame.features.iter().map(|feature| feature.name.as_str()).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(ForestError::whole(format!("feature name `{}` occurs twice", pair[0])));
        }
        Ok(Self { forest: frame })
    }

    /// The inputs.
    pub fn features(&self) -> &[Feature] {
        &self.forest.features
    }

    /// Checks a tree and adds it.
    ///
    /// # Errors
    /// If a child is out of range, deleted, shared, or part of a cycle; a node is unreachable; a feature does not exist or is split in a way
    /// that does not fit its kind; a threshold is NaN; a leaf value is not finite or has the wrong width; a linear leaf stands beside a constant
    /// one, or is of a feature that is no number; or a cover is negative or not finite.
    pub fn add(&mut self, raw: &RawTree) -> Result<(), ForestError> {
        let tree = self.forest.trees.len();
        if !raw.scale.is_finite() {
            return Err(ForestError::tree(tree, format!("weight {} is not finite", raw.scale)));
        }
        let order = preorder(raw, tree)?;
        let mut position = vec![0; raw.nodes.len()];
        order.iter().enumerate().for_each(|(new, old)| position[*old] = new);
        let width = match raw.output {
            TreeOutput::One(output) if output < self.forest.outputs.len() => 1,
            TreeOutput::One(output) => return Err(ForestError::tree(tree, format!("adds to output {output}, which does not exist"))),
            TreeOutput::All => self.forest.outputs.len(),
        };
        let mut built = Tree {
            nodes: Vec::with_capacity(order.len()),
            leaf_values: Vec::new(),
            linear: Vec::new(),
            output: raw.output,
            scale: raw.scale,
        };
        let mut leaves = 0;
        for old in order {
            let node = &raw.nodes[old];
            check_node(node, &self.forest.features, width).map_err(|message| ForestError::at(tree, old, message))?;
            match node {
                RawNode::Deleted => {}
                RawNode::Leaf { values, cover } => {
                    built.nodes.push(Node { cover: *cover, kind: NodeKind::Leaf(leaves) });
                    built.leaf_values.extend_from_slice(values);
                    leaves += 1;
                }
                RawNode::LinearLeaf { linear, value, cover } => {
                    built.nodes.push(Node { cover: *cover, kind: NodeKind::Leaf(leaves) });
                    built.leaf_values.push(*value);
                    built.linear.push(linear.clone());
                    leaves += 1;
                }
                RawNode::Split { feature, rule, missing_left, left, right, cover } => {
                    let split = Split {
                        feature: *feature,
                        rule: rule.clone(),
                        missing_left: *missing_left,
                        left: position[*left],
                        right: position[*right],
                    };
                    built.nodes.push(Node { cover: *cover, kind: NodeKind::Split(split) });
                }
            }
        }
        if !built.linear.is_empty() && built.linear.len() != leaves {
            return Err(ForestError::tree(tree, "has linear leaves beside constant ones"));
        }
        self.forest.trees.push(built);
        Ok(())
    }

    /// The forest of all trees added.
    pub fn finish(self) -> Forest {
        self.forest
    }
}

/// Node indices in preorder; every node is reached exactly once.
fn preorder(raw: &RawTree, tree: usize) -> Result<Vec<usize>, ForestError> {
    if raw.nodes.is_empty() {
        return Err(ForestError::tree(tree, "has no nodes"));
    }
    let mut seen = vec![false; raw.nodes.len()];
    let mut order = Vec::with_capacity(raw.nodes.len());
    let mut stack = vec![(0, 0)];
    while let Some((node, parent)) = stack.pop() {
        let Some(mark) = seen.get_mut(node) else {
            return Err(ForestError::at(tree, parent, format!("child {node} does not exist (the tree has {} nodes)", raw.nodes.len())));
        };
        if std::mem::replace(mark, true) {
            return Err(ForestError::at(tree, parent, format!("child {node} is reached twice: the nodes do not form a tree")));
        }
        order.push(node);
        match &raw.nodes[node] {
            RawNode::Split { left, right, .. } => stack.extend([(*right, node), (*left, node)]),
            RawNode::Leaf { .. } | RawNode::LinearLeaf { .. } => {}
            RawNode::Deleted => return Err(ForestError::at(tree, parent, format!("child {node} was deleted from the tree"))),
        }
    }
    match seen.iter().zip(&raw.nodes).position(|(seen, node)| !seen && *node != RawNode::Deleted) {
        Some(node) => Err(ForestError::at(tree, node, "is not reachable from the root")),
        None => Ok(order),
    }
}

fn check_node(node: &RawNode, features: &[Feature], width: usize) -> Result<(), String> {
    let cover = match node {
        RawNode::Split { feature, rule, cover, .. } => {
            let Some(known) = features.get(*feature) else {
                return Err(format!("splits on feature {feature}, but the model has {}", features.len()));
            };
            check_rule(rule, known)?;
            cover
        }
        RawNode::Leaf { values, cover } => {
            if values.len() != width {
                return Err(format!("holds {} values where {width} are expected", values.len()));
            }
            if let Some(value) = values.iter().find(|value| !value.is_finite()) {
                return Err(format!("leaf value {value} is not finite"));
            }
            cover
        }
        RawNode::LinearLeaf { linear, value, cover } => {
            check_linear(linear, *value, features, width)?;
            cover
        }
        RawNode::Deleted => return Ok(()),
    };
    if cover.is_finite() && *cover >= 0.0 { Ok(()) } else { Err(format!("cover {cover} is not a finite number ≥ 0")) }
}

fn check_linear(leaf: &LinearLeaf, value: f64, features: &[Feature], width: usize) -> Result<(), String> {
    if width != 1 {
        return Err(format!("holds a linear function where {width} values are expected"));
    }
    let numbers = leaf.terms.iter().map(|(_, coefficient)| *coefficient).chain([leaf.constant, value]);
    if let Some(number) = numbers.into_iter().find(|number| !number.is_finite()) {
        return Err(format!("leaf value, constant or coefficient {number} is not finite"));
    }
    match leaf.terms.iter().find(|(feature, _)| features.get(*feature).is_none_or(Feature::is_categorical)) {
        Some((feature, _)) => {
            Err(format!("multiplies feature {feature}, which is not a number of the model's {} features", features.len()))
        }
        None => Ok(()),
    }
}

fn check_rule(rule: &Rule, feature: &Feature) -> Result<(), String> {
    match rule {
        Rule::Less(threshold) | Rule::LessOrEqual(threshold) if threshold.is_nan() => {
            Err(format!("threshold on `{}` is NaN", feature.name))
        }
        Rule::In(_) if !feature.is_categorical() => Err(format!("splits numeric feature `{}` by categories", feature.name)),
        Rule::Less(_) | Rule::LessOrEqual(_) if feature.is_categorical() => {
            Err(format!("splits categorical feature `{}` by a threshold", feature.name))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::forest::{CategorySet, Cover, Summation, Width};
    use super::super::link::Link;
    use super::*;

    fn frame() -> Forest {
        Forest {
            features: vec![Feature::numeric("x"), Feature::categorical("c", None)],
            outputs: vec!["a".into(), "b".into()],
            base: vec![0.0, 1.0],
            trees: Vec::new(),
            link: Link::Identity,
            compare: Width::F64,
            summation: Summation { width: Width::F64, base_first: true },
            cover: Cover::Count,
        }
    }

    fn split(rule: Rule, left: usize, right: usize) -> RawNode {
        RawNode::Split { feature: usize::from(matches!(rule, Rule::In(_))), rule, missing_left: true, left, right, cover: 2.0 }
    }

    fn leaf(values: &[f64]) -> RawNode {
        RawNode::Leaf { values: values.to_vec(), cover: 1.0 }
    }

    fn add(nodes: Vec<RawNode>, output: TreeOutput) -> Result<Forest, String> {
        let mut builder = ForestBuilder::new(frame()).map_err(|error| error.to_string())?;
        builder.add(&RawTree { nodes, output, scale: 0.5 }).map_err(|error| error.to_string())?;
        Ok(builder.finish())
    }

    #[test]
    fn nodes_in_any_order_become_a_preorder_without_the_deleted() {
        let set: CategorySet = [3].into_iter().collect();
        let nodes =
            vec![split(Rule::Less(0.5), 4, 2), RawNode::Deleted, split(Rule::In(set), 3, 5), leaf(&[1.0]), leaf(&[2.0]), leaf(&[3.0])];
        let forest = add(nodes, TreeOutput::One(1)).unwrap();
        let tree = &forest.trees[0];
        assert_eq!(tree.leaf_values, [2.0, 1.0, 3.0]);
        let children: Vec<_> =
            tree.nodes.iter().map(|node| if let NodeKind::Split(s) = &node.kind { (s.left, s.right) } else { (0, 0) }).collect();
        assert_eq!(children, [(1, 2), (0, 0), (3, 4), (0, 0), (0, 0)]);
    }

    #[test]
    fn unsound_trees_are_refused_with_their_place() {
        let less = |left, right| split(Rule::Less(0.0), left, right);
        let cases = [
            (vec![], "tree 0: has no nodes"),
            (vec![less(1, 2), leaf(&[0.0])], "tree 0, node 0: child 2 does not exist (the tree has 2 nodes)"),
            (vec![less(1, 1), leaf(&[0.0])], "tree 0, node 0: child 1 is reached twice: the nodes do not form a tree"),
            (vec![less(1, 2), less(0, 2), leaf(&[0.0])], "tree 0, node 1: child 0 is reached twice: the nodes do not form a tree"),
            (vec![leaf(&[0.0]), leaf(&[0.0])], "tree 0, node 1: is not reachable from the root"),
            (vec![less(1, 2), RawNode::Deleted, leaf(&[0.0])], "tree 0, node 0: child 1 was deleted from the tree"),
            (vec![leaf(&[0.0, 1.0])], "tree 0, node 0: holds 2 values where 1 are expected"),
            (vec![leaf(&[f64::NAN])], "tree 0, node 0: leaf value NaN is not finite"),
            (vec![split(Rule::LessOrEqual(f64::NAN), 1, 2), leaf(&[0.0]), leaf(&[0.0])], "tree 0, node 0: threshold on `x` is NaN"),
        ];
        for (nodes, message) in cases {
            assert_eq!(add(nodes, TreeOutput::One(0)), Err(message.to_string()));
        }
        assert_eq!(add(vec![leaf(&[0.0])], TreeOutput::One(2)), Err("tree 0: adds to output 2, which does not exist".into()));
        assert_eq!(add(vec![leaf(&[0.0])], TreeOutput::All), Err("tree 0, node 0: holds 1 values where 2 are expected".into()));
    }

    #[test]
    fn linear_leaves_are_functions_of_numbers_in_all_leaves_of_a_tree() {
        let linear = |constant, terms: &[(usize, f64)]| RawNode::LinearLeaf {
            linear: LinearLeaf { constant, terms: terms.to_vec() },
            value: -1.0,
            cover: 1.0,
        };
        let forest = add(vec![split(Rule::Less(0.0), 1, 2), linear(0.5, &[(0, 2.0)]), linear(1.0, &[])], TreeOutput::One(0)).unwrap();
        let first = &forest.trees[0].linear[0];
        assert_eq!([3.0, 1e-36, f64::NAN].map(|x| first.at(|_| x)), [Some(6.5), Some(0.5), None]);
        assert_eq!(forest.trees[0].leaf_values, [-1.0, -1.0]);
        let cases = [
            (vec![linear(f64::NAN, &[])], "tree 0, node 0: leaf value, constant or coefficient NaN is not finite"),
            (vec![linear(0.0, &[(0, f64::INFINITY)])], "tree 0, node 0: leaf value, constant or coefficient inf is not finite"),
            (vec![linear(0.0, &[(7, 1.0)])], "tree 0, node 0: multiplies feature 7, which is not a number of the model's 2 features"),
            (vec![linear(0.0, &[(1, 1.0)])], "tree 0, node 0: multiplies feature 1, which is not a number of the model's 2 features"),
            (vec![split(Rule::Less(0.0), 1, 2), linear(0.0, &[]), leaf(&[0.0])], "tree 0: has linear leaves beside constant ones"),
        ];
        for (nodes, message) in cases {
            assert_eq!(add(nodes, TreeOutput::One(0)), Err(message.to_string()));
        }
        let vector = add(vec![linear(0.0, &[])], TreeOutput::All);
        assert_eq!(vector, Err("tree 0, node 0: holds a linear function where 2 values are expected".into()));
    }

    #[test]
    fn unsound_frames_are_refused() {
        let refused = |change: fn(&mut Forest)| {
            let mut frame = frame();
            change(&mut frame);
            ForestBuilder::new(frame).err().map(|error| error.to_string()).unwrap_or_default()
        };
        assert_eq!(refused(|frame| frame.base = vec![0.0]), "2 outputs with 1 base margins");
        assert_eq!(refused(|frame| frame.base[1] = f64::INFINITY), "base margin inf is not finite");
        assert_eq!(refused(|frame| frame.features[1].name = "x".into()), "feature name `x` occurs twice");
    }
}
