//! As much HTTP/1.1 as it takes.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// What a client asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Without the query.
    pub path: String,
    /// The query, decoded.
    pub query: BTreeMap<String, String>,
    /// The bearer token.
    pub token: Option<String>,
}

impl Request {
    /// Whether it is a watch; it is a list otherwise.
    pub fn is_watch(&self) -> bool {
        self.key("watch") == Some("true")
    }

    /// A key of its query.
    pub fn key(&self, key: &str) -> Option<&str> {
        self.query.get(key).map(String::as_str)
    }

    /// The next one on a connection.
    pub(super) fn read(stream: &TcpStream) -> Result<Request> {
        let mut lines = BufReader::new(stream).lines();
        let first = lines.next().context("no request")??;
        let target = first.split(' ').nth(1).context("no target")?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let query = pairs.map(|(key, value)| (decode(key), decode(value))).collect();
        let mut request = Request { path: path.to_owned(), query, token: None };
        for line in lines {
            let line = line?;
            if line.is_empty() {
                break;
            }
            if let Some(token) = line.strip_prefix("authorization: Bearer ") {
                request.token = Some(token.to_owned());
            }
        }
        Ok(request)
    }
}

/// `metadata.name%3Dworker` is `metadata.name=worker`.
fn decode(text: &str) -> String {
    let mut parts = text.split('%');
    let mut decoded = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at_checked(2).unwrap_or((part, ""));
        decoded.extend(u8::from_str_radix(code, 16));
        decoded.extend(rest.as_bytes());
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// A whole answer.
pub(super) fn answer(stream: &mut TcpStream, code: u16, body: &Value) -> Result<()> {
    let body = body.to_string();
    write!(
        stream,
        "HTTP/1.1 {code} Said\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    Ok(())
}

/// A refusal, as the API puts it.
pub(super) fn refuse(stream: &mut TcpStream, code: u16, reason: &str, message: &str) -> Result<()> {
    answer(stream, code, &failure(code, reason, message))
}

/// The object that says what went wrong.
pub(super) fn failure(code: u16, reason: &str, message: &str) -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code,
    })
}

/// The beginning of an answer whose length is not known.
pub(super) fn begin_chunks(stream: &mut TcpStream) -> Result<()> {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    stream.write_all(head.as_bytes())?;
    Ok(())
}

/// A piece of it; an empty one is its end.
pub(super) fn chunk(stream: &mut TcpStream, text: &str) -> Result<()> {
    write!(stream, "{:x}\r\n{text}\r\n", text.len())?;
    stream.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_decoded() {
        assert_eq!(decode("metadata.name%3Dworker%2D1"), "metadata.name=worker-1");
        assert_eq!(decode("plain"), "plain");
    }
}
