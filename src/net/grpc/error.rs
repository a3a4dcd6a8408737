//! What went wrong with a request, and whether it may have happened all the same.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use tonic::{Code, ConnectError, Status};

/// The longest message of a server that is repeated to the user: two or three sentences.
const LONGEST_MESSAGE: usize = 500;

/// A method by its path, for instance `/v1.Accounts/List`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Method(pub &'static str);

/// As `Accounts.List`: without its package.
impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let full = self.0.trim_start_matches('/');
        let (service, method) = full.split_once('/').unwrap_or((full, ""));
        write!(f, "{}.{method}", service.rsplit('.').next().unwrap_or(service))
    }
}

/// What became of a request that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It did not happen: never sent, or refused.
    Undone,
    /// It may have happened, or may happen yet.
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// It never left.
    Unsent,
    /// The server could not prove who it is; it never left.
    Distrusted,
    /// It left, and no answer came.
    Lost,
    /// The server's own answer.
    Answered,
}

/// A failed request.
#[derive(Debug, Clone)]
pub struct Error {
    pub method: Method,
    pub code: Code,
    pub message: String,
    /// `grpc-status-details-bin`, as sent.
    pub details: Vec<u8>,
    host: String,
    origin: Origin,
}

impl StdError for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, code, message, host, .. } = self;
        match self.origin {
            Origin::Answered if message.is_empty() => write!(f, "{host} answers {method} with {code:?}"),
            Origin::Answered => write!(f, "{host} answers {method} with {code:?}: {message}"),
            Origin::Lost => write!(f, "{host} gave no answer to {method}: {message}"),
            Origin::Unsent => write!(f, "{method} could not be sent to {host}: {message}"),
            Origin::Distrusted => write!(
                f,
                "{host} is not trusted: {message}; check the host's name, and name a private CA's file in `ca_file`"
            ),
        }
    }
}

impl Error {
    pub(super) fn from_status(host: &str, method: Method, status: &Status) -> Self {
        let causes = causes(status);
        let origin = if causes.is_empty() {
            Origin::Answered
        } else if causes.iter().any(|cause| cause.is::<rustls::Error>()) {
            Origin::Distrusted
        } else if causes.iter().any(|cause| cause.is::<ConnectError>()) {
            Origin::Unsent
        } else {
            Origin::Lost
        };
        let message = match causes.last() {
            Some(root) => root.to_string(),
            None => status.message().to_owned(),
        };
        let details = status.details().to_vec();
        Self { method, code: status.code(), message: tidy(&message), details, host: host.to_owned(), origin }
    }

    /// An answer of the server, as tests need one.
    #[cfg(test)]
    pub fn answered(host: &str, method: Method, code: Code) -> Self {
        Self::from_status(host, method, &Status::new(code, ""))
    }

    pub(super) fn silent(host: &str, method: Method, message: String) -> Self {
        let (code, origin) = (Code::DeadlineExceeded, Origin::Lost);
        Self { method, code, message, details: Vec::new(), host: host.to_owned(), origin }
    }

    pub(super) fn unsent(host: &str, method: Method, message: String) -> Self {
        let (code, origin) = (Code::DeadlineExceeded, Origin::Unsent);
        Self { method, code, message, details: Vec::new(), host: host.to_owned(), origin }
    }

    /// Whether it was the server that said so.
    pub fn is_answer(&self) -> bool {
        self.origin == Origin::Answered
    }

    /// Whether it may have happened all the same.
    pub fn fate(&self) -> Fate {
        match (self.origin, self.code) {
            (Origin::Unsent | Origin::Distrusted, _) => Fate::Undone,
            (Origin::Lost, _) => Fate::Unknown,
            (
                Origin::Answered,
                Code::InvalidArgument
                | Code::NotFound
                | Code::AlreadyExists
                | Code::PermissionDenied
                | Code::ResourceExhausted
                | Code::FailedPrecondition
                | Code::Unimplemented
                | Code::Unauthenticated,
            ) => Fate::Undone,
            (Origin::Answered, _) => Fate::Unknown,
        }
    }

    /// Whether the same request may well succeed in a moment.
    pub(super) fn is_passing(&self) -> bool {
        match self.origin {
            Origin::Unsent | Origin::Lost => true,
            Origin::Distrusted => false,
            Origin::Answered => matches!(self.code, Code::Unavailable | Code::ResourceExhausted | Code::Internal),
        }
    }
}

/// What lies behind a status, outermost first; empty where the server itself sent it.
fn causes(status: &Status) -> Vec<&(dyn StdError + 'static)> {
    let mut causes = Vec::new();
    let mut next = status.source();
    while let Some(cause) = next {
        causes.push(cause);
        // An `io::Error` names as its source not the error inside it, but that one's own source.
        next = match cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => cause.source(),
        };
    }
    causes
}

/// Somebody else's words, fit for one line of ours.
fn tidy(message: &str) -> String {
    let line: String = message.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match line.char_indices().nth(LONGEST_MESSAGE) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREATE: Method = Method("/v1.AccountGrants/Create");

    fn answered(code: Code) -> Error {
        Error::answered("host:443", CREATE, code)
    }

    fn lost(cause: impl StdError + Send + Sync + 'static) -> Error {
        Error::from_status("host:443", CREATE, &Status::from_error(Box::new(cause)))
    }

    #[test]
    fn a_method_is_shown_without_its_package() {
        assert_eq!(CREATE.to_string(), "AccountGrants.Create");
    }

    #[test]
    fn a_refusal_is_certain_and_a_fault_is_not() {
        assert_eq!(answered(Code::ResourceExhausted).fate(), Fate::Undone);
        assert_eq!(answered(Code::AlreadyExists).fate(), Fate::Undone);
        assert_eq!(answered(Code::Internal).fate(), Fate::Unknown);
        assert_eq!(answered(Code::Unavailable).fate(), Fate::Unknown);
        assert_eq!(lost(io::Error::other("reset")).fate(), Fate::Unknown);
        assert_eq!(lost(ConnectError("refused".into())).fate(), Fate::Undone);
    }

    #[test]
    fn a_bad_certificate_is_not_tried_again() {
        let bad = rustls::Error::InvalidCertificate(rustls::CertificateError::NotValidForName);
        let error = lost(ConnectError(Box::new(io::Error::other(io::Error::other(bad)))));
        assert!(!error.is_passing());
        assert!(error.to_string().contains("ca_file"), "{error}");
    }

    #[test]
    fn a_long_message_of_many_lines_becomes_one_short_line() {
        let error = Error::from_status("h", CREATE, &Status::internal("x\n".repeat(1000)));
        assert!(error.message.chars().count() <= LONGEST_MESSAGE + 1);
        assert!(!error.message.contains('\n'));
    }
}
