//! Server-sent events, read as they come.
//!
//! The rules are those of the HTML standard ("Server-sent events", parsing an event stream): lines end with LF, CR or CRLF, a
//! line that begins with a colon is a comment, several `data` lines of one event are joined by LF, an empty line ends the event,
//! and an event that the end of the stream cuts off does not count.

/// Why a stream cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SseError {
    /// One event, or a line without end.
    #[error("an event is longer than {0} bytes")]
    TooLong(usize),
    /// Event streams are UTF-8, always.
    #[error("an event is not UTF-8")]
    NotUtf8,
}

/// Takes bytes in pieces of any size and gives the data of whole events.
#[derive(Clone, Debug)]
pub struct Parser {
    line: Vec<u8>,
    /// The data lines of the event so far; `None` before the first.
    data: Option<Vec<u8>>,
    /// Whether the last byte was a CR, so that an LF belongs to it.
    after_cr: bool,
    /// Whether a byte order mark may still come.
    first_line: bool,
    limit: usize,
}

impl Parser {
    /// A parser that holds at most `limit` bytes of one event.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { line: Vec::new(), data: None, after_cr: false, first_line: true, limit }
    }

    /// Appends the data of every event that these bytes complete.
    ///
    /// # Errors
    /// When an event is too long or not UTF-8. Nothing can be read after that.
    pub fn push(&mut self, bytes: &[u8], events: &mut impl Extend<String>) -> Result<(), SseError> {
        for &byte in bytes {
            let after_cr = std::mem::replace(&mut self.after_cr, byte == b'\r');
            match byte {
                b'\n' if after_cr => {}
                b'\n' | b'\r' => events.extend(self.end_line()?),
                _ if self.held() == self.limit => return Err(SseError::TooLong(self.limit)),
                _ => self.line.push(byte),
            }
        }
        Ok(())
    }

    fn held(&self) -> usize {
        self.line.len() + self.data.as_ref().map_or(0, Vec::len)
    }

    /// Takes the line; gives the event that it ends, if it does.
    fn end_line(&mut self) -> Result<Option<String>, SseError> {
        let line = std::mem::take(&mut self.line);
        let mut line = line.as_slice();
        if std::mem::take(&mut self.first_line) {
            line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
        }
        if line.is_empty() {
            return self.data.take().map(String::from_utf8).transpose().map_err(|_| SseError::NotUtf8);
        }
        let value = match line.strip_prefix(b"data") {
            Some([]) => &[][..],
            Some([b':', b' ', value @ ..] | [b':', value @ ..]) => value,
            // A comment, another field, or a field whose name only begins with "data".
            _ => return Ok(None),
        };
        match &mut self.data {
            None => self.data = Some(value.to_vec()),
            Some(data) => {
                data.push(b'\n');
                data.extend_from_slice(value);
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(pieces: &[&[u8]], limit: usize) -> Result<Vec<String>, SseError> {
        let (mut parser, mut events) = (Parser::new(limit), Vec::new());
        for piece in pieces {
            parser.push(piece, &mut events)?;
        }
        Ok(events)
    }

    #[test]
    fn what_the_standard_says() {
        for (stream, events) in [
            ("data: a\n\n", vec!["a"]),
            ("data:a\n\n", vec!["a"]),
            ("data:  a\n\n", vec![" a"]),
            ("data\n\n", vec![""]),
            ("data: a\ndata: b\n\n", vec!["a\nb"]),
            ("data: a\r\n\r\ndata: b\r\rdata: c\n\n", vec!["a", "b", "c"]),
            ("\u{feff}data: a\n\n", vec!["a"]),
            (": comment\n\nevent: x\nid: 1\ndata: a\nretry: 5\n\n", vec!["a"]),
            ("database: a\n\n", vec![]),
            ("\n\n\n", vec![]),
            ("data: a\n", vec![]),
            ("data: a", vec![]),
        ] {
            assert_eq!(parse(&[stream.as_bytes()], 1000).unwrap(), events, "{stream:?}");
        }
    }

    #[test]
    fn what_never_ends_is_refused() {
        assert_eq!(parse(&[&[b'x'; 101]], 100), Err(SseError::TooLong(100)));
        assert_eq!(parse(&[b"data: 0123456789\n".repeat(11).as_slice()], 100), Err(SseError::TooLong(100)));
        assert!(parse(&[b"data: 0123456789\n\n".repeat(1000).as_slice()], 100).is_ok());
        assert_eq!(parse(&[b"data: \xff\n\n"], 100), Err(SseError::NotUtf8));
    }

    proptest! {
        #[test]
        fn where_the_stream_is_cut_does_not_matter(
            lines in prop::collection::vec("(data: ?[a-zé🦀]{0,6}|: [a-z]{0,3}|id: 1|)(\n|\r\n|\r)", 0..20),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let stream = lines.concat();
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let pieces: Vec<_> = cuts.windows(2).map(|cut| &stream.as_bytes()[cut[0]..cut[1]]).collect();
            prop_assert_eq!(parse(&pieces, 1000), parse(&[stream.as_bytes()], 1000));
        }

        #[test]
        fn no_bytes_make_it_panic_or_hold_more_than_its_limit(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let (mut parser, mut events) = (Parser::new(50), Vec::new());
            let _ = parser.push(&bytes, &mut events);
            prop_assert!(parser.held() <= 50);
        }

        #[test]
        fn data_comes_back(events in prop::collection::vec("[ -~é🦀]{0,30}", 0..10)) {
            let stream: String = events.iter().map(|data| format!("data: {data}\n\n")).collect();
            prop_assert_eq!(parse(&[stream.as_bytes()], 1000).unwrap(), events);
        }
    }
}
