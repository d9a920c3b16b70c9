#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# Gathers real text for wordcount from this machine's documentation: /usr/share/doc, manual pages, C headers, Rust's
# documentation, scripts. Takes what exists and makes nothing up; compressed files are decompressed.
# usage: gather-text.sh FOLDER [BYTES]    writes FOLDER/*.txt, at most BYTES (40 million) together
set -eu
folder=$1
left=${2:-40000000}

mkdir -p "$folder"
rm -f "$folder"/*.txt
here=$(cd "$(dirname "$0")/.." && pwd)
rust=$(rustc --print sysroot 2>/dev/null || true)

# name:folder pairs. Each of the first four gets an even share of what is left; the others only fill up.
sources="doc:/usr/share/doc man:/usr/share/man include:/usr/include rust:${rust:-/nonexistent}/share/doc
    perl:/usr/share/perl python:/usr/lib/python3 this:$here/src"
shares=4

for source in $sources; do
    name=${source%%:*} from=${source#*:} file=$folder/${source%%:*}.txt
    share=$((left / shares))
    [ $shares -eq 1 ] || shares=$((shares - 1))
    [ -d "$from" ] && [ $share -gt 1 ] || continue
    # zcat -f passes on what is not compressed; head ends the pipe when the share is full.
    find "$from" -type f \( -name '*.gz' -o -name '*.txt' -o -name '*.md' -o -name '*.html' -o -name '*.h' -o -name '*.hpp' \
        -o -name '*.rst' -o -name '*.[1-8]' -o -name '*.pod' -o -name '*.p[lmy]' -o -name '*.rs' -o -name copyright \
        -o -name 'README*' -o -name 'NEWS*' -o -name 'changelog*' \) ! -name '*.tar.gz' -print0 2>/dev/null |
        LC_ALL=C sort -z | xargs -0 -r zcat -f -- 2>/dev/null | head -c $((share - 1)) >"$file" || true
    [ -s "$file" ] || { rm -f "$file"; continue; }
    echo >>"$file"    # the last word of a file ends here
    bytes=$(wc -c <"$file")
    left=$((left - bytes))
    echo "$((bytes / 1000)) kB from $from"
done
ls "$folder"/*.txt >/dev/null 2>&1 || { echo "no documentation on this machine" >&2; exit 3; }
