// SPDX-License-Identifier: MIT OR Apache-2.0
//! Work items, pure: the sixteen words of a task, compact records, states, the admission policy and its evidence, the
//! order in which bands and tenants are drained. Nothing here knows a device or a runtime.
