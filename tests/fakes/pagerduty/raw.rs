//! A server below HTTP: for answers that break off, and for none at all.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

/// How long a connection may stay mute before the next one is served: clients open some that they never use.
const PATIENCE: Duration = Duration::from_secs(1);

/// Writes the same bytes to whoever asks, and then closes the connection or says nothing more.
pub struct Raw {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Raw {
    /// Answers 200 with a body that ends long before its announced length.
    pub fn truncating(body: &str) -> Self {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 50000\r\n\r\n";
        Self::start(format!("{head}{body}"), false)
    }

    /// Takes the request and never answers.
    pub fn silent() -> Self {
        Self::start(String::new(), true)
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The head of every request that came, credentials included.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("no thread panicked").clone()
    }

    fn start(answer: String, hold: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
        let address = listener.local_addr().expect("it is bound");
        let heads = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (seen, stopped) = (Arc::clone(&heads), Arc::clone(&stop));
        let thread = spawn(move || {
            let mut held = Vec::new();
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(mut stream) = stream else { continue };
                stream.set_read_timeout(Some(PATIENCE)).expect("a time-out that is not zero");
                let head = read_head(&mut stream);
                if !head.is_empty() {
                    seen.lock().expect("no thread panicked").push(head);
                }
                // A client that has gone away is no fault of this server.
                let _ = stream.write_all(answer.as_bytes());
                if hold {
                    held.push(stream);
                }
            }
        });
        Self { address, heads, stop, thread: Some(thread) }
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the thread, which waits for a connection.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Everything up to the empty line, or to the end of a client that gave up.
fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(read) => head.extend_from_slice(&buffer[..read]),
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}
