#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# check-installed.sh: installs into a staging folder, builds programs against it as a user would (pkg-config, CMake), uninstalls.
. "$(dirname "$0")/lib.sh"

work=$TARGET/installed
rm -rf "$work"
mkdir -p "$work"
export PREFIX=/opt/strand DESTDIR=$work/stage LIBDIR=/opt/strand/lib/multi-arch INCLUDEDIR=/opt/strand/include
check "make install" tools/install.sh
root=$DESTDIR$PREFIX lib=$DESTDIR$LIBDIR
cp examples/hello.c "$work/"
greets() { [ "$(LD_LIBRARY_PATH=$lib "$@")" = "hello from another strand" ]; }

for file in "$root/include/strand.h" "$root/include/strand.ll" "$lib/libstrand.a" "$lib/libstrand.so" "$lib/$SONAME" "$lib/$SOFILE" \
    "$root/share/doc/libstrand/LICENSE-MIT" "$root/share/doc/libstrand/LICENSE-APACHE"; do
    check "installed: ${file#"$DESTDIR"}" test -f "$file"
done
check "no folder of the builder in what is installed" eval '! grep -rqaF -e "$ROOT" -e "${CARGO_HOME:-$HOME/.cargo}" "$lib" "$root/include"'

if have pkg-config; then
    # The staging root is not part of the installed paths, so pkg-config is told where the prefix lies now.
    config() { PKG_CONFIG_PATH=$lib/pkgconfig pkg-config --define-variable=prefix="$root" "$@"; }
    check "pkg-config knows the version" test "$(config --modversion strand)" = "$VERSION"
    # shellcheck disable=SC2046
    shared() { "$CC" -O2 "$work/hello.c" $(config --cflags --libs strand) -o "$work/shared" && greets "$work/shared"; }
    # shellcheck disable=SC2046
    static() { "$CC" -O2 "$work/hello.c" $(config --cflags --libs strand-static) -o "$work/static" && greets "$work/static" && ! readelf -d "$work/static" | grep -q libstrand; }
    # shellcheck disable=SC2046
    fully_static() { "$CC" -O2 -static "$work/hello.c" $(config --static --cflags --libs strand) -o "$work/fully" 2>"$work/warnings" && greets "$work/fully"; }
    check "pkg-config strand: a program with the shared library" shared
    check "it asks for $SONAME" grep -q "NEEDED.*\[$SONAME\]" <(readelf -d "$work/shared" 2>/dev/null)
    check "pkg-config strand-static: a program with the archive" static
    if [ -f "$("$CC" -print-file-name=libc.a)" ]; then check "pkg-config --static strand: a fully static program" fully_static; fi
else
    skip "programs built with pkg-config" "needs pkg-config"
fi

if have cmake; then
    mkdir -p "$work/cmake"
    cp "$work/hello.c" "$work/cmake/"
    cat >"$work/cmake/CMakeLists.txt" <<'CMAKE'
cmake_minimum_required(VERSION 3.13)
project(user C)
find_package(strand ${WANTED} REQUIRED CONFIG)
add_executable(shared hello.c)
target_link_libraries(shared PRIVATE strand::shared)
add_executable(static hello.c)
target_link_libraries(static PRIVATE strand::static)
CMAKE
    configure() { cmake -S "$work/cmake" -B "$work/cmake/build" -DCMAKE_PREFIX_PATH="$root" -Dstrand_DIR="$lib/cmake/strand" -DWANTED="$1"; }
    check "CMake finds version ${VERSION%.*}" configure "${VERSION%.*}"
    check "CMake builds with strand::shared and strand::static" cmake --build "$work/cmake/build"
    check "the CMake program with strand::shared runs" greets "$work/cmake/build/shared"
    check "the CMake program with strand::static runs" greets "$work/cmake/build/static"
    rm -rf "$work/cmake/build"
    check "CMake refuses another series" eval '! configure 7.1'
else
    skip "programs built with CMake" "needs cmake"
fi

check "make uninstall" tools/install.sh --uninstall
check "nothing is left but folders" test -z "$(find "$DESTDIR" ! -type d)"
summary installed
