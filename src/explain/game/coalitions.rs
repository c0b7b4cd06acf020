//! Sets of players.

/// Coalitions of a fixed number of players, in an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coalitions {
    players: usize,
    /// Whether a player is in, `coalition · players + player`.
    members: Vec<bool>,
}

impl Coalitions {
    /// No coalition yet of `players` players, at least one.
    pub fn new(players: usize) -> Self {
        Self { players: players.max(1), members: Vec::new() }
    }

    /// The empty and the grand coalition.
    pub fn ends(players: usize) -> Self {
        let mut ends = Self::new(players);
        ends.members = [vec![false; players], vec![true; players]].concat();
        ends
    }

    /// Adds a coalition: whether each player is in.
    pub fn push(&mut self, members: impl IntoIterator<Item = bool>) {
        let before = self.members.len();
        self.members.extend(members.into_iter().take(self.players));
        self.members.resize(before + self.players, false);
    }

    /// Each coalition, followed by its complement.
    pub fn with_complements(&self) -> Self {
        let both = self.iter().flat_map(|members| members.iter().copied().chain(members.iter().map(|member| !member)));
        Self { players: self.players, members: both.collect() }
    }

    /// Number of coalitions.
    pub fn len(&self) -> usize {
        self.members.len() / self.players
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Each coalition: whether each player is in.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[bool]> {
        self.members.chunks_exact(self.players)
    }
}
