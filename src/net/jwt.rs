//! Signed tokens (JSON Web Tokens, RFC 7519) in their compact form: for those who prove themselves by a key, not by a password.
//!
//! The signatures are ring's, which TLS brings along: a crate for tokens would bring a second library of cryptography.

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::rsa::{KeyPairComponents, PublicKeyComponents};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A private key that signs tokens. It is shown nowhere.
pub struct Signer {
    pair: Pair,
    /// The key's own name, where it carries one.
    key_id: Option<String>,
}

enum Pair {
    Rsa(Box<RsaKeyPair>),
    Ecdsa(Box<EcdsaKeyPair>),
}

/// An RSA key as a JSON Web Key (RFC 7518, 6.3), every number in base64url.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    n: String,
    e: String,
    d: Option<String>,
    p: Option<String>,
    q: Option<String>,
    dp: Option<String>,
    dq: Option<String>,
    qi: Option<String>,
}

impl Signer {
    /// An RSA key as it is handed out: PEM (PKCS#8 or PKCS#1), or a JSON Web Key.
    ///
    /// # Errors
    /// Where it is none; says what is wrong, and nothing of the key.
    pub fn rsa(key: &SecretString) -> Result<Self> {
        let text = key.expose_secret().trim();
        if text.starts_with('{') {
            return Self::from_jwk(text);
        }
        // The parser's own words could repeat what it read.
        let der = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| {
            anyhow!(
                "it is no private key: PEM that begins with -----BEGIN PRIVATE KEY-----, or a JSON Web Key, is expected"
            )
        })?;
        let pair = match &der {
            PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
            _ => bail!("it is a private key, but not of RSA"),
        };
        Ok(Self { pair: Pair::Rsa(Box::new(pair.map_err(refused)?)), key_id: None })
    }

    fn from_jwk(text: &str) -> Result<Self> {
        let jwk: Jwk = serde_json::from_str(text).map_err(|_| anyhow!("it is no JSON Web Key of RSA"))?;
        ensure!(jwk.kty == "RSA", "it is a JSON Web Key, but not of RSA");
        let number = |name: &str, text: Option<&String>| {
            let text = text.with_context(|| format!("the JSON Web Key has no `{name}`: is it the public half?"))?;
            URL_SAFE_NO_PAD
                .decode(text)
                .or_else(|_| URL_SAFE.decode(text))
                .map_err(|_| anyhow!("its `{name}` is no base64url"))
        };
        let components = KeyPairComponents {
            public_key: PublicKeyComponents { n: number("n", Some(&jwk.n))?, e: number("e", Some(&jwk.e))? },
            d: number("d", jwk.d.as_ref())?,
            p: number("p", jwk.p.as_ref())?,
            q: number("q", jwk.q.as_ref())?,
            dP: number("dp", jwk.dp.as_ref())?,
            dQ: number("dq", jwk.dq.as_ref())?,
            qInv: number("qi", jwk.qi.as_ref())?,
        };
        let pair = RsaKeyPair::from_components(&components).map_err(refused)?;
        Ok(Self { pair: Pair::Rsa(Box::new(pair)), key_id: jwk.kid })
    }

    /// A new key on the curve P-256, for this run alone.
    ///
    /// # Errors
    /// Where the system gives no random numbers.
    pub fn for_this_run() -> Result<Self> {
        let (random, kind) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let made = EcdsaKeyPair::generate_pkcs8(kind, &random).ok().context("the system gives no random numbers")?;
        let pair = EcdsaKeyPair::from_pkcs8(kind, made.as_ref(), &random).map_err(refused)?;
        Ok(Self { pair: Pair::Ecdsa(Box::new(pair)), key_id: None })
    }

    /// The key's own name, where it carries one.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// The public half as a JSON Web Key, its members in the order that RFC 7638 wants for its thumbprint.
    pub fn public(&self) -> Value {
        match &self.pair {
            Pair::Rsa(pair) => {
                let PublicKeyComponents { n, e } = PublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({ "e": encoded(e), "kty": "RSA", "n": encoded(n) })
            }
            Pair::Ecdsa(pair) => {
                // Uncompressed: a four, then both coordinates (SEC 1, 2.3.3).
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({ "crv": "P-256", "kty": "EC", "x": encoded(x), "y": encoded(y) })
            }
        }
    }

    /// The token with these claims; `header` is an object, to which the algorithm is added.
    ///
    /// # Errors
    /// Where the system gives no random numbers.
    pub fn sign(&self, mut header: Value, claims: &impl Serialize) -> Result<String> {
        header["alg"] = self.algorithm().into();
        let part = |json: Vec<u8>| encoded(json);
        let signed = format!("{}.{}", part(serde_json::to_vec(&header)?), part(serde_json::to_vec(claims)?));
        let random = SystemRandom::new();
        let no_random = "the system gives no random numbers";
        let signature = match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                let done = pair.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature);
                done.ok().context(no_random)?;
                signature
            }
            Pair::Ecdsa(pair) => pair.sign(&random, signed.as_bytes()).ok().context(no_random)?.as_ref().to_vec(),
        };
        Ok(format!("{signed}.{}", encoded(signature)))
    }

    fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::Rsa(_) => "RS256",
            Pair::Ecdsa(_) => "ES256",
        }
    }
}

