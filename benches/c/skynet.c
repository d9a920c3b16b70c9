/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * W7: a tree of strands, ten children a node, n leaves that report their number; every node adds up what its children
 * say. W7 reports through a rendezvous channel per node, W7j through memory and a join. Nanoseconds per strand.
 */
#include "bench.h"

enum { CHILDREN = 10 };

typedef struct node {
    strand_chan parent;
    int64_t first;
    int64_t leaves;
    int64_t sum; /* of the join variant */
} node;

static void divide(const node *whole, strand_chan parent, node children[CHILDREN])
{
    int64_t share = whole->leaves / CHILDREN;
    for (int i = 0; i < CHILDREN; i++) {
        children[i] = (node){.parent = parent, .first = whole->first + i * share, .leaves = share};
    }
}

static void *speak(void *arg)
{
    node me = *(const node *)arg; /* the parent's frame may go once it has our message */
    node children[CHILDREN];
    strand_chan replies;
    int64_t sum = 0;
    if (me.leaves == 1) {
        CHECK(strand_chan_send(me.parent, &me.first, STRAND_FOREVER));
        return NULL;
    }
    CHECK(strand_chan_new(sizeof sum, 0, &replies));
    divide(&me, replies, children);
    for (int i = 0; i < CHILDREN; i++) {
        CHECK(strand_spawn(speak, &children[i], NULL));
    }
    for (int i = 0; i < CHILDREN; i++) {
        int64_t reply;
        CHECK(strand_chan_recv(replies, &reply, STRAND_FOREVER));
        sum += reply;
    }
    CHECK(strand_chan_release(replies));
    CHECK(strand_chan_send(me.parent, &sum, STRAND_FOREVER));
    return NULL;
}

static void *add_up(void *arg)
{
    node *me = arg;
    node children[CHILDREN];
    strand_id ids[CHILDREN];
    if (me->leaves == 1) {
        me->sum = me->first;
        return NULL;
    }
    divide(me, 0, children);
    for (int i = 0; i < CHILDREN; i++) {
        CHECK(strand_spawn(add_up, &children[i], &ids[i]));
    }
    for (int i = 0; i < CHILDREN; i++) {
        CHECK(strand_join(ids[i], STRAND_FOREVER));
        me->sum += children[i].sum;
    }
    return NULL;
}

/* n is rounded down to a power of ten, so that every node has all its children. */
static int64_t whole_tree(int64_t n, int64_t *strands)
{
    int64_t leaves = 1;
    *strands = 1;
    while (leaves * CHILDREN <= n) {
        leaves *= CHILDREN;
        *strands += leaves;
    }
    return leaves;
}

void skynet_channels(const bench_run *run)
{
    int64_t strands;
    int64_t sum;
    node root = {.leaves = whole_tree(run->n, &strands)};
    CHECK(strand_chan_new(sizeof sum, 0, &root.parent));
    int64_t began = bench_now();
    CHECK(strand_spawn(speak, &root, NULL));
    CHECK(strand_chan_recv(root.parent, &sum, STRAND_FOREVER));
    bench_ns_per(began, (double)strands);
    REQUIRE(sum == root.leaves * (root.leaves - 1) / 2);
    CHECK(strand_chan_release(root.parent));
}

void skynet_join(const bench_run *run)
{
    int64_t strands;
    strand_id top;
    node root = {.leaves = whole_tree(run->n, &strands)};
    int64_t began = bench_now();
    CHECK(strand_spawn(add_up, &root, &top));
    CHECK(strand_join(top, STRAND_FOREVER));
    bench_ns_per(began, (double)strands);
    REQUIRE(root.sum == root.leaves * (root.leaves - 1) / 2);
}
