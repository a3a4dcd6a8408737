//! The address of a ledger in PostgreSQL, and who may read along on the way there.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use crate::net::is_loopback;

/// Time for TCP to connect to one of the server's addresses, where the URL says nothing.
const CONNECT: Duration = Duration::from_secs(10);

/// What a URL may say after its `?`; `password` is among them only to be told apart.
const PARAMETERS: [&str; 20] = [
    "application_name",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "load_balance_hosts",
    "options",
    "password",
    "port",
    "sslmode",
    "sslnegotiation",
    "sslrootcert",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];

/// Who may read along, and who the server may be; the words are libpq's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tls {
    /// Nothing is encrypted.
    Disable,
    /// Encrypted where the server can; whoever answers is believed.
    Prefer,
    /// Encrypted; whoever answers is believed.
    Require,
    /// Encrypted, and the server has a certificate that one of our CAs signed.
    VerifyCa,
    /// The same, and the certificate is for the host's name.
    VerifyFull,
}

/// A parsed `postgres://…` URL. It may hold a password, which nothing here shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    pub(super) config: Config,
    pub(super) tls: Tls,
    /// PEM file of CAs trusted beside the system's.
    pub(super) ca_file: Option<PathBuf>,
}

/// Whether `text` is meant as such a URL.
pub fn is_url(text: &str) -> bool {
    text.starts_with("postgres://") || text.starts_with("postgresql://")
}

impl Url {
    /// Errors never repeat the URL: a password may be anywhere in it.
    pub fn parse(text: &str) -> Result<Self> {
        const FORM: &str =
            "write it as postgres://USER@HOST:PORT/DATABASE, and special characters in it as %40 and the like";
        let (_, rest) =
            text.split_once("://").filter(|_| is_url(text)).with_context(|| format!("it is no URL; {FORM}"))?;
        let credentials = rest.find('@').map_or(0, |at| at + 1);
        let parameters = rest[credentials..].find('?').map_or(rest.len(), |at| credentials + at);
        ensure!(!rest[credentials..parameters].contains('@'), "it holds more than one `@`; {FORM}");
        let mut plain = rest[..parameters].to_owned();
        let (mut mode, mut ca_file) = (None, None);
        for parameter in rest[parameters..].trim_start_matches('?').split('&').filter(|text| !text.is_empty()) {
            let known = parameter.split_once('=').filter(|(key, _)| PARAMETERS.contains(key));
            match known.with_context(|| format!("one of its parameters is none of {}", PARAMETERS.join(", ")))? {
                ("sslmode", word) => mode = Some(Tls::parse(word)?),
                ("sslrootcert", "system") => {}
                ("sslrootcert", path) => {
                    ca_file = Some(PathBuf::from(decoded(path).context("`sslrootcert` is no path")?))
                }
                _ => {
                    plain.push(if plain.contains('?') { '&' } else { '?' });
                    plain += parameter;
                }
            }
        }
        let Ok(mut config) = format!("postgres://{plain}").parse::<Config>() else {
            bail!("it is no URL of a PostgreSQL server; {FORM}")
        };
        ensure!(
            !config.get_hosts().is_empty() || !config.get_hostaddrs().is_empty(),
            "it names no host; {FORM} (a socket's folder as ?host=/var/run/postgresql)"
        );
        let tls = way(&config, mode, ca_file.is_some())?;
        config.ssl_mode(match tls {
            Tls::Disable => SslMode::Disable,
            Tls::Prefer => SslMode::Prefer,
            Tls::Require | Tls::VerifyCa | Tls::VerifyFull => SslMode::Require,
        });
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        if config.get_hosts().len() > 1 && config.get_target_session_attrs() == TargetSessionAttrs::Any {
            // Of several servers the one that can be written.
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        Ok(Self { config, tls, ca_file })
    }

    pub fn has_password(&self) -> bool {
        self.config.get_password().is_some()
    }
}

/// As errors name it: database and hosts, and neither user nor password.
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = self.config.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(folder) => folder.display().to_string(),
        });
        let mut hosts: Vec<String> = hosts.collect();
        if hosts.is_empty() {
            hosts = self.config.get_hostaddrs().iter().map(IpAddr::to_string).collect();
        }
        for (host, port) in hosts.iter_mut().zip(self.config.get_ports()) {
            *host += &format!(":{port}");
        }
        let database = self.config.get_dbname().or(self.config.get_user()).unwrap_or("of its user");
        write!(f, "database {database} on {}", hosts.join(","))
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Url({self}, {:?})", self.tls)
    }
}

impl Tls {
    fn parse(word: &str) -> Result<Self> {
        Ok(match word {
            "disable" => Self::Disable,
            "allow" | "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => bail!("its `sslmode` is none of disable, prefer, require, verify-ca and verify-full"),
        })
    }
}

