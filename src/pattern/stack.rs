//! Groups of any trees whose columns fit into eight lanes together.
//!
//! A row's lines of all groups of a stack are added up as they are, eight columns at once; only their sum is transposed and added to the
//! output. The fewer columns a forest has, and the more alike its groups, the higher the stacks.

use pulp::{Arch, NullaryFnOnce};

use super::block::{BLOCK, RankBlock};
use super::kernel::{Indices, Kernels};
use super::program::Lookup;
use super::table::{LANES, Line, Panel};

/// Tables with common columns, and how the index of each comes about.
#[derive(Debug)]
pub(super) struct Stack {
    pub panel: Panel,
    pub lookups: Vec<Lookup>,
    /// The group of each table, while tables are built.
    pub groups: Vec<usize>,
}

/// What is known of a group before its tables are built.
#[derive(Clone, Debug)]
pub(super) struct Outline {
    /// Output columns, ascending.
    pub columns: Vec<u32>,
    /// How the index comes about.
    pub lookup: Lookup,
}

/// Bytes of a stack's tables, beyond which no further one joins: they should be in the first-level cache together.
const STACK_BYTES: usize = 32 << 10;
/// Latest stacks among which a table looks for its place: of 500 trees of depth 6 all of them, of larger forests enough.
const WINDOW: usize = 4096;

impl Stack {
    /// Stacks the tables of all groups, which lie one after another; unused lanes go to the column `spare`.
    ///
    /// Groups whose most frequent columns are the same come one after another; each joins the stack, of the latest ones, that grows least.
    pub(super) fn all(groups: &[Outline], spare: u32) -> Vec<Self> {
        let tables =
            groups.iter().enumerate().flat_map(|(number, group)| group.columns.chunks(LANES).map(move |columns| (number, columns)));
        let tables: Vec<(usize, &[u32])> = tables.collect();
        // One bit for each column of a stack, modulo 64, and all bits where no table fits any more: it rules out most stacks.
        let (mut drafts, mut marks): (Vec<Draft>, Vec<u64>) = Default::default();
        for table in by_frequency(&tables, spare) {
            let (group, columns) = tables[table];
            let bytes = groups[group].lookup.indices() * size_of::<Line>();
            let mark = columns.iter().fold(0_u64, |mark, column| mark | 1 << (column % 64));
            let mut best: Option<(usize, usize)> = None;
            let (mut end, latest) = (drafts.len(), drafts.len().saturating_sub(WINDOW));
            while end > latest && best.is_none_or(|(growth, _)| growth > 0) {
                let first = end.saturating_sub(64).max(latest);
                let mut roomy = Arch::new().dispatch(Roomy { marks: &marks[first..end], mark });
                while roomy != 0 && best.is_none_or(|(growth, _)| growth > 0) {
                    let draft = first + roomy.ilog2() as usize;
                    roomy ^= 1 << (draft - first);
                    let growth = drafts[draft].growth(columns, bytes);
                    if growth.is_some_and(|growth| best.is_none_or(|(least, _)| growth < least)) {
                        best = growth.map(|growth| (growth, draft));
                    }
                }
                end = first;
            }
            match best {
                Some((_, draft)) => {
                    drafts[draft].join(group, columns, bytes);
                    marks[draft] = if drafts[draft].bytes < STACK_BYTES { marks[draft] | mark } else { u64::MAX };
                }
                None => {
                    drafts.push(Draft { columns: columns.to_vec(), groups: vec![group], bytes });
                    marks.push(if bytes < STACK_BYTES { mark } else { u64::MAX });
                }
            }
        }
        let mut end = 0;
        drafts.into_iter().map(|draft| draft.stack(groups, spare, &mut end)).collect()
    }

    /// Adds the lines of a block's rows: `out[column · STRIDE + row] += Σ_table lines[index[row]][lane]`.
    pub(super) fn add(&self, kernels: &Kernels, lines: &[Line], ranks: &RankBlock, scratch: &mut Vec<Indices>, out: &mut [f64]) {
        if scratch.len() < self.lookups.len() {
            scratch.resize(self.lookups.len(), [0; BLOCK]);
        }
        self.lookups.iter().zip(&mut *scratch).for_each(|(lookup, indices)| (kernels.look_up)(lookup, ranks, indices));
        (kernels.add)(&self.panel, lines, scratch, out);
    }
}

/// Of up to 64 stacks, those with hardly more columns than a table has and leaves room for: a bit each.
struct Roomy<'m> {
    marks: &'m [u64],
    mark: u64,
}

impl NullaryFnOnce for Roomy<'_> {
    type Output = u64;

    #[inline(always)]
    fn call(self) -> u64 {
        let mut beyond = [u64::MAX; 64];
        beyond.iter_mut().zip(self.marks).for_each(|(beyond, marked)| *beyond = marked & !self.mark);
        for _ in self.mark.count_ones().min(LANES as u32)..LANES as u32 {
            beyond.iter_mut().for_each(|beyond| *beyond &= beyond.wrapping_sub(1));
        }
        (0..64).fold(0, |roomy, stack| roomy | u64::from(beyond[stack] == 0) << stack)
    }
}

/// A stack in the making.
struct Draft {
    /// Columns, ascending.
    columns: Vec<u32>,
    groups: Vec<usize>,
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

    fn join(&mut self, group: usize, columns: &[u32], bytes: usize) {
        self.columns.extend(columns);
        self.columns.sort_unstable();
        self.columns.dedup();
        self.groups.push(group);
        self.bytes += bytes;
    }

    /// Its tables lie behind `end`.
    fn stack(self, groups: &[Outline], spare: u32, end: &mut usize) -> Stack {
        let columns: [u32; LANES] = std::array::from_fn(|lane| self.columns.get(lane).copied().unwrap_or(spare));
        let lookups: Vec<Lookup> = self.groups.iter().map(|group| groups[*group].lookup.clone()).collect();
        let tables = lookups.iter().map(|lookup| {
            let first = *end;
            *end += lookup.indices();
            first..*end
        });
        Stack { panel: Panel { columns, tables: tables.collect() }, lookups, groups: self.groups }
    }
}

/// Tables in the order of their columns, the columns of most tables first.
fn by_frequency(tables: &[(usize, &[u32])], spare: u32) -> Vec<usize> {
    let mut counts = vec![0_usize; spare as usize];
    tables.iter().flat_map(|(_, columns)| *columns).for_each(|column| counts[*column as usize] += 1);
    let mut popular: Vec<u32> = (0..spare).collect();
    popular.sort_by_key(|column| std::cmp::Reverse(counts[*column as usize]));
    let mut places = vec![0_u32; popular.len()];
    popular.iter().zip(0..).for_each(|(column, place)| places[*column as usize] = place);
    let mut order: Vec<usize> = (0..tables.len()).collect();
    order.sort_by_cached_key(|table| {
        let mut key = [u32::MAX; LANES];
        key.iter_mut().zip(tables[*table].1).for_each(|(key, column)| *key = places[*column as usize]);
        key.sort_unstable();
        key
    });
    order
}
