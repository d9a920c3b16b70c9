// SPDX-License-Identifier: MIT OR Apache-2.0
//! W13 on tokio: see benches/c/start.c.

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    runtime
        .block_on(runtime.spawn(async { strandpeers::report_start() }))
        .unwrap();
}