/// Nothing travels in the clear beyond this machine.
fn way(config: &Config, mode: Option<Tls>, has_ca: bool) -> Result<Tls> {
    let (hosts, addresses) = (config.get_hosts(), config.get_hostaddrs());
    if addresses.is_empty() && hosts.iter().all(|host| matches!(host, Host::Unix(_))) {
        return Ok(Tls::Disable);
    }
    let local = match addresses {
        [] => hosts.iter().all(|host| match host {
            Host::Tcp(name) => is_loopback(name),
            Host::Unix(_) => true,
        }),
        addresses => addresses.iter().all(IpAddr::is_loopback),
    };
    match mode {
        None if local => Ok(Tls::Prefer),
        None => Ok(Tls::VerifyFull),
        Some(Tls::Disable | Tls::Prefer) if !local => bail!(
            "its `sslmode` would allow a connection in the clear to another machine; leave it out for verify-full, or \
             choose verify-ca or require"
        ),
        // As libpq does: whoever names a CA means it.
        Some(Tls::Require) if has_ca => Ok(Tls::VerifyCa),
        Some(mode) => Ok(mode),
    }
}

/// `%41` as `A`; `None` where that gives no text.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first == b'%' {
            let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &tail[2..];
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWORD: &str = "hunter2secret";

    fn tls(url: &str) -> Tls {
        Url::parse(url).expect(url).tls
    }

    fn refusal(url: &str) -> String {
        let shown = format!("{:#}", Url::parse(url).expect_err(url));
        assert!(!shown.contains(PASSWORD), "{shown}");
        shown
    }

    #[test]
    fn nothing_travels_in_the_clear_beyond_this_machine() {
        for (url, mode) in [
            ("postgres://u@127.0.0.1/d", Tls::Prefer),
            ("postgres://u@[::1]/d", Tls::Prefer),
            ("postgresql://u@localhost:5433/d?sslmode=disable", Tls::Disable),
            ("postgres://u@localhost/d?sslmode=verify-full", Tls::VerifyFull),
            ("postgres:///d?host=/var/run/postgresql&user=u", Tls::Disable),
            ("postgres://u@%2Fvar%2Frun/d?sslmode=require", Tls::Disable),
            ("postgres://u@db.example.com/d", Tls::VerifyFull),
            ("postgres://u@db.example.com/d?sslmode=verify-ca", Tls::VerifyCa),
            ("postgres://u@db.example.com/d?sslmode=require", Tls::Require),
            ("postgres://u@db.example.com/d?sslmode=require&sslrootcert=/ca.pem", Tls::VerifyCa),
            ("postgres://u@localhost,db.example.com/d", Tls::VerifyFull),
            ("postgres://u@db.example.com/d?hostaddr=127.0.0.1", Tls::Prefer),
            ("postgres://u@localhost/d?hostaddr=192.0.2.1", Tls::VerifyFull),
        ] {
            assert_eq!(tls(url), mode, "{url}");
        }
        for url in [
            "postgres://u@db.example.com/d?sslmode=disable",
            "postgres://u@db.example.com/d?sslmode=allow",
            "postgres://u@db.example.com/d?sslmode=prefer",
            "postgres://u@localhost,db.example.com/d?sslmode=prefer",
            "postgres://u@localhost.example.com/d?sslmode=prefer",
            "postgres://u@localhost/d?hostaddr=192.0.2.1&sslmode=prefer",
        ] {
            assert!(refusal(url).contains("in the clear to another machine"), "{url}");
        }
    }

    #[test]
    fn a_password_is_in_no_error_and_no_debug_output() {
        for url in [
            "postgres://u:hunter2secret@localhost@db/d",
            "postgres://u:hunter2@secret@db/hunter2secret@d",
            "postgres://u:hunter2secret",
            "postgres://u:p@db/d?hunter2secret=1",
            "postgres://u:p@db/d?hunter2secret",
            "postgres://u:p@db/d?sslmode=hunter2secret",
            "postgres://u:p@db:hunter2secret/d",
            "postgres://u:hunter2secret@/d",
            "mysql://u:hunter2secret@db/d",
            "hunter2secret",
        ] {
            refusal(url);
        }
        for url in ["postgres://u:hunter2secret@db/d", "postgres://u@db/d?password=hunter2secret"] {
            let url = Url::parse(url).expect(url);
            assert!(url.has_password());
            assert_eq!(url.to_string(), "database d on db:5432");
            assert!(!format!("{url:?} {url:#?}").contains(PASSWORD), "{url:?}");
        }
        assert!(!Url::parse("postgres://u@db/d").expect("a URL").has_password());
    }

    #[test]
    fn the_rest_is_taken_as_libpq_takes_it() {
        let text = "postgresql://u@one:1,two:2/d?connect_timeout=3&application_name=x%20y&sslrootcert=%2Fetc%2Fca.pem";
        let url = Url::parse(text).expect("a URL");
        assert_eq!(url.to_string(), "database d on one:1,two:2");
        assert_eq!(url.ca_file, Some(PathBuf::from("/etc/ca.pem")));
        assert_eq!(url.config.get_application_name(), Some("x y"));
        assert_eq!(url.config.get_connect_timeout(), Some(&Duration::from_secs(3)));
        assert_eq!(url.config.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
        assert_eq!(Url::parse("postgres://u@one/d").expect("a URL").config.get_connect_timeout(), Some(&CONNECT));
    }
}
