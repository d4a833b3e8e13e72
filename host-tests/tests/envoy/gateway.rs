//! A real Envoy with one guest, an upstream behind it, and a client that sends piece by piece.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use host_tests::vm::{FailurePolicy, Options, Profile};

use crate::scene::{Seen, Step};

/// Long enough for a piece to pass a loaded machine, so that the next one is a callback of its own.
const BREATH: Duration = Duration::from_millis(250);

pub(crate) struct Envoy {
    process: Child,
    folder: tempfile::TempDir,
    address: SocketAddr,
    upstream: Arc<Mutex<Vec<String>>>,
    /// More header lines of the client.
    pub(crate) fields: String,
    /// One message lets `idp` answer one call.
    replies: Sender<()>,
    /// One message lets a slow upstream finish one answer.
    rests: Sender<()>,
}

impl Drop for Envoy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Envoy {
    pub(crate) fn start(program: &OsStr, module: &[u8], options: &Options, slow: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("guest.wasm"), module).unwrap();
        let (replies, may_reply) = channel();
        let (rests, may_end) = channel();
        let upstream = Arc::new(Mutex::new(Vec::new()));
        let server = serve(Pace { may_reply, may_end, slow }, Arc::clone(&upstream));
        let address = free_address();
        let config =
            config(options, folder.path().join("guest.wasm").to_str().unwrap(), address, server);
        std::fs::write(folder.path().join("envoy.yaml"), config).unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new(program);
        command.arg("-c").arg(folder.path().join("envoy.yaml")).args([
            "--concurrency",
            "1",
            "--log-level",
            "info",
        ]);
        command.arg("--disable-hot-restart").stdout(Stdio::null()).stderr(log);
        let process = command.spawn().expect("Envoy starts");
        let envoy =
            Self { process, folder, address, upstream, fields: String::new(), replies, rests };
        envoy.wait();
        envoy
    }

    fn wait(&self) {
        let begun = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "Envoy does not listen:\n{}",
                self.log()
            );
            thread::sleep(Duration::from_millis(50));
        }
        thread::sleep(BREATH);
    }

    pub(crate) fn play(&mut self, requests: &[&[Step]]) -> Seen {
        let mut answers = Vec::new();
        for steps in requests {
            answers.push(self.request(steps));
        }
        thread::sleep(BREATH);
        let log = self.log();
        let said = log.lines().filter_map(said);
        Seen { said: said.collect(), answers, upstream: self.upstream.lock().unwrap().clone() }
    }

    fn request(&self, steps: &[Step]) -> (Option<u16>, String) {
        let mut connection = Some(TcpStream::connect(self.address).unwrap());
        for step in steps {
            let bytes = match step {
                Step::Headers => {
                    Some(format!("{HEAD}{}transfer-encoding: chunked\r\n\r\n", self.fields))
                }
                Step::HeadersAndEnd => {
                    Some(format!("{HEAD}{}content-length: 0\r\n\r\n", self.fields))
                }
                Step::Data(bytes) => Some(format!("{:x}\r\n{bytes}\r\n", bytes.len())),
                Step::End => Some("0\r\n\r\n".to_owned()),
                Step::Trailers => Some("0\r\nt: 1\r\n\r\n".to_owned()),
                Step::Abort | Step::Reply | Step::Rest => None,
            };
            if let (Some(bytes), Some(connection)) = (bytes, &mut connection) {
                // A gateway that has answered may have closed.
                let _ = connection.write_all(bytes.as_bytes());
            }
            match step {
                Step::Abort => connection = None,
                Step::Reply => self.replies.send(()).unwrap(),
                Step::Rest => self.rests.send(()).unwrap(),
                _ => {}
            }
            thread::sleep(BREATH);
        }
        connection.map_or((None, String::new()), answer)
    }

    fn log(&self) -> String {
        let bytes = std::fs::read(self.folder.path().join("log")).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// What the guest logged: of a stream after `deputy deputy deputy: `, of the root context after
/// `deputy deputy: `.
fn said(line: &str) -> Option<String> {
    let (_, message) = line.split_once("] wasm log deputy deputy")?.1.split_once(": ")?;
    Some(message.to_owned())
}

const HEAD: &str = "POST /p?q=1 HTTP/1.1\r\nhost: a.example\r\nx: old\r\n";

/// Status and body, as far as they came within a second.
fn answer(mut connection: TcpStream) -> (Option<u16>, String) {
    connection.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(size) = connection.read(&mut piece) {
        if size == 0 {
            break;
        }
        bytes.extend_from_slice(&piece[..size]);
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return (None, String::new());
    };
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let body =
        if head.contains("transfer-encoding: chunked") { unchunk(body) } else { body.to_owned() };
    (status, body)
}

fn unchunk(mut rest: &str) -> String {
    let mut body = String::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap_or(0);
        if size == 0 || after.len() < size {
            break;
        }
        body.push_str(&after[..size]);
        rest = after[size..].trim_start_matches("\r\n");
    }
    body
}

