// SPDX-License-Identifier: MIT OR Apache-2.0
// A journal that is shut down in two phases, as one should. It loses the last record in one order of events out of very
// many.
//
// Phase 1: from now on no record is accepted; a mark goes through the queue behind all that were; the writer writes what
// comes before the mark, and ends. Phase 2: the queue is closed, and whoever comes too late is told so. A record is
// either written or refused.
//
//   journal            on all cores: passes nearly always
//   STRAND_EXPLORE=pct:depth=3 journal
//                      finds the record that was accepted and never written
//   STRAND_EXPLORE=pct:depth=3 journal --fixed
//                      10,000 orders of the mended program, none of which fails
//
// It takes two interruptions, each at one place: a client between "is it open?" and its send, so that the record comes
// behind the mark, and then the shutdown between its phases, so that the record is not refused.
#include "named.h"
#include <stdatomic.h>

enum { RECORDS = 20, MARK = -1 };

static strand_chan queue;
static atomic_int stopping, sending, accepted, written;
static int fixed;

// Whether the record will be written.
static int append(int64_t record) {
    if (fixed) atomic_fetch_add(&sending, 1);    // announced before we look: the shutdown waits for us
    strand_status status = STRAND_ERR_CLOSED;
    if (!atomic_load(&stopping)) status = strand_chan_send(queue, &record, STRAND_FOREVER);
    if (fixed) atomic_fetch_sub(&sending, 1);
    return status == STRAND_OK;
}

static void *client(void *unused) {
    (void)unused;
    for (int64_t record = 0; record < RECORDS; record++) {
        if (!append(record)) break;
        atomic_fetch_add(&accepted, 1);
    }
    return NULL;
}

static void *writer(void *unused) {
    int64_t record;
    (void)unused;
    while (strand_chan_recv(queue, &record, STRAND_FOREVER) == STRAND_OK && record != MARK) atomic_fetch_add(&written, 1);
    return NULL;
}

static void *run_journal(void *unused) {
    (void)unused;
    strand_id writing = start("writer", writer, NULL);
    strand_id clients[] = {start("first client", client, NULL), start("second client", client, NULL)};

    for (int turn = 0; turn < 10; turn++) CHECK(strand_yield());    // they work for a while
    atomic_store(&stopping, 1);                                     // phase 1
    while (fixed && atomic_load(&sending) > 0) CHECK(strand_yield());
    int64_t mark = MARK;
    CHECK(strand_chan_send(queue, &mark, STRAND_FOREVER));
    CHECK(strand_join(writing, STRAND_FOREVER));
    CHECK(strand_chan_close(queue));                                // phase 2

    for (int n = 0; n < 2; n++) CHECK(strand_join(clients[n], STRAND_FOREVER));
    strand_assert(atomic_load(&written) == atomic_load(&accepted), "every record that was accepted is written");
    return NULL;
}

int main(int argc, char **argv) {
    fixed = argc > 1 && strcmp(argv[1], "--fixed") == 0;
    CHECK(strand_scheduler_init(NULL));
    CHECK(strand_chan_new(sizeof(int64_t), 2 * RECORDS + 1, &queue));
    start("journal", run_journal, NULL);
    CHECK(strand_scheduler_run());
    CHECK(strand_scheduler_shutdown(STRAND_FOREVER));
    printf("all %d records that were accepted are written\n", atomic_load(&accepted));
    return EXIT_SUCCESS;
}
