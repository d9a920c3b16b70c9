/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared,dlopen opt=O0,O2 schedules=yes */
/* test: engines=parallel,stepped engines-why="the may engine has threads of its own, which cannot be stopped" */
/* What a collector asks: a stopped world, the places where the library keeps values, the stacks of strands. */
#include "harness.h"

#include <poll.h>

/* What looks at every word of a stack reads between the variables too, as a collector does. */
#define READS_ANY_STACK __attribute__((no_sanitize_address))

/* ------------------------------------------------------------------------------------------------- what is shown */

typedef struct shown {
  uint64_t count[16];       /* by kind */
  uint64_t bytes[16];
  uint64_t looked_for;      /* a word to be found in a root, 0 for none */
  uint64_t found;           /* how often it was */
  uint64_t replaced_by;     /* and what is written there instead, 0 to leave it */
  uint64_t owner;           /* of the last that held it */
  uint32_t kind;
} shown;

static void note_root(const strand_gc_root *root, void *data) {
  shown *all = data;
  CHECK_EQUAL(root->size, sizeof *root);
  CHECK_NUMBERS(root->kind, <, 16);
  CHECK(root->bytes > 0 && root->address != NULL);
  all->count[root->kind] += 1;
  all->bytes[root->kind] += root->bytes;
  for (size_t at = 0; at + sizeof(uint64_t) <= root->bytes; at += sizeof(uint64_t)) {
    uint64_t word;
    memcpy(&word, (char *)root->address + at, sizeof word);
    if (all->looked_for != 0 && word == all->looked_for) {
      all->found += 1;
      all->owner = root->owner;
      all->kind = root->kind;
      if (all->replaced_by != 0) {
        memcpy((char *)root->address + at, &all->replaced_by, sizeof word);
      }
    }
  }
}
static shown roots(uint64_t looked_for, uint64_t replaced_by) {
  shown all;
  memset(&all, 0, sizeof all);
  all.looked_for = looked_for;
  all.replaced_by = replaced_by;
  CHECK_OK(strand_world_stop(STRAND_FOREVER));
  CHECK_OK(strand_gc_visit_roots(note_root, &all));
  CHECK_OK(strand_world_resume());
  return all;
}

enum { ARGUMENT = 0xa1001, COPY, LOCAL, LANGUAGE, PARKED, EXIT_DATA, QUEUED, RUNNING, SENT, OTHER };

static uint64_t ready, released, ran;
static uint64_t got[4];
static uint32_t key;
static strand_park_token token;
static strand_chan channel, pipes[2];

static void *note_argument(void *arg) {
  got[0] = (uint64_t)(uintptr_t)arg;
  count_up(&ran);
  return NULL;
}
static void *note_copy(void *arg) {
  memcpy(got, arg, sizeof got);
  count_up(&ran);
  return NULL;
}
static void note_cancel(void *data, uint64_t reason) {
  CHECK_EQUAL(reason, 7);
  got[2] = (uint64_t)(uintptr_t)data;
}
static void note_exit(void *data) { got[3] = (uint64_t)(uintptr_t)data; }
static void *hold_much(void *arg) {
  uint64_t value = 0;
  (void)arg;
  CHECK_OK(strand_local_set(key, (void *)(uintptr_t)LOCAL));
  CHECK_OK(strand_on_exit(note_exit, (void *)(uintptr_t)EXIT_DATA));
  CHECK_OK(strand_park_begin(&token));
  CHECK_OK(strand_unpark(token, PARKED));
  count_up(&ready);
  CHECK_OK(strand_chan_recv(pipes[0], NULL, STRAND_FOREVER));
  CHECK_OK(strand_park(token, STRAND_FOREVER, &value));
  got[1] = value;
  got[2] = (uint64_t)(uintptr_t)strand_local_get(key);
  return NULL;
}
static void *block(void *arg) {
  count_up(&ready);
  while (count_read(&released) == 0) {
    poll(NULL, 0, 1);
  }
  return arg;
}
static void *offload_a_block(void *arg) {
  CHECK_OK(strand_offload(block, arg, STRAND_FOREVER, NULL));
  return NULL;
}
static uint64_t element_outside[2]; /* what waits to be sent lies neither on a stack nor in a channel */
static void *wait_to_send(void *arg) {
  (void)arg;
  CHECK_OK(strand_chan_send(pipes[1], element_outside, STRAND_FOREVER));
  return NULL;
}

/* `bytes` of words at `arg` in the one place where such a word lies; then it is replaced, and the new one arrives. */
static void is_shown_once(uint64_t word, uint32_t kind, uint64_t owner) {
  const shown all = roots(word, 0);
  CHECK_EQUAL(all.found, 1);
  CHECK_EQUAL(all.kind, kind);
  CHECK_EQUAL(all.owner, owner);
  CHECK_EQUAL(roots(word + 0x1000000, 0).found, 0); /* control: what is nowhere is not found */
}

