// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sets of regular expressions, pure: from patterns to tables, and the scan of streams on the processor.
