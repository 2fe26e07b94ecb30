//! Random bytes for secrets and identifiers.

use std::fmt::{Debug, Write};

use rand::RngCore;

/// A source of random bytes.
pub trait Random: Send + Sync + Debug {
    /// Fills `bytes` with random data fit for secrets.
    fn fill(&self, bytes: &mut [u8]);
}

/// The operating system's cryptographic generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        rand::rng().fill_bytes(bytes);
    }
}

impl dyn Random + '_ {
    /// `length` characters drawn evenly from `alphabet` (at most 256 of them).
    pub fn text(&self, alphabet: &[u8], length: usize) -> String {
        let fair = 256 - 256 % alphabet.len();
        let mut text = String::with_capacity(length);
        while text.len() < length {
            let mut byte = [0];
            self.fill(&mut byte);
            let drawn = usize::from(byte[0]);
            if drawn < fair {
                text.push(char::from(alphabet[drawn % alphabet.len()]));
            }
        }
        text
    }

    /// `bytes` random bytes in lower-case hexadecimal.
    pub fn hex(&self, bytes: usize) -> String {
        let mut buffer = vec![0; bytes];
        self.fill(&mut buffer);
        hex(&buffer)
    }
}

/// `bytes` in lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
