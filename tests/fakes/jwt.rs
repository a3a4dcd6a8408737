//! JSON web tokens: taken apart, and verified for real.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::keys;

/// A token in compact form, not verified yet.
pub(super) struct Jwt {
    pub header: Value,
    pub claims: Value,
    signed: String,
    signature: Vec<u8>,
}

impl Jwt {
    /// Takes a token apart; `None` where it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let json = |part: &str| serde_json::from_slice::<Value>(&decode(part)?).ok().filter(Value::is_object);
        let (header, claims) = (json(header)?, json(claims)?);
        Some(Self { header, claims, signed: signed.to_owned(), signature: decode(signature)? })
    }

    /// Whether `key`, a public JWK, made the signature.
    pub(super) fn is_signed_by(&self, key: &Value) -> bool {
        let part = |name: &str| decode(key[name].as_str()?);
        let (signed, signature) = (self.signed.as_bytes(), self.signature.as_slice());
        match (self.header["alg"].as_str(), key["kty"].as_str()) {
            (Some("RS256"), Some("RSA")) => {
                let (Some(n), Some(e)) = (part("n"), part("e")) else { return false };
                PublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, signed, signature).is_ok()
            }
            (Some("ES256"), Some("EC")) if key["crv"] == "P-256" => {
                let (Some(x), Some(y)) = (part("x"), part("y")) else { return false };
                let point = [vec![4], x, y].concat();
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, signature).is_ok()
            }
            _ => false,
        }
    }

    pub(super) fn text(&self, claim: &str) -> &str {
        self.claims[claim].as_str().unwrap_or_default()
    }
}

/// A token signed with RS256 by the key in `pem`, whatever its header says.
pub(super) fn signed(pem: &str, header: &Value, claims: &Value) -> String {
    let text = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
    let key = keys::pair(pem);
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).expect("signed");
    format!("{text}.{}", encode(signature))
}

/// The thumbprint of a public JWK, RFC 7638.
pub(super) fn thumbprint(key: &Value) -> String {
    let members: &[&str] = if key["kty"] == "EC" { &["crv", "kty", "x", "y"] } else { &["e", "kty", "n"] };
    let members: Vec<String> = members.iter().map(|name| format!("\"{name}\":{}", key[name])).collect();
    hash(&format!("{{{}}}", members.join(",")))
}

/// base64url of SHA-256, as `ath` and thumbprints have it.
pub(super) fn hash(text: &str) -> String {
    encode(Sha256::digest(text))
}

pub(super) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}
