/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A breadth-first search in a graph of the kind that social networks are: on the processor, and on an adapter where there is
 * one. The distances are compared with those of a loop below.
 *
 * usage: bfs [SCALE]    2^SCALE vertices, 32 edges each; 16 unless said
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strand.h>
#include <time.h>

#define TRY(call)                                                                                       \
  do {                                                                                                  \
    const strand_status status = (call);                                                                \
    if (status != STRAND_OK) {                                                                          \
      char message[512];                                                                                \
      strand_last_error(message, sizeof message);                                                       \
      fprintf(stderr, "%s: %s: %s\n", #call, strand_status_name(status), message);                      \
      exit(1);                                                                                          \
    }                                                                                                   \
  } while (0)

static uint32_t vertices;
static uint64_t *offsets;
static uint32_t *targets;

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void *memory(size_t bytes) {
  void *place = calloc(1, bytes);
  if (place == NULL) {
    fprintf(stderr, "no memory\n");
    exit(1);
  }
  return place;
}

static uint32_t below(uint32_t bound) {
  static uint64_t state = 1;
  uint64_t mixed = state += UINT64_C(0x9E3779B97F4A7C15);
  mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94D049BB133111EB);
  return (uint32_t)(((mixed ^ (mixed >> 31)) >> 32) * bound >> 32);
}

/* The recursive matrix of Graph500: few vertices have very many edges. */
static void make_graph(uint32_t scale) {
  const uint64_t half = (uint64_t)16 << scale;
  uint32_t(*edges)[2] = memory(sizeof *edges * half);
  uint32_t *names = memory(sizeof *names << scale);
  vertices = UINT32_C(1) << scale;
  offsets = memory(sizeof *offsets * ((size_t)vertices + 2));
  targets = memory(sizeof *targets * 2 * half);
  for (uint32_t i = 0; i < vertices; i += 1) { /* numbers by lot: they say nothing of the degree */
    const uint32_t other = below(i + 1);
    names[i] = names[other];
    names[other] = i;
  }
  for (uint64_t edge = 0; edge < half; edge += 1) {
    uint32_t ends[2] = {0, 0};
    for (uint32_t bit = 0; bit < scale; bit += 1) {
      const uint32_t side = below(100);
      ends[0] = ends[0] << 1 | (side >= 76);
      ends[1] = ends[1] << 1 | ((side >= 57 && side < 76) || side >= 95);
    }
    for (int way = 0; way < 2; way += 1) {
      edges[edge][way] = names[ends[way]];
      offsets[edges[edge][way] + 2] += 1;
    }
  }
  for (uint32_t vertex = 0; vertex < vertices; vertex += 1) {
    offsets[vertex + 2] += offsets[vertex + 1];
  }
  for (uint64_t edge = 0; edge < half; edge += 1) { /* offsets[v + 1] is where the next edge of v goes */
    targets[offsets[edges[edge][0] + 1]++] = edges[edge][1];
    targets[offsets[edges[edge][1] + 1]++] = edges[edge][0];
  }
  free(edges);
  free(names);
}

static void serial_search(uint32_t source, uint32_t *distances, uint32_t *queue) {
  uint32_t head = 0, tail = 0;
  memset(distances, 0xff, sizeof *distances * vertices);
  distances[source] = 0;
  queue[tail++] = source;
  while (head < tail) {
    const uint32_t vertex = queue[head++], next = distances[vertex] + 1;
    for (uint64_t edge = offsets[vertex]; edge < offsets[vertex + 1]; edge += 1) {
      if (distances[targets[edge]] == STRAND_UNREACHED) {
        distances[targets[edge]] = next;
        queue[tail++] = targets[edge];
      }
    }
  }
}

