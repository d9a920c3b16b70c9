// SPDX-License-Identifier: MIT OR Apache-2.0
//! Graphs in compressed sparse rows, pure: checks, and the frontier algorithms on the processor.
