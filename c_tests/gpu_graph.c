/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=240 modes=static,shared opt=O2 */
/*
 * Searches in graphs on an adapter that is a program: the shaders end at the distances of serial searches, and of the
 * processor's kernels. Without such an adapter each claim is skipped, and says so.
 */
#include "graph_shapes.h"

/* The shapes of graph_shapes.h are searched on the device that main opens. */
static void every_shape_ends_at_the_serial_distances(void) {
  check_shape(rmat(10, 16, 100));
  check_shape(grid(30, 9));
  check_shape(path(300, 7));
  check_shape(star(20000, 1000)); /* far more neighbours than an item may push */
  check_shape(random_rows(500, 2000, 50));
  check_shape(random_rows(3, 60, 5));
  check_shape(random_rows(300, 150, 3));
  check_shape(random_rows(200, 900, 1));
  check_shape(path(1, 0));
  check_shape(rmat(9, 8, 0));
}

static void random_graphs_end_at_the_serial_distances(void) {
  for (int round = 0; round < 12; round += 1) {
    const uint32_t vertices = 1 + below(300);
    const uint32_t heaviest = round % 3 == 0 ? 0 : round % 3 == 1 ? 1 + below(20) : UINT32_MAX;
    check_shape(random_rows(vertices, below(6 * vertices), heaviest));
  }
}

static void ways_that_are_too_long_count_as_none(void) {
  uint64_t offsets[] = {0, 2, 3, 4, 4};
  uint32_t targets[] = {1, 2, 3, 2};
  uint32_t weights[] = {UINT32_MAX - 1, 5, 1, 7};
  rows shape = {4, offsets, targets, weights};
  const strand_graph graph = new_graph(processor, &shape);
  const strand_buffer buffer = new_distances(processor, 4);
  check_search(graph, &shape, 1, 0, buffer, 1);
  uint32_t *found = read_distances(buffer, 4);
  CHECK_EQUAL(found[1], UINT32_MAX - 1);
  CHECK_EQUAL(found[3], STRAND_UNREACHED);
  free(found);
  CHECK_OK(strand_buffer_release(buffer));
  CHECK_OK(strand_graph_release(graph));
}

static void a_large_graph_ends_at_the_distances_of_the_processor(void) {
  rows shape = rmat(14, 16, 0);
  const strand_graph graph = new_graph(processor, &shape);
  const strand_buffer buffer = new_distances(processor, shape.vertices);
  check_search(graph, &shape, 0, 7, buffer, 0);
  CHECK_OK(strand_buffer_release(buffer));
  CHECK_OK(strand_graph_release(graph));
  free_rows(&shape);
}

int main(void) {
  start_runtime(2);
  const int there = open_adapter(&processor);
  const char *why = "no adapter that is a program is here";
  CLAIM_IF(there, every_shape_ends_at_the_serial_distances, why);
  CLAIM_IF(there, random_graphs_end_at_the_serial_distances, why);
  CLAIM_IF(there, ways_that_are_too_long_count_as_none, why);
  CLAIM_IF(there, a_large_graph_ends_at_the_distances_of_the_processor, why);
  if (there) {
    CHECK_OK(strand_device_close(processor));
  }
  stop_runtime();
  return 0;
}
