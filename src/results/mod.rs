//! What goes back: records, receipts, reports and failures, made into JS values on the JS thread.

pub mod failure;
pub mod receipt;
pub mod report;
pub mod seen;
pub mod selection;
mod strings;
