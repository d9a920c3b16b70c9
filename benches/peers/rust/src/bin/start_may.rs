// SPDX-License-Identifier: MIT OR Apache-2.0
//! W13 on may: see benches/c/start.c.

fn main() {
    may::go!(strandpeers::report_start).join().unwrap();
}
