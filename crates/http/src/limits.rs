//! The bounds of the HTTP edge, with a default and a reason for each.

/// What a server refuses to go past. Every refusal names the bound by these names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpLimits {
    /// The largest body of a request, in bytes. 1 MiB: a request carries what a person edits or an input.
    pub body_bytes_max: usize,
    /// How many bytes of memory the values of a body may need once it is parsed, in bytes, as estimated before. 32 MiB:
    /// 32 times the largest body. Usual documents and inputs need 3 to 20 times their text, and `{"":0}` over and over
    /// 100 times.
    pub body_parsed_bytes_max: usize,
    /// The largest body of an import, in bytes. 64 MiB: a whole log's worth of documents at once.
    pub import_bytes_max: usize,
    /// The same as `body_parsed_bytes_max` for an import, in bytes. 1 GiB: 16 times the largest import, and what usual
    /// documents need in YAML.
    pub import_parsed_bytes_max: usize,
    /// How many bytes the bodies of all requests may have together, in bytes, as they come and as their values need;
    /// callers without a token may have half of them. Imports have as much again for themselves, and at least what two of
    /// the largest need, of which one caller has half: an import may always be received, and one that comes slowly keeps
    /// no other caller from importing. Small bodies (up to 64 KiB) have a quarter of it, and at least 4 MiB, so
    /// that an edit waits for no import. 128 MiB: two full imports.
    pub bodies_bytes_max: usize,
    /// How many bytes of documents one answer may have, in bytes; lists end there and have a cursor. 4 MiB: several of
    /// the largest documents, or thousands of usual ones.
    pub answer_bytes_max: usize,
    /// How many bytes all long answers that are made or sent may have together, in bytes; callers without a token may
    /// have half of them. 128 MiB: 16 full pages with what making them takes.
    pub answers_bytes_max: usize,
    /// How long a client may read nothing of what it is sent, in ms. 30,000: longer, and its connection is closed.
    pub write_idle_ms_max: u64,
    /// How long the headers of a request, and then its body, may take to come, in ms. 30,000.
    pub receive_ms_max: u64,
    /// How long a request may take to be answered, in ms, from its headers on; what is sent after those of the answer
    /// is not counted. 120,000: a body that comes slowly, an import that takes long, and a wait for all replicas.
    pub request_ms_max: u64,
    /// How many connections may be open. 20,000: the WebSocket clients and as many again.
    pub connections_max: usize,
    /// How many of them one address may have (of IPv6 a network of 64 bits), and at most three quarters of them; 0 is no
    /// limit. 15,000: the WebSocket clients behind one proxy and half as many again, and a quarter of all is left to
    /// others.
    pub connections_per_address_max: usize,
    /// How many WebSocket clients may be connected. 10,000.
    pub websocket_clients_max: usize,
    /// How many reloads a WebSocket client may be behind before it is dropped. 256.
    pub websocket_queue_max: usize,
    /// How long one message may take to leave for a WebSocket client, in ms. 30,000: longer, and it is not reading.
    pub websocket_send_ms_max: u64,
    /// How many watchers of the log (SSE) may be connected. 1,000: each reads from the store at every revision.
    pub watchers_max: usize,
    /// How many requests with a long computation may wait for a thread. 256: they are answered within seconds.
    pub compute_queue_max: usize,
    /// How many requests that change documents or tokens a caller may send in a second; two seconds' worth may come at
    /// once, and 0 is no limit. 1,000: more than a client that waits for its answers can send.
    pub writes_per_second_max: u32,
    /// The same for reloads and restores, and for the verified requests of one incoming webhook; and for those that are
    /// not verified, of one address. 100: each reads from the store.
    pub reloads_per_second_max: u32,
    /// How many sessions of browsers a token may begin and end in a second; two seconds' worth may come at once, and 0 is
    /// no limit. 10: a person needs one a day, and each reads all tokens and writes to the store.
    pub sessions_per_second_max: u32,
    /// How many requests of a caller may be in flight, from when their headers are read until their answers begin; 0 is no
    /// limit. 1,000: as many as ten connections of HTTP/2 carry, while each may wait a minute for its replicas. Requests
    /// to open routes, as health, are not counted.
    pub requests_per_caller_max: usize,
    /// How many watchers of the log a caller may have connected; 0 is no limit. 500: half of all, so that others may
    /// watch too.
    pub watchers_per_caller_max: usize,
    /// How many WebSocket clients of a caller may be connected; 0 is no limit. 5,000: half of all.
    pub websocket_clients_per_caller_max: usize,
    /// How many documents one restore may change. 1,000,000: as many as the log may hold, since an import may be undone
    /// whatever its size.
    pub restore_documents_max: usize,
    /// How many bytes of memory the bodies may need that one restore brings back, in bytes, as estimated. 1 GiB: what
    /// an import may need. There is one restore at a time.
    pub restore_bytes_max: usize,
    /// How many bytes the diffs of one answer may have together, in bytes. 256 KiB: more than a person reads. The
    /// others are marked, and link to the versions.
    pub diff_bytes_max: usize,
    /// How long the diffs of one answer may be computed, in ms. 2,000.
    pub diff_ms_max: u64,
    /// How long a write may wait for its replicas, in ms. 60,000.
    pub wait_ms_max: u64,
    /// How long what is served may be older than the log before `/health/ready` is 503, in ms; 0 is no limit. 0: a server
    /// whose log is unavailable continues to answer.
    pub ready_stale_ms_max: u64,
    /// How long a stop waits for requests in flight, in ms. 10,000.
    pub drain_ms_max: u64,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            body_bytes_max: 1 << 20,
            body_parsed_bytes_max: 32 << 20,
            import_bytes_max: 64 << 20,
            import_parsed_bytes_max: 1 << 30,
            bodies_bytes_max: 128 << 20,
            answer_bytes_max: 4 << 20,
            answers_bytes_max: 128 << 20,
            write_idle_ms_max: 30_000,
            receive_ms_max: 30_000,
            request_ms_max: 120_000,
            connections_max: 20_000,
            connections_per_address_max: 15_000,
            websocket_clients_max: 10_000,
            websocket_queue_max: 256,
            websocket_send_ms_max: 30_000,
            watchers_max: 1_000,
            compute_queue_max: 256,
            writes_per_second_max: 1_000,
            reloads_per_second_max: 100,
            sessions_per_second_max: 10,
            requests_per_caller_max: 1_000,
            watchers_per_caller_max: 500,
            websocket_clients_per_caller_max: 5_000,
            restore_documents_max: 1_000_000,
            restore_bytes_max: 1 << 30,
            diff_bytes_max: 256 << 10,
            diff_ms_max: 2_000,
            wait_ms_max: 60_000,
            ready_stale_ms_max: 0,
            drain_ms_max: 10_000,
        }
    }
}
