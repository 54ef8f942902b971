//! Peer: the asynchronous loop that fd2's design was first sketched with. A line is read with
//! `read_until`, written to tokio's own stderr, and appended to a window that is kept at 64 KiB by
//! moving it down.
//!
//!     tokio_loop COMMAND [ARG...]

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::Command;

const WINDOW: usize = 64 * 1024;

async fn drain(from: impl AsyncRead + Unpin) -> std::io::Result<Vec<u8>> {
    let mut reader = BufReader::new(from);
    let mut stderr = tokio::io::stderr();
    let mut window = Vec::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line).await? == 0 {
            stderr.flush().await?;
            return Ok(window);
        }
        window.extend_from_slice(&line);
        if window.len() > WINDOW {
            let excess = window.len() - WINDOW;
            window.drain(..excess);
        }
        stderr.write_all(&line).await?;
    }
}

fn main() -> std::io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut child = Command::new(&words[0])
            .args(&words[1..])
            .stderr(Stdio::piped())
            .spawn()?;
        let stderr = child.stderr.take().expect("stderr was asked for");
        drain(stderr).await?;
        let status = child.wait().await?;
        std::process::exit(status.code().unwrap_or(1));
    })
}
