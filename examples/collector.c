// SPDX-License-Identifier: MIT OR Apache-2.0
// A mark-sweep collector for a language whose strands share one heap. It knows of live objects only what the library
// tells it: the places where values are kept (strand_gc_visit_roots) and the stacks (strand_gc_visit_stacks), in a world
// that stands still (strand_world_stop).
//
//   collector [WORKERS [STRANDS [ROUNDS]]]
//   collector --hide KIND       looks away from one kind of root (0: from stacks), and loses objects: a check fails
//
// Strands make trees, keep them in variables, in channels, in strand locals, hand them to other strands and to calls on
// other threads, and look again and again whether each tree is still whole. What is swept is overwritten at once.
#include "named.h"
#include <stdatomic.h>

typedef struct object {
    uint64_t state;
    uint64_t weight;    // of the whole tree below it, itself included
    struct object *left, *right;
} object;

enum { HEAP = 16000, DEPTH = 4, ALIVE = 0x411fe, STACKS = 0 };

static object heap[HEAP];
static unsigned char marked[HEAP];    // beside the heap: a call on another thread may read its argument meanwhile
static object *free_ring[HEAP];    // first in, first out: what was swept stays overwritten for long
static unsigned free_first, free_count;
static atomic_flag heap_lock = ATOMIC_FLAG_INIT;    // held for a few instructions, without a call that switches
static int hidden = -1;
static uint64_t collections, made;
static atomic_ulong looks;

static void lock(void) { while (atomic_flag_test_and_set(&heap_lock)) { } }
static void unlock(void) { atomic_flag_clear(&heap_lock); }

// ---------------------------------------------------------------------------------------------------- the collector

static void mark(object *at) {
    for (; at != NULL && at->state == ALIVE && !marked[at - heap]; at = at->right) {
        marked[at - heap] = 1;
        mark(at->left);
    }
}

// Whatever looks like an address in the heap counts as one.
static void mark_words(const char *low, const char *high) {
    for (; low + sizeof(uintptr_t) <= high; low += sizeof(uintptr_t)) {
        uintptr_t word;
        memcpy(&word, low, sizeof word);
        if (word >= (uintptr_t)heap && word < (uintptr_t)(heap + HEAP)) mark(&heap[(word - (uintptr_t)heap) / sizeof *heap]);
    }
}

static void mark_root(const strand_gc_root *root, void *unused) {
    (void)unused;
    if ((int)root->kind != hidden) mark_words(root->address, (const char *)root->address + root->bytes);
}

static void mark_stack(const strand_gc_stack *stack, void *unused) {
    (void)unused;
    // main() holds no object, so an OS thread's stack is not looked at.
    if (hidden != STACKS && stack->strand != 0) mark_words(stack->low, stack->high);
}

// The number of objects that are alive.
static unsigned collect(void) {
    unsigned alive = 0;
    CHECK(strand_world_stop(STRAND_FOREVER));
    CHECK(strand_gc_visit_roots(mark_root, NULL));
    CHECK(strand_gc_visit_stacks(mark_stack, NULL));
    for (object *at = heap; at < heap + HEAP; at++) {
        if (marked[at - heap]) {
            marked[at - heap] = 0;
            alive++;
        } else if (at->state == ALIVE) {
            memset(at, 0xdb, sizeof *at);
            free_ring[(free_first + free_count++) % HEAP] = at;
        }
    }
    collections++;
    CHECK(strand_world_resume());
    return alive;
}

static object *make(object *left, object *right) {
    for (;;) {
        object *at = NULL;
        lock();
        if (free_count > 0) {
            at = free_ring[free_first];
            free_first = (free_first + 1) % HEAP;
            free_count--;
            made++;
            *at = (object){ALIVE, 1 + (left ? left->weight : 0) + (right ? right->weight : 0), left, right};
        }
        unlock();
        if (at != NULL) return at;
        if (collect() == HEAP) {
            fprintf(stderr, "the heap is full\n");
            exit(EXIT_FAILURE);
        }
    }
}

// ------------------------------------------------------------------------------------------------------- the language

static object *grow(int depth) {
    if (depth == 0) return make(NULL, NULL);
    object *left = grow(depth - 1);
    object *right = grow(depth - 1);
    return make(left, right);
}

static uint64_t weigh(const object *tree) {
    if (tree == NULL) return 0;
    uint64_t below = tree->state == ALIVE ? weigh(tree->left) + weigh(tree->right) : 0;
    if (tree->state != ALIVE || tree->weight != below + 1) {
        fprintf(stderr, "an object was lost: it was collected although somebody has it\n");
        exit(EXIT_FAILURE);
    }
    return tree->weight;
}

static void *look(void *tree) {
    weigh(tree);
    atomic_fetch_add(&looks, 1);
    return tree;
}
static void *look_at_copy(void *copy) { return look(*(object **)copy); }
static void look_at_exit(void *tree) { look(tree); }

