//! A file's text, read piece by piece: of a large file only a part is in memory at a time.

use std::io::{ErrorKind, Read, Result};

/// How much is read at a time, in bytes, unless one record is larger: an eighth of the text, between these.
const SMALLEST_PIECE: usize = 64 * 1024;
const LARGEST_PIECE: usize = 512 * 1024;

/// A text, read from its start, and a place in it.
pub(crate) struct Input<'a> {
    source: &'a mut dyn Read,
    /// How long the whole text is thought to be.
    size: usize,
    piece: usize,
    buffer: Vec<u8>,
    /// Where in the buffer the rest begins and ends.
    start: usize,
    end: usize,
    /// How many bytes of the text are behind us.
    passed: usize,
    ended: bool,
}

impl<'a> Input<'a> {
    /// The text of `source`, which is thought to be of so many bytes.
    pub fn new(source: &'a mut dyn Read, size: u64) -> Self {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let piece = (size / 8).clamp(SMALLEST_PIECE, LARGEST_PIECE);
        Input { source, size, piece, buffer: Vec::new(), start: 0, end: 0, passed: 0, ended: false }
    }

    /// How many bytes are behind us.
    pub fn offset(&self) -> usize {
        self.passed
    }

    /// How long the text is, if its end has been found.
    pub fn length(&self) -> Option<u64> {
        self.ended.then_some((self.passed + self.rest().len()) as u64)
    }

    /// What comes next, as far as it has been read.
    pub fn rest(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// The next byte; `None` at the end.
    pub fn next(&mut self) -> Result<Option<u8>> {
        self.reaches(1)?;
        Ok(self.rest().first().copied())
    }

    /// Goes on behind so many bytes of the rest.
    pub fn pass(&mut self, bytes: usize) {
        self.start += bytes;
        self.passed += bytes;
    }

    /// Goes on behind white space.
    pub fn pass_white_space(&mut self) -> Result<()> {
        loop {
            self.pass(white_space(self.rest()));
            if !self.rest().is_empty() || !self.reaches(1)? {
                return Ok(());
            }
        }
    }

    /// Whether the text goes on for so many bytes. All of them are in the rest then.
    pub fn reaches(&mut self, bytes: usize) -> Result<bool> {
        while self.rest().len() < bytes && !self.ended {
            self.read_piece(bytes)?;
        }
        Ok(self.rest().len() >= bytes)
    }

    /// Whether this comes next. No more is read than is needed to tell.
    pub fn begins_with(&mut self, text: &[u8]) -> Result<bool> {
        loop {
            let known = self.rest().len().min(text.len());
            if self.rest()[..known] != text[..known] {
                return Ok(false);
            }
            if known == text.len() {
                return Ok(true);
            }
            if !self.reaches(text.len().min(2 * known.max(1)))? {
                return Ok(false);
            }
        }
    }

    /// Makes the rest at least twice as long, or as long as the text is. False where it is so already.
    pub fn read_more(&mut self) -> Result<bool> {
        let before = self.rest().len();
        self.reaches(2 * before.max(1))?;
        Ok(self.rest().len() > before)
    }

    fn read_piece(&mut self, wanted: usize) -> Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        // One byte more than there should be, to find the end there.
        let left = self.size.saturating_sub(self.passed).saturating_add(1);
        let length = if left > self.end { left.min(wanted.max(self.piece)) } else { self.end + self.piece };
        if let Some(more) = length.checked_sub(self.buffer.len()) {
            // An allocation that fails otherwise would take the whole process down.
            self.buffer.try_reserve_exact(more).map_err(|_| ErrorKind::OutOfMemory)?;
            self.buffer.resize(length, 0);
        }
        let read = self.source.read(&mut self.buffer[self.end..])?;
        self.ended = read == 0;
        self.end += read;
        Ok(())
    }
}

/// How many bytes of white space a text begins with.
pub(crate) fn white_space(text: &[u8]) -> usize {
    text.iter().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')).count()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A text of which no more than so many bytes are read at once.
    pub(crate) struct Crumbs<'a> {
        pub text: &'a [u8],
        pub most: usize,
    }

    impl Read for Crumbs<'_> {
        fn read(&mut self, into: &mut [u8]) -> Result<usize> {
            let most = self.most.min(into.len());
            self.text.read(&mut into[..most])
        }
    }

    #[test]
    fn of_a_large_text_only_a_piece_is_in_memory() {
        let text: Vec<u8> = (0..20 * LARGEST_PIECE).map(|at| (at % 251) as u8).collect();
        let (mut source, size) = (&text[..], text.len() as u64);
        let mut input = Input::new(&mut source, size);
        let mut passed = Vec::new();
        for step in (1..).map(|step| step * 37 % 5000) {
            if !input.reaches(step).unwrap() {
                break;
            }
            passed.extend_from_slice(&input.rest()[..step]);
            input.pass(step);
            assert_eq!(input.length(), None);
            assert!(input.buffer.len() <= LARGEST_PIECE, "{}", input.buffer.len());
        }
        passed.extend_from_slice(input.rest());
        assert!(passed == text, "what was read is what was there");
        assert_eq!(input.length(), Some(size));
    }

    #[test]
    fn a_small_text_takes_no_more_room_than_it_needs_and_is_read_at_once() {
        let mut source = &b"four"[..];
        let mut input = Input::new(&mut source, 4);
        assert_eq!(input.next().unwrap(), Some(b'f'));
        assert_eq!((input.rest(), input.buffer.len(), input.length()), (&b"four"[..], 5, None));
        assert!(!input.read_more().unwrap());
        assert_eq!((input.length(), input.buffer.len()), (Some(4), 5));
    }

    #[test]
    fn one_record_that_is_larger_than_a_piece_is_read_whole_without_room_for_twice_its_size() {
        let text = vec![b'x'; 5 * LARGEST_PIECE];
        let mut source = &text[..];
        let mut input = Input::new(&mut source, text.len() as u64);
        while input.read_more().unwrap() {}
        assert_eq!((input.rest().len(), input.buffer.len()), (text.len(), text.len() + 1));
    }

    #[test]
    fn of_what_comes_next_no_more_is_read_than_tells_that_it_is_something_else() {
        let text = [&b"[{\"a\":1}"[..], &vec![b' '; 20 * LARGEST_PIECE]].concat();
        let mut source = &text[..];
        let mut input = Input::new(&mut source, text.len() as u64);
        assert!(!input.begins_with(&[&b"[{\"b"[..], &text[4..]].concat()).unwrap());
        assert!(input.buffer.len() <= LARGEST_PIECE, "{}", input.buffer.len());
        assert!(input.begins_with(&text).unwrap());
    }

    #[test]
    fn a_text_may_be_longer_or_shorter_than_was_thought() {
        for size in [0, 1, 3, 10, u64::MAX] {
            let mut crumbs = Crumbs { text: b" \n\t four ", most: 2 };
            let mut input = Input::new(&mut crumbs, size);
            input.pass_white_space().unwrap();
            assert_eq!(input.offset(), 4);
            assert!(input.begins_with(b"four").unwrap() && !input.begins_with(b"five").unwrap());
            input.pass(4);
            input.pass_white_space().unwrap();
            assert_eq!((input.next().unwrap(), input.length()), (None, Some(9)));
        }
    }
}
