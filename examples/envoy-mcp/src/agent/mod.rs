//! The agent: gets itself a token, then speaks MCP through the gateway.
//!
//! It knows nothing of Deputy. What it prints is what any agent behind such a gateway would see.

mod login;
mod play;
mod step;
mod wire;

pub use login::{Login, NoToken};
pub use play::{Line, Play, Protocol};
pub use step::Step;