/// A name that no token had before: 128 random bits.
///
/// # Errors
/// Where the system gives no random numbers.
pub fn unique() -> Result<String> {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).ok().context("the system gives no random numbers")?;
    Ok(encoded(bytes))
}

/// The bytes in base64url, without padding, as tokens want it.
pub fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn refused(why: ring::error::KeyRejected) -> anyhow::Error {
    anyhow!("it is an RSA key that cannot be used ({why}): 2048 to 4096 bits are expected")
}

#[cfg(test)]
mod tests {
    use ring::signature::{
        ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
    };

    use super::*;

    const PKCS1: &str = include_str!("../../tests/keys/app.pkcs1.pem");
    const PKCS8: &str = include_str!("../../tests/keys/app.pkcs8.pem");
    const JWK: &str = include_str!("../../tests/keys/app.jwk.json");

    fn verified(token: &str, how: &'static dyn VerificationAlgorithm, public: &[u8]) -> (Value, Value) {
        let (signed, signature) = token.rsplit_once('.').expect("three parts");
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).expect("base64url without padding");
        UnparsedPublicKey::new(how, public).verify(signed.as_bytes(), &decode(signature)).expect("its signature");
        let (header, claims) = signed.split_once('.').expect("two parts");
        let json = |part| serde_json::from_slice(&decode(part)).expect("JSON");
        (json(header), json(claims))
    }

    #[test]
    fn a_key_is_taken_in_each_form_that_it_is_handed_out_in() {
        let claims = json!({ "iss": "me" });
        for (form, key_id) in [(PKCS1, None), (PKCS8, None), (JWK, Some("fake-key-1"))] {
            let signer = Signer::rsa(&form.into()).expect("a key");
            assert_eq!(signer.key_id(), key_id);
            let token = signer.sign(json!({ "typ": "JWT" }), &claims).expect("a token");
            let Pair::Rsa(pair) = &signer.pair else { panic!("RSA") };
            let (header, read) = verified(&token, &RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref());
            assert_eq!((header, read), (json!({ "alg": "RS256", "typ": "JWT" }), claims.clone()));
            assert_eq!(signer.public(), Signer::rsa(&PKCS8.into()).expect("a key").public());
        }
    }

    #[test]
    fn a_key_for_this_run_is_new_and_says_how_it_is_checked() {
        let (one, two) = (Signer::for_this_run().expect("a key"), Signer::for_this_run().expect("a key"));
        assert_ne!(one.public(), two.public());
        let token = one.sign(json!({ "jwk": one.public() }), &json!({})).expect("a token");
        let coordinate = |name: &str| {
            let public = one.public();
            URL_SAFE_NO_PAD.decode(public[name].as_str().expect("text")).expect("base64url")
        };
        let public = [vec![4], coordinate("x"), coordinate("y")].concat();
        let (header, _) = verified(&token, &ECDSA_P256_SHA256_FIXED, &public);
        assert_eq!(header["alg"], "ES256");
        assert_ne!(unique().expect("random"), unique().expect("random"));
    }

    #[test]
    fn what_is_no_key_is_refused_without_a_word_of_it() {
        let secret = "hunter2secret";
        let cut = &PKCS8[..PKCS8.len() / 2];
        let public: Value = serde_json::from_str(JWK).expect("JSON");
        let public = json!({ "kty": "RSA", "n": public["n"], "e": public["e"] }).to_string();
        let odd = json!({ "kty": "RSA", "n": secret, "e": "AQAB", "d": secret }).to_string();
        for wrong in [secret, cut, "{", &public, &odd, r#"{"kty":"EC"}"#, include_str!("../../tests/keys/ec.pem")] {
            let error = Signer::rsa(&wrong.into()).err().expect("refused");
            let shown = format!("{error:#} {error:?}");
            assert!(!shown.contains(secret) && !shown.contains("MIIE"), "{shown}");
        }
        let error = Signer::rsa(&public.as_str().into()).err().expect("refused").to_string();
        assert!(error.contains("the public half"), "{error}");
    }
}
