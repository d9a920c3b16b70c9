/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=240 modes=static,shared,dlopen opt=O0,O2 */
/* Searches in graphs end at the distances of serial ones, whoever runs them; what is no graph is refused by its place. */
#include "graph_shapes.h"

static void *every_shape(void *arg) {
  check_shape(rmat(10, 16, 100));
  check_shape(grid(40, 9));
  check_shape(path(2000, 7));
  check_shape(star(20000, 1000));
  check_shape(random_rows(500, 2000, 50));
  check_shape(random_rows(3, 60, 5));    /* loops and parallel edges */
  check_shape(random_rows(300, 150, 3)); /* most are not reached */
  check_shape(random_rows(200, 900, 1)); /* weights of 0 */
  check_shape(path(1, 0));
  check_shape(rmat(9, 8, 0)); /* no weights: the two searches agree */
  return arg;
}

static void every_shape_ends_at_the_serial_distances(void) {
  start_runtime(2);
  open_processor();
  every_shape(NULL);
  CHECK_OK(strand_device_close(processor));
  stop_runtime();
}

static void strands_search_as_threads_do(void) {
  strand_spawn_options options = default_spawn("searcher");
  strand_id searcher = 0;
  start_runtime(2);
  open_processor();
  options.stack_bytes = 256 * 1024;
  CHECK_OK(strand_spawn_with(&options, every_shape, NULL, &searcher));
  CHECK_OK(strand_join(searcher, STRAND_FOREVER));
  CHECK_OK(strand_device_close(processor));
  stop_runtime();
}

static void random_graphs_end_at_the_serial_distances(void) {
  start_runtime(2);
  open_processor();
  for (int round = 0; round < 60; round += 1) {
    const uint32_t vertices = 1 + below(300);
    const uint32_t heaviest = round % 3 == 0 ? 0 : round % 3 == 1 ? 1 + below(20) : UINT32_MAX;
    check_shape(random_rows(vertices, below(6 * vertices), heaviest));
  }
  CHECK_OK(strand_device_close(processor));
  stop_runtime();
}

static void control_a_wrong_distance_is_noticed(void) {
  rows shape = star(5, 0);
  uint32_t right[5], wrong[5];
  serial_bfs(&shape, 1, right);
  const uint32_t known[5] = {1, 0, 2, 2, 2};
  CHECK_EQUAL(first_difference(right, known, 5), 5);
  memcpy(wrong, right, sizeof wrong);
  wrong[3] += 1;
  CHECK_EQUAL(first_difference(right, wrong, 5), 3);
  free_rows(&shape);
}

static void ways_that_are_too_long_count_as_none(void) {
  uint64_t offsets[] = {0, 2, 3, 4, 4};
  uint32_t targets[] = {1, 2, 3, 3};
  uint32_t weights[] = {UINT32_MAX - 1, 5, 1, 7};
  rows shape = {4, offsets, targets, weights};
  start_runtime(1);
  open_processor();
  const strand_graph graph = new_graph(processor, &shape);
  const strand_buffer buffer = new_distances(processor, 4);
  check_search(graph, &shape, 1, 0, buffer, 1); /* vertex 3 is 12 away, although the other way is too long */
  CHECK_OK(strand_graph_release(graph));
  targets[3] = 2; /* now that is the only one */
  const strand_graph cut = new_graph(processor, &shape);
  check_search(cut, &shape, 1, 0, buffer, 1);
  uint32_t *found = read_distances(buffer, 4);
  CHECK_EQUAL(found[1], UINT32_MAX - 1);
  CHECK_EQUAL(found[3], STRAND_UNREACHED);
  free(found);
  CHECK_OK(strand_device_close(processor));
  stop_runtime();
}

