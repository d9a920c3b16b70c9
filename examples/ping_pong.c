// SPDX-License-Identifier: MIT OR Apache-2.0
// Two strands pass a number to and fro over two channels without a buffer: the price of a round trip.
// usage: ping_pong [round trips]
#include "check.h"

static strand_chan there, back;
static int64_t rounds = 1000000;

static void *ping(void *unused) {
    (void)unused;
    int64_t start = strand_now();
    for (int64_t n = 0, answer; n < rounds; n++) {
        CHECK(strand_chan_send(there, &n, STRAND_FOREVER));
        CHECK(strand_chan_recv(back, &answer, STRAND_FOREVER));
        if (answer != n + 1) exit(EXIT_FAILURE);
    }
    int64_t spent = strand_now() - start;
    CHECK(strand_chan_close(there));
    printf("%lld round trips, %lld ns each, every answer right\n", (long long)rounds, (long long)(spent / rounds));
    return NULL;
}

static void *pong(void *unused) {
    (void)unused;
    for (int64_t n; strand_chan_recv(there, &n, STRAND_FOREVER) == STRAND_OK;) {
        n++;
        CHECK(strand_chan_send(back, &n, STRAND_FOREVER));
    }
    return NULL;
}

int main(int argc, char **argv) {
    if (argc > 1) rounds = atoll(argv[1]);
    if (rounds < 1) return EXIT_FAILURE;
    CHECK(strand_scheduler_init(NULL));
    CHECK(strand_chan_new(sizeof(int64_t), 0, &there));
    CHECK(strand_chan_new(sizeof(int64_t), 0, &back));
    CHECK(strand_spawn(ping, NULL, NULL));
    CHECK(strand_spawn(pong, NULL, NULL));
    CHECK(strand_scheduler_run());
    CHECK(strand_scheduler_shutdown(STRAND_FOREVER));
    return EXIT_SUCCESS;
}
