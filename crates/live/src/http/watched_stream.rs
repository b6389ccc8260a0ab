//! A connection that is cut off when its client does not take what it is sent.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// What a client has to take in time, unless there is less.
const BYTES_IN_TIME: usize = 16 << 10;

/// A stream whose writes fail when the other side takes less than 16 KiB in a given time, though there is more.
#[derive(Debug)]
pub(crate) struct WatchedStream<S> {
    stream: S,
    timeout: Duration,
    /// Runs from when the other side did not take everything.
    deadline: Option<Pin<Box<Sleep>>>,
    /// What the other side took since then.
    taken: usize,
}

impl<S: AsyncWrite + Unpin> WatchedStream<S> {
    pub(crate) fn new(stream: S, timeout: Duration) -> WatchedStream<S> {
        WatchedStream { stream, timeout, deadline: None, taken: 0 }
    }

    /// Passes the outcome of a write on, unless the time is up.
    fn watch(&mut self, context: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(bytes)) => self.taken += bytes,
            Poll::Ready(Err(_)) => return written,
            Poll::Pending if self.deadline.is_none() => {
                (self.deadline, self.taken) = (Some(Box::pin(sleep(self.timeout))), 0);
            }
            Poll::Pending => {}
        }
        let Some(deadline) = &mut self.deadline else { return written };
        while deadline.as_mut().poll(context).is_ready() {
            if self.taken < BYTES_IN_TIME {
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read")));
            }
            self.taken = 0;
            deadline.as_mut().reset(Instant::now() + self.timeout);
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WatchedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WatchedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, buffers);
        self.watch(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Is called when everything has been written, so nothing is due any longer.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        self.deadline = None;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn a_client_that_takes_nothing_is_cut_off() {
        let (ours, _theirs) = duplex(1024);
        let mut stream = WatchedStream::new(ours, Duration::from_millis(20));
        let written = tokio::time::timeout(Duration::from_secs(60), stream.write_all(&[0; 4096])).await;
        assert_eq!(written.unwrap().unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_client_that_goes_on_reading_is_served() {
        let (ours, mut theirs) = duplex(1024);
        let mut stream = WatchedStream::new(ours, Duration::from_secs(60));
        let writing = tokio::spawn(async move {
            stream.write_all(&[7; 100_000]).await.unwrap();
            stream.flush().await.unwrap();
            stream.deadline.is_none()
        });
        let mut taken = vec![0; 100_000];
        theirs.read_exact(&mut taken).await.unwrap();
        assert!(writing.await.unwrap() && taken.iter().all(|byte| *byte == 7));
    }
}
