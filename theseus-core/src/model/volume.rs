//! Directories of the host inside a container.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A directory of the host inside the container: `/host/path:/container/path[:ro|rw]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Volume {
    /// Where it is on the host.
    pub host: String,
    /// Where it is inside.
    pub container: String,
    /// What the container may do with it.
    pub access: Access,
}

/// What a container may do with a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read only.
    ReadOnly,
    /// Read and write.
    ReadWrite,
}

/// Why a text is no volume.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a volume is written /host/path:/container/path, with :ro or :rw behind it")]
pub struct VolumeError;

impl FromStr for Volume {
    type Err = VolumeError;

    fn from_str(text: &str) -> Result<Self, VolumeError> {
        let mut parts = text.split(':');
        let (Some(host), Some(container), access, None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(VolumeError);
        };
        let access = match access {
            None | Some("rw" | "RW") => Access::ReadWrite,
            Some("ro" | "RO") => Access::ReadOnly,
            Some(_) => return Err(VolumeError),
        };
        if host.is_empty() || !container.starts_with('/') {
            return Err(VolumeError);
        }
        Ok(Self {
            host: host.to_owned(),
            container: container.to_owned(),
            access,
        })
    }
}

impl fmt::Display for Volume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let access = match self.access {
            Access::ReadOnly => "ro",
            Access::ReadWrite => "rw",
        };
        write!(f, "{}:{}:{access}", self.host, self.container)
    }
}

impl TryFrom<String> for Volume {
    type Error = VolumeError;

    fn try_from(text: String) -> Result<Self, VolumeError> {
        text.parse()
    }
}

impl From<Volume> for String {
    fn from(volume: Volume) -> Self {
        volume.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes() {
        for (text, shown) in [
            ("/a:/b", "/a:/b:rw"),
            ("/a:/b:ro", "/a:/b:ro"),
            ("data:/b:RW", "data:/b:rw"),
        ] {
            assert_eq!(text.parse::<Volume>().unwrap().to_string(), shown);
        }
        for bad in ["", "/a", "/a:b", ":/b", "/a:/b:x", "/a:/b:ro:"] {
            assert_eq!(bad.parse::<Volume>(), Err(VolumeError), "{bad}");
        }
    }
}