static void arguments_of_strands_that_have_not_started_are_shown_and_can_be_moved(void) {
  uint64_t copied[4] = {COPY, 2, 3, 4};
  strand_spawn_options options = default_spawn(NULL);
  strand_id plain = 0, copy = 0;
  count_set(&ran, 0);
  start_runtime(2);
  options.flags = STRAND_SPAWN_DORMANT;
  CHECK_OK(strand_spawn_with(&options, note_argument, (void *)(uintptr_t)ARGUMENT, &plain));
  options.name = "copied";
  options.name_length = 6;
  options.arg_bytes = sizeof copied;
  options.local = (void *)(uintptr_t)LANGUAGE;
  CHECK_OK(strand_spawn_with(&options, note_copy, copied, &copy));
  is_shown_once(ARGUMENT, STRAND_ROOT_ARGUMENT, plain);
  is_shown_once(COPY, STRAND_ROOT_ARGUMENT_COPY, copy);
  is_shown_once(LANGUAGE, STRAND_ROOT_LANGUAGE, copy);
  CHECK_EQUAL(roots(ARGUMENT, OTHER).found, 1);
  CHECK_OK(strand_start(plain));
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(got[0], OTHER);
  CHECK_EQUAL(roots(COPY, OTHER + 1).found, 1);
  CHECK_OK(strand_start(copy));
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(got[0], OTHER + 1);
  CHECK_EQUAL(got[3], 4);
  CHECK_EQUAL(count_read(&ran), 2);
  const shown none = roots(0, 0);
  for (int kind = 0; kind < 16; kind += 1) {
    CHECK_EQUAL(none.count[kind], 0);
  }
  stop_runtime();
}

static void what_a_strand_has_left_with_the_library_is_shown(void) {
  strand_id holder;
  count_set(&ready, 0);
  start_runtime(2);
  CHECK_OK(strand_local_new(NULL, 0, &key));
  pipes[0] = new_channel(0, 1);
  holder = spawn(hold_much, NULL);
  await_count(&ready, 1);
  is_shown_once(LOCAL, STRAND_ROOT_LOCAL, holder);
  is_shown_once(PARKED, STRAND_ROOT_PARK_VALUE, holder);
  is_shown_once(EXIT_DATA, STRAND_ROOT_EXIT_DATA, holder);
  CHECK_EQUAL(roots(LOCAL, OTHER).found + roots(PARKED, OTHER + 1).found + roots(EXIT_DATA, OTHER + 2).found, 3);
  CHECK_OK(strand_chan_send(pipes[0], NULL, STRAND_FOREVER));
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(got[2], OTHER);
  CHECK_EQUAL(got[1], OTHER + 1);
  CHECK_EQUAL(got[3], OTHER + 2);
  CHECK_OK(strand_chan_release(pipes[0]));
  stop_runtime();
}

static void elements_in_channels_and_before_them_are_shown(void) {
  uint64_t element[2] = {0, 0};
  start_runtime(2);
  channel = new_channel(sizeof element, 5);
  pipes[1] = new_channel(sizeof element, 0);
  for (uint64_t number = 0; number < 8; number += 1) { /* so that they go round the end of the ring */
    element[0] = SENT + number;
    element[1] = SENT + 100 + number;
    CHECK_OK(strand_chan_send(channel, element, STRAND_NO_WAIT));
    if (number >= 4) {
      CHECK_OK(strand_chan_recv(channel, element, STRAND_NO_WAIT));
    }
  }
  shown all = roots(0, 0);
  CHECK_EQUAL(all.count[STRAND_ROOT_ELEMENT], 4);
  CHECK_EQUAL(all.bytes[STRAND_ROOT_ELEMENT], 4 * sizeof element);
  for (uint64_t number = 4; number < 8; number += 1) {
    is_shown_once(SENT + number, STRAND_ROOT_ELEMENT, channel);
    is_shown_once(SENT + 100 + number, STRAND_ROOT_ELEMENT, channel);
  }
  CHECK_EQUAL(roots(SENT + 3, 0).found, 0); /* received: it is somebody's */
  CHECK_EQUAL(roots(SENT + 4, OTHER).found, 1);
  CHECK_OK(strand_chan_recv(channel, element, STRAND_NO_WAIT));
  CHECK_EQUAL(element[0], OTHER);
  CHECK_EQUAL(element[1], SENT + 104);
  element_outside[0] = SENT + 1000;
  spawn(wait_to_send, NULL);
  await_parks(1);
  is_shown_once(SENT + 1000, STRAND_ROOT_SENDING, pipes[1]);
  CHECK_EQUAL(roots(SENT + 1000, OTHER).found, 1);
  CHECK_OK(strand_chan_recv(pipes[1], element, STRAND_FOREVER));
  CHECK_EQUAL(element[0], OTHER);
  CHECK_EQUAL(roots(0, 0).count[STRAND_ROOT_SENDING], 0);
  CHECK_OK(strand_chan_release(channel));
  CHECK_OK(strand_chan_release(pipes[1]));
  CHECK_EQUAL(roots(0, 0).count[STRAND_ROOT_ELEMENT], 0);
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}

