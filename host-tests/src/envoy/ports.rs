//! A port for each listener.
//!
//! Not the system's choice: Envoy binds with `SO_REUSEPORT`, and asked for any port, Linux may then
//! give out one that another listener of the same user has. Two gateways would answer each other's
//! requests, now and then.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// One that nobody has now, and that nobody here was given before.
///
/// # Panics
/// When none is free.
pub fn unused() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Programs that run at the same time begin at different places.
    let begin = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap_or_default();
    for _ in 0..COUNT {
        let offset = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + begin.wrapping_mul(STEP).wrapping_add(offset) % COUNT;
        // This socket shares its port with nobody, so it says whether anybody has it.
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free");
}

/// Below those that systems give to clients (32768 on Linux, 49152 by IANA).
const FIRST: u16 = 10_000;
const COUNT: u16 = 22_000;
/// Two programs rarely open more listeners than that.
const STEP: u16 = 601;
