// SPDX-License-Identifier: MIT OR Apache-2.0
// Strands and plain OS threads over the same channel: a pthread takes its time and sends, a strand adds up.
//
// While the pthread is silent every strand waits, and the runtime would rightly call that a deadlock: it cannot know
// that somebody outside will send. An external hold tells it.
#include "check.h"
#include <pthread.h>
#include <time.h>

static strand_chan readings;

static void *sensor(void *unused) {
    (void)unused;
    for (int64_t reading = 1; reading <= 4; reading++) {
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
        CHECK(strand_chan_send(readings, &reading, STRAND_FOREVER));
    }
    CHECK(strand_chan_close(readings));
    CHECK(strand_external_release());
    return NULL;
}

static void *adder(void *unused) {
    (void)unused;
    int64_t sum = 0, reading;
    while (strand_chan_recv(readings, &reading, STRAND_FOREVER) == STRAND_OK) sum += reading;
    printf("a strand added up what an OS thread sent: %lld\n", (long long)sum);
    if (sum != 10) exit(EXIT_FAILURE);
    return NULL;
}

int main(void) {
    pthread_t thread;
    CHECK(strand_scheduler_init(NULL));
    CHECK(strand_chan_new(sizeof(int64_t), 0, &readings));
    CHECK(strand_spawn(adder, NULL, NULL));
    CHECK(strand_external_acquire());
    if (pthread_create(&thread, NULL, sensor, NULL) != 0) return EXIT_FAILURE;
    CHECK(strand_scheduler_run());
    pthread_join(thread, NULL);
    CHECK(strand_scheduler_shutdown(STRAND_FOREVER));
    return EXIT_SUCCESS;
}