static void *offload_a_note(void *arg) {
  CHECK_OK(strand_offload(note_argument, arg, STRAND_FOREVER, NULL));
  return NULL;
}

static void arguments_of_offloaded_calls_are_shown(void) {
  strand_config config = default_config(1);
  strand_id first, second;
  config.offload_threads = 1;
  count_set(&ready, 0);
  count_set(&released, 0);
  CHECK_OK(strand_scheduler_init(&config));
  first = spawn(offload_a_block, (void *)(uintptr_t)RUNNING);
  await_count(&ready, 1);
  second = spawn(offload_a_note, (void *)(uintptr_t)QUEUED);
  await_parks(2);
  is_shown_once(RUNNING, STRAND_ROOT_CALL_RUNNING, first);
  is_shown_once(QUEUED, STRAND_ROOT_CALL_ARGUMENT, second);
  CHECK_EQUAL(roots(QUEUED, OTHER).found, 1);
  count_up(&released);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(got[0], OTHER);
  stop_runtime();
}

/* ------------------------------------------------------------------------- tasks, promises, generators, timers */

static strand_status answer_with(void *arg, uint64_t *value) {
  *value = (uint64_t)(uintptr_t)arg + 1;
  return STRAND_OK;
}

static void values_of_tasks_and_promises_are_shown_until_they_are_taken(void) {
  strand_task task = 0, promised = 0;
  strand_promise promise = 0;
  uint64_t value = 0;
  start_runtime(2);
  CHECK_OK(strand_task_spawn(0, answer_with, (void *)(uintptr_t)0x5000, &task));
  CHECK_OK(strand_promise_new(0, &promise, &promised));
  CHECK_OK(strand_task_await(task, STRAND_FOREVER, NULL));
  CHECK_EQUAL(roots(0x7000, 0).found, 0);
  CHECK_OK(strand_promise_complete(promise, 0x7000));
  is_shown_once(0x5001, STRAND_ROOT_OUTCOME, task);
  is_shown_once(0x7000, STRAND_ROOT_OUTCOME, promised);
  CHECK_EQUAL(roots(0x5001, OTHER).found + roots(0x7000, OTHER + 1).found, 2);
  CHECK_OK(strand_task_await(task, STRAND_FOREVER, &value));
  CHECK_EQUAL(value, OTHER);
  CHECK_OK(strand_task_take(promised, STRAND_FOREVER, &value));
  CHECK_EQUAL(value, OTHER + 1);
  CHECK_EQUAL(roots(OTHER + 1, 0).found, 0); /* it is the taker's */
  CHECK_OK(strand_task_release(task));
  CHECK_OK(strand_task_release(promised));
  CHECK_OK(strand_promise_release(promise));
  CHECK_EQUAL(roots(OTHER, 0).found, 0);
  stop_runtime();
}

static strand_status yield_twice(void *arg, uint64_t first, uint64_t *last) {
  uint64_t input = 0;
  CHECK_EQUAL((uint64_t)(uintptr_t)arg, OTHER);
  CHECK_OK(strand_generator_yield(first + 1, &input));
  *last = input + 1;
  return STRAND_OK;
}

static void what_generators_timers_and_hooks_keep_is_shown(void) {
  strand_generator generator = 0;
  strand_timer timer = 0;
  strand_cancel cancel = 0;
  strand_cancel_hook hook = 0;
  uint64_t value = 0;
  start_runtime(2);
  CHECK_OK(strand_generator_new(NULL, yield_twice, (void *)(uintptr_t)0x6000, &generator));
  is_shown_once(0x6000, STRAND_ROOT_ARGUMENT, generator);
  CHECK_EQUAL(roots(0x6000, OTHER).found, 1);
  CHECK_OK(strand_generator_resume(generator, 0x6100, &value, STRAND_FOREVER));
  CHECK_EQUAL(value, 0x6101);
  CHECK_STATUS(STRAND_ERR_CLOSED, strand_generator_resume(generator, 0x6200, &value, STRAND_FOREVER));
  CHECK_OK(strand_generator_release(generator));
  channel = new_channel(sizeof value, 4);
  CHECK_OK(strand_timer_new(channel, 0x8000, &timer));
  CHECK_OK(strand_timer_start(timer, strand_after(SECONDS(3600)), 0));
  is_shown_once(0x8000, STRAND_ROOT_TIMER, timer);
  CHECK_OK(strand_timer_release(timer));
  CHECK_EQUAL(roots(0x8000, 0).found, 0);
  CHECK_OK(strand_cancel_new(0, STRAND_FOREVER, &cancel));
  CHECK_OK(strand_cancel_on(cancel, note_cancel, NULL, (void *)(uintptr_t)0x9000, &hook));
  is_shown_once(0x9000, STRAND_ROOT_CALLBACK, hook);
  CHECK_EQUAL(roots(0x9000, OTHER).found, 1);
  CHECK_OK(strand_cancel_fire(cancel, 7));
  CHECK_EQUAL(got[2], OTHER);
  CHECK_EQUAL(roots(OTHER, 0).found, 0);
  CHECK_OK(strand_cancel_release(cancel));
  CHECK_OK(strand_chan_release(channel));
  stop_runtime();
}

