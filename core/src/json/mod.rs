//! JSON text as it stands in a data file: strings, objects, layout, dates, and reading a text piece by piece.

pub mod date;
pub(crate) mod fields;
pub(crate) mod input;
pub(crate) mod layout;
pub mod text;
