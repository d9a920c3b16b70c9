/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Graphs that searches find hard, each from a seed, and serial searches to compare with. */
#ifndef LIBSTRAND_C_TESTS_GRAPH_SHAPES_H
#define LIBSTRAND_C_TESTS_GRAPH_SHAPES_H

#include "worklist.h"

typedef struct rows {
  uint32_t vertices;
  uint64_t *offsets;
  uint32_t *targets;
  uint32_t *weights;
} rows;

static uint64_t lot = 1;

static inline uint32_t below(uint32_t bound) { /* splitmix64 */
  uint64_t mixed = lot += UINT64_C(0x9E3779B97F4A7C15);
  mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94D049BB133111EB);
  return (uint32_t)(((mixed ^ (mixed >> 31)) >> 32) * bound >> 32);
}

/* The rows of edges (from, to), and weights below heaviest; 0: none. Frees the edges. */
static inline rows rows_of(uint32_t vertices, uint32_t (*edges)[2], uint64_t count, uint32_t heaviest) {
  rows made = {vertices, calloc((size_t)vertices + 1, sizeof(uint64_t)), malloc(4 * (size_t)count + 4), NULL};
  uint64_t *next = calloc((size_t)vertices + 1, sizeof *next);
  CHECK(made.offsets != NULL && made.targets != NULL && next != NULL);
  for (uint64_t edge = 0; edge < count; edge += 1) {
    made.offsets[edges[edge][0] + 1] += 1;
  }
  for (uint32_t vertex = 0; vertex < vertices; vertex += 1) {
    made.offsets[vertex + 1] += made.offsets[vertex];
    next[vertex] = made.offsets[vertex];
  }
  for (uint64_t edge = 0; edge < count; edge += 1) {
    made.targets[next[edges[edge][0]]++] = edges[edge][1];
  }
  if (heaviest > 0) {
    made.weights = malloc(4 * (size_t)count + 4);
    CHECK(made.weights != NULL);
    for (uint64_t edge = 0; edge < count; edge += 1) {
      made.weights[edge] = below(heaviest);
    }
  }
  free(next);
  free(edges);
  return made;
}

static inline void free_rows(rows *graph) {
  free(graph->offsets);
  free(graph->targets);
  free(graph->weights);
}

static inline uint32_t (*new_edges(uint64_t count))[2] {
  uint32_t(*edges)[2] = malloc(sizeof *edges * (size_t)(count + 1));
  CHECK(edges != NULL);
  return edges;
}

/* The recursive matrix of Graph500, both directions; vertices are numbered by lot. */
static inline rows rmat(uint32_t scale, uint32_t degree, uint32_t heaviest) {
  const uint32_t vertices = UINT32_C(1) << scale;
  const uint64_t half = (uint64_t)vertices * degree / 2;
  uint32_t(*edges)[2] = new_edges(2 * half);
  uint32_t *names = malloc(sizeof *names * vertices);
  CHECK(names != NULL);
  for (uint32_t i = 0; i < vertices; i += 1) {
    const uint32_t other = below(i + 1);
    names[i] = names[other];
    names[other] = i;
  }
  for (uint64_t edge = 0; edge < half; edge += 1) {
    uint32_t from = 0, to = 0;
    for (uint32_t bit = 0; bit < scale; bit += 1) {
      const uint32_t side = below(100);
      from = from << 1 | (side >= 76);
      to = to << 1 | ((side >= 57 && side < 76) || side >= 95);
    }
    edges[2 * edge][0] = edges[2 * edge + 1][1] = names[from];
    edges[2 * edge][1] = edges[2 * edge + 1][0] = names[to];
  }
  free(names);
  return rows_of(vertices, edges, 2 * half, heaviest);
}

static inline rows grid(uint32_t side, uint32_t heaviest) {
  uint32_t(*edges)[2] = new_edges((uint64_t)4 * side * side);
  uint64_t count = 0;
  for (uint32_t here = 0; here < side * side; here += 1) {
    const uint32_t next[2] = {here + 1, here + side};
    const int there[2] = {here % side + 1 < side, here / side + 1 < side};
    for (int way = 0; way < 2; way += 1) {
      if (there[way]) {
        edges[count][0] = edges[count + 1][1] = here;
        edges[count][1] = edges[count + 1][0] = next[way];
        count += 2;
      }
    }
  }
  return rows_of(side * side, edges, count, heaviest);
}

static inline rows path(uint32_t vertices, uint32_t heaviest) {
  uint32_t(*edges)[2] = new_edges(vertices);
  for (uint32_t edge = 0; edge + 1 < vertices; edge += 1) {
    edges[edge][0] = edge;
    edges[edge][1] = edge + 1;
  }
  return rows_of(vertices, edges, vertices - 1, heaviest);
}

static inline rows star(uint32_t vertices, uint32_t heaviest) {
  uint32_t(*edges)[2] = new_edges((uint64_t)2 * vertices);
  for (uint32_t leaf = 1; leaf < vertices; leaf += 1) {
    edges[2 * leaf - 2][0] = edges[2 * leaf - 1][1] = 0;
    edges[2 * leaf - 2][1] = edges[2 * leaf - 1][0] = leaf;
  }
  return rows_of(vertices, edges, 2 * ((uint64_t)vertices - 1), heaviest);
}