static strand_chan returned;
static void *say_and_return(void *arg) {
  count_up(&ready);
  return arg;
}
static void *offload_and_send(void *arg) {
  void *result = NULL;
  uint64_t number;
  CHECK_OK(strand_offload(say_and_return, arg, STRAND_FOREVER, &result));
  number = (uint64_t)(uintptr_t)result;
  CHECK_OK(strand_chan_send(returned, &number, STRAND_FOREVER));
  return NULL;
}

/* Wherever a value is on its way through a call, it is in a root or on the stack of a strand. Who looks has it as what is looked for. */
READS_ANY_STACK static void count_word(const strand_gc_stack *stack, void *data) {
  shown *all = data;
  if ((stack->flags & STRAND_STACK_CALLER) != 0) {
    return;
  }
  for (const char *at = stack->low; at + sizeof(uint64_t) <= (const char *)stack->high; at += sizeof(uint64_t)) {
    uint64_t word;
    memcpy(&word, at, sizeof word);
    all->found += word == all->looked_for;
  }
}
static void a_value_that_goes_through_a_call_is_always_somewhere(void) {
  start_runtime(2);
  returned = new_channel(sizeof(uint64_t), 1);
  for (uint64_t round = 1; round <= (uint64_t)shortened(200); round += 1) {
    const uint64_t hidden = ~(UINT64_C(0x5eed0000) + round); /* this thread knows it only so */
    shown all;
    spawn(offload_and_send, (void *)(uintptr_t)~hidden);
    for (int look = 0; look < 5; look += 1) {
      memset(&all, 0, sizeof all);
      CHECK_OK(strand_world_stop(STRAND_FOREVER));
      all.looked_for = ~hidden;
      CHECK_OK(strand_gc_visit_roots(note_root, &all));
      CHECK_OK(strand_gc_visit_stacks(count_word, &all));
      all.looked_for = 0;
      CHECK_OK(strand_world_resume());
      CHECK_NUMBERS(all.found, >, 0);
    }
    uint64_t number = 0;
    CHECK_OK(strand_scheduler_run());
    CHECK_OK(strand_chan_recv(returned, &number, STRAND_FOREVER));
    CHECK_EQUAL(number, ~hidden);
  }
  CHECK_OK(strand_chan_release(returned));
  stop_runtime();
}

/* ------------------------------------------------------------------------------------------------------ stacks */

/* Six values that are in registers only, those that a function must leave as they were, while the strand waits. */
typedef void (*waiting)(void);
static uint64_t seed_of_registers = UINT64_C(0x1234567800000000);
static void park_until_released(void) {
  count_up(&ready);
  CHECK_OK(strand_chan_recv(pipes[0], NULL, STRAND_FOREVER));
}
#if defined(__x86_64__)
void hold_in_registers(waiting wait, uint64_t seed);
__asm__(".pushsection .text\n"
        ".globl hold_in_registers\n"
        "hold_in_registers:\n"
        "  push %rbx\n  push %rbp\n  push %r12\n  push %r13\n  push %r14\n  push %r15\n  sub $8, %rsp\n"
        "  lea 1(%rsi), %rbx\n  lea 2(%rsi), %rbp\n  lea 3(%rsi), %r12\n  lea 4(%rsi), %r13\n"
        "  lea 5(%rsi), %r14\n  lea 6(%rsi), %r15\n"
        "  call *%rdi\n"
        "  add $8, %rsp\n  pop %r15\n  pop %r14\n  pop %r13\n  pop %r12\n  pop %rbp\n  pop %rbx\n"
        "  ret\n"
        ".popsection\n");
#else
static void hold_in_registers(waiting wait, uint64_t seed) {
  volatile uint64_t kept[6];
  for (uint64_t at = 0; at < 6; at += 1) {
    kept[at] = seed + at + 1;
  }
  wait();
  CHECK_EQUAL(kept[0], seed + 1);
}
#endif
static void *wait_with_registers(void *arg) {
  (void)arg;
  hold_in_registers(park_until_released, seed_of_registers);
  return NULL;
}

