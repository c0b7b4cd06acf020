//! Leaves of the whole forest grouped by their features, so that one small table over coalitions of those serves them all.

use super::leaf::{Leaf, Shares};

/// Most features of a group: a coalition's index in the group's table is a byte.
const FEATURES: usize = 8;
/// Groups that are looked at for room before a new one is made.
const WINDOW: usize = 64;

/// Leaves whose features are among a few.
#[derive(Debug)]
pub(super) struct LeafGroup {
    /// The features, ascending: bit `i` of a table index is whether the `i`th is known.
    pub features: Vec<u32>,
    /// The outputs that every leaf of the group adds to.
    pub outputs: Vec<usize>,
    /// Leaves of the same features beside each other.
    pub members: Vec<Member>,
}

/// A leaf of a group.
#[derive(Debug)]
pub(super) struct Member {
    /// Number among all leaves.
    pub leaf: usize,
    /// The index bits of the leaf's own features.
    pub mask: u8,
}

/// Groups all leaves with dense shares. Leaves are taken in the order of their features, the forest's most frequent first, so that those with
/// room for each other are met close together.
pub(super) fn group(leaves: &[Leaf], features: usize) -> Vec<LeafGroup> {
    let ranks = ranks(leaves, features);
    let ranked = |leaf: &Leaf| {
        let mut ranked: Vec<usize> = leaf.conditions.iter().map(|condition| ranks[condition.feature]).collect();
        ranked.sort_unstable();
        ranked
    };
    let dense = leaves.iter().enumerate().filter(|(_, leaf)| matches!(leaf.shares, Shares::Dense(_)));
    let mut order: Vec<(Vec<usize>, Vec<usize>, usize)> = dense.map(|(number, leaf)| (outputs(leaf), ranked(leaf), number)).collect();
    order.sort_unstable();
    let mut groups: Vec<LeafGroup> = Vec::new();
    for (outputs, _, leaf) in order {
        let own: Vec<u32> = leaves[leaf].conditions.iter().map(|condition| condition.feature as u32).collect();
        let recent = groups.len().saturating_sub(WINDOW);
        let fits = groups[recent..].iter_mut().rev().filter(|group| group.outputs == outputs);
        let fits = fits.map(|group| (missing(&group.features, &own), group)).filter(|(new, group)| group.features.len() + new <= FEATURES);
        match fits.min_by_key(|(new, _)| *new) {
            Some((_, group)) => {
                group.features.extend(own);
                group.features.sort_unstable();
                group.features.dedup();
                group.members.push(Member { leaf, mask: 0 });
            }
            None => groups.push(LeafGroup { features: own, outputs, members: vec![Member { leaf, mask: 0 }] }),
        }
    }
    for group in &mut groups {
        for member in &mut group.members {
            let own = |feature: u32| leaves[member.leaf].conditions.iter().any(|condition| condition.feature == feature as usize);
            member.mask = group.features.iter().enumerate().fold(0, |mask, (bit, feature)| mask | u8::from(own(*feature)) << bit);
        }
        group.members.sort_by_key(|member| member.mask);
    }
    groups
}

fn outputs(leaf: &Leaf) -> Vec<usize> {
    leaf.values.iter().map(|(output, _)| *output).collect()
}

/// How many of `own` a group lacks.
fn missing(group: &[u32], own: &[u32]) -> usize {
    own.iter().filter(|feature| !group.contains(feature)).count()
}

/// Each feature's place when sorted by the number of leaves that it is on, most first.
fn ranks(leaves: &[Leaf], features: usize) -> Vec<usize> {
    let mut counts = vec![0_usize; features];
    leaves.iter().flat_map(|leaf| &leaf.conditions).for_each(|condition| counts[condition.feature] += 1);
    let mut order: Vec<usize> = (0..features).collect();
    order.sort_by_key(|feature| std::cmp::Reverse(counts[*feature]));
    let mut ranks = vec![0; features];
    order.into_iter().enumerate().for_each(|(rank, feature)| ranks[feature] = rank);
    ranks
}