static void many_searches_run_at_once(void) {
  enum { SEARCHES = 8 };
  start_runtime(2);
  open_processor();
  rows shape = rmat(11, 16, 60);
  const strand_graph graph = new_graph(processor, &shape);
  strand_buffer buffers[SEARCHES];
  strand_ticket tickets[SEARCHES];
  uint32_t *wanted = malloc(4 * (size_t)shape.vertices);
  for (uint32_t i = 0; i < SEARCHES; i += 1) {
    buffers[i] = new_distances(processor, shape.vertices);
    CHECK_OK((i % 2 != 0 ? strand_graph_sssp : strand_graph_bfs)(graph, i, buffers[i], NULL, &tickets[i]));
  }
  for (uint32_t i = 0; i < SEARCHES; i += 1) {
    CHECK_OK(await_and_release(tickets[i]));
    uint32_t *found = read_distances(buffers[i], shape.vertices);
    (i % 2 != 0 ? serial_sssp : serial_bfs)(&shape, i, wanted);
    CHECK_EQUAL(first_difference(wanted, found, shape.vertices), shape.vertices);
    free(found);
  }
  free(wanted);
  CHECK_OK(strand_graph_release(graph));
  free_rows(&shape);
  CHECK_OK(strand_device_close(processor));
  stop_runtime();
}

static void a_budget_ends_a_search_and_the_next_one_begins_anew(void) {
  start_runtime(1);
  open_processor();
  rows shape = path(100000, 0);
  const strand_graph graph = new_graph(processor, &shape);
  const strand_buffer buffer = new_distances(processor, shape.vertices);
  strand_run_options options = run_options(1);
  strand_ticket ticket = 0;
  options.visits_max = 1000;
  CHECK_OK(strand_graph_bfs(graph, 0, buffer, &options, &ticket));
  CHECK_STATUS(STRAND_ERR_LIMIT, await_and_release(ticket));
  CHECK_LAST_ERROR_SAYS("1000 visits");
  uint32_t *found = read_distances(buffer, shape.vertices);
  CHECK_EQUAL(found[1000], 1000);
  CHECK_EQUAL(found[1001], STRAND_UNREACHED);
  free(found);
  check_search(graph, &shape, 0, 0, buffer, 1);
  CHECK_OK(strand_graph_release(graph));
  free_rows(&shape);
  CHECK_OK(strand_device_close(processor));
  stop_runtime();
}

/* Runners that wait for the rest of a level leave when the run ends, wherever that is. */
static void runners_that_wait_for_a_level_end_with_the_run(void) {
  start_runtime(2);
  open_processor();
  rows shape = rmat(11, 16, 0);
  const strand_graph graph = new_graph(processor, &shape);
  const strand_buffer buffer = new_distances(processor, shape.vertices);
  strand_run_options options = run_options(3);
  int limited = 0, cancelled = 0;
  uint32_t source = 0; /* one that reaches most, in several levels */
  for (uint32_t vertex = 0; vertex < shape.vertices; vertex += 1) {
    if (shape.offsets[vertex + 1] - shape.offsets[vertex] > shape.offsets[source + 1] - shape.offsets[source]) {
      source = vertex;
    }
  }
  for (uint64_t visits = 1; visits < 4000; visits += 1 + visits / 4) {
    strand_ticket ticket = 0;
    options.visits_max = visits;
    CHECK_OK(strand_graph_bfs(graph, source, buffer, &options, &ticket));
    const strand_status ended = await_and_release(ticket);
    CHECK(ended == STRAND_ERR_LIMIT || ended == STRAND_OK);
    CHECK(ended == STRAND_ERR_LIMIT || visits > 100); /* more vertices are reached than that */
    limited += ended == STRAND_ERR_LIMIT;
    check_search(graph, &shape, 0, source, buffer, 3);
  }
  CHECK_NUMBERS(limited, >=, 10);
  options.visits_max = 0;
  for (int round = 0; round < shortened(100); round += 1) {
    strand_ticket ticket = 0;
    CHECK_OK(strand_graph_bfs(graph, source, buffer, &options, &ticket));
    const strand_status asked = strand_ticket_cancel(ticket);
    const strand_status ended = await_and_release(ticket);
    CHECK(asked == STRAND_OK || (asked == STRAND_ERR_ALREADY && ended == STRAND_OK));
    CHECK(ended == STRAND_ERR_CANCELLED || (ended == STRAND_OK && is_parallel()));
    cancelled += ended == STRAND_ERR_CANCELLED;
  }
  CHECK(cancelled > 0 || is_parallel());
  check_search(graph, &shape, 0, source, buffer, 3);
  CHECK_OK(strand_graph_release(graph));
  free_rows(&shape);
  CHECK_OK(strand_device_close(processor));
  stop_runtime();
}

