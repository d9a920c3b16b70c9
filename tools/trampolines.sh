#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# trampolines.sh: C source of stand-ins for the functions of strand.h, for programs that get the library from dlopen.
# Each stand-in is a jump through a pointer, so arguments, results and the caller's return address are as with the library itself.
. "$(dirname "$0")/lib.sh"

cat <<'C'
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__x86_64__)
#define STAND_IN(name) \
    __attribute__((visibility("hidden"), used)) void *name##_target; \
    __asm__(".text\n.globl " #name "\n.type " #name ", @function\n" #name ":\n\tjmp *" #name "_target(%rip)\n.size " #name ", .-" #name "\n");
#elif defined(__aarch64__)
#define STAND_IN(name) \
    __attribute__((visibility("hidden"), used)) void *name##_target; \
    __asm__(".text\n.globl " #name "\n.type " #name ", %function\n" #name ":\n\tadrp x16, " #name "_target\n" \
            "\tldr x16, [x16, :lo12:" #name "_target]\n\tbr x16\n.size " #name ", .-" #name "\n");
#endif

static void *look_up(void *library, const char *name) {
    void *found = dlsym(library, name);
    if (found == NULL) {
        fprintf(stderr, "dlsym: %s\n", dlerror());
        exit(1);
    }
    return found;
}

C
functions=$(tools/symbols.sh functions)
data=$(tools/symbols.sh data || true)
for name in $functions; do say "STAND_IN($name)"; done
for name in $data; do say "const volatile uint32_t *${name}_address;"; done
cat <<'C'

__attribute__((constructor)) static void load(void) {
    const char *path = getenv("LIBSTRAND_UNDER_TEST");
    void *library = dlopen(path != NULL ? path : "libstrand.so.0", RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        fprintf(stderr, "dlopen: %s\n", dlerror());
        exit(1);
    }
C
for name in $functions; do say "    ${name}_target = look_up(library, \"$name\");"; done
for name in $data; do say "    ${name}_address = look_up(library, \"$name\");"; done
say "}"
