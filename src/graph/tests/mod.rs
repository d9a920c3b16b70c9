// SPDX-License-Identifier: MIT OR Apache-2.0
//! Searches against serial ones, in every order that a worklist may run them.

mod input;
mod searches;