/* Threads that begin a search into the same buffer at the same moment. */
typedef struct begun {
  strand_graph graph;
  strand_buffer buffer;
  uint64_t *ready;
  strand_ticket ticket;
} begun;
static void *begin_with_another(void *arg) {
  begun *mine = arg;
  count_add(mine->ready, 1);
  while (count_read(mine->ready) < 2) {
  }
  const strand_status status = strand_graph_bfs(mine->graph, 0, mine->buffer, NULL, &mine->ticket);
  CHECK(status == STRAND_OK || status == STRAND_ERR_BUSY);
  return arg;
}
static void one_search_at_a_time_is_begun_into_a_buffer(void) {
  start_runtime(1);
  open_processor();
  rows shape = path(300000, 0);
  for (int round = 0; round < shortened(100); round += 1) {
    /* A new graph each time: the first search of one takes longest to begin. */
    uint64_t ready = 0;
    const strand_graph graph = new_graph(processor, &shape);
    const strand_buffer buffer = new_distances(processor, shape.vertices);
    begun both[2] = {{graph, buffer, &ready, 0}, {graph, buffer, &ready, 0}};
    const pthread_t threads[2] = {start_thread(begin_with_another, &both[0]), start_thread(begin_with_another, &both[1])};
    int pending = 0, are_on = 0;
    for (int each = 0; each < 2; each += 1) {
      join_thread(threads[each]);
    }
    for (int each = 0; each < 2; each += 1) {
      if (both[each].ticket != 0) {
        are_on += 1;
        pending += strand_ticket_poll(both[each].ticket, NULL) == STRAND_ERR_WOULD_BLOCK;
      }
    }
    CHECK_NUMBERS(are_on, >=, 1);
    CHECK_NUMBERS(pending, <=, 1);
    CHECK_OK(strand_graph_release(graph));
    for (int each = 0; each < 2; each += 1) {
      if (both[each].ticket != 0) {
        (void)await_and_release(both[each].ticket);
      }
    }
    CHECK_OK(strand_buffer_release(buffer));
  }
  free_rows(&shape);
  stop_runtime();
}

static void a_search_ends_when_its_graph_or_its_device_goes(void) {
  for (int way = 0; way < 3; way += 1) {
    start_runtime(1);
    open_processor();
    rows shape = path(1000000, 0);
    const strand_graph graph = new_graph(processor, &shape);
    const strand_buffer buffer = new_distances(processor, shape.vertices);
    strand_ticket ticket = 0, other = 0;
    strand_status ended;
    CHECK_OK(strand_graph_bfs(graph, 0, buffer, NULL, &ticket));
    if (is_stepped()) { /* it has not begun: nobody drives */
      CHECK_STATUS(STRAND_ERR_BUSY, strand_graph_sssp(graph, 0, buffer, NULL, &other));
      CHECK_LAST_ERROR_SAYS("is on");
    }
    switch (way) {
      case 0: CHECK_OK(strand_graph_release(graph)); break;
      case 1: CHECK_OK(strand_device_close(processor)); break;
      default: CHECK_OK(strand_ticket_cancel(ticket)); break;
    }
    ended = await_and_release(ticket);
    CHECK(ended == (way == 2 ? STRAND_ERR_CANCELLED : STRAND_ERR_CLOSED) || (ended == STRAND_OK && is_parallel()));
    free_rows(&shape);
    stop_runtime();
  }
}

static void check_refused(rows shape, strand_status expected, const char *words) {
  const strand_graph_options options = graph_options(&shape);
  strand_graph graph = 77;
  CHECK_STATUS(expected, strand_graph_new(processor, &options, &graph));
  CHECK_LAST_ERROR_SAYS(words);
  CHECK_EQUAL(graph, 77);
}