/* Searches on a device, several times; the best time, or 0 where there is no such device. */
static double search_on(uint32_t kind, uint32_t workers, uint32_t source, const uint32_t *wanted) {
  strand_device_options options;
  strand_run_options run;
  strand_graph_options made;
  strand_device device;
  strand_buffer buffer;
  strand_graph graph;
  strand_ticket ticket;
  void *found;
  double best = 1e9;
  memset(&options, 0, sizeof options);
  options.size = sizeof options;
  options.kind = kind;
  if (strand_device_open(&options, &device) != STRAND_OK) {
    return 0;
  }
  memset(&made, 0, sizeof made);
  made.size = sizeof made;
  made.vertices = vertices;
  made.offsets = offsets;
  made.targets = targets;
  memset(&run, 0, sizeof run);
  run.size = sizeof run;
  run.workers = workers;
  TRY(strand_graph_new(device, &made, &graph));
  TRY(strand_buffer_new(device, 4 * (uint64_t)vertices, 0, &buffer));
  for (int round = 0; round < 7; round += 1) {
    const double begin = seconds();
    TRY(strand_graph_bfs(graph, source, buffer, &run, &ticket));
    TRY(strand_ticket_await(ticket, STRAND_FOREVER));
    TRY(strand_ticket_release(ticket));
    TRY(strand_buffer_map(buffer, 0, 4 * (uint64_t)vertices, STRAND_MAP_READ, STRAND_FOREVER, &found));
    const double took = seconds() - begin;
    best = took < best ? took : best;
    if (memcmp(found, wanted, 4 * (size_t)vertices) != 0) {
      fprintf(stderr, "the distances differ\n");
      exit(1);
    }
    TRY(strand_buffer_unmap(buffer));
  }
  TRY(strand_buffer_release(buffer));
  TRY(strand_graph_release(graph));
  TRY(strand_device_close(device));
  return best;
}

int main(int count, char **words) {
  const uint32_t scale = count > 1 ? (uint32_t)strtoul(words[1], NULL, 10) : 16;
  make_graph(scale >= 4 && scale <= 24 ? scale : 16);
  uint32_t source = 0;
  while (offsets[source + 1] - offsets[source] < 32) {
    source += 1;
  }
  uint32_t *wanted = memory(4 * (size_t)vertices), *queue = memory(4 * (size_t)vertices);
  double serial = 1e9, took;
  for (int round = 0; round < 7; round += 1) {
    const double begin = seconds();
    serial_search(source, wanted, queue);
    took = seconds() - begin;
    serial = took < serial ? took : serial;
  }
  uint64_t edges = 0;
  uint32_t reached = 0, farthest = 0;
  for (uint32_t vertex = 0; vertex < vertices; vertex += 1) {
    if (wanted[vertex] != STRAND_UNREACHED) {
      edges += offsets[vertex + 1] - offsets[vertex];
      farthest = wanted[vertex] > farthest ? wanted[vertex] : farthest;
      reached += 1;
    }
  }
  printf("%u of %u vertices reached over %llu edges, at most %u away\n", reached, vertices, (unsigned long long)edges,
         farthest);
  printf("a loop             %6.0f million edges a second\n", (double)edges / serial / 1e6);
  TRY(strand_scheduler_init(NULL));
  took = search_on(STRAND_DEVICE_CPU, 1, source, wanted);
  printf("processor, 1 core  %6.0f million edges a second\n", (double)edges / took / 1e6);
  took = search_on(STRAND_DEVICE_CPU, 0, source, wanted);
  printf("processor          %6.0f million edges a second\n", (double)edges / took / 1e6);
  took = search_on(STRAND_DEVICE_HARDWARE, 0, source, wanted);
  if (took > 0) {
    printf("adapter            %6.0f million edges a second\n", (double)edges / took / 1e6);
  }
  took = search_on(STRAND_DEVICE_SOFTWARE, 0, source, wanted);
  if (took > 0) {
    printf("software adapter   %6.0f million edges a second\n", (double)edges / took / 1e6);
  }
  printf("the same distances from all of them\n");
  TRY(strand_scheduler_shutdown(STRAND_FOREVER));
  return 0;
}
