//! What stand-ins over HTTP have in common: the door on a loopback port, and faults that wait for their requests.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use httpmock::HttpMockRequest;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::gate::Gate;

/// Keeps the door on a thread of its own until `stop` is dropped; answers its address.
pub(super) fn keep(gate: Gate, to: SocketAddr, stop: oneshot::Receiver<()>) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("a socket");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            let listener = TcpListener::from_std(listener).expect("a runtime");
            tokio::select! {
                () = gate.keep(listener, to, None) => {}
                _ = stop => {}
            }
        });
    });
    address
}

/// Faults that wait for their requests.
pub(super) struct Armed<F>(Vec<Waiting<F>>);

struct Waiting<F> {
    /// What a request's line has to contain, all of it.
    needles: Vec<String>,
    skip: usize,
    left: usize,
    fault: F,
}

impl<F: Clone> Armed<F> {
    pub fn new() -> Self {
        Self(Vec::new())
    }

    /// Has `times` requests fail that contain all `needles`, after `skip` such have passed.
    pub fn add(&mut self, needles: &[&str], skip: usize, times: usize, fault: F) {
        let needles = needles.iter().map(|needle| (*needle).to_owned()).collect();
        self.0.push(Waiting { needles, skip, left: times, fault });
    }

    /// Takes one from the first fault that this request meets.
    pub fn next(&mut self, line: &str) -> Option<F> {
        let meets = |waiting: &&mut Waiting<F>| {
            waiting.left > 0 && waiting.needles.iter().all(|needle| line.contains(needle.as_str()))
        };
        for waiting in self.0.iter_mut().filter(meets) {
            if waiting.skip == 0 {
                waiting.left -= 1;
                return Some(waiting.fault.clone());
            }
            waiting.skip -= 1;
        }
        None
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether everything that was to fail has.
    pub fn is_spent(&self) -> bool {
        self.0.iter().all(|waiting| waiting.left == 0)
    }
}

/// Every value of a header.
pub(super) fn header(http: &HttpMockRequest, name: &str) -> Vec<String> {
    let all = http.headers_vec().iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
    all.map(|(_, value)| value.clone()).collect()
}

/// What is inside, also after a test that failed while it held it.
pub(super) fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
