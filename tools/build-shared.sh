#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# build-shared.sh: libstrand.so.VERSION with its two links, from the object of the whole library.
#
# The object is one of those in the archive, so both libraries are the same code. Linked here and not by rustc because rustc gives
# a shared library no soname and passes a version script of its own, beside which ours is ignored.
#   -z nodelete   the library owns threads and thread-local destructors: dlclose must not unmap it
#   -z defs       a symbol that nothing provides is an error here, not at the user's
#   no -Bsymbolic strand_poll_word is read by programs through a copy relocation; the library has to read the same word
. "$(dirname "$0")/lib.sh"

archive=$SHIP/libstrand.a
[ -f "$archive" ] || die "no libstrand.a: run tools/build-static.sh first"
if [ "$SHIP/$SOFILE" -nt "$archive" ] && [ "$SHIP/$SOFILE" -nt "$0" ]; then exit 0; fi

{
    say "STRAND_$SOVERSION {"
    say "    global:"
    sed 's/.*/        &;/' "$SHIP/symbols"
    say "    local: *;"
    say "};"
} >"$SHIP/libstrand.map"

read -r -a native <"$SHIP/native-static-libs" || true
"$CC" -shared -o "$SHIP/$SOFILE.new" -Wl,-soname,"$SONAME" -Wl,--version-script="$SHIP/libstrand.map" \
    -Wl,-z,defs -Wl,-z,nodelete -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,-z,text -Wl,-O1 -Wl,--hash-style=gnu -Wl,--build-id=sha1 \
    "$SHIP/strand.o" -Wl,--as-needed "${native[@]}"
mv "$SHIP/$SOFILE.new" "$SHIP/$SOFILE"
ln -sf "$SOFILE" "$SHIP/$SONAME"
ln -sf "$SONAME" "$SHIP/libstrand.so"
say "built $SOFILE ($(($(stat -c %s "$SHIP/$SOFILE") / 1024)) kB)"
