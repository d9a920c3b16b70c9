// SPDX-License-Identifier: MIT OR Apache-2.0
// The same program as hello.c, but the library is opened when the program runs: what a plug-in or a just-in-time
// compiler does. The header serves for the types only.
// usage: dlopen path/to/libstrand.so
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <strand.h>

// A variable of the function's own type, filled by name.
#define LOAD(name)                                                                   \
    __typeof__(&name) name##_ = NULL;                                                \
    *(void **)&name##_ = dlsym(library, #name);                                      \
    if (!name##_) return fprintf(stderr, "no %s in the library\n", #name), EXIT_FAILURE

static __typeof__(&strand_chan_send) send_word;
static __typeof__(&strand_chan_recv) receive_word;
static strand_chan words;

static void *speak(void *word) {
    return send_word(words, &word, STRAND_FOREVER) == STRAND_OK ? word : NULL;
}

static void *hear(void *word) {
    if (receive_word(words, &word, STRAND_FOREVER) == STRAND_OK) puts(word);
    return NULL;
}

int main(int argc, char **argv) {
    void *library = dlopen(argc > 1 ? argv[1] : "libstrand.so.0", RTLD_NOW | RTLD_LOCAL);
    if (!library) return fprintf(stderr, "%s\n", dlerror()), EXIT_FAILURE;
    LOAD(strand_abi_version);
    LOAD(strand_scheduler_init);
    LOAD(strand_scheduler_run);
    LOAD(strand_scheduler_shutdown);
    LOAD(strand_spawn);
    LOAD(strand_chan_new);
    LOAD(strand_chan_send);
    LOAD(strand_chan_recv);
    if (strand_abi_version_() != STRAND_ABI_VERSION) return EXIT_FAILURE;
    send_word = strand_chan_send_;
    receive_word = strand_chan_recv_;
    if (strand_scheduler_init_(NULL) || strand_chan_new_(sizeof(char *), 0, &words)) return EXIT_FAILURE;
    if (strand_spawn_(hear, NULL, NULL) || strand_spawn_(speak, "hello through dlopen", NULL)) return EXIT_FAILURE;
    if (strand_scheduler_run_() || strand_scheduler_shutdown_(STRAND_FOREVER)) return EXIT_FAILURE;
    return dlclose(library) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
