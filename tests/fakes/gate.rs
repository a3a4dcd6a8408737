//! The door of a stand-in: a loopback port whose connections lead to the service behind it, and can be made to fail.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy, sink, split};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

/// No test waits longer for a stand-in to get somewhere.
const PATIENCE: Duration = Duration::from_secs(30);

/// Clones are the same door.
#[derive(Clone)]
pub struct Gate(Arc<Inner>);

struct Inner {
    /// A new value breaks every connection.
    cuts: watch::Sender<()>,
    closed: watch::Sender<bool>,
    listening: AtomicBool,
    loss: Mutex<Option<Loss>>,
    busy: AtomicUsize,
}

/// What becomes of an answer on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The connection breaks after so many bytes of it.
    After(usize),
    /// It never comes, and the connection stays.
    Never,
}

/// Something under way, until it is dropped.
pub struct Busy(Gate);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.0.busy.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Gate {
    pub fn new() -> Self {
        Self(Arc::new(Inner {
            cuts: watch::Sender::new(()),
            closed: watch::Sender::new(false),
            listening: AtomicBool::new(false),
            loss: Mutex::new(None),
            busy: AtomicUsize::new(0),
        }))
    }

    /// Breaks every connection.
    pub fn cut(&self) {
        self.0.cuts.send_replace(());
    }

    /// Breaks every connection, and refuses new ones until it is opened again.
    pub fn close(&self) {
        self.0.closed.send_replace(true);
        self.0.listening.store(false, Ordering::SeqCst);
        self.cut();
    }

    /// Breaks every connection before a word of the next answer, and refuses new ones until it is opened again.
    pub fn vanish(&self) {
        self.lose(Some(Loss::After(0)));
        self.close();
    }

    /// Lets connections in again; what was to be lost and was not is not lost any more.
    pub fn open(&self) {
        self.0.closed.send_replace(false);
        self.lose(None);
        wait_until("the door to open", || self.0.listening.load(Ordering::SeqCst));
    }

    /// Has the next answer be lost.
    pub fn lose(&self, loss: Option<Loss>) {
        *self.0.loss.lock().expect("no thread panicked") = loss;
    }

    /// Counts something as under way.
    pub fn busy(&self) -> Busy {
        self.0.busy.fetch_add(1, Ordering::SeqCst);
        Busy(self.clone())
    }

    /// Waits until no connection is open and everything that came by one has been carried out.
    pub fn settle(&self) {
        wait_until("the last connection to end", || self.0.busy.load(Ordering::SeqCst) == 0);
    }

    /// Leads whoever comes to `to`, with TLS or without.
    pub async fn keep(self, mut listener: TcpListener, to: SocketAddr, tls: Option<TlsAcceptor>) {
        let address = listener.local_addr().expect("an address");
        let mut closed = self.0.closed.subscribe();
        loop {
            if *closed.borrow_and_update() {
                drop(listener);
                // Bound and not listening: the port stays ours, and whoever knocks is refused.
                let held = TcpSocket::new_v4().expect("a socket");
                held.set_reuseaddr(true).expect("a socket");
                // A process that is just being started holds a copy of the old socket until it is.
                let start = Instant::now();
                while let Err(error) = held.bind(address) {
                    assert!(start.elapsed() < PATIENCE, "{address} was ours: {error}");
                    tokio::task::yield_now().await;
                }
                closed.wait_for(|closed| !closed).await.expect("the door holds the other end");
                listener = held.listen(1024).expect("a bound socket");
            }
            self.0.listening.store(true, Ordering::SeqCst);
            tokio::select! {
                biased;
                _ = closed.changed() => {}
                accepted = listener.accept() => if let Ok((client, _)) = accepted {
                    tokio::spawn(self.clone().pass(client, to, tls.clone()));
                }
            }
        }
    }

    async fn pass(self, client: TcpStream, to: SocketAddr, tls: Option<TlsAcceptor>) {
        let _busy = self.busy();
        let cut = self.0.cuts.subscribe();
        if *self.0.closed.borrow() {
            return;
        }
        client.set_nodelay(true).expect("a socket");
        let Some(acceptor) = tls else { return self.relay(client, to, cut).await };
        // A handshake that fails is the client's to report.
        if let Ok(client) = acceptor.accept(client).await {
            self.relay(client, to, cut).await;
        }
    }

    async fn relay(&self, client: impl AsyncRead + AsyncWrite, to: SocketAddr, mut cut: watch::Receiver<()>) {
        let Ok(mut server) = TcpStream::connect(to).await else { return };
        server.set_nodelay(true).expect("a socket");
        {
            let (mut asking, mut answered) = split(client);
            let (mut answers, mut requests) = server.split();
            let up = async {
                let _until_it_goes = copy(&mut asking, &mut requests).await;
                let _gone_already = requests.shutdown().await;
                Ok(())
            };
            let down = self.answers(&mut answers, &mut answered);
            tokio::select! {
                _ = async { tokio::try_join!(up, down) } => {}
                _ = cut.changed() => {}
            }
        }
        // What came is carried out, whether or not anybody waits for the answer.
        let _gone_already = server.shutdown().await;
        let _until_it_ends = copy(&mut server, &mut sink()).await;
    }

    /// Passes the service's answers on; an error breaks the connection.
    async fn answers(
        &self,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
    ) -> std::io::Result<()> {
        let mut buffer = [0; 16 << 10];
        loop {
            let read = from.read(&mut buffer).await?;
            if read == 0 {
                return to.shutdown().await;
            }
            let loss = self.0.loss.lock().expect("no thread panicked").take();
            match loss {
                None => to.write_all(&buffer[..read]).await?,
                Some(Loss::After(bytes)) => {
                    to.write_all(&buffer[..bytes.min(read)]).await?;
                    return Err(std::io::ErrorKind::ConnectionReset.into());
                }
                Some(Loss::Never) => return copy(from, &mut sink()).await.map(|_| ()),
            }
        }
    }
}

fn wait_until(what: &str, seen: impl Fn() -> bool) {
    let start = Instant::now();
    while !seen() {
        assert!(start.elapsed() < PATIENCE, "a stand-in waits in vain for {what}");
        std::thread::yield_now();
    }
}
