//! The keys of the apps that stand-ins know: made for these tests, registered nowhere.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rsa::{KeyPair, PublicKeyComponents};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Value, json};

/// What the app's key is registered as.
pub const KEY_ID: &str = "fake-key-1";

/// The app's private key, in each of the forms in which people have theirs.
pub const PKCS8: &str = include_str!("../keys/app.pkcs8.pem");
pub const PKCS1: &str = include_str!("../keys/app.pkcs1.pem");
pub const JWK: &str = include_str!("../keys/app.jwk.json");

/// Somebody else's.
pub const STRANGER: &str = include_str!("../keys/stranger.pkcs8.pem");

/// The app's registered public key, as a JWK.
pub(super) fn public() -> Value {
    public_of(PKCS8)
}

pub(super) fn public_of(pem: &str) -> Value {
    let PublicKeyComponents::<Vec<u8>> { n, e } = pair(pem).public().into();
    json!({"kty": "RSA", "n": URL_SAFE_NO_PAD.encode(n), "e": URL_SAFE_NO_PAD.encode(e)})
}

pub(super) fn pair(pem: &str) -> KeyPair {
    let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).expect("a key in PEM");
    KeyPair::from_pkcs8(der.secret_pkcs8_der()).expect("an RSA key")
}
