#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# install.sh [--uninstall]: PREFIX (/usr/local), LIBDIR (PREFIX/lib), INCLUDEDIR (PREFIX/include), DESTDIR (staging root, empty).
. "$(dirname "$0")/lib.sh"

PREFIX=${PREFIX:-/usr/local}
LIBDIR=${LIBDIR:-$PREFIX/lib}
INCLUDEDIR=${INCLUDEDIR:-$PREFIX/include}
DOCDIR=${DOCDIR:-$PREFIX/share/doc/libstrand}
DESTDIR=${DESTDIR:-}
for folder in "$PREFIX" "$LIBDIR" "$INCLUDEDIR" "$DOCDIR"; do
    case $folder in /*) ;; *) die "'$folder' must be an absolute path" ;; esac
done

lib=$DESTDIR$LIBDIR include=$DESTDIR$INCLUDEDIR doc=$DESTDIR$DOCDIR
installed=(
    "$include/strand.h" "$include/strand.ll"
    "$lib/libstrand.a" "$lib/libstrand.so" "$lib/$SONAME" "$lib/$SOFILE"
    "$lib/pkgconfig/strand.pc" "$lib/pkgconfig/strand-static.pc"
    "$lib/cmake/strand/strandConfig.cmake" "$lib/cmake/strand/strandConfigVersion.cmake"
    "$doc/LICENSE-MIT" "$doc/LICENSE-APACHE" "$doc/LICENSE-THIRD-PARTY"
)

if [ "${1:-}" = --uninstall ]; then
    rm -f "${installed[@]}"
    for folder in "$lib/cmake/strand" "$doc"; do
        if [ -d "$folder" ]; then rmdir --ignore-fail-on-non-empty "$folder"; fi
    done
    say "uninstalled from $DESTDIR$PREFIX"
    exit 0
fi

# fill TEMPLATE TARGET: writes the template with its @NAMES@ replaced
fill() {
    local native cmake_native
    native=$(cat "$SHIP/native-static-libs")
    cmake_native=$(tr ' ' ';' <"$SHIP/native-static-libs")
    sed -e "s|@PREFIX@|$PREFIX|" -e "s|@LIBDIR@|${LIBDIR/#$PREFIX\//\$\{exec_prefix\}/}|" -e "s|@INCLUDEDIR@|${INCLUDEDIR/#$PREFIX\//\$\{prefix\}/}|" \
        -e "s|@CMAKE_INCLUDEDIR@|$(realpath -m --relative-to="$LIBDIR/cmake/strand" "$INCLUDEDIR")|" \
        -e "s|@VERSION_SERIES@|${VERSION%.*}|" -e "s|@VERSION_MAJOR@|${VERSION%%.*}|" -e "s|@VERSION@|$VERSION|" \
        -e "s|@SONAME@|$SONAME|" -e "s|@SOFILE@|$SOFILE|" -e "s|@NATIVE@|$native|" -e "s|@CMAKE_NATIVE@|$cmake_native|" "tools/templates/$1" >"$2"
    chmod 644 "$2"
}

[ -f "$SHIP/libstrand.a" ] && [ -f "$SHIP/$SOFILE" ] || die "nothing is built: run make build first"
install -d "$include" "$lib/pkgconfig" "$lib/cmake/strand" "$doc"
install -m 644 include/strand.h include/strand.ll "$include"
install -m 644 "$SHIP/libstrand.a" "$lib"
install -m 755 "$SHIP/$SOFILE" "$lib"
ln -sf "$SOFILE" "$lib/$SONAME"
ln -sf "$SONAME" "$lib/libstrand.so"
fill strand.pc.in "$lib/pkgconfig/strand.pc"
fill strand-static.pc.in "$lib/pkgconfig/strand-static.pc"
fill strandConfig.cmake.in "$lib/cmake/strand/strandConfig.cmake"
fill strandConfigVersion.cmake.in "$lib/cmake/strand/strandConfigVersion.cmake"
install -m 644 LICENSE-MIT LICENSE-APACHE LICENSE-THIRD-PARTY "$doc"
say "installed libstrand $VERSION in $DESTDIR$PREFIX"
