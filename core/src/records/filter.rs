//! Which records a caller means.

/// Conditions that must all hold, and a page of what is left. Strings are WTF-8; `None` is no constraint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// The workspace tag.
    pub workspace: Option<Vec<u8>>,
    /// The parent's id.
    pub parent: Option<Vec<u8>>,
    /// Any of these statuses; an empty list matches nothing.
    pub statuses: Option<Vec<Vec<u8>>>,
    /// The type.
    pub kind: Option<Vec<u8>>,
    /// Started at this time or later, in milliseconds since 1970.
    pub since: Option<i64>,
    /// Started before this time, in milliseconds since 1970.
    pub until: Option<i64>,
    /// How many to list at most.
    pub limit: Option<usize>,
    /// How many to skip first.
    pub offset: usize,
}
