#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# install-seqc.sh: the published compiler of Seq, into target/seqc, from the package registry. Does nothing where it is there. Its runtime
# is optimised: without the variable below it would be ten times slower than it need be, and no fair peer.
. "$(dirname "$0")/lib.sh"

version=7.7.5
if [ "$("$TARGET/seqc/bin/seqc" --version 2>/dev/null)" = "seqc $version" ]; then
    say "seqc $version is there"
    exit
fi
say "installing seqc $version: some minutes"
CARGO_PROFILE_RELEASE_BUILD_OVERRIDE_OPT_LEVEL=3 CARGO_TARGET_DIR=$TARGET/seqc/build \
    cargo install --quiet --locked seq-compiler --version "$version" --root "$TARGET/seqc"
rm -rf "$TARGET/seqc/build"