/// What answers wait for.
struct Pace {
    may_reply: Receiver<()>,
    may_end: Receiver<()>,
    slow: bool,
}

/// An upstream and `idp` in one: notes complete requests, answers `/keys` only when told to.
fn serve(pace: Pace, seen: Arc<Mutex<Vec<String>>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let pace = Arc::new(Mutex::new(pace));
    thread::spawn(move || {
        for connection in listener.incoming() {
            let (connection, seen, pace) =
                (connection.unwrap(), Arc::clone(&seen), Arc::clone(&pace));
            thread::spawn(move || converse(connection, &seen, &pace));
        }
    });
    address
}

fn converse(mut connection: TcpStream, seen: &Mutex<Vec<String>>, pace: &Mutex<Pace>) {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(size) = connection.read(&mut piece) {
        if size == 0 {
            return;
        }
        bytes.extend_from_slice(&piece[..size]);
        let Some((line, body)) = complete(&String::from_utf8_lossy(&bytes)) else { continue };
        bytes.clear();
        if line.contains("/keys") {
            let _ = pace.lock().unwrap().may_reply.recv_timeout(Duration::from_secs(10));
            let _ = connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nkeys");
            continue;
        }
        seen.lock().unwrap().push(format!("{line} {body}"));
        answer_in_pieces(&mut connection, pace);
    }
}

fn answer_in_pieces(connection: &mut TcpStream, pace: &Mutex<Pace>) {
    let head = "HTTP/1.1 200 OK\r\nx: up\r\ncontent-length: 5\r\n\r\n";
    if !pace.lock().unwrap().slow {
        let _ = connection.write_all(format!("{head}reply").as_bytes());
        return;
    }
    let _ = connection.write_all(format!("{head}rep").as_bytes());
    // The lock is taken briefly: `idp` waits with it.
    while pace.lock().unwrap().may_end.try_recv().is_err() {
        thread::sleep(Duration::from_millis(10));
    }
    let _ = connection.write_all(b"ly");
}

/// Method, path and `x` of a complete request, and its body.
fn complete(text: &str) -> Option<(String, String)> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let field = |name: &str| {
        head.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim()
    };
    let body = if field("transfer-encoding:") == "chunked" {
        text.ends_with("\r\n\r\n").then(|| body.contains("0\r\n"))?.then(|| unchunk(body))?
    } else {
        let length = field("content-length:").parse().unwrap_or(0);
        (body.len() >= length).then(|| body[..length].to_owned())?
    };
    let line = head.lines().next()?.trim_end_matches(" HTTP/1.1");
    Some((format!("{line} {}", field("x:")), body))
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn config(options: &Options, module: &str, address: SocketAddr, upstream: SocketAddr) -> String {
    let policy = match options.failure {
        FailurePolicy::Closed => "FAIL_CLOSED",
        FailurePolicy::Open => "FAIL_OPEN",
        FailurePolicy::Reload { .. } => "FAIL_RELOAD",
    };
    let cluster = |name: &str| {
        format!(
            "  - name: {name}\n    type: STATIC\n    load_assignment:\n      cluster_name: {name}\n      endpoints:\n      - lb_endpoints:\n        - endpoint: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: {} }} }} }}\n",
            upstream.port()
        )
    };
    TEMPLATE
        .replace("@PORT@", &address.port().to_string())
        .replace("@LIMIT@", &options.buffer_limit.to_string())
        .replace("@POLICY@", policy)
        .replace("@HOLD@", if options.profile == Profile::EnvoyHold { "true" } else { "false" })
        .replace("@MODULE@", module)
        .replace("@CLUSTERS@", &(cluster("upstream") + &cluster("idp")))
}

const TEMPLATE: &str = r#"
static_resources:
  listeners:
  - name: gateway
    address: { socket_address: { address: 127.0.0.1, port_value: @PORT@ } }
    per_connection_buffer_limit_bytes: @LIMIT@
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: gateway
          http_protocol_options: { enable_trailers: true }
          route_config:
            virtual_hosts:
            - { name: all, domains: ["*"], routes: [ { match: { prefix: "/" }, route: { cluster: upstream, timeout: 0s } } ] }
          http_filters:
          - name: deputy
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
              config:
                name: deputy
                root_id: deputy
                failure_policy: @POLICY@
                allow_on_headers_stop_iteration: @HOLD@
                vm_config:
                  runtime: envoy.wasm.runtime.v8
                  vm_id: deputy
                  code: { local: { filename: "@MODULE@" } }
                configuration: { "@type": type.googleapis.com/google.protobuf.StringValue, value: "{}" }
          - name: envoy.filters.http.router
            typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
  clusters:
@CLUSTERS@
"#;
