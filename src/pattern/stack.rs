//! Groups of any trees whose columns fit into eight lanes together.
//!
//! A row's lines of all groups of a stack are added up as they are, eight columns at once; only their sum is transposed and added to the
//! output. The fewer columns a forest has, and the more alike its groups, the higher the stacks.

use super::block::RankBlock;
use super::kernel::{Kernels, Offsets, offsets};
use super::program::Lookup;
use super::table::{LANES, Line, Panel};

/// A group's index and its tables, which are of one panel or of several.
#[derive(Clone, Debug)]
pub(super) struct CompiledGroup {
    /// How its index comes about.
    pub lookup: Lookup,
    /// Panels of one table each.
    pub panels: Vec<Panel>,
}

/// Tables with common columns, and how the index of each comes about.
#[derive(Debug)]
pub(super) struct Stack {
    lookups: Vec<Lookup>,
    panel: Panel,
}

/// Bytes of a stack's tables, beyond which no further one joins: they should be in the first-level cache together.
const STACK_BYTES: usize = 32 << 10;
/// Latest stacks among which a table looks for its place: of 500 trees of depth 6 all of them, of larger forests enough.
const WINDOW: usize = 4096;

impl Stack {
    /// Stacks the tables of all groups; unused lanes go to the column `spare`.
    ///
    /// Groups whose most frequent columns are the same come one after another; each joins the stack, of the latest ones, that grows least.
    pub(super) fn all(groups: Vec<CompiledGroup>, spare: u32) -> Vec<Self> {
        let mut tables: Vec<(Lookup, Panel)> = Vec::new();
        for CompiledGroup { lookup, panels } in groups {
            tables.extend(panels.into_iter().map(|panel| (lookup.clone(), panel)));
        }
        // One bit for each column of a stack, modulo 64, and all bits where no table fits any more: most stacks are ruled out by it.
        let (mut drafts, mut marks): (Vec<Draft>, Vec<u64>) = Default::default();
        for table in by_frequency(&tables, spare) {
            let (columns, bytes) = (used(&tables[table].1, spare), tables[table].1.bytes());
            let mark = columns.iter().fold(0_u64, |mark, column| mark | 1 << (column % 64));
            let latest = drafts.len().saturating_sub(WINDOW);
            let roomy = (latest..drafts.len()).rev().filter(|draft| (marks[*draft] | mark).count_ones() as usize <= LANES);
            let grown = roomy.filter_map(|draft| drafts[draft].growth(columns, bytes).map(|growth| (growth, draft)));
            match grown.min_by_key(|(growth, _)| *growth) {
                Some((_, draft)) => {
                    drafts[draft].join(table, columns, bytes);
                    marks[draft] = if drafts[draft].bytes < STACK_BYTES { marks[draft] | mark } else { u64::MAX };
                }
                None => {
                    drafts.push(Draft { columns: columns.to_vec(), tables: vec![table], bytes });
                    marks.push(if bytes < STACK_BYTES { mark } else { u64::MAX });
                }
            }
        }
        let mut tables: Vec<Option<(Lookup, Panel)>> = tables.into_iter().map(Some).collect();
        drafts.into_iter().map(|draft| draft.stack(&mut tables, spare)).collect()
    }

    /// Bytes of its tables.
    pub(super) fn bytes(&self) -> usize {
        self.panel.bytes()
    }

    /// Adds the lines of a block's rows: `out[column · STRIDE + row] += Σ_table lines[index[row]][lane]`.
    pub(super) fn add(&self, kernels: &Kernels, ranks: &RankBlock, lines: &mut Vec<Offsets>, out: &mut [f64]) {
        lines.clear();
        lines.extend(self.lookups.iter().map(|lookup| offsets(&(kernels.look_up)(lookup, ranks))));
        (kernels.add)(&self.panel, lines, out);
    }
}

/// A stack in the making.
struct Draft {
    /// Columns, ascending.
    columns: Vec<u32>,
    tables: Vec<usize>,
    bytes: usize,
}

impl Draft {
    /// How many columns more it would have with a table, if it takes it.
    fn growth(&self, columns: &[u32], bytes: usize) -> Option<usize> {
        if self.bytes + bytes > STACK_BYTES {
            return None;
        }
        let growth = columns.iter().filter(|column| !self.columns.contains(column)).count();
        (self.columns.len() + growth <= LANES).then_some(growth)
    }

    fn join(&mut self, table: usize, columns: &[u32], bytes: usize) {
        self.columns.extend(columns);
        self.columns.sort_unstable();
        self.columns.dedup();
        self.tables.push(table);
        self.bytes += bytes;
    }

    /// Takes its tables and moves their values into the lanes of the common columns.
    fn stack(self, tables: &mut [Option<(Lookup, Panel)>], spare: u32) -> Stack {
        let columns: [u32; LANES] = std::array::from_fn(|lane| self.columns.get(lane).copied().unwrap_or(spare));
        let mut stack = Stack { lookups: Vec::new(), panel: Panel { columns, tables: Vec::new() } };
        for (lookup, panel) in self.tables.iter().filter_map(|table| tables[*table].take()) {
            let lanes = columns.map(|column| panel.columns.iter().position(|known| *known == column && column != spare));
            stack.lookups.push(lookup);
            stack.panel.tables.extend(panel.tables.into_iter().map(|lines| moved(lines, lanes)));
        }
        stack
    }
}

/// Lines whose lane `k` is what was in `lanes[k]`, or zero.
fn moved(mut lines: Vec<Line>, lanes: [Option<usize>; LANES]) -> Vec<Line> {
    for line in &mut lines {
        let values = line.0;
        line.0 = lanes.map(|lane| lane.map_or(0.0, |lane| values[lane]));
    }
    lines
}

/// The columns of a panel, ascending.
fn used(panel: &Panel, spare: u32) -> &[u32] {
    &panel.columns[..panel.columns.iter().position(|column| *column == spare).unwrap_or(LANES)]
}

/// Tables in the order of their columns, the columns of most tables first.
fn by_frequency(tables: &[(Lookup, Panel)], spare: u32) -> Vec<usize> {
    let mut counts = vec![0_usize; spare as usize];
    tables.iter().flat_map(|(_, panel)| used(panel, spare)).for_each(|column| counts[*column as usize] += 1);
    let mut popular: Vec<u32> = (0..spare).collect();
    popular.sort_by_key(|column| std::cmp::Reverse(counts[*column as usize]));
    let mut places = vec![0_u32; popular.len()];
    popular.iter().zip(0..).for_each(|(column, place)| places[*column as usize] = place);
    let mut order: Vec<usize> = (0..tables.len()).collect();
    order.sort_by_cached_key(|table| {
        let mut key: Vec<u32> = used(&tables[*table].1, spare).iter().map(|column| places[*column as usize]).collect();
        key.sort_unstable();
        key
    });
    order
}