typedef struct stacks {
  uint64_t seen, of_caller, found[8];
  strand_id strand;
  uintptr_t inside;
  int is_inside;
} stacks;
READS_ANY_STACK static void look_at_stack(const strand_gc_stack *stack, void *data) {
  stacks *all = data;
  CHECK_EQUAL(stack->size, sizeof *stack);
  CHECK(stack->low < stack->high);
  CHECK_EQUAL((uintptr_t)stack->low % sizeof(void *), 0);
  all->seen += 1;
  if ((stack->flags & STRAND_STACK_CALLER) != 0) {
    all->of_caller += 1;
    all->is_inside = (uintptr_t)stack->low <= all->inside && all->inside < (uintptr_t)stack->high;
    CHECK_EQUAL(stack->strand, strand_self());
    return;
  }
  if (stack->strand == all->strand) {
    for (const char *at = stack->low; at < (const char *)stack->high; at += sizeof(uint64_t)) {
      uint64_t word;
      memcpy(&word, at, sizeof word);
      for (uint64_t number = 0; number < 8; number += 1) {
        all->found[number] += word == seed_of_registers + number;
      }
    }
  }
}

static void registers_of_a_suspended_strand_lie_on_its_stack(void) {
  stacks all;
  int local = 0;
  count_set(&ready, 0);
  start_runtime(2);
  pipes[0] = new_channel(0, 1);
  memset(&all, 0, sizeof all);
  all.strand = spawn(wait_with_registers, NULL);
  all.inside = (uintptr_t)&local;
  await_count(&ready, 1);
  await_parks(1);
  CHECK_OK(strand_world_stop(STRAND_FOREVER));
  CHECK_OK(strand_gc_visit_stacks(look_at_stack, &all));
  CHECK_OK(strand_world_resume());
  CHECK_EQUAL(all.seen, 2);
  CHECK_EQUAL(all.of_caller, 1);
  CHECK(all.is_inside);
  for (uint64_t number = 1; number <= 6; number += 1) {
    CHECK_NUMBERS(all.found[number], >, 0);
  }
  CHECK_EQUAL(all.found[7], 0); /* control: a value that nobody holds */
  CHECK_OK(strand_chan_send(pipes[0], NULL, STRAND_FOREVER));
  CHECK_OK(strand_scheduler_run());
  CHECK_OK(strand_chan_release(pipes[0]));
  stop_runtime();
}

static void *look_at_myself(void *arg) {
  stacks all;
  int local = 0;
  memset(&all, 0, sizeof all);
  all.inside = (uintptr_t)&local;
  CHECK_OK(strand_world_stop(STRAND_FOREVER));
  CHECK_OK(strand_gc_visit_stacks(look_at_stack, &all));
  CHECK_OK(strand_world_resume());
  CHECK_EQUAL(all.of_caller, 1);
  CHECK(all.is_inside);
  count_add(arg, all.seen);
  return NULL;
}

static void a_strand_that_looks_sees_its_own_stack_too(void) {
  static uint64_t seen;
  count_set(&seen, 0);
  start_runtime(2);
  spawn(look_at_myself, &seen);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&seen), 1);
  stop_runtime();
}

/* ------------------------------------------------------------------------------------------------ a stopped world */

static uint64_t steps, calls, ending;
static void *step_with_checkpoints(void *arg) {
  (void)arg;
  while (count_read(&ending) == 0) {
    count_up(&steps);
    CHECK_OK(strand_checkpoint());
  }
  return NULL;
}
static void *call_in(void *arg) {
  uint64_t number = 1;
  (void)arg;
  while (count_read(&ending) == 0) {
    CHECK_OK(strand_chan_send(channel, &number, STRAND_NO_WAIT));
    CHECK_OK(strand_chan_recv(channel, &number, STRAND_NO_WAIT));
    count_up(&calls);
    nap(20000);
  }
  return NULL;
}
static void *sleep_and_step(void *arg) {
  (void)arg;
  while (count_read(&ending) == 0) {
    CHECK_OK(strand_sleep(MILLISECONDS(1)));
    count_up(&steps);
  }
  return NULL;
}

