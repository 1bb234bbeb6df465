//! The least that can be done: a process that watches a file and says its hash.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};

use notify::{RecursiveMode, Watcher as _};
use sha2::{Digest as _, Sha256};

pub(crate) fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Watches the file's folder, and answers everybody with the hash of what the file said last.
pub(crate) fn serve(file: &Path, ready: &Path) {
    let output = Arc::new(Mutex::new(String::new()));
    let (path, received) = (file.to_owned(), Arc::clone(&output));
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Reading is an event too.
        if event.is_ok_and(|event| !event.kind.is_access()) {
            read(&path, &received);
        }
    })
    .unwrap();
    watcher.watch(file.parent().unwrap(), RecursiveMode::NonRecursive).unwrap();
    read(file, &output);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    fs::write(ready, format!("http://{}\n", listener.local_addr().unwrap())).unwrap();
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        // A question fits into one read.
        let asked = stream.read(&mut [0; 1024]).unwrap();
        assert!(asked > 0);
        let hash = output.lock().unwrap().clone();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 64\r\nConnection: close\r\n\r\n{hash}");
        stream.write_all(answer.as_bytes()).unwrap();
    }
}

/// What it says now; between two swaps it may not be there.
fn read(file: &Path, output: &Mutex<String>) {
    if let Ok(bytes) = fs::read(file) {
        *output.lock().unwrap() = hash(&bytes);
    }
}
