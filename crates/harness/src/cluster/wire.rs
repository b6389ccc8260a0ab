//! Connections that count what they carry.
//!
//! Decision D-414.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flowbench_measurement::record::Wire;
use timely::communication::allocator::zero_copy::stream::Stream;

/// Counts what one process has sent to the others and received from them: data and progress, headers included. All its
/// connections share it, and it may be read at any time.
#[derive(Debug, Default)]
pub struct WireMeter {
    messages_sent: AtomicU64,
    bytes_sent: AtomicU64,
    bytes_received: AtomicU64,
}

impl WireMeter {
    /// Returns what was sent so far. The sum over all processes counts every message once.
    pub fn sent(&self) -> Wire {
        Wire { messages: self.messages_sent.load(Ordering::Relaxed), bytes: self.bytes_sent.load(Ordering::Relaxed) }
    }

    /// Returns what was sent since `before`, an earlier result of [`Self::sent`].
    pub fn sent_since(&self, before: Wire) -> Wire {
        let now = self.sent();
        Wire { messages: now.messages - before.messages, bytes: now.bytes - before.bytes }
    }

    /// Returns the bytes received so far.
    pub fn bytes_received(&self) -> u64 {
        self.bytes_received.load(Ordering::Relaxed)
    }
}

/// A connection of timely that counts what it carries.
///
/// Messages are found in the bytes that are written. timely's own log reports them too, but it takes a
/// timestamp for each, which costs several times as much, and reports in batches of a hundred.
#[derive(Debug)]
pub(super) struct CountedStream {
    stream: TcpStream,
    meter: Arc<WireMeter>,
    frames: Frames,
}

impl CountedStream {
    /// Wraps a stream to which timely has not written anything yet.
    pub(super) fn new(stream: TcpStream, meter: &Arc<WireMeter>) -> Self {
        Self { stream, meter: Arc::clone(meter), frames: Frames::default() }
    }
}

impl Read for CountedStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.stream.read(buffer)?;
        self.meter.bytes_received.fetch_add(bytes as u64, Ordering::Relaxed);
        Ok(bytes)
    }
}

impl Write for CountedStream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let bytes = self.stream.write(buffer)?;
        self.meter.messages_sent.fetch_add(self.frames.begun_in(&buffer[..bytes]), Ordering::Relaxed);
        self.meter.bytes_sent.fetch_add(bytes as u64, Ordering::Relaxed);
        Ok(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl Stream for CountedStream {
    fn try_clone(&self) -> io::Result<Self> {
        Ok(Self::new(self.stream.try_clone()?, &self.meter))
    }

    fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.stream.set_nonblocking(nonblocking)
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.stream.shutdown(how)
    }
}

/// Size of the header of a message: timely's `MessageHeader`, six big-endian numbers.
const HEADER_BYTES: usize = 48;
/// Where in the header the length of what follows stands.
const LENGTH_AT: usize = 32;

/// Finds messages in a stream of bytes that comes in pieces.
#[derive(Debug)]
struct Frames {
    header: [u8; HEADER_BYTES],
    header_filled: usize,
    body_left_bytes: usize,
}

impl Default for Frames {
    fn default() -> Self {
        Self { header: [0; HEADER_BYTES], header_filled: 0, body_left_bytes: 0 }
    }
}

impl Frames {
    /// Returns how many messages have their header completed by these bytes. The header that ends a stream is not
    /// counted.
    fn begun_in(&mut self, mut bytes: &[u8]) -> u64 {
        let mut messages = 0;
        loop {
            let skipped = self.body_left_bytes.min(bytes.len());
            self.body_left_bytes -= skipped;
            bytes = &bytes[skipped..];
            if bytes.is_empty() {
                return messages;
            }
            let taken = (HEADER_BYTES - self.header_filled).min(bytes.len());
            self.header[self.header_filled..][..taken].copy_from_slice(&bytes[..taken]);
            self.header_filled += taken;
            bytes = &bytes[taken..];
            if self.header_filled == HEADER_BYTES {
                self.header_filled = 0;
                let length = u64::from_be_bytes(std::array::from_fn(|byte| self.header[LENGTH_AT + byte]));
                self.body_left_bytes = length as usize;
                messages += u64::from(length > 0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use timely::communication::networking::MessageHeader;

    use super::*;

    fn message(length: usize) -> Vec<u8> {
        let header =
            MessageHeader { channel: 7, source: 1, target_lower: 2, target_upper: 3, length, seqno: usize::MAX };
        assert_eq!(header.header_bytes(), HEADER_BYTES);
        let mut bytes = Vec::new();
        header.write_to(&mut bytes).unwrap();
        bytes.resize(HEADER_BYTES + length, 0xff);
        bytes
    }

    #[test]
    fn messages_are_counted_however_the_stream_is_cut() {
        let lengths = [1, 0, 48, 500, 70_000, 8];
        let stream: Vec<u8> = lengths.into_iter().flat_map(message).collect();
        for piece_bytes in [1, 7, 48, 49, 1000, 1 << 16, stream.len()] {
            let mut frames = Frames::default();
            let counted: u64 = stream.chunks(piece_bytes).map(|piece| frames.begun_in(piece)).sum();
            assert_eq!(counted, 5, "in pieces of {piece_bytes}");
        }
    }
}
