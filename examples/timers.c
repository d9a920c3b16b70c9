// SPDX-License-Identifier: MIT OR Apache-2.0
// Sleep sort: one strand per number sleeps that many milliseconds and then sends it. Nobody compares numbers;
// the timers do. Then one receive with a deadline, which nobody answers.
// usage: timers [number ...]
#include "check.h"

enum { MILLISECOND = 1000000 };
static strand_chan sorted;
static int64_t start; // before the first strand is spawned: nobody can have slept longer than that

static void *sleeper(void *argument) {
    int64_t number = *(const int64_t *)argument;
    CHECK(strand_sleep(number * MILLISECOND));
    CHECK(strand_chan_send(sorted, &number, STRAND_FOREVER));
    return NULL;
}

static void *printer(void *argument) {
    int64_t left = *(const int64_t *)argument, number, last = 0;
    for (; left > 0; left--) {
        CHECK(strand_chan_recv(sorted, &number, STRAND_FOREVER));
        int64_t late = (strand_now() - start) - number * MILLISECOND;
        printf("%4lld   (%.1f ms after its time)\n", (long long)number, (double)late / MILLISECOND);
        if (number < last) exit(EXIT_FAILURE);
        last = number;
    }
    strand_status status = strand_chan_recv(sorted, &number, strand_after(5 * MILLISECOND));
    printf("nobody sends any more: %s after 5 ms\n", strand_status_name(status));
    if (status != STRAND_ERR_TIMEOUT) exit(EXIT_FAILURE);
    return NULL;
}

// arg_bytes copies the number onto the new strand, so that a variable of this loop can be passed.
static void spawn(strand_entry entry, int64_t number) {
    strand_spawn_options options = {0};
    options.size = sizeof options;
    options.arg_bytes = sizeof number;
    CHECK(strand_spawn_with(&options, entry, &number, NULL));
}

int main(int argc, char **argv) {
    static const int64_t sample[] = {80, 20, 140, 60, 120, 40, 100, 160};
    int64_t count = argc > 1 ? argc - 1 : (int64_t)(sizeof sample / sizeof sample[0]);
    CHECK(strand_scheduler_init(NULL));
    CHECK(strand_chan_new(sizeof(int64_t), 0, &sorted));
    start = strand_now();
    spawn(printer, count);
    for (int64_t i = 0; i < count; i++) spawn(sleeper, argc > 1 ? atoll(argv[i + 1]) : sample[i]);
    CHECK(strand_scheduler_run());
    CHECK(strand_scheduler_shutdown(STRAND_FOREVER));
    return EXIT_SUCCESS;
}
