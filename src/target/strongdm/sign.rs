//! strongDM's signature of a request, as its SDKs make it; the vendor documents no algorithm.

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, NaiveDate, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use sha2::{Digest as _, Sha256};
use tonic::metadata::{Ascii, MetadataMap, MetadataValue};

use crate::net::USER_AGENT;

/// The version that the vendor's SDKs have sent since 14.2.0 (2025-04-15).
const API_VERSION: &str = "2025-04-14";

/// What the signing key is bound to, as the SDKs have it.
const PURPOSE: &str = "sdm_api_v1";

/// An API key: its public half goes along with each request, its secret half signs.
pub struct Keys {
    access: MetadataValue<Ascii>,
    secret: SecretSlice<u8>,
}

impl Keys {
    /// Both halves as strongDM shows them; blanks around them do not count.
    pub fn new(access: &SecretString, secret: &SecretString) -> Result<Self> {
        let access = access.expose_secret().trim();
        ensure!(!access.is_empty(), "the access key of strongDM is empty");
        let mut access: MetadataValue<Ascii> =
            access.parse().ok().context("the access key of strongDM holds characters that no access key has")?;
        access.set_sensitive(true);
        let secret = STANDARD
            .decode(secret.expose_secret().trim())
            .ok()
            .context("the secret key of strongDM is not base64; copy it whole, with any `=` at its end")?;
        ensure!(!secret.is_empty(), "the secret key of strongDM is empty");
        Ok(Self { access, secret: secret.into() })
    }

    /// The metadata of one attempt at sending `payload` to `method` (as `Service.Method`).
    ///
    /// The signature holds for one UTC day, so each attempt is signed anew.
    pub fn metadata(&self, method: &str, payload: &[u8], now: DateTime<Utc>) -> MetadataMap {
        let signature = self.signature(method, payload, now.date_naive());
        let mut metadata = MetadataMap::new();
        metadata.insert("x-sdm-authentication", self.access.clone());
        metadata.insert("x-sdm-signature", signature.parse().expect("base64 is ASCII"));
        metadata.insert("x-sdm-api-version", MetadataValue::from_static(API_VERSION));
        metadata.insert("x-sdm-user-agent", MetadataValue::from_static(USER_AGENT));
        metadata
    }

    fn signature(&self, method: &str, payload: &[u8], day: NaiveDate) -> String {
        let of_day = hmac(self.secret.expose_secret(), day.format("%Y-%m-%d").to_string().as_bytes());
        let key = hmac(&of_day, PURPOSE.as_bytes());
        STANDARD.encode(hmac(&key, &digest(method, payload)))
    }
}

fn digest(method: &str, payload: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(method).chain_update(b"\n").chain_update(payload).finalize().into()
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made with the signing code of the vendor's Python SDK 18.4.0, its clock set to 2026-03-01.
    const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const VECTORS: [(&str, &str, &str); 8] = [
        (
            "Accounts.List",
            "0a001217656d61696c3a616c696365406578616d706c652e636f6d",
            "m03y831FnimucnzPlkFADyY7NIiEIc/UwbVN2HoJKzw=",
        ),
        (
            "Accounts.List",
            "0a070a0361626318021219656d61696c3a22616c696365406578616d706c652e636f6d22",
            "oAVHtkEnU9NUNRfGle7D8r+5E/NEDo4Nhp+8eiOj6pM=",
        ),
        (
            "Resources.List",
            "0a00121a6e616d653a2250726f64205c2244425c22205c75303065392a22",
            "MrK2ZtnKYHgFMalfoE489xuzBRogFgfN7YKuPEVhJfM=",
        ),
        (
            "AccountGrants.Create",
            "1225120772732d343536371a06612d3031323322060880a693cd062a0608808795cd0632027b7d",
            "IOyncWs25ynVvvGc6M+PiIMW01swlTwgfxhqujQ0Wh4=",
        ),
        (
            "AccountGrants.Create",
            "1221120772732d343536371a06612d3031323322060880a693cd062a0608808795cd06",
            "xfkp1w2K36xPAs9Apavz3ChIwz/V1pPAfc3Bb8LDJOw=",
        ),
        (
            "AccountGrants.Create",
            "1219120772732d343536371a06612d3031323322002a0032027b7d",
            "mFTca//jPCEaVVLkybd5pYaSTcyvOs7Wk1YI3vDZ2rI=",
        ),
        ("AccountGrants.Delete", "120761672d38396162", "7b9ZjRAmIG1ijkyTxTFvA4+TPW43b3A1sbpxVMQ8AfA="),
        ("AccountGrants.Get", "120761672d38396162", "sm0RwKmbuWnaVpdyZwuODwAoFlmP3kHY2zIgDI3yMX4="),
    ];

    fn keys(access: &str, secret: &str) -> Result<Keys> {
        Keys::new(&access.to_owned().into(), &secret.to_owned().into())
    }

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn day() -> DateTime<Utc> {
        "2026-03-01T23:59:59Z".parse().unwrap()
    }

    #[test]
    fn signs_as_the_vendor_does() {
        let keys = keys("auth-0123456789abcdef", SECRET).unwrap();
        for (method, payload, signature) in VECTORS {
            assert_eq!(keys.signature(method, &bytes(payload), day().date_naive()), signature, "{method} {payload}");
        }
    }

    #[test]
    fn each_step_is_the_vendors() {
        let secret: Vec<u8> = (0..32).collect();
        let of_day = hmac(&secret, b"2026-03-01");
        assert_eq!(hex(&of_day), "7790dbdfd86f2700223317b5cf0e8e12c4c08e09d179ef588797fccb4eaf9846");
        let key = hmac(&of_day, PURPOSE.as_bytes());
        assert_eq!(hex(&key), "82681f3b19defdba278bde3d6b573398bee26e621e78271e4c7d2ee068e740f5");
        let digest = digest(VECTORS[0].0, &bytes(VECTORS[0].1));
        assert_eq!(hex(&digest), "2582d486e5843f8496aac7ec2623b7c7c0d6a5aad3ead233dd59aea9e6bc289b");
    }

    #[test]
    fn a_new_utc_day_has_a_new_signature() {
        let keys = keys("auth-0", SECRET).unwrap();
        let today = keys.metadata("Accounts.List", b"", day());
        let tomorrow = keys.metadata("Accounts.List", b"", day() + chrono::TimeDelta::seconds(1));
        assert_ne!(today.get("x-sdm-signature"), tomorrow.get("x-sdm-signature"));
    }

    #[test]
    fn blanks_around_a_key_do_not_count() {
        let metadata = keys(" auth-0\n", &format!("\t{SECRET}\n")).unwrap().metadata("Accounts.List", b"", day());
        assert_eq!(metadata.get("x-sdm-authentication").unwrap(), "auth-0");
    }

    #[test]
    fn a_bad_key_is_not_shown() {
        for (access, secret) in [("auth-0", "hunter2!"), ("hunter2!\u{7}", SECRET), ("", SECRET), ("auth-0", "")] {
            let error = keys(access, secret).err().expect("refused");
            assert!(!format!("{error:#}").contains("hunter2"), "{error:#}");
        }
    }
}
