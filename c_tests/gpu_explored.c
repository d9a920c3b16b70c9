/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static opt=O0,O2 */
/* test: engines=none engines-why="it needs the stepped engine and chooses it itself" */
/*
 * Devices while schedules are searched: there is the processor alone, and what is done on it is the same in each schedule that
 * decides the same. Whoever awaits, cancels and closes in whatever order gets what the order says.
 */
#include "explored.h"

static void kernel(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  (void)data;
  for (uint32_t index = 0; index < count; index += 1) {
    const uint32_t child = items[index] - 1;
    if (items[index] > 0) {
      strand_work_push(work, index, &child, STRAND_BAND_SAME);
    }
  }
}

static strand_device device;
static strand_worklist list;
static strand_ticket ticket;
static uint32_t ended;
static strand_status first_result, second_result;

/* A worklist of three items, each of which has a child less than itself. */
static strand_status make(void) {
  const uint32_t items[3] = {1, 2, 0};
  strand_program_options made;
  strand_program program = 0;
  strand_status status = strand_device_open(NULL, &device);
  memset(&made, 0, sizeof made);
  made.size = (uint32_t)sizeof made;
  made.fields = STRAND_FIELD_PARAM;
  made.fan_out_max = 1;
  made.kernel = kernel;
  ended = 0;
  if (status == STRAND_OK) status = strand_program_new(device, &made, &program);
  if (status == STRAND_OK) status = strand_worklist_new(program, NULL, &list);
  if (status == STRAND_OK) status = strand_worklist_push(list, items, 3, 0, 0, STRAND_FOREVER);
  return status;
}

static void *look_around(void *arg) {
  strand_device_options options;
  strand_device_info info;
  uint32_t count = 0;
  memset(&options, 0, sizeof options);
  memset(&info, 0, sizeof info);
  options.size = (uint32_t)sizeof options;
  info.size = (uint32_t)sizeof info;
  OR_LEAVE(strand_device_count(&count));
  strand_assert(count == 1, "the processor alone");
  for (options.kind = STRAND_DEVICE_HARDWARE; options.kind <= STRAND_DEVICE_SOFTWARE; options.kind += 1) {
    strand_assert(strand_device_open(&options, &device) == STRAND_ERR_UNSUPPORTED, "an adapter");
  }
  OR_LEAVE(strand_device_open(NULL, &device));
  OR_LEAVE(strand_device_info_of(device, &info));
  strand_assert(info.kind == STRAND_DEVICE_CPU, "what there is");
  OR_LEAVE(strand_device_close(device));
  return arg;
}
static void a_search_has_the_processor_alone(void) {
  const char *before = getenv("STRAND_GPU");
  if (before == NULL) { /* where one was asked for, that is what is refused */
    explored("random:runs=20", look_around, STRAND_OK);
  }
}

static void *await_first(void *arg) {
  first_result = strand_ticket_await(ticket, STRAND_FOREVER);
  ended += 1;
  return arg;
}
static void *await_second(void *arg) {
  second_result = strand_ticket_await(ticket, STRAND_FOREVER);
  ended += 1;
  return arg;
}
static void *cancel_it(void *arg) {
  const strand_status status = strand_ticket_cancel(ticket);
  strand_assert(status == STRAND_OK || status == STRAND_ERR_ALREADY || status == STRAND_ERR_CANCELLED, "cancel");
  ended += 1;
  return arg;
}

static void *run_and_cancel(void *arg) {
  strand_id ids[3];
  strand_worklist_statistics found;
  strand_entry entries[3] = {await_first, await_second, cancel_it};
  OR_LEAVE(make());
  OR_LEAVE(strand_worklist_dispatch(list, NULL, &ticket));
  for (int each = 0; each < 3; each += 1) {
    OR_LEAVE(strand_spawn(entries[each], NULL, &ids[each]));
  }
  for (int each = 0; each < 3; each += 1) {
    OR_LEAVE(strand_join(ids[each], STRAND_FOREVER));
  }
  strand_assert(ended == 3, "everybody has gone on");
  strand_assert(first_result == second_result, "one result for both");
  strand_assert(first_result == STRAND_OK || first_result == STRAND_ERR_CANCELLED, "done or cancelled");
  memset(&found, 0, sizeof found);
  found.size = (uint32_t)sizeof found;
  OR_LEAVE(strand_worklist_stats(list, &found));
  strand_assert(found.pushed + found.children == found.finished + found.queued, "nothing is lost");
  strand_assert(first_result != STRAND_OK || found.queued == 0, "what is done is done");
  OR_LEAVE(strand_ticket_release(ticket));
  OR_LEAVE(strand_worklist_release(list));
  OR_LEAVE(strand_device_close(device));
  return arg;
}
static void every_order_of_await_and_cancel_gives_one_result(void) {
  explored("random:runs=500", run_and_cancel, STRAND_OK);
  explored("pct:depth=3,runs=500", run_and_cancel, STRAND_OK);
}

/* The mistake: that a second run can begin as soon as the first one's ticket is there. */
static void *dispatch_twice(void *arg) {
  strand_ticket other = 0;
  OR_LEAVE(make());
  OR_LEAVE(strand_worklist_dispatch(list, NULL, &ticket));
  OR_LEAVE(strand_yield());
  OR_LEAVE(strand_worklist_dispatch(list, NULL, &other));
  OR_LEAVE(strand_ticket_await(other, STRAND_FOREVER));
  return arg;
}
static void control_a_program_that_does_not_wait_is_found(void) {
  const strand_explore_result found = explored("random:runs=1000", dispatch_twice, STRAND_ERR_FAILED);
  CHECK_EQUAL(found.failed, 1);
}

int main(void) {
  unsetenv("STRAND_GPU"); /* a search has the processor alone: asked for another, it says that there is none */
  strand_config config = default_config(0);
  config.engine = STRAND_ENGINE_STEPPED;
  CHECK_OK(strand_scheduler_init(&config));
  CLAIM(a_search_has_the_processor_alone);
  CLAIM(every_order_of_await_and_cancel_gives_one_result);
  CLAIM(control_a_program_that_does_not_wait_is_found);
  stop_runtime();
  return 0;
}
