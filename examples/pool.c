// SPDX-License-Identifier: MIT OR Apache-2.0
// A connection pool that is closed while it is in use. It works; a million runs may go by. It is wrong all the same.
//
// A client takes a connection out of the pool, sends its queries and gives the connection back. Somebody closes the
// pool meanwhile: he closes what is idle, and what is in use is closed by its user instead of given back. So in the end
// every connection is closed. Or is it?
//
//   pool            on all cores: passes
//   STRAND_EXPLORE=pct:depth=2 pool
//                   finds the order of events in which one connection stays open, and prints STRAND_REPLAY=<token>
//   STRAND_REPLAY=<token> pool
//                   that order again, as often as you like, until it is understood and mended
//   STRAND_EXPLORE=pct:depth=2 pool --fixed
//                   10,000 orders of the mended program, none of which fails
//
// Between "is it closed?" and the send another strand may go first. Only if the whole of the closing falls into that one
// step, after forty others, does a connection go back into a pool that nobody empties any more. A random walk never
// gets there: it would have to pass over the strand that closes forty times in a row.
#include "named.h"
#include <stdatomic.h>

enum { CONNECTIONS = 3, QUERIES = 40 };

static strand_chan idle;
static atomic_int closing, open_connections;
static int fixed;

static void disconnect(int64_t connection) {
    (void)connection;
    atomic_fetch_sub(&open_connections, 1);
}

static void disconnect_idle(void) {
    int64_t connection;
    while (strand_chan_recv(idle, &connection, STRAND_NO_WAIT) == STRAND_OK) disconnect(connection);
}

static void give_back(int64_t connection) {
    if (atomic_load(&closing)) {
        disconnect(connection);
        return;
    }
    CHECK(strand_chan_send(idle, &connection, STRAND_FOREVER));    // there is room for all of them
    if (fixed && atomic_load(&closing)) disconnect_idle();         // it was closed meanwhile: who comes last, clears up
}

static void *client(void *connection) {
    for (int query = 0; query < QUERIES; query++) CHECK(strand_yield());    // the others go on meanwhile
    give_back(*(int64_t *)connection);
    return NULL;
}

static void *close_pool(void *unused) {
    (void)unused;
    atomic_store(&closing, 1);
    disconnect_idle();
    return NULL;
}

static void *serve(void *unused) {
    (void)unused;
    for (int64_t connection = 0; connection < CONNECTIONS; connection++) {
        CHECK(strand_chan_send(idle, &connection, STRAND_FOREVER));
        atomic_fetch_add(&open_connections, 1);
    }
    int64_t taken;
    CHECK(strand_chan_recv(idle, &taken, STRAND_FOREVER));
    strand_id user = start("client", client, &taken);
    strand_id closer = start("closer", close_pool, NULL);
    CHECK(strand_join(user, STRAND_FOREVER));
    CHECK(strand_join(closer, STRAND_FOREVER));
    strand_assert(atomic_load(&open_connections) == 0, "every connection is closed");
    return NULL;
}

int main(int argc, char **argv) {
    fixed = argc > 1 && strcmp(argv[1], "--fixed") == 0;
    CHECK(strand_scheduler_init(NULL));
    CHECK(strand_chan_new(sizeof(int64_t), CONNECTIONS, &idle));
    start("server", serve, NULL);
    CHECK(strand_scheduler_run());
    CHECK(strand_scheduler_shutdown(STRAND_FOREVER));
    printf("every connection is closed\n");
    return EXIT_SUCCESS;
}
