#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# Gathers real rules for rules.c from the package sagan-rules: content strings, and those regular expressions that mean the
# same to a program that reads line by line. Fails where the package is not installed.
# usage: gather-rules.sh FILE [COUNT]    writes at most COUNT (400) of each
set -eu
rules=/etc/sagan-rules
[ -d "$rules" ] || { echo "no $rules: the package sagan-rules is not installed"; exit 1; }
most=${2:-400}
{
    # A content string without bytes in hexadecimal.
    cat "$rules"/*.rules | grep -o 'content: *"[^"|]\{4,\}"; *nocase' | sed 's/^content: *"\(.*\)"; *nocase$/f \1/' | LC_ALL=C sort -u | head -n "$most"
    cat "$rules"/*.rules | grep -o 'content: *"[^"|]\{4,\}";' | sed 's/^content: *"\(.*\)";$/F \1/' | LC_ALL=C sort -u | head -n "$most"
    # No class that has the line feed in it.
    cat "$rules"/*.rules | grep -o 'pcre: *"/[^"]*/i\{0,1\}"' | sed -e 's/^pcre: *"\/\(.*\)\/i"$/p \1/' -e 's/^pcre: *"\/\(.*\)\/"$/P \1/' |
        grep -v -e '\\[sWDNHVSRx1-9]' -e '\[^' -e '(?' -e '\\/' -e '[+*?}][+?]' | LC_ALL=C sort -u | head -n "$most"
} >"$1"
echo "$(wc -l <"$1") rules of $(ls "$rules" | wc -l) files in $rules"
