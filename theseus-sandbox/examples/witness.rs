//! A server to put into a container: it says what it was given, and does what it is asked over HTTP.
//! Tests of the Docker runtime make an image of it alone, so it needs nothing but its own binary.
//!
//! | request | effect |
//! | --- | --- |
//! | `GET /env` | its environment, a variable a line |
//! | `GET /say/TEXT` | writes the text to stdout |
//! | `GET /exit/CODE` | ends with that status |
//! | `GET /eat` | takes memory until something stops it |
//! | `GET /hold/MIB` | takes so much memory, and keeps it |
//! | `GET /busy/SECONDS` | is busy for so long before it answers |
//! | `GET` of anything else | 200 |
//!
//! It listens on the port that is its first argument; without one on `PORT0`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

fn main() -> std::io::Result<()> {
    let port = std::env::args()
        .nth(1)
        .or_else(|| std::env::var("PORT0").ok());
    let port = port.and_then(|port| port.parse::<u16>().ok()).unwrap_or(80);
    println!("listening on {port}");
    eprintln!("ready");
    for stream in TcpListener::bind(("0.0.0.0", port))?.incoming() {
        // Whoever hangs up is not answered.
        let _ = stream.and_then(answer);
    }
    Ok(())
}

/// Takes a mebibyte for good. The kernel gives only what is written to.
fn hold() {
    let taken = vec![1_u8; 1 << 20].into_boxed_slice();
    std::hint::black_box(Box::leak(taken));
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut line = String::new();
    BufReader::new(stream.try_clone()?).read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or("/");
    let body = match path
        .split_once('/')
        .and_then(|(_, rest)| rest.split_once('/'))
    {
        Some(("say", text)) => {
            println!("{text}");
            String::new()
        }
        Some(("exit", code)) => std::process::exit(code.parse().unwrap_or(1)),
        Some(("hold", mebibytes)) => {
            for _ in 0..mebibytes.parse().unwrap_or(1) {
                hold();
            }
            String::new()
        }
        Some(("busy", seconds)) => {
            let (began, seconds) = (Instant::now(), seconds.parse().unwrap_or(1));
            while began.elapsed() < Duration::from_secs(seconds) {
                std::hint::spin_loop();
            }
            String::new()
        }
        _ if path == "/eat" => loop {
            hold();
        },
        _ if path == "/env" => {
            let lines = std::env::vars().map(|(key, value)| format!("{key}={value}"));
            lines.collect::<Vec<_>>().join("\n")
        }
        _ => "well\n".to_owned(),
    };
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}
