//! The few options of `protoc` that prost-build uses, served by the pure-Rust compiler `protox`.

use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let mut includes: Vec<PathBuf> = Vec::new();
    let mut files: Vec<PathBuf> = Vec::new();
    let mut output = None;

    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--version" => {
                println!("libprotoc 3.21.0");
                return Ok(());
            }
            "-I" => includes.extend(args.next().map(PathBuf::from)),
            "-o" => output = args.next().map(PathBuf::from),
            _ => {
                if let Some(path) = arg.strip_prefix("-I") {
                    includes.push(path.into());
                } else if let Some(path) = arg.strip_prefix("--descriptor_set_out=") {
                    output = Some(path.into());
                } else if !arg.starts_with('-') {
                    files.push(arg.into());
                }
            }
        }
    }

    let output = output.ok_or("no -o FILE given")?;
    let mut compiler = protox::Compiler::new(includes)?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(files)?;
    std::fs::write(output, compiler.encode_file_descriptor_set())?;
    Ok(())
}
