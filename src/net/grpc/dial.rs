//! Where the server is, and the way there: TLS, or a proxy and TLS, or nothing at all on this machine.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use http::Uri;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use tonic::transport::{Channel, Endpoint};

use crate::net::{USER_AGENT, is_loopback, tls};

/// Time for TCP to connect. A server that is there answers within a second, the other side of the world included; the
/// rest is for a lost packet or two.
const CONNECT: Duration = Duration::from_secs(10);

/// A channel that connects at the first call and again whenever the connection is lost.
pub struct Line {
    pub channel: Channel,
    /// The host and the way there, for messages.
    pub shown: String,
}

/// The line to `address`: `host`, `host:port` or `https://host:port` with TLS, `http://127.0.0.1:port` without.
///
/// Where `proxies` has one for it, by a tunnel through that; never to this machine.
pub fn dial(address: &str, ca_file: Option<&Path>, proxies: &Matcher) -> Result<Line> {
    let uri = parse(address)?;
    let endpoint = Endpoint::from(uri.clone())
        .user_agent(USER_AGENT)
        .context("the name and version of this program are valid in a header")?;
    let authority = uri.authority().map_or(address, |authority| authority.as_str());
    if uri.scheme_str() == Some("http") {
        let channel = endpoint.connect_with_connector_lazy(tcp());
        return Ok(Line { channel, shown: authority.to_owned() });
    }
    let secure = HttpsConnectorBuilder::new().with_tls_config(tls::config(ca_file)?).https_only().enable_http2();
    let proxy = if is_loopback(uri.host().unwrap_or_default()) { None } else { proxies.intercept(&uri) };
    let Some(proxy) = proxy else {
        let channel = endpoint.connect_with_connector_lazy(secure.wrap_connector(tcp()));
        return Ok(Line { channel, shown: authority.to_owned() });
    };
    let shown = format!("{authority} through the proxy {}", proxy.uri().host().unwrap_or_default());
    ensure!(
        matches!(proxy.uri().scheme_str(), Some("http" | "https")),
        "{shown}: only HTTP proxies are supported; check HTTPS_PROXY, or list the host in NO_PROXY"
    );
    let to_proxy = HttpsConnectorBuilder::new().with_tls_config(tls::config(ca_file)?).https_or_http().enable_http1();
    let mut tunnel = Tunnel::new(proxy.uri().clone(), to_proxy.wrap_connector(tcp()));
    if let Some(credentials) = proxy.basic_auth() {
        tunnel = tunnel.with_auth(credentials.clone());
    }
    Ok(Line { channel: endpoint.connect_with_connector_lazy(secure.wrap_connector(tunnel)), shown })
}

fn tcp() -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT));
    tcp
}

/// The address with its scheme and port; refused where it is anything but a host, or unprotected beyond this machine.
fn parse(address: &str) -> Result<Uri> {
    ensure!(
        !address.contains('@'),
        "an address is HOST:PORT and no more; a user name or password does not belong there"
    );
    let wrong = || format!("'{address}' is no address; write it as HOST:PORT");
    let full = if address.contains("://") { address.to_owned() } else { format!("https://{address}") };
    let uri: Uri = full.parse().with_context(wrong)?;
    ensure!(matches!(uri.path(), "" | "/") && uri.query().is_none(), wrong());
    let host = uri.host().unwrap_or_default();
    let scheme = uri.scheme_str().unwrap_or_default();
    let port = match scheme {
        "https" => 443,
        "http" if is_loopback(uri.host().unwrap_or_default()) => 80,
        "http" => bail!("'{address}' is without TLS, which is allowed only to this machine; write it as HOST:PORT"),
        _ => bail!(wrong()),
    };
    if uri.port_u16().is_some() {
        return Ok(uri);
    }
    ensure!(uri.authority().is_some_and(|authority| authority.as_str() == host), wrong());
    format!("{scheme}://{host}:{port}").parse().with_context(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_host_means_tls_on_port_443() {
        assert_eq!(parse("app.strongdm.com").unwrap().to_string(), "https://app.strongdm.com:443/");
        assert_eq!(parse("app.strongdm.com:8443").unwrap().to_string(), "https://app.strongdm.com:8443/");
        assert_eq!(parse("https://127.0.0.1:50051").unwrap().scheme_str(), Some("https"));
    }

    #[test]
    fn plain_text_stays_on_this_machine() {
        for address in ["http://127.0.0.1:5000", "http://localhost:5000", "http://[::1]:5000"] {
            assert_eq!(parse(address).unwrap().scheme_str(), Some("http"), "{address}");
        }
        for address in ["http://app.strongdm.com:443", "http://127.0.0.1.example.com:80", "http://localhost.evil.com"] {
            assert!(parse(address).unwrap_err().to_string().contains("without TLS"), "{address}");
        }
    }

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for address in [
            "",
            "ftp://host:21",
            "host:port",
            "host:",
            "host:65536",
            "https://host/path",
            "https://user:pass@host",
            "host?x=1",
        ] {
            assert!(parse(address).is_err(), "{address}");
        }
    }

    #[test]
    fn a_refused_address_does_not_show_its_password() {
        assert!(!format!("{:#}", parse("https://user:hunter2@host").unwrap_err()).contains("hunter2"));
    }
}
