// SPDX-License-Identifier: MIT OR Apache-2.0
// A ticker and a way to stop it: one strand selects over two channels, ticks from a timer and a word from another strand.
// Once it is busy for longer than two periods: one tick waits in the channel, one finds no room and is counted, and
// the next comes when it would have come anyway.
// usage: ticker        (or STRAND_ENGINE=stepped ticker: on a clock that shows the same times in every run)
#include "check.h"

enum { MILLISECOND = 1000000, PERIOD = 20 * MILLISECOND };
static strand_chan ticks, quit;
static strand_timer ticker;
static int64_t start;

static long long now(void) { return (long long)((strand_now() - start) / MILLISECOND); }

static void *listen(void *unused) {
    int heard = 0;
    (void)unused;
    for (;;) {
        uint64_t word, missed;
        size_t which;
        strand_case cases[2] = {
            {.size = sizeof *cases, .kind = STRAND_CASE_RECV, .handle = ticks, .element = &word},
            {.size = sizeof *cases, .kind = STRAND_CASE_RECV, .handle = quit, .element = &word},
        };
        CHECK(strand_select(cases, 2, STRAND_FOREVER, STRAND_SELECT_FIRST_LISTED, &which));
        if (which == 1) break;
        printf("%4lld ms  tick %d\n", now(), ++heard);
        if (strand_timer_wait(ticker, STRAND_NO_WAIT, &missed) == STRAND_OK)
            printf("         (and %llu that found no room)\n", (unsigned long long)missed);
        if (heard == 3) CHECK(strand_sleep(2 * PERIOD + PERIOD / 2)); // busy
    }
    printf("%4lld ms  quit after %d ticks\n", now(), heard);
    CHECK(strand_timer_release(ticker));
    return NULL;
}

static void *stop_it(void *unused) {
    const uint64_t word = 0;
    (void)unused;
    CHECK(strand_sleep_until(start + 9 * PERIOD + PERIOD / 2));
    CHECK(strand_chan_send(quit, &word, STRAND_FOREVER));
    return NULL;
}

int main(void) {
    CHECK(strand_scheduler_init(NULL));
    CHECK(strand_chan_new(sizeof(uint64_t), 1, &ticks));
    CHECK(strand_chan_new(sizeof(uint64_t), 1, &quit));
    CHECK(strand_timer_new(ticks, 0, &ticker));
    start = strand_now();
    CHECK(strand_timer_start(ticker, start + PERIOD, PERIOD));
    CHECK(strand_spawn(listen, NULL, NULL));
    CHECK(strand_spawn(stop_it, NULL, NULL));
    CHECK(strand_scheduler_run());
    CHECK(strand_scheduler_shutdown(STRAND_FOREVER));
    return EXIT_SUCCESS;
}