static void nothing_happens_in_a_stopped_world(void) {
  static const uint32_t workers[] = {1, 2, 8};
  for (size_t at = 0; at < 3; at += 1) {
    pthread_t thread;
    count_set(&steps, 0);
    count_set(&calls, 0);
    count_set(&ending, 0);
    start_runtime(workers[at]);
    channel = new_channel(sizeof(uint64_t), 4);
    for (int strand = 0; strand < 3; strand += 1) {
      spawn(step_with_checkpoints, NULL);
    }
    spawn(sleep_and_step, NULL);
    thread = start_thread(call_in, NULL);
    await_count(&steps, 100);
    await_count(&calls, 1);
    for (int round = 0; round < shortened(10); round += 1) {
      CHECK_OK(strand_world_stop(STRAND_FOREVER));
      nap(MILLISECONDS(1)); /* a thread may be between its two calls, or behind them */
      const uint64_t stepped = count_read(&steps), called = count_read(&calls);
      nap(MILLISECONDS(5));
      CHECK_EQUAL(count_read(&steps), stepped);
      CHECK_NUMBERS(count_read(&calls), <=, called + 1);
      CHECK_OK(strand_world_resume());
      await_count(&steps, stepped + 10); /* control: it goes on */
      await_count(&calls, called + 2);
    }
    count_up(&ending);
    CHECK_OK(strand_scheduler_run());
    join_thread(thread);
    CHECK_OK(strand_chan_release(channel));
    stop_runtime();
  }
}

static void *spin_without_checkpoints(void *arg) {
  (void)arg;
  count_up(&ready);
  while (count_read(&released) == 0) {
    continue;
  }
  return NULL;
}

static void a_strand_without_checkpoints_delays_the_stop_until_its_deadline(void) {
  count_set(&ready, 0);
  count_set(&released, 0);
  count_set(&steps, 0);
  count_set(&ending, 0);
  start_runtime(2);
  spawn(spin_without_checkpoints, NULL);
  await_count(&ready, 1);
  spawn(step_with_checkpoints, NULL);
  await_count(&steps, 10);
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_world_stop(STRAND_NO_WAIT));
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_world_stop(1));
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_world_stop(strand_after(MILLISECONDS(20))));
  CHECK_STATUS(STRAND_ERR_INVALID, strand_world_resume());
  const uint64_t stepped = count_read(&steps);
  await_count(&steps, stepped + 10); /* the world goes on */
  count_up(&released);
  CHECK_OK(strand_world_stop(STRAND_FOREVER)); /* control: now it stops */
  CHECK_OK(strand_world_resume());
  count_up(&ending);
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}

static void *stop_and_call(void *arg) {
  uint64_t number = 7;
  CHECK_OK(strand_world_stop(STRAND_FOREVER));
  CHECK_STATUS(STRAND_ERR_ALREADY, strand_world_stop(STRAND_FOREVER));
  CHECK_STATUS(STRAND_ERR_WOULD_SWITCH, strand_yield());
  CHECK_LAST_ERROR_SAYS("strand_world_resume");
  CHECK_STATUS(STRAND_ERR_WOULD_SWITCH, strand_sleep(1));
  CHECK_STATUS(STRAND_ERR_WOULD_SWITCH, strand_chan_recv(channel, &number, STRAND_FOREVER));
  CHECK_STATUS(STRAND_ERR_WOULD_SWITCH, strand_join(*(strand_id *)arg, STRAND_FOREVER));
  CHECK_STATUS(STRAND_ERR_WOULD_SWITCH, strand_offload(note_argument, NULL, STRAND_FOREVER, NULL));
  CHECK_STATUS(STRAND_ERR_WOULD_SWITCH, strand_wait_all(STRAND_FOREVER));
  CHECK_OK(strand_checkpoint());
  CHECK_OK(strand_chan_send(channel, &number, STRAND_NO_WAIT));
  CHECK_OK(strand_chan_recv(channel, &number, STRAND_NO_WAIT));
  spawn(note_argument, NULL);
  spawn_flagged(STRAND_SPAWN_RUN_FIRST, note_argument, NULL);
  for (int turn = 0; turn < 1000; turn += 1) {
    CHECK_EQUAL(count_read(&ran), 0);
  }
  CHECK_OK(strand_world_resume());
  CHECK_STATUS(STRAND_ERR_INVALID, strand_world_resume());
  CHECK_OK(strand_yield()); /* all of it works again */
  count_up(&ready);
  return NULL;
}

static void who_has_stopped_the_world_may_not_wait(void) {
  static strand_id other;
  uint64_t number = 1;
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    count_set(&ran, 0);
    count_set(&ready, 0);
    start_runtime(workers);
    channel = new_channel(sizeof number, 1);
    other = spawn(note_argument, NULL);
    CHECK_OK(strand_join(other, STRAND_FOREVER));
    count_set(&ran, 0);
    spawn(stop_and_call, &other);
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&ran), 2);
    CHECK_EQUAL(count_read(&ready), 1);
    /* The same on a thread. */
    CHECK_OK(strand_world_stop(STRAND_FOREVER));
    CHECK_STATUS(STRAND_ERR_WOULD_SWITCH, strand_chan_recv(channel, &number, STRAND_FOREVER));
    CHECK_STATUS(STRAND_ERR_WOULD_SWITCH, strand_scheduler_run());
    CHECK_STATUS(STRAND_ERR_WOULD_SWITCH, strand_scheduler_shutdown(STRAND_FOREVER));
    CHECK_OK(strand_chan_send(channel, &number, STRAND_NO_WAIT));
    CHECK_OK(strand_world_resume());
    CHECK_OK(strand_chan_recv(channel, &number, STRAND_FOREVER));
    CHECK_OK(strand_chan_release(channel));
    stop_runtime();
  }
}

