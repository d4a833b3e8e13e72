//! What an MCP server lists, for whoever pins it: each tool with the digest of its definition, read and computed
//! as a gateway does.
//!
//! Not here: how the answer was got, and what becomes of it.

use crate::audit::json_digest;
use crate::json::{Limits, Raw, Value};
use crate::protocol::definition;

/// The answer to one `tools/list`.
#[derive(Debug)]
pub struct ListedTools {
    /// In the order of the server.
    pub tools: Vec<ListedTool>,
    /// Where the next page begins.
    pub next_cursor: Option<String>,
}

/// One tool as a server shows it.
#[derive(Debug)]
pub struct ListedTool {
    /// Its name.
    pub name: String,
    /// All that is said of it: JSON.
    pub text: String,
    /// What `mcp[].tools[].digest` pins. None: it holds a number that readers don't agree on.
    pub digest: Option<String>,
}

/// Reads the answer to `tools/list`: a JSON-RPC message, or its result alone.
///
/// # Errors
/// It is no strict JSON, no list of tools, or an error of the server: what is wrong, in words.
pub fn listed_tools(answer: &[u8]) -> Result<ListedTools, String> {
    let limits = Limits { bytes: answer.len().min(MAX_BYTES), depth: MAX_DEPTH, items: MAX_ITEMS };
    let raw = Raw::parse(answer, &limits).map_err(|e| e.to_string())?;
    let envelope = raw.members().map_err(|e| e.to_string())?;
    let find = |members: &[(_, Raw<'_>)], wanted: &str| -> Option<String> {
        let mut found =
            members.iter().filter(|(name, _): &&(std::borrow::Cow<'_, str>, _)| name == wanted);
        found.next().map(|(_, value)| value.text().to_owned())
    };
    if let Some(error) = find(&envelope, "error") {
        return Err(format!("the server answers with an error: {}", error.escape_debug()));
    }
    let result = find(&envelope, "result").unwrap_or_else(|| raw.text().to_owned());
    let result = Raw::parse(result.as_bytes(), &limits).map_err(|e| e.to_string())?;
    let members = result.members().map_err(|e| e.to_string())?;
    let tools = find(&members, "tools").ok_or("there is no list of tools in it")?;
    let tools = Raw::parse(tools.as_bytes(), &limits).map_err(|e| e.to_string())?;
    let tools = tools.elements().map_err(|e| e.to_string())?;
    let cursor = find(&members, "nextCursor").map(|text| {
        let value = Raw::parse(text.as_bytes(), &limits).and_then(|raw| raw.value(&limits));
        value
            .ok()
            .and_then(|value| value.as_str().map(str::to_owned))
            .ok_or("nextCursor is no text")
    });
    let tools: Result<Vec<_>, String> = tools.into_iter().map(|tool| one(tool, &limits)).collect();
    Ok(ListedTools { tools: tools?, next_cursor: cursor.transpose()? })
}

fn one(tool: Raw<'_>, limits: &Limits) -> Result<ListedTool, String> {
    tool.check(limits).map_err(|e| e.to_string())?;
    let members = tool.members().map_err(|e| e.to_string())?;
    let name = members.iter().find(|(name, _)| name == "name").ok_or("a tool has no name")?;
    let name = name.1.value(limits).map_err(|e| e.to_string())?;
    let Value::String(name) = name else { return Err("a tool's name is no text".to_owned()) };
    let text = tool.text().to_owned();
    let digest = definition(&text).as_ref().and_then(json_digest);
    Ok(ListedTool { name, text, digest })
}

/// Of one answer: more than any gateway holds.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// As a gateway reads a list.
const MAX_DEPTH: usize = 64;
const MAX_ITEMS: usize = 200_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_has_the_digest_that_a_gateway_holds_it_against() {
        let answer = r#"{"jsonrpc":"2.0","id":1,"result":{"nextCursor":"p2","tools":[
            {"name":"a","inputSchema":{"type":"object"},"_meta":{"x":1}},
            {"inputSchema":{"type":"object"},"name":"a "},
            {"name":"big","inputSchema":{"maximum":18446744073709551615}}]}}"#;
        let listed = listed_tools(answer.as_bytes()).unwrap();
        assert_eq!(listed.next_cursor.as_deref(), Some("p2"));
        let digests: Vec<_> = listed.tools.iter().map(|tool| tool.digest.clone()).collect();
        let alone = r#"{"tools":[{ "inputSchema" : {"type":"object"}, "name":"a" }]}"#;
        let alone = listed_tools(alone.as_bytes()).unwrap();
        assert!(digests[0].is_some() && digests[0] == alone.tools[0].digest);
        assert!(digests[1].is_some() && digests[0] != digests[1]);
        assert_eq!((listed.tools[2].name.as_str(), &digests[2]), ("big", &None));
    }

    #[test]
    fn what_is_no_list_is_told() {
        for (answer, said) in [
            ("", "syntax"),
            ("[]", ""),
            ("{}", "no list of tools"),
            (r#"{"error":{"code":-32601,"message":"no\u0007"}}"#, "answers with an error"),
            (r#"{"result":{"tools":{}}}"#, ""),
            (r#"{"result":{"tools":[{"title":"x"}]}}"#, "has no name"),
            (r#"{"result":{"tools":[{"name":1}]}}"#, "is no text"),
            (r#"{"result":{"tools":[{"name":"a","Name":"b"}]}}"#, ""),
            (r#"{"result":{"tools":[],"nextCursor":7}}"#, "nextCursor"),
        ] {
            let told = listed_tools(answer.as_bytes()).unwrap_err();
            assert!(said == "syntax" || told.contains(said), "{answer}: {told}");
        }
    }
}
