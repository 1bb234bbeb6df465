//! A pod in small: processes of their own, the first of which is `pause`, and a directory that they share. Outside of
//! it other tests run services of the same name, which a sidecar that saw them would have to choose from, and does not.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use midflight_testkit::{ConfigMap, DEADLINE, Process, Program, http, wait_for};

use crate::support::{binary, hash, numbered};

const SWAPS: u32 = 20;

/// What the first process does: it holds the pod together.
const POD: &str = "
    \"$SERVICE\" --config \"$CONFIG\" --listen 127.0.0.1:0 --ready-file service 2> service.log &
    until [ -s service ]; do sleep 0.01; done
    \"$SIDECAR\" --watch \"$CONFIG\" --process-name hot-service --health-url \"$(cat service)/health/reload\" \
        --metrics-addr 127.0.0.1:0 --ready-file sidecar 2> sidecar.log &
    wait
";

/// Whether this process may make a namespace of processes.
fn may_unshare() -> bool {
    let mut unshare = Command::new("unshare");
    unshare.args(["--pid", "--fork", "--mount-proc", "true"]).stderr(Stdio::null());
    unshare.status().is_ok_and(|status| status.success())
}

#[test]
fn a_sidecar_finds_the_service_by_its_name_and_each_swap_is_one_reload() {
    if !may_unshare() {
        println!("skipped: this user may not make a namespace of processes (`unshare --pid`)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mounted = folder.path().join("config");
    fs::create_dir(&mounted).unwrap();
    let mut map = ConfigMap::mount(&mounted, "app.yaml", &numbered(0));
    // The name of a process is that of the link by which it was started.
    let first = folder.path().join("pause");
    symlink("/bin/bash", &first).unwrap();
    let mut pod = Command::new("unshare");
    pod.args(["--pid", "--fork", "--mount-proc", "--kill-child"]).arg(&first).args(["-c", POD]);
    pod.env("SERVICE", binary()).env("SIDECAR", Program::SIDECAR.path()).env("CONFIG", map.file());
    pod.current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::null());
    let mut pod = Process::start(&mut pod);

    let log = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap_or_default();
    let url = |name: &'static str| {
        let url = fs::read_to_string(folder.path().join(name)).ok()?;
        url.ends_with('\n').then(|| url.trim().to_owned())
    };
    let metrics = wait_for("the sidecar to be ready", || {
        assert!(pod.ended().is_none(), "{}{}", log("service.log"), log("sidecar.log"));
        url("sidecar").map(|url| format!("{url}/metrics"))
    });
    let service = url("service").unwrap();
    let successes = |times: u32| {
        let line = format!("\nconfig_reload_successes_total {times}\n");
        let began = std::time::Instant::now();
        while !http::get(&metrics).unwrap().1.contains(&line) {
            assert!(began.elapsed() < DEADLINE, "{}{}", log("service.log"), log("sidecar.log"));
        }
    };
    for swap in 1..=SWAPS {
        map.write(&numbered(swap));
        successes(swap);
    }
    let (_, health) = http::get(&format!("{service}/health/reload")).unwrap();
    assert!(health.contains(&format!("\"served_hash\":\"{}\"", hash(&numbered(SWAPS)))), "{health}");
    assert!(health.contains(&format!("\"revision\":{}", SWAPS + 1)), "{health}");
    let (_, metrics) = http::get(&metrics).unwrap();
    assert!(metrics.contains(&format!("\nconfig_reload_attempts_total {SWAPS}\n")), "{metrics}");
}
