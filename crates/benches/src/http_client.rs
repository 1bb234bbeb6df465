//! A client of HTTP/1.1 that does nothing but send bytes it was given and read one answer: so that what is measured is
//! the server.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// One connection, plain unless it was made over another stream.
pub struct Connection<S = TcpStream> {
    stream: S,
    buffer: Vec<u8>,
}

/// The bytes of a request with a JSON body.
#[must_use]
pub fn request(method: &str, path: &str, token: Option<&str>, close: bool, body: &str) -> Vec<u8> {
    let token = token.map_or_else(String::new, |token| format!("authorization: Bearer {token}\r\n"));
    let close = if close { "connection: close\r\n" } else { "" };
    format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{token}{close}\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

impl Connection {
    /// Connects to an address as `127.0.0.1:8080`.
    ///
    /// # Errors
    /// When nothing listens there.
    pub async fn open(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self::over(stream))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// One over a stream, as of TLS.
    #[must_use]
    pub fn over(stream: S) -> Self {
        Self { stream, buffer: Vec::with_capacity(16 << 10) }
    }

    /// Sends a request and reads the status of its answer and its body.
    ///
    /// # Errors
    /// When the connection ends before the answer does, or the answer has no length.
    pub async fn send(&mut self, request: &[u8]) -> io::Result<(u16, &[u8])> {
        self.buffer.clear();
        self.stream.write_all(request).await?;
        let (mut head, mut length) = (None, 0);
        while head.is_none_or(|head: usize| self.buffer.len() < head + length) {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "closed before its answer"));
            }
            if head.is_none() {
                let end = self.buffer.windows(4).position(|window| window == b"\r\n\r\n");
                head = end.map(|end| end + 4);
                length = head.map_or(Ok(0), |head| content_length(&self.buffer[..head]))?;
            }
        }
        let status = self.buffer.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        let status = status.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no status"))?;
        Ok((status, &self.buffer[head.unwrap_or(0)..]))
    }
}

fn content_length(head: &[u8]) -> io::Result<usize> {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let value = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length = value.and_then(|value| value.trim().parse().ok());
    length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no content-length"))
}
