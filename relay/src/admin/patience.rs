//! Connections to the admin endpoint, few at once and none for long.
//!
//! The server has no limits of its own, and whoever opens connections and says nothing would take the descriptors that
//! clients' sockets need.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::serve::Listener;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Sleep, sleep},
};

/// Connections at once; others wait to be accepted. The supervisor keeps descriptors for as many.
const CONNECTIONS_MAX: usize = 16;

/// How long a connection lives, kept alive or not. A scraper simply connects again.
const LIFETIME: Duration = Duration::from_secs(30);

/// A listener whose connections are counted and end.
#[derive(Debug)]
pub(super) struct Patience {
    listener: TcpListener,
    places: Arc<Semaphore>,
    lifetime: Duration,
}

impl Patience {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self { listener, places: Arc::new(Semaphore::new(CONNECTIONS_MAX)), lifetime: LIFETIME }
    }
}

impl Listener for Patience {
    type Io = Limited;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Limited, SocketAddr) {
        let place = Arc::clone(&self.places).acquire_owned().await.expect("nobody closes the semaphore");
        let (stream, peer) = Listener::accept(&mut self.listener).await;
        (Limited { stream, end: Box::pin(sleep(self.lifetime)), _place: place }, peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that fails when its time is over.
#[derive(Debug)]
pub(super) struct Limited {
    // Fields are dropped in this order: the place is free only when the descriptor is.
    stream: TcpStream,
    end: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl Limited {
    /// What `poll` says, unless it would wait and the time is over.
    fn before_end<T>(
        &mut self,
        context: &mut Context<'_>,
        poll: impl FnOnce(Pin<&mut TcpStream>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if self.end.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        poll(Pin::new(&mut self.stream), context)
    }
}

impl AsyncRead for Limited {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.before_end(context, |stream, context| stream.poll_read(context, into))
    }
}

impl AsyncWrite for Limited {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.before_end(context, |stream, context| stream.poll_write(context, bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.before_end(context, |stream, context| stream.poll_flush(context))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.before_end(context, |stream, context| stream.poll_shutdown(context))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    fn block_on<F: Future>(future: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    #[test]
    fn silent_connections_take_no_more_than_their_places() {
        block_on(async {
            let mut listener = Patience::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
            let address = listener.local_addr().unwrap();
            let mut clients = Vec::new();
            let mut accepted = Vec::new();
            for _ in 0..CONNECTIONS_MAX {
                clients.push(TcpStream::connect(address).await.unwrap());
                accepted.push(listener.accept().await.0);
            }
            assert_eq!(listener.places.available_permits(), 0);
            let late = TcpStream::connect(address).await.unwrap();
            drop(accepted.pop());
            let (_, peer) = listener.accept().await;
            assert_eq!(peer, late.local_addr().unwrap());
        });
    }

    #[test]
    fn a_connection_ends_when_its_time_is_over() {
        block_on(async {
            let mut listener = Patience::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
            listener.lifetime = Duration::ZERO;
            let _silent = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (mut stream, _) = listener.accept().await;
            let mut byte = [0];
            let mut into = ReadBuf::new(&mut byte);
            let read = poll_fn(|context| Pin::new(&mut stream).poll_read(context, &mut into)).await;
            assert_eq!(read.unwrap_err().kind(), io::ErrorKind::TimedOut);
            let written = poll_fn(|context| Pin::new(&mut stream).poll_write(context, b"x")).await;
            assert_eq!(written.unwrap_err().kind(), io::ErrorKind::TimedOut);
        });
    }
}
