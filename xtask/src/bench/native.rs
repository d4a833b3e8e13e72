//! Decisions per second without any gateway, measured by `bench-native`.

use anyhow::Result;

use super::figure::Figure;
use super::sample::Sample;
use super::world::World;

pub(super) fn measure(world: &World, rounds: u32) -> Result<Vec<Figure>> {
    let measured = world.measured("decide", rounds)?;
    let of = |name| measured.micros(name);
    let (http, tools_call) = (of("http")?, of("tools_call")?);
    let (cedar_http, cedar_tools_call) = (of("cedar_http")?, of("cedar_tools_call")?);
    let per_second = |name, says, micros: &Sample| {
        Figure::of(name, says, &micros.map(|micros| 1e6 / micros), "/s")
    };
    Ok(vec![
        per_second("native_http", "decisions, HTTP route, token seen before", &http),
        per_second("native_tools_call", "decisions, tools/call, token seen before", &tools_call),
        per_second(
            "native_cedar_http",
            "Cedar alone, the same two questions: HTTP route",
            &cedar_http,
        ),
        per_second(
            "native_cedar_tools_call",
            "Cedar alone, the same two questions: tools/call",
            &cedar_tools_call,
        ),
        Figure::of(
            "native_http_over_cedar",
            "a decision over Cedar's part: HTTP route",
            &http.over(&cedar_http),
            "×",
        ),
        Figure::of(
            "native_tools_call_over_cedar",
            "a decision over Cedar's part: tools/call",
            &tools_call.over(&cedar_tools_call),
            "×",
        ),
        Figure::of(
            "native_first_sight",
            "a decision, HTTP route, ES256 token never seen",
            &of("first_sight")?,
            "µs",
        ),
    ])
}