static void only_a_stopped_world_is_shown(void) {
  shown all;
  stacks stretches;
  memset(&all, 0, sizeof all);
  memset(&stretches, 0, sizeof stretches);
  start_runtime(1);
  CHECK_STATUS(STRAND_ERR_INVALID, strand_gc_visit_roots(note_root, &all));
  CHECK_LAST_ERROR_SAYS("strand_world_stop");
  CHECK_STATUS(STRAND_ERR_INVALID, strand_gc_visit_stacks(look_at_stack, &stretches));
  CHECK_STATUS(STRAND_ERR_INVALID, strand_world_resume());
  CHECK_OK(strand_world_stop(STRAND_FOREVER));
  CHECK_OK(strand_gc_visit_roots(note_root, &all)); /* control */
  CHECK_OK(strand_world_resume());
  stop_runtime();
}

/* One at a time: what is between stop and resume excludes everything else. */
static uint64_t plain_counter;
static void collect(void) {
  CHECK_OK(strand_world_stop(STRAND_FOREVER));
  CHECK_EQUAL(plain_counter % 2, 0);
  plain_counter += 1;
  for (volatile int turn = 0; turn < 300; turn += 1) {
    continue;
  }
  plain_counter += 1;
  CHECK_OK(strand_world_resume());
}
static void *collect_again_and_again(void *arg) {
  (void)arg;
  for (int round = 0; round < shortened(50); round += 1) {
    collect();
    CHECK_OK(strand_yield());
  }
  return NULL;
}
static void *collect_on_a_thread(void *arg) {
  for (int round = 0; round < shortened(50); round += 1) {
    collect();
    nap(10000);
  }
  CHECK_OK(strand_external_release());
  return arg;
}

static void several_that_stop_the_world_do_so_one_after_the_other(void) {
  for (uint32_t workers = 1; workers <= 8; workers *= 2) {
    pthread_t threads[2];
    plain_counter = 0;
    start_runtime(workers);
    for (int strand = 0; strand < 4; strand += 1) {
      spawn(collect_again_and_again, NULL);
    }
    for (int thread = 0; thread < 2; thread += 1) {
      CHECK_OK(strand_external_acquire());
      threads[thread] = start_thread(collect_on_a_thread, NULL);
    }
    CHECK_OK(strand_scheduler_run());
    join_thread(threads[0]);
    join_thread(threads[1]);
    CHECK_EQUAL(plain_counter, 2 * 6 * (uint64_t)shortened(50));
    stop_runtime();
  }
}

static char logged[256];
static void keep_log(uint32_t level, const char *message, size_t length, void *data) {
  (void)level;
  (void)data;
  snprintf(logged, sizeof logged, "%.*s", (int)length, message);
}
static void *stop_and_end(void *arg) {
  CHECK_OK(strand_world_stop(STRAND_FOREVER));
  return arg;
}
static void *stop_and_fail(void *arg) {
  CHECK_OK(strand_world_stop(STRAND_FOREVER));
  strand_fail(STRAND_ERR_LIMIT, "out of luck", 11);
  return arg;
}

static void a_strand_that_ends_without_a_resume_leaves_a_world_that_goes_on(void) {
  strand_config config = default_config(2);
  config.log = keep_log;
  CHECK_OK(strand_scheduler_init(&config));
  for (int round = 0; round < 2; round += 1) {
    logged[0] = '\0';
    spawn(round == 0 ? stop_and_end : stop_and_fail, NULL);
    spawn(note_argument, NULL);
    CHECK_STATUS(round == 0 ? STRAND_OK : STRAND_ERR_FAILED, strand_scheduler_run());
    CHECK_SAYS(logged, "stopped the world");
    CHECK_OK(strand_world_stop(STRAND_FOREVER));
    CHECK_OK(strand_world_resume());
  }
  stop_runtime();
}

/* ------------------------------------------------------------------------------------------------------ under load */

