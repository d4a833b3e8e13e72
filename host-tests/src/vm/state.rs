//! What the host functions of one VM work on, and how they reach the guest's memory.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use wasmtime::{Caller, Extern, Memory, StoreLimits, StoreLimitsBuilder, TypedFunc};

use super::abi::{LogLevel, Status};
use super::headers::HeaderMap;
use super::logs::LogLine;
use super::metrics::MetricKind;
use super::observed::LocalReply;
use super::options::Options;
use super::stream::{Direction, Stream};
use super::surroundings::Surroundings;

/// A plugin context that is not a stream.
#[derive(Debug, Default)]
pub(super) struct Root {
    pub(super) tick_period_ms: u32,
    /// `proxy_on_done` answered false: the context lives until the plugin calls `proxy_done`.
    pub(super) done_pending: bool,
}

/// What a host function asked for that happens after the callback has returned.
#[derive(Debug)]
pub(super) enum Deferred {
    Continue(u32, Direction),
    Reply(u32, LocalReply),
    Close(u32),
    /// `proxy_done` of a root context.
    Delete(u32),
}

/// The message a `proxy_on_http_call_response` callback reads.
pub(super) struct CallReply {
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// The data of a wasmtime store.
pub(super) struct HostState {
    pub(super) options: Arc<Options>,
    pub(super) surroundings: Surroundings,
    pub(super) worker: usize,
    pub(super) limits: StoreLimits,
    pub(super) memory: Option<Memory>,
    pub(super) allocate: Option<TypedFunc<i32, i32>>,
    pub(super) roots: BTreeMap<u32, Root>,
    pub(super) streams: BTreeMap<u32, Stream>,
    /// The context whose callback runs, and the one the guest switched to.
    pub(super) current: u32,
    pub(super) effective: Option<u32>,
    pub(super) iteration_stopped: bool,
    pub(super) deferred: VecDeque<Deferred>,
    pub(super) call_reply: Option<CallReply>,
    /// Set while the plugin may read its configuration.
    pub(super) plugin_configuration: Option<Vec<u8>>,
    pub(super) metrics: BTreeMap<u32, (MetricKind, String)>,
    pub(super) last_context: u32,
    pub(super) last_token: u32,
}

impl HostState {
    pub(super) fn new(options: Arc<Options>, surroundings: Surroundings, worker: usize) -> Self {
        let limits = StoreLimitsBuilder::new().memory_size(options.memory_pages * PAGE).build();
        Self {
            options,
            surroundings,
            worker,
            limits,
            memory: None,
            allocate: None,
            roots: BTreeMap::new(),
            streams: BTreeMap::new(),
            current: 0,
            effective: None,
            iteration_stopped: false,
            deferred: VecDeque::new(),
            call_reply: None,
            plugin_configuration: None,
            metrics: BTreeMap::new(),
            last_context: 0,
            last_token: 0,
        }
    }

    /// The context a host function acts for.
    pub(super) fn acting(&self) -> u32 {
        self.effective.unwrap_or(self.current)
    }

    pub(super) fn acting_stream(&mut self) -> Option<&mut Stream> {
        let acting = self.acting();
        self.streams.get_mut(&acting).filter(|stream| stream.in_vm)
    }

    pub(super) fn acting_root(&self) -> u32 {
        let acting = self.acting();
        self.streams.get(&acting).map_or(acting, |stream| stream.root)
    }

    pub(super) fn knows_context(&self, context: u32) -> bool {
        self.roots.contains_key(&context)
            || self.streams.get(&context).is_some_and(|stream| stream.in_vm)
    }

    pub(super) fn next_context(&mut self) -> u32 {
        self.last_context += 1;
        self.last_context
    }

    pub(super) fn log(&self, level: LogLevel, message: &[u8]) {
        let message = String::from_utf8_lossy(message).into_owned();
        self.surroundings.log(LogLine {
            worker: self.worker,
            context: self.acting(),
            level,
            message,
        });
    }
}

const PAGE: usize = 65_536;

/// What a host function answers: a status, or a trap.
pub(super) type Answer = wasmtime::Result<i32>;

/// A host function's view of the guest that called it.
pub(super) struct Guest<'a, 'b> {
    caller: &'a mut Caller<'b, HostState>,
}

impl<'a, 'b> Guest<'a, 'b> {
    pub(super) fn new(caller: &'a mut Caller<'b, HostState>) -> Self {
        Self { caller }
    }

    pub(super) fn state(&mut self) -> &mut HostState {
        self.caller.data_mut()
    }

    pub(super) fn read(&mut self, pointer: i32, size: i32) -> Result<Vec<u8>, Status> {
        let memory = self.memory()?;
        let (start, size) = (pointer as u32 as usize, size as u32 as usize);
        let bytes = memory.data(&*self.caller).get(start..).and_then(|rest| rest.get(..size));
        bytes.map(<[u8]>::to_vec).ok_or(Status::InvalidMemoryAccess)
    }

    pub(super) fn write(&mut self, pointer: i32, bytes: &[u8]) -> Result<(), Status> {
        let memory = self.memory()?;
        let written = memory.write(&mut *self.caller, pointer as u32 as usize, bytes);
        written.map_err(|_| Status::InvalidMemoryAccess)
    }

    pub(super) fn write_u32(&mut self, pointer: i32, value: u32) -> Result<(), Status> {
        self.write(pointer, &value.to_le_bytes())
    }

    /// Copies bytes into memory the guest allocates. Nothing is allocated for nothing: the guest
    /// sees a null pointer, which its SDK takes for "no value".
    pub(super) fn hand_over(
        &mut self,
        bytes: &[u8],
        pointer: i32,
        size: i32,
    ) -> wasmtime::Result<Result<(), Status>> {
        let address = if bytes.is_empty() { 0 } else { self.allocate(bytes.len())? };
        if address == 0 && !bytes.is_empty() {
            return Ok(Err(Status::InvalidMemoryAccess));
        }
        let stored = if bytes.is_empty() { Ok(()) } else { self.write(address, bytes) };
        let stored = stored.and_then(|()| self.write_u32(pointer, address as u32));
        Ok(stored.and_then(|()| self.write_u32(size, bytes.len() as u32)))
    }

    fn allocate(&mut self, size: usize) -> wasmtime::Result<i32> {
        let allocate = match &self.caller.data().allocate {
            Some(known) => known.clone(),
            None => wasmtime::bail!("the module asks for bytes before it can allocate"),
        };
        allocate.call(&mut *self.caller, size as i32)
    }

    fn memory(&mut self) -> Result<Memory, Status> {
        if let Some(memory) = self.caller.data().memory {
            return Ok(memory);
        }
        match self.caller.get_export("memory") {
            Some(Extern::Memory(memory)) => Ok(memory),
            _ => Err(Status::InvalidMemoryAccess),
        }
    }
}

/// A status as the number a guest sees.
pub(super) fn answer(outcome: Result<(), Status>) -> Answer {
    Ok(outcome.err().unwrap_or(Status::Ok) as i32)
}
