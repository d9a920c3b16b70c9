/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * bfs cpu|software|hardware|serial [scale]: breadth-first search in a graph as Graph500 draws it (a recursive matrix, 2^scale vertices, 16
 * edges each, both directions, without loops and duplicates), from a vertex that reaches much of it. "serial" is the same search by a loop
 * over a queue in C. The distances that our searches find are compared with those of that loop. Counted are the edges of the
 * vertices that were reached.
 */
#include "ours.h"

typedef struct graph {
    uint64_t vertices, *offsets;
    uint32_t *targets;
} graph;

static uint64_t state = 88172645463325252u;
static uint32_t below(uint32_t limit) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (uint32_t)((state >> 32) * limit >> 32);
}
static int by_number(const void *left, const void *right) {
    const uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}
static graph draw(uint32_t scale) {
    const uint32_t vertices = 1u << scale;
    const uint64_t drawn = (uint64_t)vertices * 16;
    uint64_t *edges = malloc(2 * drawn * sizeof *edges), count = 0;
    uint32_t *names = words_of(vertices);
    REQUIRE(edges != NULL);
    for (uint32_t i = 0; i < vertices; i++) names[i] = i;
    for (uint32_t i = vertices - 1; i > 0; i--) {
        const uint32_t other = below(i + 1), kept = names[i];
        names[i] = names[other], names[other] = kept;
    }
    for (uint64_t i = 0; i < drawn; i++) {
        uint32_t from = 0, to = 0;
        for (uint32_t bit = 0; bit < scale; bit++) {
            const uint32_t lot = below(100);
            from = from << 1 | (lot >= 76), to = to << 1 | ((lot >= 57 && lot < 76) || lot >= 95);
        }
        if (from == to) continue;
        edges[count++] = (uint64_t)names[from] << 32 | names[to];
        edges[count++] = (uint64_t)names[to] << 32 | names[from];
    }
    qsort(edges, count, sizeof *edges, by_number);
    graph made = {.vertices = vertices, .offsets = calloc(vertices + 1, sizeof(uint64_t)), .targets = words_of(count + 1)};
    REQUIRE(made.offsets != NULL);
    uint64_t kept = 0;
    for (uint64_t i = 0; i < count; i++) {
        if (i > 0 && edges[i] == edges[i - 1]) continue;
        made.offsets[(edges[i] >> 32) + 1]++;
        made.targets[kept++] = (uint32_t)edges[i];
    }
    for (uint32_t i = 0; i < vertices; i++) made.offsets[i + 1] += made.offsets[i];
    free(edges);
    free(names);
    return made;
}

static void serial(const graph *in, uint32_t source, uint32_t *distances, uint32_t *queue) {
    uint64_t head = 0, tail = 0;
    memset(distances, 0xff, 4 * in->vertices);
    distances[source] = 0;
    queue[tail++] = source;
    while (head < tail) {
        const uint32_t vertex = queue[head++], next = distances[vertex] + 1;
        for (uint64_t edge = in->offsets[vertex]; edge < in->offsets[vertex + 1]; edge++) {
            const uint32_t target = in->targets[edge];
            if (distances[target] == STRAND_UNREACHED) {
                distances[target] = next;
                queue[tail++] = target;
            }
        }
    }
}

static uint32_t scale = 18;

static void *measure(void *name) {
    const int alone = strcmp(name, "serial") == 0;
    const graph in = draw(scale);
    uint32_t *expected = words_of(in.vertices), *found = words_of(in.vertices), *queue = words_of(in.vertices);
    uint32_t source = 0;
    for (uint32_t i = 0; i < in.vertices; i++)
        if (in.offsets[i + 1] - in.offsets[i] > in.offsets[source + 1] - in.offsets[source]) source = i;
    serial(&in, source, expected, queue);
    uint64_t edges = 0;
    for (uint32_t i = 0; i < in.vertices; i++) edges += expected[i] != STRAND_UNREACHED ? in.offsets[i + 1] - in.offsets[i] : 0;
    strand_graph graph = 0;
    strand_buffer distances = 0;
    if (!alone) {
        const strand_graph_options options = {.size = sizeof options, .vertices = in.vertices, .offsets = in.offsets, .targets = in.targets};
        open_device(name);
        CHECK(strand_graph_new(device, &options, &graph));
        distances = buffer_of(4 * in.vertices);
    }
    samples times = {0};
    const int64_t began = now_ns();
    do {
        const int64_t start = now_ns();
        if (alone) {
            serial(&in, source, found, queue);
        } else {
            strand_ticket ticket;
            CHECK(strand_graph_bfs(graph, source, distances, NULL, &ticket));
            finish(ticket);
            read_back(distances, found, in.vertices);
        }
        sample(&times, now_ns() - start);
        REQUIRE(memcmp(found, expected, 4 * in.vertices) == 0);
    } while (!enough(&times, 5, began, 1.5));
    report(&times, (double)edges);
    return NULL;
}

int main(int argc, char **argv) {
    if (argc < 2) give_up("usage: bfs cpu|software|hardware|serial [scale]");
    if (argc > 2) scale = (uint32_t)atoi(argv[2]);
    return on_a_strand(measure, argv[1]);
}
