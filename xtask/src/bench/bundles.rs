//! A server of one bundle, which can be replaced: what a gateway polls.
//!
//! Its thread ends with the program. Not here: anything a real server needs against strangers.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context as _, Result};

use super::http::at;

/// A bundle and its entity tag.
type Published = Arc<Mutex<(String, Arc<Vec<u8>>)>>;

/// Where bundles are.
pub(super) struct Bundles {
    pub(super) port: u16,
    published: Published,
}

impl Bundles {
    pub(super) fn serve(tag: &str, bundle: Vec<u8>) -> Result<Self> {
        let listener = TcpListener::bind(at(0)).context("no port is free on 127.0.0.1")?;
        let port = listener.local_addr()?.port();
        let published: Published = Arc::new(Mutex::new((tag.to_owned(), Arc::new(bundle))));
        let serving = Arc::clone(&published);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let published = Arc::clone(&serving);
                // Whoever hangs up asks again.
                thread::spawn(move || drop(answer(stream, &published)));
            }
        });
        Ok(Self { port, published })
    }

    pub(super) fn publish(&self, tag: &str, bundle: Vec<u8>) {
        let mut published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        *published = (tag.to_owned(), Arc::new(bundle));
    }
}

/// One request after the other, until the connection ends.
fn answer(mut stream: TcpStream, published: &Published) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let mut known = None;
    while let Some(line) = lines.next().transpose()? {
        if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("if-none-match")
        {
            known = Some(value.trim_matches('"').to_owned());
        }
        if !line.is_empty() {
            continue;
        }
        let (tag, bundle) = published.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if known.take().as_deref() == Some(tag.as_str()) {
            write!(stream, "HTTP/1.1 304 Not Modified\r\netag: \"{tag}\"\r\n\r\n")?;
            continue;
        }
        let length = bundle.len();
        write!(stream, "HTTP/1.1 200 OK\r\netag: \"{tag}\"\r\ncontent-length: {length}\r\n\r\n")?;
        stream.write_all(&bundle)?;
    }
    Ok(())
}
