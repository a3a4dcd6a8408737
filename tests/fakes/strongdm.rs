//! A stand-in for strongDM: strict, stateful, over real gRPC.
//!
//! Written from the vendor's SDKs and documentation, not from our client. It checks key, signature and version over the
//! bytes received, knows only the methods, fields and filters that are documented, and writes down whatever else comes:
//! a test that sent such a thing fails when its stand-in is dropped. Where no public fact says how strongDM behaves,
//! [`Manners`] has a switch.

mod filter;
mod front;
mod methods;
mod own;
mod server;
mod wire;
mod world;

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tokio::sync::oneshot;

use super::gate::Gate;
pub use front::Tls;
pub use server::{Call, Raw};
use server::{Shared, State};
pub use world::{Account, Attachment, Change, Cursors, Fault, Grant, Kind, Manners, Several, Trouble, World};

/// The access key of the vendor's documentation, as good as any.
pub const ACCESS_KEY: &str = "auth-0123456789abcdef";

/// The bytes 0 to 31.
pub const SECRET_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// A stand-in that runs until it is dropped, and then fails the test if anything unknown was sent to it.
pub struct Fake {
    shared: Shared,
    host: String,
    folder: TempDir,
    _stop: oneshot::Sender<()>,
}

/// Where stand-ins come from.
pub struct StrongDm;

impl StrongDm {
    /// On a loopback port, without TLS.
    pub fn start(world: World) -> Fake {
        Self::serve(world, None)
    }

    /// On `localhost`, with this certificate.
    pub fn start_tls(world: World, tls: Tls) -> Fake {
        Self::serve(world, Some(tls))
    }

    fn serve(world: World, tls: Option<Tls>) -> Fake {
        let state = State { world, calls: Vec::new(), violations: Vec::new() };
        let shared = Shared { state: Arc::new(Mutex::new(state)), gate: Gate::new() };
        let folder = TempDir::new().expect("a temporary folder");
        write(&folder.path().join("access_key"), ACCESS_KEY);
        write(&folder.path().join("secret_key"), SECRET_KEY);
        if let Some(tls) = &tls {
            write(&folder.path().join("ca.pem"), &tls.ca_pem);
        }
        let (stop, stopped) = oneshot::channel();
        let with_tls = tls.is_some();
        let address = front::serve(shared.clone(), tls, stopped);
        let host = if with_tls { format!("localhost:{}", address.port()) } else { format!("http://{address}") };
        Fake { shared, host, folder, _stop: stop }
    }
}

impl Fake {
    /// The address as a config gives it: `http://127.0.0.1:PORT`, or `localhost:PORT` with TLS.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The PEM file of the authority, where it was started with TLS.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A file that holds the access key.
    pub fn access_key(&self) -> PathBuf {
        self.folder.path().join("access_key")
    }

    /// A file that holds the secret key.
    pub fn secret_key(&self) -> PathBuf {
        self.folder.path().join("secret_key")
    }

    /// A file with a secret key that is well-formed and not the right one; and that key.
    pub fn wrong_secret_key(&self) -> (PathBuf, String) {
        let (file, wrong) = (self.folder.path().join("wrong_key"), SECRET_KEY.replace("AAEC", "AAED"));
        write(&file, &wrong);
        (file, wrong)
    }

    /// The target's table of a config, without its header.
    pub fn toml(&self) -> String {
        self.toml_with(&self.secret_key())
    }

    /// The same with another file for the secret key.
    pub fn toml_with(&self, secret_key: &Path) -> String {
        let mut toml = format!(
            "kind = \"strongdm\"\nhost = {:?}\naccess_key = {{ file = {:?} }}\nsecret_key = {{ file = {:?} }}\ntimeout = \"20s\"\n",
            self.host,
            self.access_key(),
            secret_key,
        );
        if self.ca_file().exists() {
            toml += &format!("ca_file = {:?}\n", self.ca_file());
        }
        toml
    }

    /// The grants there are, expired ones included.
    pub fn grants(&self) -> Vec<Grant> {
        self.shared.lock().world.grants.clone()
    }

    pub fn attachments(&self) -> Vec<Attachment> {
        self.shared.lock().world.attachments.clone()
    }

    /// Every call so far, in the order of arrival.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.lock().calls.clone()
    }

    /// How often `method` (`Service.Method`) was called.
    pub fn count(&self, method: &str) -> usize {
        self.shared.lock().calls.iter().filter(|call| call.method == method).count()
    }

    /// Every change of state so far, with who held what after it.
    pub fn changes(&self) -> Vec<Change> {
        self.shared.lock().world.changes.clone()
    }

    /// Changes the world while it runs.
    pub fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        change(&mut self.shared.lock().world)
    }

    /// Its door, which may be opened again, or waited at until the last client has left.
    pub fn gate(&self) -> &Gate {
        &self.shared.gate
    }

    /// Has something go wrong.
    pub fn trouble(&self, trouble: Trouble) {
        self.change(|world| world.troubles.push(trouble));
    }

    /// Forgets the calls and changes so far.
    pub fn forget(&self) {
        let mut state = self.shared.lock();
        state.calls.clear();
        state.world.changes.clear();
    }

    /// What was sent that the service does not know; forgotten by being asked for.
    pub fn violations(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.lock().violations)
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let violations = self.violations();
        if !std::thread::panicking() {
            assert_eq!(violations, Vec::<String>::new(), "strongDM was sent what it does not know");
        }
    }
}

/// A file for its owner alone, as a secret has to be.
fn write(file: &Path, content: &str) {
    let mut open = std::fs::OpenOptions::new();
    let mut file = open.write(true).create(true).truncate(true).mode(0o600).open(file).expect("a file");
    file.write_all(content.as_bytes()).expect("written");
}
