//! Damaged, hostile and unexplainable ONNX files: each fault has a message that tells its place.

use pipeline::dataset::FeatureBlock;
use pipeline::model::{Iterations, Model, ReadError, format::FORMATS};

use crate::golden::folder;

fn golden(variant: &str) -> Vec<u8> {
    std::fs::read(folder("onnx").join(variant).join("model.onnx")).unwrap()
}

fn read(bytes: &[u8]) -> Result<Model, ReadError> {
    let format = FORMATS.iter().find(|format| format.name == "onnx").unwrap();
    (format.read)(bytes, Iterations::All)
}

fn refusal(bytes: &[u8]) -> String {
    read(bytes).err().map(|error| error.to_string()).unwrap_or_else(|| "is read".into())
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 127 {
        bytes.push(value as u8 | 128);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A field of protobuf with an integer.
fn int(tag: u64, value: i64) -> Vec<u8> {
    [varint(tag << 3), varint(value as u64)].concat()
}

/// A field of protobuf with bytes: a text, or a message.
fn sized(tag: u64, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    [varint(tag << 3 | 2), varint(bytes.as_ref().len() as u64), bytes.as_ref().to_vec()].concat()
}

/// An attribute of an operator, by name.
#[derive(Clone)]
enum Value {
    Ints(Vec<i64>),
    Floats(Vec<f32>),
    Texts(Vec<&'static str>),
    Int(i64),
    Text(&'static str),
}

fn attribute(name: &str, value: &Value) -> Vec<u8> {
    let value: Vec<u8> = match value {
        Value::Ints(values) => values.iter().flat_map(|value| int(8, *value)).collect(),
        Value::Floats(values) => sized(7, values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>()),
        Value::Texts(values) => values.iter().flat_map(|value| sized(9, value)).collect(),
        Value::Int(value) => int(3, *value),
        Value::Text(value) => sized(4, value),
    };
    sized(5, [sized(1, name), value].concat())
}

fn node(operator: &str, inputs: &[&str], output: &str, attributes: &[(&str, Value)]) -> Vec<u8> {
    let inputs: Vec<u8> = inputs.iter().flat_map(|input| sized(1, input)).collect();
    let attributes: Vec<u8> = attributes.iter().flat_map(|(name, value)| attribute(name, value)).collect();
    sized(1, [inputs, sized(2, output), sized(4, operator), attributes].concat())
}

/// A file with these operators and one input `X` of this element type, with this many columns.
fn model(nodes: &[Vec<u8>], element: i64, columns: i64) -> Vec<u8> {
    let shape = [sized(1, []), sized(1, int(1, columns))].concat();
    let input = [sized(1, "X"), sized(2, sized(1, [int(1, element), sized(2, shape)].concat()))].concat();
    [int(1, 8), sized(7, [nodes.concat(), sized(11, input)].concat())].concat()
}

/// A stump on the second of two columns; leaves are nodes 1 and 2.
fn stump() -> Vec<(&'static str, Value)> {
    vec![
        ("nodes_treeids", Value::Ints(vec![0, 0, 0])),
        ("nodes_nodeids", Value::Ints(vec![0, 1, 2])),
        ("nodes_featureids", Value::Ints(vec![1, 0, 0])),
        ("nodes_modes", Value::Texts(vec!["BRANCH_LEQ", "LEAF", "LEAF"])),
        ("nodes_values", Value::Floats(vec![0.5, 0.0, 0.0])),
        ("nodes_truenodeids", Value::Ints(vec![1, 0, 0])),
        ("nodes_falsenodeids", Value::Ints(vec![2, 0, 0])),
        ("target_treeids", Value::Ints(vec![0, 0])),
        ("target_nodeids", Value::Ints(vec![1, 2])),
        ("target_ids", Value::Ints(vec![0, 0])),
        ("target_weights", Value::Floats(vec![-1.0, 2.0])),
        ("n_targets", Value::Int(1)),
    ]
}

fn trees(input: &str, changed: &[(&'static str, Value)]) -> Vec<u8> {
    let mut attributes = stump();
    attributes.retain(|(name, _)| changed.iter().all(|(other, _)| name != other));
    attributes.extend_from_slice(changed);
    node("TreeEnsembleRegressor", &[input], "Y", &attributes)
}

#[test]
fn a_sound_file_is_read() {
    let forest = read(&model(&[trees("X", &[])], 1, 2)).unwrap().forest;
    let rows = FeatureBlock::from_rows(&[vec![9.0, 0.5], vec![0.0, 0.6], vec![0.0, f64::NAN]]);
    assert_eq!(forest.native_margins(&rows), [-1.0, 2.0, 2.0]);
}

#[test]
fn faults_of_a_tree_are_named_with_their_place() {
    let (ints, floats, texts) =
        (|values: &[i64]| Value::Ints(values.to_vec()), |values: &[f32]| Value::Floats(values.to_vec()), Value::Texts);
    let equal = ("nodes_modes", texts(vec!["BRANCH_EQ", "LEAF", "LEAF"]));
    let cases = [
        (vec![("nodes_nodeids", ints(&[0, 1]))], "`nodes_treeids` has 3 entries, `nodes_nodeids` 2"),
        (vec![("nodes_values", floats(&[0.5]))], "`nodes_treeids` has 3 entries, `nodes_values` 1"),
        (vec![("nodes_missing_value_tracks_true", ints(&[1]))], "`nodes_missing_value_tracks_true` 1"),
        (vec![("target_ids", ints(&[0]))], "`ids` has 1 entries, `treeids` 2"),
        (vec![("nodes_values", floats(&[f32::NAN, 0.0, 0.0]))], "tree 0, node 0: threshold is NaN"),
        (vec![("nodes_modes", texts(vec!["BRANCH_ODD", "LEAF", "LEAF"]))], "tree 0, node 0: mode `BRANCH_ODD` is not known"),
        (vec![("nodes_featureids", ints(&[-1, 0, 0]))], "tree 0, node 0: feature -1 does not exist"),
        (vec![("nodes_featureids", ints(&[2, 0, 0]))], "tree 0, node 0: asks about column 2, but there are 2"),
        (vec![("nodes_truenodeids", ints(&[7, 0, 0]))], "tree 0, node 0: child 7 does not exist"),
        (vec![("nodes_truenodeids", ints(&[0, 0, 0]))], "tree 0, node 0: child 0 is reached twice"),
        (vec![("nodes_truenodeids", ints(&[2, 0, 0]))], "tree 0, node 0: child 2 is reached twice"),
        (vec![equal.clone(), ("nodes_truenodeids", ints(&[0, 0, 0]))], "tree 0, node 0: is reached from itself"),
        (vec![("nodes_nodeids", ints(&[0, 1, 1]))], "tree 0 has two nodes 1"),
        (vec![("nodes_treeids", ints(&[0, 1, 0]))], "the nodes of tree 0 are not together"),
        (vec![("target_nodeids", ints(&[1, 1]))], "node 1 of tree 0 has two values for output 0"),
        (vec![("target_nodeids", ints(&[1, 9]))], "tree 0, node 2: is a leaf without a value"),
        (vec![("target_ids", ints(&[0, 1]))], "a leaf of tree 0 adds to output 1, but there are 1"),
        (vec![("target_weights", floats(&[f32::INFINITY, 0.0]))], "tree 0, node 1: leaf value inf is not finite"),
        (vec![("base_values", floats(&[1.0, 2.0]))], "1 outputs with 2 base_values"),
        (vec![("n_targets", Value::Int(1_000_000_000))], "1000000000 outputs are declared, but there are 2 leaf values"),
        (vec![("n_targets", Value::Int(-1))], "`n_targets` is -1"),
        (vec![("aggregate_function", Value::Text("MIN"))], "aggregate_function is MIN; only SUM and AVERAGE"),
        (vec![("post_transform", Value::Text("PROBIT"))], "post_transform PROBIT is not read"),
        (vec![("post_transform", Value::Text("LOGISTIC"))], "post_transform of a single target is ignored by onnxruntime"),
    ];
    for (changed, message) in cases {
        let found = refusal(&model(&[trees("X", &changed)], 1, 2));
        assert!(found.contains(message), "`{message}` is not in `{found}`");
    }
}

#[test]
fn what_stands_around_the_trees_is_folded_in_or_named() {
    let around = |nodes: &[Vec<u8>]| refusal(&model(nodes, 1, 2));
    let before = |operator: &str, attributes: &[(&str, Value)]| around(&[node(operator, &["X"], "T", attributes), trees("T", &[])]);
    let scaler = |scale: f32| [("offset", Value::Floats(vec![0.5])), ("scale", Value::Floats(vec![2.0, scale]))];
    assert_eq!(before("Identity", &[]), "is read");
    assert_eq!(before("Scaler", &scaler(-3.0)), "is read");
    assert!(before("Scaler", &scaler(0.0)).contains("operator Scaler stands before the trees: its constants [0.5, 0.0] for column 1"));
    assert!(before("Scaler", &scaler(f32::INFINITY)).contains("for column 1 undo the order"));
    assert!(before("Normalizer", &[]).contains("operator Normalizer stands before the trees: its outputs depend on the whole row"));
    assert!(before("OneHotEncoder", &[]).contains("operator OneHotEncoder stands before the trees"));
    assert!(before("Imputer", &[("imputed_value_floats", Value::Floats(vec![1.0]))]).contains("it replaces 0; only NaN"));
    assert!(before("Cast", &[("to", Value::Int(7))]).contains("element type 7 is neither float nor double"));
    assert!(around(&[trees("nowhere", &[])]).contains("no operator and no input makes `nowhere`"));
    assert!(around(&[node("Identity", &["T"], "T", &[]), trees("T", &[])]).contains("or they form a cycle"));
    let doubling = |level: usize| {
        node("Concat", &[&format!("T{level}"), &format!("T{level}")], &format!("T{}", level + 1), &[("axis", Value::Int(1))])
    };
    let levels: Vec<_> =
        std::iter::once(node("Identity", &["X"], "T0", &[])).chain((0..40).map(doubling)).chain([trees("T40", &[])]).collect();
    assert!(around(&levels).contains("more than 1000 operators"), "{}", around(&levels));
    let behind = |operator: &str| around(&[trees("X", &[]), node(operator, &["Y"], "Z", &[])]);
    assert_eq!(behind("Exp"), "is read");
    assert!(behind("Pow").contains("operator Pow stands behind the trees"));
    assert!(around(&[trees("X", &[]), trees("X", &[])]).contains("it holds 2 tree ensembles"));
    assert_eq!(around(&[node("Gemm", &["X"], "Y", &[])]), "it holds no tree ensemble; its operators are Gemm");
    for variant in ["ada_boost", "bagging"] {
        let refused = refusal(&golden(variant));
        assert!(refused.contains("it holds 3 tree ensembles") || refused.contains("stands behind single trees"), "{variant}: {refused}");
    }
}

/// Trees of several operators: what is made of each one's leaves is known, and their sum is a sum of trees; anything else is refused.
#[test]
fn trees_of_several_operators_are_added_up_or_refused() {
    let tree = |output: &str| node("TreeEnsembleRegressor", &["X"], output, &stump());
    let around = |nodes: &[Vec<u8>]| model(&[&[tree("A"), tree("B")], nodes].concat(), 1, 2);
    let table =
        |keys: &[i64], values: &[f32]| [("keys_int64s", Value::Ints(keys.to_vec())), ("values_floats", Value::Floats(values.to_vec()))];
    let integers = node("Cast", &["A"], "C", &[("to", Value::Int(7))]);
    let looked_up = |keys: &[i64], values: &[f32]| {
        around(&[integers.clone(), node("LabelEncoder", &["C"], "L", &table(keys, values)), node("Sum", &["L", "B"], "S", &[])])
    };
    let rows = FeatureBlock::from_rows(&[vec![9.0, 0.5], vec![0.0, 0.6]]);
    assert_eq!(read(&around(&[node("Sum", &["B", "A"], "S", &[])])).unwrap().forest.native_margins(&rows), [-2.0, 4.0]);
    // −1 is looked up, 2 is not in the table: −0.
    assert_eq!(read(&looked_up(&[-1], &[7.0])).unwrap().forest.native_margins(&rows), [6.0, 2.0]);
    let cases = [
        (looked_up(&[], &[]), "operator LabelEncoder stands behind single trees"),
        (looked_up(&[1, 2], &[7.0]), "`keys_int64s` has 2 entries, `values_floats` 1"),
        (looked_up(&[-1], &[f32::INFINITY]), "tree 0, node 1: leaf value inf is not finite"),
        (around(&[node("Log", &["A"], "L", &[]), node("Sum", &["L", "B"], "S", &[])]), "tree 0, node 1: leaf value NaN is not finite"),
        (around(&[node("Sum", &["A", "A"], "S", &[])]), "it holds 2 tree ensembles"),
        (around(&[node("Sum", &["A"], "S", &[])]), "it holds 2 tree ensembles"),
        (around(&[node("Sum", &["A", "X"], "S", &[])]), "it holds 2 tree ensembles"),
        (around(&[node("Mul", &["A", "B"], "S", &[])]), "operator Mul stands behind single trees"),
        (around(&[node("Max", &["A", "A", "A"], "S", &[])]), "operator Max stands behind single trees"),
        (around(&[node("Reshape", &["A"], "S", &[])]), "operator Reshape stands behind single trees"),
        (around(&[node("Sum", &["A", "B"], "S", &[]), node("Neg", &["A"], "N", &[])]), "operator Neg stands behind single trees"),
        (
            around(&[node("Sum", &["A", "B"], "S", &[]), node("Exp", &["S"], "E", &[]), node("Neg", &["E"], "N", &[])]),
            "operator Exp, Neg stands behind",
        ),
        (around(&vec![node("Neg", &["A"], "A", &[]); 193]), "more than 64 operators stand behind each tree"),
        (
            model(
                &[
                    tree("A"),
                    node("TreeEnsembleRegressor", &["X"], "B", &[&stump()[..], &[("base_values", Value::Floats(vec![1.0]))]].concat()),
                ],
                1,
                2,
            ),
            "it holds 2",
        ),
    ];
    for (bytes, message) in cases {
        assert!(refusal(&bytes).contains(message), "`{message}` is not in `{}`", refusal(&bytes));
    }
}

#[test]
fn what_is_not_a_table_of_numbers_is_refused() {
    assert!(refusal(&model(&[trees("X", &[])], 8, 2)).contains("input `X` has elements of type 8"));
    assert!(refusal(&model(&[trees("X", &[])], 1, 1 << 40)).contains("more than 100000 input columns"));
    // Without a width, the trees tell how many columns they need.
    assert_eq!(read(&model(&[trees("X", &[])], 1, 0)).unwrap().forest.features.len(), 2);
    assert_eq!(refusal(&int(1, 8)), "it holds no graph");
    let bytes = golden("random_forest");
    let cut = refusal(&bytes[..bytes.len() / 2]);
    assert!(cut.contains("ModelProto.graph"), "{cut}");
    let negative = [int(1, 8), varint(7 << 3 | 2), varint(u64::MAX)].concat();
    assert!(refusal(&negative).contains("ModelProto.graph"), "{}", refusal(&negative));
    let rounds = (FORMATS.iter().find(|format| format.name == "onnx").unwrap().read)(&bytes, Iterations::First(3.try_into().unwrap()));
    assert!(rounds.unwrap_err().to_string().contains("do not tell boosting rounds apart"));
}
