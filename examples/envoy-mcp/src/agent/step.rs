//! What the agent is asked to do, one line per step.

use std::fmt;
use std::str::FromStr;

use rmcp::model::JsonObject;

/// `tools/list`, or `tools/call NAME {"argument": …}`.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Ask which tools there are.
    List,
    /// Call one.
    Call {
        /// The tool.
        tool: String,
        /// Its arguments.
        arguments: JsonObject,
    },
}

impl FromStr for Step {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let usage = "a step is `tools/list` or `tools/call NAME {\"argument\": …}`";
        let text = text.trim();
        if text == "tools/list" {
            return Ok(Self::List);
        }
        let call = text.strip_prefix("tools/call ").ok_or(usage)?.trim();
        let (tool, arguments) = call.split_once(char::is_whitespace).unwrap_or((call, "{}"));
        let arguments = serde_json::from_str(arguments.trim())
            .map_err(|e| format!("{usage}; the arguments of {tool} are not a JSON object: {e}"))?;
        Ok(Self::Call { tool: tool.to_owned(), arguments })
    }
}

impl fmt::Display for Step {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List => out.write_str("tools/list"),
            Self::Call { tool, arguments } => {
                let arguments = serde_json::to_string(arguments).map_err(|_| fmt::Error)?;
                write!(out, "tools/call {tool} {arguments}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_reads_back_as_it_is_written() {
        for text in [
            "tools/list",
            r#"tools/call refund {"amount":40,"id":1042}"#,
            "tools/call export_customers {}",
        ] {
            assert_eq!(text.parse::<Step>().unwrap().to_string(), text);
        }
        assert_eq!("tools/call x".parse::<Step>().unwrap().to_string(), "tools/call x {}");
        assert!("tools/call x [1]".parse::<Step>().is_err());
        assert!("ping".parse::<Step>().is_err());
    }
}
