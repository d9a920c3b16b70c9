// SPDX-License-Identifier: MIT OR Apache-2.0
// Two strands that wait for each other. strand_scheduler_run does not hang: it answers STRAND_ERR_DEADLOCK, and
// strand_last_error says who waits on what.
//
// usage: deadlock             prints the report, ends with status 3
//        deadlock --resolve   then sends what was missing and runs on: a report ends nobody. Status 0
#include "check.h"
#include <string.h>

enum { DEADLOCKED = 3 };
static strand_chan to_alice, to_bob;

// Each wants to hear from the other before it speaks.
static void *alice(void *unused) {
    int64_t message = 0;
    (void)unused;
    CHECK(strand_chan_recv(to_alice, &message, STRAND_FOREVER));
    CHECK(strand_chan_send(to_bob, &message, STRAND_FOREVER));
    return NULL;
}

static void *bob(void *unused) {
    int64_t message = 0;
    (void)unused;
    CHECK(strand_chan_recv(to_bob, &message, STRAND_FOREVER));
    CHECK(strand_chan_send(to_alice, &message, STRAND_FOREVER));
    return NULL;
}

static strand_spawn_options named(const char *name) {
    strand_spawn_options options = {0};
    options.size = sizeof options;
    options.name = name;
    options.name_length = strlen(name);
    return options;
}

static strand_chan channel(const char *name, size_t capacity) {
    strand_chan made;
    strand_chan_options options = {0};
    options.size = sizeof options;
    options.element_size = sizeof(int64_t);
    options.capacity = capacity;
    options.name = name;
    options.name_length = strlen(name);
    CHECK(strand_chan_new_with(&options, &made));
    return made;
}

int main(int argc, char **argv) {
    char report[8192];
    CHECK(strand_scheduler_init(NULL));
    to_alice = channel("to-alice", 1);
    to_bob = channel("to-bob", 1);
    strand_spawn_options as_alice = named("alice"), as_bob = named("bob");
    CHECK(strand_spawn_with(&as_alice, alice, NULL, NULL));
    CHECK(strand_spawn_with(&as_bob, bob, NULL, NULL));
    strand_status status = strand_scheduler_run();
    strand_last_error(report, sizeof report);
    printf("strand_scheduler_run answered %s\n%s\n", strand_status_name(status), report);
    if (status != STRAND_ERR_DEADLOCK) return EXIT_FAILURE;
    if (argc < 2 || strcmp(argv[1], "--resolve") != 0) return DEADLOCKED;

    int64_t message = 42;
    CHECK(strand_chan_send(to_alice, &message, STRAND_FOREVER));
    CHECK(strand_scheduler_run());
    printf("one message to alice, and both have ended\n");
    CHECK(strand_scheduler_shutdown(STRAND_FOREVER));
    return EXIT_SUCCESS;
}
