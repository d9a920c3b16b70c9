// SPDX-License-Identifier: MIT OR Apache-2.0
// Three ways to use select. Fan-in: one strand serves several channels, until each of them is closed. Time limits: for
// each answer, and for all of them together. A quit channel: whoever looks at it beside its work ends when it is closed.
#include "check.h"

enum { MILLISECOND = 1000000, SOURCES = 3, WORKERS = 4 };

static strand_case receive_from(strand_chan channel, void *element) {
    return (strand_case){.size = sizeof(strand_case), .kind = STRAND_CASE_RECV, .handle = channel, .element = element};
}
static strand_case send_to(strand_chan channel, void *element) {
    return (strand_case){.size = sizeof(strand_case), .kind = STRAND_CASE_SEND, .handle = channel, .element = element};
}
static strand_case until(int64_t deadline) {
    return (strand_case){.size = sizeof(strand_case), .kind = STRAND_CASE_TIMER, .deadline = deadline};
}

static size_t select_from(strand_case *cases, size_t count) {
    size_t which;
    CHECK(strand_select(cases, count, STRAND_FOREVER, STRAND_SELECT_FAIR, &which));
    return which;
}

// ------------------------------------------------------------------------------------------------------ fan-in

static strand_chan sources[SOURCES];

static void *source(void *place) {
    size_t mine = (size_t)(uintptr_t)place;
    for (long i = 0; i < 100L * (long)(mine + 1); i++) {
        CHECK(strand_chan_send(sources[mine], &i, STRAND_FOREVER));
    }
    CHECK(strand_chan_close(sources[mine]));
    return NULL;
}

static void fan_in(void) {
    strand_case cases[SOURCES];
    long message[SOURCES], received[SOURCES] = {0};
    for (size_t i = 0; i < SOURCES; i++) {
        CHECK(strand_chan_new(sizeof(long), 0, &sources[i]));
        CHECK(strand_spawn(source, (void *)(uintptr_t)i, NULL));
        cases[i] = receive_from(sources[i], &message[i]);
    }
    for (int open = SOURCES; open > 0;) {
        size_t which = select_from(cases, SOURCES);
        if (cases[which].status == STRAND_ERR_CLOSED) {
            cases[which].kind = STRAND_CASE_NONE; // switched off: a closed channel would be ready for ever
            open--;
        } else if (message[which] != received[which]++) {
            exit(EXIT_FAILURE); // messages of one channel come in their order
        }
    }
    printf("fan-in: %ld, %ld and %ld messages from three channels\n", received[0], received[1], received[2]);
}

// ------------------------------------------------------------------------------------------------- time limits

static strand_chan answers;

static void *slow_server(void *unused) {
    (void)unused;
    for (int64_t pause = 2; pause <= 64; pause *= 2) {
        CHECK(strand_sleep(pause * MILLISECOND));
        // Nobody may be there any more: then this ends the wait after some time.
        if (strand_chan_send(answers, &pause, strand_after(50 * MILLISECOND)) != STRAND_OK) break;
    }
    return NULL;
}

static void time_limits(void) {
    int64_t answer, all = strand_after(300 * MILLISECOND);
    CHECK(strand_chan_new(sizeof answer, 0, &answers));
    CHECK(strand_spawn(slow_server, NULL, NULL));
    for (int64_t last = 0;; last = answer) {
        strand_case cases[] = {
            receive_from(answers, &answer), until(strand_after(20 * MILLISECOND)), until(all),
        };
        size_t which = select_from(cases, 3);
        if (which == 0) continue;
        printf("time limits: after the answer of %lld ms the next one takes %s\n", (long long)last,
               which == 1 ? "more than 20 ms" : "too long altogether");
        return;
    }
}

// ----------------------------------------------------------------------------------------------------- quitting

static strand_chan quit, tickets, finished;

static void *worker(void *unused) {
    long ticket = 0, drawn = 0;
    (void)unused;
    strand_case cases[] = {receive_from(quit, NULL), receive_from(tickets, &ticket)};
    while (select_from(cases, 2) != 0) drawn++;
    CHECK(strand_chan_send(finished, &drawn, STRAND_FOREVER));
    return NULL;
}

static void *dispenser(void *unused) {
    long next = 1;
    (void)unused;
    strand_case cases[] = {receive_from(quit, NULL), send_to(tickets, &next)};
    while (select_from(cases, 2) != 0) {
        if (next++ == 1000) CHECK(strand_chan_close(quit)); // tells everybody, itself included
    }
    long drawn = -(next - 1);
    CHECK(strand_chan_send(finished, &drawn, STRAND_FOREVER));
    return NULL;
}

static void quitting(void) {
    long drawn, balance = 0;
    CHECK(strand_chan_new(0, 0, &quit));
    CHECK(strand_chan_new(sizeof(long), 0, &tickets));
    CHECK(strand_chan_new(sizeof(long), 0, &finished));
    for (int i = 0; i < WORKERS; i++) CHECK(strand_spawn(worker, NULL, NULL));
    CHECK(strand_spawn(dispenser, NULL, NULL));
    for (int i = 0; i < WORKERS + 1; i++) {
        CHECK(strand_chan_recv(finished, &drawn, STRAND_FOREVER));
        balance += drawn;
    }
    printf("quitting: one close ended %d strands, and %ld tickets were lost\n", WORKERS + 1, balance);
    if (balance != 0) exit(EXIT_FAILURE);
}

static void *tour(void *unused) {
    fan_in();
    time_limits();
    quitting();
    return unused;
}

int main(void) {
    CHECK(strand_scheduler_init(NULL));
    CHECK(strand_spawn(tour, NULL, NULL));
    CHECK(strand_scheduler_run());
    CHECK(strand_scheduler_shutdown(STRAND_FOREVER));
    return EXIT_SUCCESS;
}