static uint64_t sent, received, timeouts, spawned, offloaded;
static void *end_at_once(void *arg) {
  count_up(&spawned);
  return arg;
}
static void *say_nothing(void *arg) {
  count_up(&offloaded);
  return arg;
}
static void *do_everything(void *arg) {
  uint64_t random = (uint64_t)(uintptr_t)arg, number = 0;
  uint64_t expected = 0;
  for (int round = 0; round < shortened(200); round += 1) {
    switch (next_random(&random) % 7) {
      case 0:
        number = next_random(&random) % 1000;
        if (strand_chan_send(channel, &number, strand_after(50000)) == STRAND_OK) {
          count_add(&sent, number);
        }
        break;
      case 1:
      case 2:
        if (strand_chan_recv(channel, &number, strand_after(50000)) == STRAND_OK) {
          count_add(&received, number);
        } else {
          count_up(&timeouts);
        }
        break;
      case 3: spawn(end_at_once, NULL); expected += 1; break;
      case 4: CHECK_OK(strand_checkpoint()); break;
      case 5: CHECK_OK(strand_yield()); break;
      default: CHECK_OK(strand_offload(say_nothing, NULL, STRAND_FOREVER, NULL)); break;
    }
  }
  count_add(&steps, expected);
  return NULL;
}
static void *collect_until_the_end(void *arg) {
  shown all;
  stacks stretches;
  memset(&all, 0, sizeof all);
  while (count_read(&ending) == 0) {
    memset(&stretches, 0, sizeof stretches);
    CHECK_OK(strand_world_stop(STRAND_FOREVER));
    CHECK_OK(strand_gc_visit_roots(note_root, &all));
    CHECK_OK(strand_gc_visit_stacks(look_at_stack, &stretches));
    CHECK_OK(strand_world_resume());
    count_up(arg);
    nap(50000);
  }
  return NULL;
}

static void nothing_is_lost_where_the_world_stops_again_and_again(void) {
  static uint64_t collections;
  const int strands = scaled(30);
  uint64_t number;
  for (uint32_t workers = 1; workers <= 8; workers *= 2) {
    pthread_t thread;
    count_set(&sent, 0);
    count_set(&received, 0);
    count_set(&spawned, 0);
    count_set(&steps, 0);
    count_set(&ending, 0);
    count_set(&collections, 0);
    start_runtime(workers);
    channel = new_channel(sizeof number, 3);
    plain_counter = 0;
    thread = start_thread(collect_until_the_end, &collections);
    await_count(&collections, 1);
    for (int strand = 1; strand <= strands; strand += 1) {
      spawn(do_everything, (void *)(uintptr_t)strand);
    }
    spawn(collect_again_and_again, NULL);
    CHECK_OK(strand_scheduler_run());
    count_up(&ending);
    join_thread(thread);
    while (strand_chan_recv(channel, &number, STRAND_NO_WAIT) == STRAND_OK) {
      count_add(&received, number);
    }
    CHECK_EQUAL(count_read(&sent), count_read(&received));
    CHECK_EQUAL(count_read(&spawned), count_read(&steps));
    CHECK_EQUAL(plain_counter, 2 * (uint64_t)shortened(50));
    CHECK_NUMBERS(count_read(&collections), >, 0);
    CHECK_OK(strand_chan_release(channel));
    stop_runtime();
  }
}

static void *shut_down(void *arg) {
  *(strand_status *)arg = strand_scheduler_shutdown(strand_after(SECONDS(60)));
  return NULL;
}

static void a_shutdown_waits_until_the_world_goes_on(void) {
  strand_status status = STRAND_ERR_FAILED;
  pthread_t thread;
  count_set(&ending, 0);
  start_runtime(2);
  CHECK_OK(strand_world_stop(STRAND_FOREVER));
  thread = start_thread(shut_down, &status);
  nap(MILLISECONDS(10));
  CHECK_EQUAL(status, STRAND_ERR_FAILED);
  CHECK_OK(strand_world_resume());
  join_thread(thread);
  CHECK_EQUAL(status, STRAND_OK);
}

int main(void) {
  CLAIM(arguments_of_strands_that_have_not_started_are_shown_and_can_be_moved);
  CLAIM(what_a_strand_has_left_with_the_library_is_shown);
  CLAIM(elements_in_channels_and_before_them_are_shown);
  CLAIM(arguments_of_offloaded_calls_are_shown);
  CLAIM(values_of_tasks_and_promises_are_shown_until_they_are_taken);
  CLAIM(what_generators_timers_and_hooks_keep_is_shown);
  CLAIM(a_value_that_goes_through_a_call_is_always_somewhere);
  CLAIM(registers_of_a_suspended_strand_lie_on_its_stack);
  CLAIM(a_strand_that_looks_sees_its_own_stack_too);
  CLAIM(nothing_happens_in_a_stopped_world);
  CLAIM_IF(workers_there(2) >= 2, a_strand_without_checkpoints_delays_the_stop_until_its_deadline,
           "it would keep the only worker");
  CLAIM(who_has_stopped_the_world_may_not_wait);
  CLAIM(only_a_stopped_world_is_shown);
  CLAIM(several_that_stop_the_world_do_so_one_after_the_other);
  CLAIM(a_strand_that_ends_without_a_resume_leaves_a_world_that_goes_on);
  CLAIM(nothing_is_lost_where_the_world_stops_again_and_again);
  CLAIM(a_shutdown_waits_until_the_world_goes_on);
  return 0;
}