static strand_chan shelf, counter;    // one with room, and one where each send meets its receiver
static uint32_t key;

static void *buyer(void *unused) {
    object *tree;
    (void)unused;
    while (strand_chan_recv(counter, &tree, STRAND_FOREVER) == STRAND_OK) look(tree);
    return NULL;
}

static void *mutator(void *seed) {
    uint64_t random = (uintptr_t)seed;
    strand_park_token token;
    uint64_t parked;
    CHECK(strand_on_exit(look_at_exit, grow(1)));
    CHECK(strand_local_set(key, grow(2)));
    for (int round = 0; round < (int)(random >> 32); round++) {
        random = (random & ~UINT64_C(0xffffffff)) | (uint32_t)((uint32_t)random * 1664525u + 1013904223u);
        object *tree = grow(DEPTH);
        strand_spawn_options copied = {.size = sizeof copied, .arg_bytes = sizeof tree};
        void *result;
        switch ((uint32_t)random >> 29) {
        case 0:    // in a channel
            if (strand_chan_send(shelf, &tree, STRAND_NO_WAIT) == STRAND_OK) break;
            CHECK(strand_chan_recv(shelf, &tree, STRAND_FOREVER));
            look(tree);
            break;
        case 1:    // on its way into one
            CHECK(strand_chan_send(counter, &tree, STRAND_FOREVER));
            break;
        case 2:    // with a strand that has not started
            CHECK(strand_spawn(look, tree, NULL));
            CHECK(strand_yield());
            break;
        case 3:    // in the copy of its argument
            CHECK(strand_spawn_with(&copied, look_at_copy, &tree, NULL));
            CHECK(strand_yield());
            break;
        case 4:    // with another thread
            CHECK(strand_offload(look, tree, STRAND_FOREVER, &result));
            look(result);
            break;
        case 5:    // in a wait
            CHECK(strand_park_begin(&token));
            CHECK(strand_unpark(token, (uintptr_t)tree));
            tree = grow(DEPTH);
            CHECK(strand_park(token, STRAND_FOREVER, &parked));
            look((void *)(uintptr_t)parked);
            break;
        case 6:    // in a local
            look(strand_local_get(key));
            CHECK(strand_local_set(key, grow(2)));
            break;
        default: CHECK(strand_yield()); break;
        }
        if (tree != NULL) look(tree);
        CHECK(strand_checkpoint());
    }
    return NULL;
}

static void *keep_a_hundred(void *unused) {
    (void)unused;
    object *tree;
    while (strand_chan_recv(shelf, &tree, STRAND_NO_WAIT) == STRAND_OK) look(tree);
    for (int number = 0; number < 100; number++) {
        tree = make(NULL, NULL);
        CHECK(strand_chan_send(shelf, &tree, STRAND_FOREVER));
    }
    return NULL;
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "--hide") == 0) {
        hidden = atoi(argv[2]);
        argc = 1;
    }
    strand_config config = {.size = sizeof config, .workers = argc > 1 ? (uint32_t)atoi(argv[1]) : 0};
    uint64_t strands = argc > 2 ? (uint64_t)atoi(argv[2]) : 16, rounds = argc > 3 ? (uint64_t)atoi(argv[3]) : 300;
    for (int at = 0; at < HEAP; at++) free_ring[free_count++] = &heap[at];
    CHECK(strand_scheduler_init(&config));
    CHECK(strand_local_new(NULL, 0, &key));
    CHECK(strand_chan_new(sizeof(object *), 100, &shelf));
    CHECK(strand_chan_new(sizeof(object *), 0, &counter));
    strand_spawn_options options = {.size = sizeof options, .flags = STRAND_SPAWN_UNCOUNTED};
    strand_id last;
    CHECK(strand_spawn_with(&options, buyer, NULL, &last));
    for (uint64_t strand = 1; strand <= strands; strand++) start("mutator", mutator, (void *)(uintptr_t)(rounds << 32 | strand * 7919));
    CHECK(strand_scheduler_run());
    CHECK(strand_chan_close(counter));
    CHECK(strand_join(last, STRAND_FOREVER));
    printf("%llu objects in a heap of %d, %llu collections, %lu trees looked at: nothing lost\n", (unsigned long long)made,
           HEAP, (unsigned long long)collections, atomic_load(&looks));
    start("keeper", keep_a_hundred, NULL);
    CHECK(strand_scheduler_run());
    unsigned kept = collect();
    CHECK(strand_chan_release(shelf));
    printf("%u objects are alive while a channel has a hundred, %u when it is gone\n", kept, collect());
    CHECK(strand_scheduler_shutdown(STRAND_FOREVER));
    return kept == 100 ? EXIT_SUCCESS : EXIT_FAILURE;
}
