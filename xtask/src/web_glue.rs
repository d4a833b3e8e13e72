//! Writes the JavaScript around the web module: `web-glue MODULE FOLDER`.
//!
//! The library half of wasm-bindgen, pinned to the version the module was built with, so that nobody
//! needs to install a matching command.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(module), Some(folder)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: web-glue MODULE FOLDER");
        return ExitCode::FAILURE;
    };
    for kind in ["nodejs", "web"] {
        if let Err(problem) = glue(&module, &folder.join(kind), kind) {
            eprintln!("web-glue: {kind}: {problem}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn glue(module: &Path, folder: &Path, kind: &str) -> Result<(), String> {
    let mut bindgen = Bindgen::new();
    let kind = if kind == "web" { bindgen.web(true) } else { bindgen.nodejs(true) };
    kind.map_err(|e| e.to_string())?
        .input_path(module)
        .out_name("deputy")
        .typescript(true)
        // `init()` without an argument then finds the module beside the glue.
        .omit_default_module_path(false)
        .generate(folder)
        .map_err(|e| format!("{e:#}"))
}
