// SPDX-License-Identifier: MIT OR Apache-2.0
// A cache that fifty strands ask at the same time. Each value is loaded once, however many want it, and no more than three
// are being loaded at a time.
//
//   read-write lock   around the table: many look things up, one adds an entry
//   once-only call    in each entry: who comes first loads, the others wait for that one entry and not for the table
//   semaphore         three places for those who load
//   wait-group        main waits until everybody has gone home
//
// They lie where they are needed, in statics and in the entry itself: nothing is made, nothing is released.
#include "check.h"
#include <stdatomic.h>

enum { CLIENTS = 50, QUESTIONS = 20, KEYS = 20, PLACES = 3 };

typedef struct entry {
    int key;
    long value;
    strand_once loaded;
    struct entry *next;
} entry;

static entry *table;
static strand_rwlock table_lock = STRAND_RWLOCK_INIT;
static strand_semaphore places = STRAND_SEMAPHORE_INIT(PLACES);
static strand_wait_group clients = STRAND_WAIT_GROUP_INIT;
static atomic_int loads, loading, most;
static atomic_long total;

static entry *look_up(int key) {
    entry *found = table;
    while (found != NULL && found->key != key) found = found->next;
    return found;
}

static entry *entry_of(int key) {
    CHECK(strand_rwlock_read_lock(&table_lock, STRAND_FOREVER));
    entry *found = look_up(key);
    CHECK(strand_rwlock_read_unlock(&table_lock));
    if (found != NULL) return found;
    CHECK(strand_rwlock_write_lock(&table_lock, STRAND_FOREVER));
    found = look_up(key);    // somebody may have been faster
    if (found == NULL) {
        found = calloc(1, sizeof *found);    // its once-only call is not made: all zero
        if (found == NULL) exit(EXIT_FAILURE);
        found->key = key;
        found->next = table;
        table = found;
    }
    CHECK(strand_rwlock_write_unlock(&table_lock));
    return found;
}

static void load(void *data) {
    entry *wanted = data;
    CHECK(strand_semaphore_acquire(&places, 1, STRAND_FOREVER));
    int now = atomic_fetch_add(&loading, 1) + 1, so_far = atomic_load(&most);
    while (now > so_far && !atomic_compare_exchange_weak(&most, &so_far, now)) continue;
    CHECK(strand_sleep(2000000));    // as slow as a disk
    wanted->value = (long)wanted->key * wanted->key;
    atomic_fetch_add(&loads, 1);
    atomic_fetch_sub(&loading, 1);
    CHECK(strand_semaphore_release(&places, 1));
}

static void *client(void *number) {
    int key = *(int *)number % KEYS;
    for (int question = 0; question < QUESTIONS; question++, key = (key + 7) % KEYS) {
        entry *asked = entry_of(key);
        CHECK(strand_once_do(&asked->loaded, load, asked, STRAND_FOREVER));
        atomic_fetch_add(&total, asked->value);
    }
    CHECK(strand_wait_group_done(&clients));
    return NULL;
}

int main(void) {
    int numbers[CLIENTS];
    CHECK(strand_scheduler_init(NULL));
    CHECK(strand_wait_group_add(&clients, CLIENTS));
    for (int i = 0; i < CLIENTS; i++) {
        numbers[i] = i;
        CHECK(strand_spawn(client, &numbers[i], NULL));
    }
    CHECK(strand_wait_group_wait(&clients, STRAND_FOREVER));
    printf("%d questions, %d values, %d loads, at most %d at a time, sum %ld\n", CLIENTS * QUESTIONS, KEYS, atomic_load(&loads),
           atomic_load(&most), atomic_load(&total));
    CHECK(strand_scheduler_run());
    CHECK(strand_scheduler_shutdown(STRAND_FOREVER));
    for (entry *next; table != NULL; table = next) {
        next = table->next;
        free(table);
    }
    return EXIT_SUCCESS;
}