static void what_is_no_graph_is_refused_by_its_place(void) {
  uint64_t good[] = {0, 1, 2}, late[] = {1, 1, 2}, falling[] = {0, 2, 1}, huge[] = {0, 1, UINT64_MAX};
  uint32_t targets[] = {1, 0}, far[] = {1, 2};
  start_runtime(1);
  open_processor();
  check_refused((rows){2, late, targets, NULL}, STRAND_ERR_INVALID, "offsets[0] is 1");
  check_refused((rows){2, falling, targets, NULL}, STRAND_ERR_INVALID, "offsets[2] is 1, less than offsets[1]");
  check_refused((rows){2, good, far, NULL}, STRAND_ERR_INVALID, "targets[1] is 2");
  check_refused((rows){2, huge, targets, NULL}, STRAND_ERR_LIMIT, "edges");
  check_refused((rows){2, good, NULL, NULL}, STRAND_ERR_INVALID, "targets is NULL");
  check_refused((rows){2, NULL, targets, NULL}, STRAND_ERR_INVALID, "offsets is NULL");
  check_refused((rows){UINT32_MAX, good, targets, NULL}, STRAND_ERR_LIMIT, "vertices");
  rows fine = {2, good, targets, NULL};
  const strand_graph graph = new_graph(processor, &fine);
  const strand_buffer small = new_distances(processor, 1), buffer = new_distances(processor, 2);
  strand_ticket ticket = 77;
  CHECK_STATUS(STRAND_ERR_INVALID, strand_graph_bfs(graph, 2, buffer, NULL, &ticket));
  CHECK_LAST_ERROR_SAYS("vertex 2");
  CHECK_STATUS(STRAND_ERR_INVALID, strand_graph_bfs(graph, 0, small, NULL, &ticket));
  CHECK_LAST_ERROR_SAYS("need 8 bytes");
  CHECK_EQUAL(ticket, 77);
  check_search(graph, &fine, 0, 1, buffer, 1);
  CHECK_OK(strand_device_close(processor));
  stop_runtime();
}

static void a_graph_without_vertices_has_nothing_to_search(void) {
  rows nothing = {0, NULL, NULL, NULL};
  strand_ticket ticket = 0;
  start_runtime(1);
  open_processor();
  const strand_graph graph = new_graph(processor, &nothing);
  const strand_buffer buffer = new_distances(processor, 1);
  CHECK_STATUS(STRAND_ERR_INVALID, strand_graph_bfs(graph, 0, buffer, NULL, &ticket));
  CHECK_STATUS(STRAND_ERR_INVALID, strand_graph_sssp(graph, 0, buffer, NULL, &ticket));
  CHECK_OK(strand_graph_release(graph));
  CHECK_STATUS(STRAND_ERR_STALE, strand_graph_release(graph));
  CHECK_STATUS(STRAND_ERR_STALE, strand_graph_bfs(graph, 0, buffer, NULL, &ticket));
  CHECK_OK(strand_device_close(processor));
  stop_runtime();
}

int main(void) {
  CLAIM(every_shape_ends_at_the_serial_distances);
  CLAIM(strands_search_as_threads_do);
  CLAIM(random_graphs_end_at_the_serial_distances);
  CLAIM(control_a_wrong_distance_is_noticed);
  CLAIM(ways_that_are_too_long_count_as_none);
  CLAIM(many_searches_run_at_once);
  CLAIM(a_budget_ends_a_search_and_the_next_one_begins_anew);
  CLAIM(runners_that_wait_for_a_level_end_with_the_run);
  CLAIM(one_search_at_a_time_is_begun_into_a_buffer);
  CLAIM(a_search_ends_when_its_graph_or_its_device_goes);
  CLAIM(what_is_no_graph_is_refused_by_its_place);
  CLAIM(a_graph_without_vertices_has_nothing_to_search);
  return 0;
}
