//! A record of a registry file (`workspaces.json`): any object with a string id.

use std::sync::Arc;

use crate::error::{Error, Flaw, Unread};
use crate::json::fields::{self, Fields};
use crate::json::layout;
use crate::json::text::decode;
use crate::memory;
use crate::records::filter::Filter;
use crate::records::{Patch, Record};

/// Levels of nesting around a record in the file.
const DEPTH: usize = 1;

/// One workspace.
#[derive(Debug)]
pub struct Item {
    text: Box<[u8]>,
    id: Arc<[u8]>,
}

impl Item {
    fn compose(fields: &Fields, argument: &str) -> Result<Self, Error> {
        let mut text = String::new();
        fields.write(&mut text)?;
        let text = layout::pretty(&text, DEPTH)?.ok_or_else(|| {
            Error::invalid(argument, format!("is larger than {} bytes", layout::MAX_RECORD))
        })?;
        let (item, _) = Self::read(&text).map_err(|unread| unread.in_argument(argument))?;
        if item.id.is_empty() {
            return Err(Error::invalid(format!("{argument}.id"), "must not be empty"));
        }
        Ok(item)
    }
}

impl Record for Item {
    const NAME: &'static str = "info";
    const HOLDS_ITS_LIKE: bool = true;

    fn read(bytes: &[u8]) -> Result<(Self, usize), Unread> {
        let no_object = || Flaw::new(0, "expected an object with an id");
        if bytes.first() != Some(&b'{') {
            return Err(no_object().into());
        }
        let mut documents = serde_json::Deserializer::from_slice(bytes).into_iter::<Fields>();
        let found = match documents.next() {
            Some(Ok(found)) => found,
            Some(Err(error)) => return Err(fields::unread(&error, bytes)),
            None => return Err(no_object().into()),
        };
        let token = found.get(b"id").ok_or_else(no_object)?;
        let id = decode(token)?.ok_or_else(|| {
            let offset = token.as_ptr() as usize - bytes.as_ptr() as usize;
            Flaw::new(offset, "expected id to be a string")
        })?;
        let text = &bytes[..documents.byte_offset()];
        Ok((Item { id: memory::share(&id)?, text: memory::copy(text)? }, text.len()))
    }

    fn create(text: &str) -> Result<Self, Error> {
        let fields = Fields::parse(text).map_err(|unread| unread.in_argument(Self::NAME))?;
        Self::compose(&fields, Self::NAME)
    }

    fn merge(&self, patch: &Patch) -> Result<Self, Error> {
        let text = std::str::from_utf8(&self.text).map_err(|error| Error::Internal(error.to_string()))?;
        let mut fields = Fields::parse(text).map_err(Unread::in_record)?;
        patch.apply(&mut fields, &["id"])?;
        let merged = Self::compose(&fields, "updates")?;
        if merged.id != self.id {
            return Err(Error::invalid("updates.id", "must not change"));
        }
        Ok(Item { id: self.id.clone(), ..merged })
    }

    fn text(&self) -> &[u8] {
        &self.text
    }

    fn id(&self) -> &Arc<[u8]> {
        &self.id
    }

    fn matches(&self, _filter: &Filter) -> bool {
        true
    }

    fn prunable_since(&self) -> Option<i64> {
        None
    }
}

#[cfg(test)]
mod tests;
