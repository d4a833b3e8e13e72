//! The service's own key, and the approvals it signs.
//!
//! The key is made when the service starts for the first time, readable by its owner alone. Not here: who
//! may approve.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use serde_json::{Value, json};

use crate::jose::Signatory;

const KEY_FILE: &str = "signing-key.jwk";
/// An approval is this, and nothing else is (RFC 8725 §3.11).
const TYP: &str = "agent-approval+jwt";

/// Signs approvals.
pub(crate) struct Signer {
    key: Signatory,
    issuer: String,
}

/// Who approved: what the ID token said of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Approver {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) acr: Option<String>,
    pub(crate) auth_time: i64,
}

impl Approver {
    pub(crate) fn id(&self) -> String {
        format!("{}#{}", self.issuer, self.subject)
    }

    fn claim(&self) -> Value {
        let mut claim =
            json!({ "iss": self.issuer, "sub": self.subject, "auth_time": self.auth_time });
        if let (Some(acr), Some(members)) = (&self.acr, claim.as_object_mut()) {
            members.insert("acr".into(), acr.as_str().into());
        }
        claim
    }
}

/// What an approval says.
pub(crate) struct Approval<'a> {
    pub(crate) jti: &'a str,
    pub(crate) gateway: &'a str,
    pub(crate) digest: &'a str,
    pub(crate) approver: &'a Approver,
    pub(crate) reason: Option<&'a str>,
    pub(crate) issued: i64,
    pub(crate) expires: i64,
}

impl Signer {
    /// With the key in `folder`, or a new one.
    ///
    /// # Errors
    /// If the key can't be read or written, or others can read it.
    pub(crate) fn open(folder: &Path, issuer: String) -> Result<Self, String> {
        let path = folder.join(KEY_FILE);
        let problem = |what: String| format!("{}: {what}", path.display());
        if !fs::exists(&path).map_err(|e| problem(e.to_string()))? {
            create_key(folder, &path).map_err(problem)?;
        }
        refuse_readable_by_others(&path).map_err(problem)?;
        let text = fs::read_to_string(&path).map_err(|e| problem(e.to_string()))?;
        let key = Signatory::from_jwk(&text).map_err(problem)?;
        Ok(Self { key, issuer })
    }

    /// RFC 7517 §5.
    pub(crate) fn key_set(&self) -> Value {
        json!({ "keys": [self.key.public_jwk()] })
    }

    pub(crate) fn approve(&self, approval: &Approval<'_>) -> String {
        let mut claims = json!({
            "iss": self.issuer,
            "aud": approval.gateway,
            "jti": approval.jti,
            "iat": approval.issued,
            "exp": approval.expires,
            "sub": approval.approver.id(),
            "approver": approval.approver.claim(),
            "digest": approval.digest,
            "uses": 1,
        });
        if let (Some(reason), Some(members)) = (approval.reason, claims.as_object_mut()) {
            members.insert("reason".into(), reason.into());
        }
        self.key.sign(TYP, &claims)
    }
}

/// Whole or not at all: a crash leaves no half key.
fn create_key(folder: &Path, path: &Path) -> Result<(), String> {
    let text = serde_json::to_string_pretty(&Signatory::generate()?.private_jwk())
        .map_err(|e| e.to_string())?;
    let draft = folder.join(format!("{KEY_FILE}.new"));
    let write = || -> io::Result<()> {
        if fs::exists(&draft)? {
            fs::remove_file(&draft)?;
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(|e| e.to_string())
}

#[cfg(unix)]
fn refuse_readable_by_others(path: &Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(path).map_err(|e| e.to_string())?.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(format!("others can read this key (mode {:o}); run: chmod 600", mode & 0o777))
}

#[cfg(not(unix))]
fn refuse_readable_by_others(_: &Path) -> Result<(), String> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_key_is_made_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Signer::open(folder.path(), "https://approvals.example".to_owned());
        let first = open().unwrap().key_set();
        assert_eq!(open().unwrap().key_set(), first);
        assert!(first.pointer("/keys/0/d").is_none());
        let path = folder.path().join(KEY_FILE);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(open().err().unwrap().contains("chmod 600"));
    }
}