/* Edges by lot, loops and parallel ones among them. */
static inline rows random_rows(uint32_t vertices, uint32_t count, uint32_t heaviest) {
  uint32_t(*edges)[2] = new_edges(count);
  for (uint32_t edge = 0; edge < count; edge += 1) {
    edges[edge][0] = below(vertices);
    edges[edge][1] = below(vertices);
  }
  return rows_of(vertices, edges, count, heaviest);
}

/* Distances by a queue; every edge counts 1. */
static inline void serial_bfs(const rows *graph, uint32_t source, uint32_t *distances) {
  uint32_t *queue = malloc(4 * (size_t)graph->vertices + 4);
  uint32_t head = 0, tail = 0;
  CHECK(queue != NULL);
  memset(distances, 0xff, 4 * (size_t)graph->vertices);
  distances[source] = 0;
  queue[tail++] = source;
  while (head < tail) {
    const uint32_t vertex = queue[head++];
    for (uint64_t edge = graph->offsets[vertex]; edge < graph->offsets[vertex + 1]; edge += 1) {
      const uint32_t target = graph->targets[edge];
      if (distances[target] == STRAND_UNREACHED) {
        distances[target] = distances[vertex] + 1;
        queue[tail++] = target;
      }
    }
  }
  free(queue);
}

/* Distances by weight: every edge again and again until nothing falls, in 64 bits. */
static inline void serial_sssp(const rows *graph, uint32_t source, uint32_t *distances) {
  uint64_t *exact = malloc(8 * (size_t)graph->vertices);
  int fell = 1;
  CHECK(exact != NULL);
  memset(exact, 0xff, 8 * (size_t)graph->vertices);
  exact[source] = 0;
  while (fell) {
    fell = 0;
    for (uint32_t vertex = 0; vertex < graph->vertices; vertex += 1) {
      if (exact[vertex] == UINT64_MAX) {
        continue;
      }
      for (uint64_t edge = graph->offsets[vertex]; edge < graph->offsets[vertex + 1]; edge += 1) {
        const uint64_t next = exact[vertex] + (graph->weights != NULL ? graph->weights[edge] : 1);
        if (next < exact[graph->targets[edge]]) {
          exact[graph->targets[edge]] = next;
          fell = 1;
        }
      }
    }
  }
  for (uint32_t vertex = 0; vertex < graph->vertices; vertex += 1) {
    distances[vertex] = exact[vertex] < UINT32_MAX ? (uint32_t)exact[vertex] : STRAND_UNREACHED;
  }
  free(exact);
}

static inline strand_graph_options graph_options(const rows *graph) {
  strand_graph_options options;
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  options.vertices = graph->vertices;
  options.offsets = graph->offsets;
  options.targets = graph->targets;
  options.weights = graph->weights;
  return options;
}

static inline strand_graph new_graph(strand_device device, const rows *graph) {
  const strand_graph_options options = graph_options(graph);
  strand_graph made = 0;
  CHECK_OK(strand_graph_new(device, &options, &made));
  return made;
}

/* The first vertex where two lists differ; their length where they are the same. */
static inline uint32_t first_difference(const uint32_t *one, const uint32_t *other, uint32_t count) {
  uint32_t at = 0;
  while (at < count && one[at] == other[at]) {
    at += 1;
  }
  return at;
}

typedef strand_status (*search)(strand_graph, uint32_t, strand_buffer, const strand_run_options *, strand_ticket *);

static inline strand_buffer new_distances(strand_device device, uint32_t vertices) {
  strand_buffer buffer = 0;
  CHECK_OK(strand_buffer_new(device, 4 * (uint64_t)vertices, 0, &buffer));
  return buffer;
}

static inline uint32_t *read_distances(strand_buffer buffer, uint32_t vertices) {
  uint32_t *found = malloc(4 * (size_t)vertices);
  strand_ticket ticket = 0;
  CHECK(found != NULL);
  CHECK_OK(strand_buffer_read(buffer, 0, found, 4 * (uint64_t)vertices, &ticket));
  CHECK_OK(await_and_release(ticket));
  return found;
}

/* One search on the open device, compared vertex by vertex. */
static inline void check_search(strand_graph graph, const rows *shape, int weighted, uint32_t source, strand_buffer buffer,
                         uint32_t workers) {
  const strand_run_options options = run_options(workers);
  const search begin = weighted ? strand_graph_sssp : strand_graph_bfs;
  uint32_t *wanted = malloc(4 * (size_t)shape->vertices);
  strand_ticket ticket = 0;
  CHECK(wanted != NULL);
  (weighted ? serial_sssp : serial_bfs)(shape, source, wanted);
  CHECK_OK(begin(graph, source, buffer, &options, &ticket));
  CHECK_OK(await_and_release(ticket));
  uint32_t *found = read_distances(buffer, shape->vertices);
  CHECK_EQUAL(first_difference(wanted, found, shape->vertices), shape->vertices);
  free(found);
  free(wanted);
}

static inline void check_shape(rows shape) {
  const strand_graph graph = new_graph(processor, &shape);
  const strand_buffer buffer = new_distances(processor, shape.vertices);
  for (uint32_t round = 0; round < 3; round += 1) { /* a search is used again */
    const uint32_t source = round == 0 ? 0 : below(shape.vertices);
    check_search(graph, &shape, 0, source, buffer, round);
    check_search(graph, &shape, 1, source, buffer, round);
  }
  CHECK_OK(strand_buffer_release(buffer));
  CHECK_OK(strand_graph_release(graph));
  free_rows(&shape);
}

#endif
