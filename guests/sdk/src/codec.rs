//! A small format for states: numbers of variable length (LEB128), and bytes and lists after their length.

use crate::Failure;

/// Writes a state.
#[derive(Debug, Default)]
pub struct Encoder(Vec<u8>);

impl Encoder {
    /// Writes a number, in one byte for each seven bits of it.
    pub fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    /// Writes bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// Writes a text.
    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// Writes items one after the other.
    pub fn list<T>(&mut self, items: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>, write: impl Fn(&mut Self, T)) {
        let items = items.into_iter();
        self.number(items.len() as u64);
        items.for_each(|item| write(self, item));
    }

    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Reads a state.
#[derive(Debug)]
pub struct Decoder<'b>(&'b [u8]);

fn corrupt(what: &str) -> Failure {
    Failure::new("corrupt_state", format!("the state {what}"))
}

impl<'b> Decoder<'b> {
    /// Reads those bytes.
    pub fn new(bytes: &'b [u8]) -> Self {
        Self(bytes)
    }

    /// Reads a number.
    ///
    /// # Errors
    /// The bytes end, or the number has more than 64 bits.
    pub fn number(&mut self) -> Result<u64, Failure> {
        let mut number = 0_u64;
        for shift in (0..70).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or_else(|| corrupt("ends in a number"))?;
            self.0 = rest;
            if shift == 63 && *byte > 1 {
                break;
            }
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(corrupt("has a number of more than 64 bits"))
    }

    /// Reads bytes.
    ///
    /// # Errors
    /// There are fewer than it says.
    pub fn bytes(&mut self) -> Result<&'b [u8], Failure> {
        let length = usize::try_from(self.number()?).map_err(|_| corrupt("has a length beyond memory"))?;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or_else(|| corrupt("ends in bytes"))?;
        self.0 = rest;
        Ok(bytes)
    }

    /// Reads a text.
    ///
    /// # Errors
    /// As [`Self::bytes`], or it is not UTF-8.
    pub fn text(&mut self) -> Result<&'b str, Failure> {
        std::str::from_utf8(self.bytes()?).map_err(|_| corrupt("has a text that is not UTF-8"))
    }

    /// Reads items into a list. Make a map of that in one go (`BTreeMap::from_iter`): item by item takes six times as
    /// long.
    ///
    /// # Errors
    /// That of an item, or there are fewer than it says.
    pub fn list<T>(&mut self, read: impl Fn(&mut Self) -> Result<T, Failure>) -> Result<Vec<T>, Failure> {
        let length = usize::try_from(self.number()?).map_err(|_| corrupt("has a length beyond memory"))?;
        // An item has at least one byte, so the length cannot ask for more memory than the state has.
        let mut items = Vec::with_capacity(length.min(self.0.len()));
        for _ in 0..length {
            items.push(read(self)?);
        }
        Ok(items)
    }

    /// Ends reading.
    ///
    /// # Errors
    /// Something is left.
    pub fn finish(self) -> Result<(), Failure> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(corrupt("has more bytes than its version writes"))
        }
    }
}
