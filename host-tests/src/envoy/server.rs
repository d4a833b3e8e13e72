//! A server that notes every byte it is sent and answers what a test says: the upstream, and the
//! key endpoint of an issuer.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::reply::Reply;
use super::wait;
use super::wire::{self, Framing, Head, Lines, Wire};

/// A request, or what came of it.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// First line and headers; empty if not even they were whole.
    pub head: Head,
    /// As much of the body as came.
    pub body: Vec<u8>,
    /// Trailers.
    pub trailers: Lines,
    /// Whether it came to its end.
    pub whole: bool,
    /// Which connection it came on, from 0.
    pub connection: usize,
}

impl Seen {
    /// The first value of a header, as text.
    pub fn header(&self, name: &str) -> Option<String> {
        let value = wire::value(&self.head.headers, name)?;
        Some(String::from_utf8_lossy(value).into_owned())
    }
}

type Script = Arc<dyn Fn(&Seen) -> Reply + Send + Sync>;

/// A server on a port of its own, until it is dropped.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    seen: Mutex<Vec<Seen>>,
    script: Mutex<Script>,
    held: Mutex<bool>,
    changed: Condvar,
    open: Mutex<Open>,
}

/// What is open; nothing while the server is down.
#[derive(Default)]
struct Open {
    listening: bool,
    connections: Vec<TcpStream>,
    count: usize,
}

impl Server {
    /// Answers every request alike.
    ///
    /// # Panics
    /// When no port is free.
    pub fn start(reply: impl Into<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let reply = reply.into();
        let script: Script = Arc::new(move |_| reply.clone());
        let shared = Arc::new(Shared {
            seen: Mutex::default(),
            script: Mutex::new(script),
            held: Mutex::new(false),
            changed: Condvar::new(),
            open: Mutex::default(),
        });
        let server = Self { address, shared };
        server.listen(listener);
        server
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on answers that.
    pub fn answers(&self, reply: impl Into<Reply>) {
        let reply = reply.into();
        self.answers_by(move |_| reply.clone());
    }

    /// From now on answers what a function makes of the request.
    pub fn answers_by(&self, script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) {
        *lock(&self.shared.script) = Arc::new(script);
    }

    /// Everything it was sent, even a single byte.
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.shared.seen).clone()
    }

    /// Keeps answers back from now on.
    pub fn hold(&self) {
        *lock(&self.shared.held) = true;
    }

    /// Gives them, and keeps none back any more.
    pub fn release(&self) {
        *lock(&self.shared.held) = false;
        self.shared.changed.notify_all();
    }

    /// Nobody listens here any more.
    pub fn down(&self) {
        let mut open = lock(&self.shared.open);
        open.listening = false;
        for connection in open.connections.drain(..) {
            // Gone already, perhaps.
            let _ = connection.shutdown(Shutdown::Both);
        }
        drop(open);
        // Wakes the thread that accepts, so that it sees that it should not.
        let _ = TcpStream::connect(self.address);
        wait::until("a server to go down", wait::PATIENCE, String::new, || {
            TcpStream::connect(self.address).is_err().then_some(())
        });
    }

    /// Listens again, where it did.
    ///
    /// # Panics
    /// When somebody else does now.
    pub fn up(&self) {
        self.listen(TcpListener::bind(self.address).expect("the port is still free"));
    }

    fn listen(&self, listener: TcpListener) {
        lock(&self.shared.open).listening = true;
        let shared = Arc::clone(&self.shared);
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let Some(connection) = shared.admit(&stream) else { return };
                let shared = Arc::clone(&shared);
                // A client that goes away is not the server's business.
                thread::spawn(move || shared.converse(stream, connection));
            }
        });
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.down();
        self.release();
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Shared {
    /// The number of the connection; none if the server is down.
    fn admit(&self, stream: &TcpStream) -> Option<usize> {
        let mut open = lock(&self.open);
        if !open.listening {
            return None;
        }
        open.connections.extend(stream.try_clone());
        open.count += 1;
        Some(open.count - 1)
    }

    fn converse(&self, stream: TcpStream, connection: usize) -> io::Result<()> {
        let closing = stream.try_clone()?;
        let mut wire = Wire::new(stream, wait::START)?;
        while let Some(seen) = self.note(&mut wire, connection)? {
            let mut held = lock(&self.held);
            while *held {
                held = self.changed.wait(held).unwrap_or_else(PoisonError::into_inner);
            }
            drop(held);
            let script = Arc::clone(&*lock(&self.script));
            match script(&seen) {
                Reply::Answer(answer) => answer.send(&mut wire, &seen.head)?,
                Reply::Reset => return closing.shutdown(Shutdown::Both),
                Reply::Silence => {
                    // Until the other side has had enough.
                    wire.body(Framing::UntilClose, |_| ())?;
                }
            }
        }
        Ok(())
    }

    /// Reads a request and notes it from its first byte on.
    fn note(&self, wire: &mut Wire, connection: usize) -> io::Result<Option<Seen>> {
        let mut place = None;
        let head = wire.head(|| {
            let mut seen = lock(&self.seen);
            seen.push(Seen { connection, ..Seen::default() });
            place = Some(seen.len() - 1);
        })?;
        let (Some(head), Some(place)) = (head, place) else { return Ok(None) };
        let framing = head.framing_of_request();
        lock(&self.seen)[place].head = head;
        let note = |piece: &[u8]| lock(&self.seen)[place].body.extend_from_slice(piece);
        let trailers = wire.body(framing, note)?;
        let mut seen = lock(&self.seen);
        seen[place].trailers = trailers;
        seen[place].whole = true;
        Ok(Some(seen[place].clone()))
    }
}

/// A test that failed while it held the lock has said so already.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
