#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# licences.sh: every crate whose code is in the library, with any features, has a permissive licence and is named in LICENSE-THIRD-PARTY.
. "$(dirname "$0")/lib.sh"

PERMISSIVE='MIT|Apache-2.0|Apache-2.0 WITH LLVM-exception|BSD-2-Clause|BSD-3-Clause|0BSD|ISC|Zlib|Unlicense|Unicode-3.0|CC0-1.0'
list=$TARGET/licences
mkdir -p "$TARGET"
# Macros of the compiler and what they use are not in the library. "A/B" is an old way to write "A OR B".
cargo tree --locked --edges normal,no-proc-macro --prefix none --features gpu,spirv,may --format '{p}|{l}' |
    grep -v '^libstrand ' | sed 's/ (\*)$//; s/ v[^|]*|/|/; s,/, OR ,g' | sort -u >"$list"
[ -s "$list" ] || die "cargo tree lists no crates"

# permissive EXPRESSION: an OR of which one alternative is, each part of an AND
permissive() {
    local text=$1 alternative
    text=${text//[()]/}
    while read -r alternative; do
        if ! sed 's/ AND /\n/g' <<<"$alternative" | grep -qvxE "$PERMISSIVE"; then return 0; fi
    done < <(sed 's/ OR /\n/g' <<<"$text")
    return 1
}
wrong=()
while IFS='|' read -r name licence; do
    permissive "$licence" || wrong+=("$name: $licence")
    grep -qE "(^|[ ,])$name([ ,]|\$)" LICENSE-THIRD-PARTY || wrong+=("$name is not named in LICENSE-THIRD-PARTY")
done <"$list"

# The check itself is checked first: what it must refuse, it refuses.
for bad in GPL-3.0 'MIT AND GPL-2.0' ''; do if permissive "$bad"; then wrong+=("control: '$bad' passes"); fi; done
permissive 'GPL-2.0 OR MIT' || wrong+=("control: a choice with MIT in it does not pass")
[ "${#wrong[@]}" = 0 ] || { printf '%s\n' "${wrong[@]}"; exit 1; }
say "$(wc -l <"$list") crates"
