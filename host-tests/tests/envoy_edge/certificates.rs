//! Certificates and a TLS client, both by the `openssl` command: nobody here wrote how they are made,
//! encoded and presented.
//!
//! Not here: what a gateway makes of them.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use host_tests::envoy::{Client, Request, Response};

/// A certification authority, in a folder of its own.
pub(crate) struct Authority {
    folder: Rc<tempfile::TempDir>,
}

/// A certificate and its key, as files.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
    /// As long as the files are needed.
    _folder: Rc<tempfile::TempDir>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let authority = Self { folder: Rc::new(tempfile::tempdir().unwrap()) };
        authority.describe("ca", AUTHORITY);
        let at = |name| authority.path(name);
        let mut req = openssl(&["req", "-x509", "-new", "-nodes", "-days", "2", "-newkey"]);
        req.args(KEY).args(["-extensions", "extensions", "-config"]).arg(at("ca.conf"));
        run(req.arg("-keyout").arg(at("ca.key")).arg("-out").arg(at("ca.pem")));
        authority
    }

    /// What verifies chains of it.
    pub(crate) fn root(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// A certificate with those URIs among its alternative names: an X.509-SVID if it is one.
    pub(crate) fn issue(&self, name: &str, uris: &[&str]) -> Certificate {
        let names: Vec<_> = uris.iter().map(|uri| format!("URI:{uri}")).collect();
        let names = format!("{LEAF}subjectAltName = {}\n", names.join(", "));
        self.describe(name, &names);
        let at = |ending: &str| self.path(&format!("{name}.{ending}"));
        let mut req = openssl(&["req", "-new", "-nodes", "-newkey"]);
        req.args(KEY).arg("-config").arg(at("conf"));
        run(req.arg("-keyout").arg(at("key")).arg("-out").arg(at("csr")));
        let mut sign = openssl(&["x509", "-req", "-days", "1", "-CAcreateserial"]);
        sign.arg("-in").arg(at("csr")).arg("-CA").arg(self.root());
        sign.arg("-CAkey").arg(self.path("ca.key")).arg("-extfile").arg(at("conf"));
        run(sign.args(["-extensions", "extensions", "-out"]).arg(at("pem")));
        Certificate { chain: at("pem"), key: at("key"), _folder: Rc::clone(&self.folder) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn describe(&self, name: &str, extensions: &str) {
        let head = format!("[req]\ndistinguished_name = dn\nprompt = no\n[dn]\nCN = {name}\n");
        let all = format!("{head}[extensions]\n{extensions}");
        std::fs::write(self.path(&format!("{name}.conf")), all).unwrap();
    }
}

impl Certificate {
    /// `x5t#S256` (RFC 8705 §3.1), computed from what openssl prints.
    pub(crate) fn thumbprint(&self) -> String {
        let mut command = openssl(&["x509", "-noout", "-fingerprint", "-sha256", "-in"]);
        let said = String::from_utf8(run(command.arg(&self.chain))).unwrap();
        let (_, digits) = said.trim().split_once('=').unwrap();
        let byte = |text| u8::from_str_radix(text, 16).unwrap();
        URL_SAFE_NO_PAD.encode(digits.split(':').map(byte).collect::<Vec<_>>())
    }
}

/// One TLS connection, for as long as its client is used.
struct Tunnel {
    openssl: Child,
    client: Client,
}

impl Tunnel {
    /// `openssl s_client`, with its input and output as a connection.
    fn open(to: SocketAddr, root: &Path, certificate: Option<&Certificate>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let ours = TcpStream::connect(listener.local_addr()?)?;
        let (theirs, _) = listener.accept()?;
        let mut command = openssl(&["s_client", "-quiet", "-no_ign_eof", "-verify_return_error"]);
        command.args(["-connect", &to.to_string(), "-CAfile"]).arg(root);
        if let Some(certificate) = certificate {
            command.arg("-cert").arg(&certificate.chain).arg("-key").arg(&certificate.key);
        }
        let input = Stdio::from(OwnedFd::from(theirs.try_clone()?));
        command.stdin(input).stdout(OwnedFd::from(theirs)).stderr(Stdio::null());
        Ok(Self { openssl: command.spawn()?, client: Client::over(ours)? })
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.openssl.kill();
        let _ = self.openssl.wait();
    }
}

/// A request over a connection of its own that presents that certificate. An error: no answer came.
pub(crate) fn send(
    (to, root): (SocketAddr, &Path),
    certificate: Option<&Certificate>,
    request: &Request,
) -> io::Result<Response> {
    let mut tunnel = Tunnel::open(to, root, certificate).expect("the command `openssl`");
    tunnel.client.send(request);
    tunnel.client.response(request)
}

fn openssl(arguments: &[&str]) -> Command {
    let mut command = Command::new("openssl");
    command.args(arguments);
    command
}

fn run(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap_or_else(|e| panic!("the command `openssl`: {e}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    output.stdout
}

/// P-256, as SPIRE has it.
const KEY: [&str; 3] = ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
/// X.509-SVID §4: signing certificates.
const AUTHORITY: &str = "basicConstraints = critical, CA:TRUE\nkeyUsage = critical, keyCertSign\n";
/// X.509-SVID §4: leaf certificates.
const LEAF: &str = "basicConstraints = critical, CA:FALSE\nkeyUsage = critical, digitalSignature\n\
    extendedKeyUsage = serverAuth, clientAuth\n";
