//! What the face hands over: mutations and queries, as it has read them from its callers' arguments.

pub mod ops;
pub mod query;
