//! Why two sides do not trust each other: what TLS says, in words for whoever can mend it.

use std::error::Error;
use std::fmt;
use std::io;

use jiff::Timestamp;
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError};

/// Why no trusted connection came about. Nothing was asked there.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Distrust {
    /// The server's certificate is out of date, since then.
    Expired(Option<Timestamp>),
    /// The server's certificate is not valid yet, but from then on.
    NotYetValid(Option<Timestamp>),
    /// The server's certificate is not for its address, but for these names.
    OtherName(Vec<String>),
    /// Nobody who is trusted has issued the server's certificate.
    UnknownAuthority,
    /// Anything else about the server's certificate.
    Certificate(String),
    /// The server wants a certificate, and got none.
    WantsCertificate,
    /// The server does not accept the certificate that it got.
    RefusesCertificate(String),
    /// The server speaks no TLS.
    NoTls,
    /// They have no way in common to speak TLS, or it went wrong.
    Handshake(String),
}

impl Distrust {
    /// What TLS says, if that is behind an error. `has_certificate` says whether one was shown to
    /// the server.
    pub(crate) fn of(error: &(dyn Error + 'static), has_certificate: bool) -> Option<Self> {
        Some(match tls_error(error)? {
            rustls::Error::InvalidCertificate(error) => of_certificate(error),
            rustls::Error::AlertReceived(alert) => of_alert(*alert, has_certificate),
            rustls::Error::InvalidMessage(_) => Self::NoTls,
            other => Self::Handshake(other.to_string()),
        })
    }

    pub(crate) fn is_about_certificates(&self) -> bool {
        !matches!(self, Self::NoTls | Self::Handshake(_))
    }

    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Expired(_) | Self::NotYetValid(_) => {
                "whoever runs it has to renew its certificate; or is this machine's clock wrong?"
            }
            Self::OtherName(_) => {
                "write one of these names into urls under marathon in mesos.yaml, or have the certificate issued for the address"
            }
            Self::UnknownAuthority => {
                "if a private authority has issued it, write the file of its certificate as ca-file under marathon in mesos.yaml"
            }
            Self::Certificate(_) => "whoever runs it has to renew its certificate",
            Self::WantsCertificate => "write cert-file and key-file under marathon in mesos.yaml",
            Self::RefusesCertificate(_) => {
                "check cert-file and key-file under marathon in mesos.yaml: is the certificate out of date, or from another authority?"
            }
            Self::NoTls => {
                "is it http:// rather than https://, or another port? see urls under marathon in mesos.yaml"
            }
            Self::Handshake(_) => {
                "TLS 1.2 or later is needed; does the address under marathon in mesos.yaml belong to a Marathon?"
            }
        }
    }
}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired(Some(since)) => write!(f, "its certificate has expired, at {since}"),
            Self::Expired(None) => f.write_str("its certificate has expired"),
            Self::NotYetValid(Some(from)) => {
                write!(f, "its certificate is not valid before {from}")
            }
            Self::NotYetValid(None) => f.write_str("its certificate is not valid yet"),
            Self::OtherName(names) if names.is_empty() => {
                f.write_str("its certificate is for another name")
            }
            Self::OtherName(names) => {
                write!(
                    f,
                    "its certificate is for another name: {}",
                    names.join(", ")
                )
            }
            Self::UnknownAuthority => {
                f.write_str("its certificate is from an authority that is not known here")
            }
            Self::Certificate(reason) => write!(f, "its certificate is no good: {reason}"),
            Self::WantsCertificate => f.write_str("it wants a client's certificate"),
            Self::RefusesCertificate(reason) => {
                write!(f, "it refuses the client's certificate: {reason}")
            }
            Self::NoTls => f.write_str("it does not speak TLS"),
            Self::Handshake(reason) => write!(f, "no TLS connection comes about: {reason}"),
        }
    }
}

impl Error for Distrust {}

fn of_certificate(error: &CertificateError) -> Distrust {
    match error {
        CertificateError::Expired => Distrust::Expired(None),
        CertificateError::ExpiredContext { not_after, .. } => Distrust::Expired(time(*not_after)),
        CertificateError::NotValidYet => Distrust::NotYetValid(None),
        CertificateError::NotValidYetContext { not_before, .. } => {
            Distrust::NotYetValid(time(*not_before))
        }
        CertificateError::NotValidForName => Distrust::OtherName(Vec::new()),
        CertificateError::NotValidForNameContext { presented, .. } => {
            Distrust::OtherName(presented.iter().map(|name| plain(name)).collect())
        }
        // Of the same name, the wrong authority is seen by its signature only.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            Distrust::UnknownAuthority
        }
        // So is one that signs itself.
        CertificateError::Other(other) => match other.to_string() {
            text if text.contains("CaUsedAsEndEntity") => Distrust::UnknownAuthority,
            text => Distrust::Certificate(text),
        },
        other => Distrust::Certificate(other.to_string()),
    }
}

fn of_alert(alert: AlertDescription, has_certificate: bool) -> Distrust {
    let about_certificate = matches!(
        alert,
        AlertDescription::CertificateRequired
            | AlertDescription::NoCertificate
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
    );
    // That the signature under a certificate is wrong is said so.
    let about_signature = has_certificate && alert == AlertDescription::DecryptError;
    match (about_certificate || about_signature, has_certificate) {
        (true, true) => Distrust::RefusesCertificate(format!("{alert:?}")),
        (true, false) => Distrust::WantsCertificate,
        (false, _) => Distrust::Handshake(format!("the server says {alert:?}")),
    }
}

/// A name as `rustls` writes it: `DnsName("a.example")`.
fn plain(name: &str) -> String {
    name.split('"').nth(1).unwrap_or(name).to_owned()
}

fn time(time: UnixTime) -> Option<Timestamp> {
    Timestamp::from_second(time.as_secs().try_into().ok()?).ok()
}

/// The error of TLS behind another one.
fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        // What an I/O error holds is not its source.
        next = match error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}
