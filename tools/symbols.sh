#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# symbols.sh [functions|data]: the names that strand.h declares for the libraries to define, sorted.
. "$(dirname "$0")/lib.sh"

# Without comments, preprocessor lines, attribute macros and line breaks, a declaration ends at its semicolon. A function is
# a name before a parenthesis that does not open a pointer to a function.
declarations=$(sed -e 's|/\*[^*]*\*/||g; s|//.*||' "$HEADER" |
    awk '/\/\*/ { comment = 1 } !comment && !directive && !/^ *#/ { print } /\*\// { comment = 0 } { directive = /^ *#.*\\$/ || (directive && /\\$/) }' |
    sed 's/STRAND_[A-Z_]*([^)]*)//g' | tr '\n' ' ' | tr ';{}' '\n\n\n' | grep -v '\<typedef\>\|\<static\>')
functions=$(printf '%s\n' "$declarations" | sed -n 's/^[^(]*\<\(strand_[a-z0-9_]*\) *([^*].*/\1/p')
data=$(printf '%s\n' "$declarations" | sed -n 's/^[^(]*\<extern\> [^(]*\<\(strand_[a-z0-9_]*\) *$/\1/p')

[ -n "$functions" ] || die "no function is declared in $HEADER"
case ${1:-all} in
    functions) say "$functions" ;;
    data) say "$data" ;;
    all) say "$functions" && say "$data" ;;
    *) die "functions or data, not '$1'" ;;
esac | grep . | sort -u
