/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared,dlopen opt=O0,O2 schedules=yes */
/*
 * Random operations on one channel beside a plain queue that says what each must answer, for every capacity and
 * element size. Elements are numbered and filled from their number, so a wrong, torn or repeated one shows.
 */
#include "harness.h"

enum { LARGEST = 4096 };
#define OPERATIONS (shortened(4000) < 4000 ? 800 : 4000)

static const size_t element_sizes[] = {0, 1, 8, 24, LARGEST};
static const size_t capacities[] = {0, 1, 3, STRAND_UNBOUNDED};
enum {
  SIZES = sizeof element_sizes / sizeof element_sizes[0],
  CAPACITIES = sizeof capacities / sizeof capacities[0]
};

static void fill(unsigned char *element, size_t size, uint64_t number) {
  for (size_t byte = 0; byte < size; byte += 1) {
    element[byte] = (unsigned char)(number >> (8 * (byte % 8))) ^ (unsigned char)(byte / 8);
  }
}

static void check_filled(const unsigned char *element, size_t size, uint64_t number) {
  for (size_t byte = 0; byte < size; byte += 1) {
    CHECK_EQUAL(element[byte], (unsigned char)((unsigned char)(number >> (8 * (byte % 8))) ^ (unsigned char)(byte / 8)));
  }
}

/* The reference: elements are consecutive numbers, so a queue is two counters. */
typedef struct model {
  size_t size;
  size_t capacity;
  uint64_t sent;
  uint64_t received;
  int closed;
} model;

static uint64_t random_state;
static uint64_t ran;

/* For the controls: what this program does to the channel behind the back of the reference. */
typedef enum sabotage { HONEST, LOSE_ONE, REPEAT_ONE, SWAP_TWO, TEAR_ONE } sabotage;
static sabotage seeded_defect;

static void send_and_compare(strand_chan channel, model *reference) {
  static unsigned char element[LARGEST];
  strand_status expected = STRAND_OK;
  strand_status status;
  if (reference->closed) {
    expected = STRAND_ERR_CLOSED;
  } else if (reference->sent - reference->received >= reference->capacity) {
    expected = STRAND_ERR_WOULD_BLOCK;
  }
  fill(element, reference->size, reference->sent);
  switch (next_random(&random_state) % 3) {
  case 0:
    status = strand_chan_try_send(channel, element);
    break;
  case 1:
    status = strand_chan_send(channel, element, STRAND_NO_WAIT);
    break;
  default:
    status = strand_chan_send(channel, element, 1); /* a deadline in the past tries once */
    expected = expected == STRAND_ERR_WOULD_BLOCK ? STRAND_ERR_TIMEOUT : expected;
    break;
  }
  CHECK_EQUAL(status, expected);
  reference->sent += status == STRAND_OK;
}

static void receive_and_compare(strand_chan channel, model *reference) {
  static unsigned char element[LARGEST];
  strand_status expected = STRAND_OK;
  strand_status status;
  if (reference->sent == reference->received) {
    expected = reference->closed ? STRAND_ERR_CLOSED : STRAND_ERR_WOULD_BLOCK;
  }
  memset(element, 0xa5, sizeof element);
  switch (next_random(&random_state) % 3) {
  case 0:
    status = strand_chan_try_recv(channel, element);
    break;
  case 1:
    status = strand_chan_recv(channel, element, STRAND_NO_WAIT);
    break;
  default:
    status = strand_chan_recv(channel, element, 1);
    expected = expected == STRAND_ERR_WOULD_BLOCK ? STRAND_ERR_TIMEOUT : expected;
    break;
  }
  CHECK_EQUAL(status, expected);
  if (status == STRAND_OK) {
    if (seeded_defect == TEAR_ONE && reference->received == 100 && reference->size > 8) {
      element[reference->size - 1] ^= 1;
    }
    check_filled(element, reference->size, reference->received);
    reference->received += 1;
  } else {
    for (size_t byte = 0; byte < reference->size; byte += 1) {
      CHECK_EQUAL(element[byte], 0xa5); /* results are written only on OK */
    }
  }
}

static void compare_length(strand_chan channel, const model *reference) {
  size_t length = SIZE_MAX;
  CHECK_OK(strand_chan_length(channel, &length));
  CHECK_EQUAL(length, reference->sent - reference->received);
}

/* Once in a game, at operation 500: the channel loses, repeats or swaps an element. */
static void spoil(strand_chan channel, uint64_t operation) {
  static unsigned char elements[2][LARGEST];
  if (seeded_defect == HONEST || seeded_defect == TEAR_ONE || operation != 500 ||
      strand_chan_try_recv(channel, elements[0]) != STRAND_OK) {
    return;
  }
  if (seeded_defect == REPEAT_ONE) {
    (void)strand_chan_try_send(channel, elements[0]);
    (void)strand_chan_try_send(channel, elements[0]);
  } else if (seeded_defect == SWAP_TWO && strand_chan_try_recv(channel, elements[1]) == STRAND_OK) {
    (void)strand_chan_try_send(channel, elements[1]);
    (void)strand_chan_try_send(channel, elements[0]);
  }
}

static void play_one_game(size_t size, size_t capacity) {
  model reference = {size, capacity, 0, 0, 0};
  const strand_chan channel = new_channel(size, capacity);
  uint64_t lean = 50; /* per cent of sends, changed now and then, so that the queue runs full and dry */
  for (int operation = 0; operation < OPERATIONS; operation += 1) {
    const uint64_t dice = next_random(&random_state);
    spoil(channel, (uint64_t)operation);
    if (dice % 64 == 0) {
      lean = 10 + (dice >> 8) % 80;
    }
    if ((dice >> 16) % 100 < lean) {
      send_and_compare(channel, &reference);
    } else {
      receive_and_compare(channel, &reference);
    }
    compare_length(channel, &reference);
    if (operation == OPERATIONS * 3 / 4) {
      CHECK_OK(strand_chan_close(channel));
      CHECK_OK(strand_chan_close(channel)); /* idempotent */
      reference.closed = 1;
    }
  }
  while (reference.sent != reference.received) {
    receive_and_compare(channel, &reference);
  }
  receive_and_compare(channel, &reference);
  CHECK_OK(strand_chan_release(channel));
}

static void *play_on_a_strand(void *arg) {
  (void)arg;
  for (int size = 0; size < SIZES; size += 1) {
    for (int capacity = 0; capacity < CAPACITIES; capacity += 1) {
      play_one_game(element_sizes[size], capacities[capacity]);
    }
  }
  count_up(&ran);
  return NULL;
}

static void a_channel_answers_as_the_reference_queue_on_a_strand(void) {
  start_runtime(1);
  count_set(&ran, 0);
  spawn(play_on_a_strand, NULL);
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), 1);
  stop_runtime();
}

static void a_channel_answers_as_the_reference_queue_on_an_os_thread(void) {
  start_runtime(1);
  play_on_a_strand(NULL);
  stop_runtime();
}

/* Negative controls: a channel that loses, repeats, swaps or tears an element is caught by the same game. */
static void play_with_a_defect(void) {
  start_runtime(1);
  play_on_a_strand(NULL);
  stop_runtime();
}
static void a_seeded_defect_is_caught_by_the_reference(void) {
  for (seeded_defect = LOSE_ONE; seeded_defect <= TEAR_ONE; seeded_defect = (sabotage)(seeded_defect + 1)) {
    child result;
    run_child(&result, play_with_a_defect);
    CHECK_CHILD_FAILED(&result);
  }
  seeded_defect = HONEST;
}

/* ------------------------------------------------------------------------------------- blocking transfer */

typedef struct transfer {
  strand_chan channel;
  size_t size;
  uint64_t messages;
} transfer;

static void *produce(void *arg) {
  const transfer *plan = arg;
  unsigned char element[LARGEST];
  for (uint64_t number = 0; number < plan->messages; number += 1) {
    fill(element, plan->size, number);
    CHECK_OK(strand_chan_send(plan->channel, element, STRAND_FOREVER));
    memset(element, 0xee, plan->size); /* it was copied */
  }
  CHECK_OK(strand_chan_close(plan->channel));
  return NULL;
}

static void *consume(void *arg) {
  const transfer *plan = arg;
  unsigned char element[LARGEST];
  uint64_t number = 0;
  strand_status status;
  while ((status = strand_chan_recv(plan->channel, element, STRAND_FOREVER)) == STRAND_OK) {
    check_filled(element, plan->size, number);
    number += 1;
  }
  CHECK_EQUAL(status, STRAND_ERR_CLOSED);
  CHECK_EQUAL(number, plan->messages);
  count_up(&ran);
  return NULL;
}

static void *produce_in_a_thread(void *arg) { return produce(arg); }
static void *consume_in_a_thread(void *arg) { return consume(arg); }

/* producer and consumer: bit 0 of sides is a strand producer, bit 1 a strand consumer, else an OS thread. */
static void pass_in_order(unsigned sides) {
  for (uint32_t workers = 1; workers <= 4; workers *= 2) {
    start_runtime(workers);
    CHECK_OK(strand_external_acquire()); /* OS threads take part */
    for (int size = 0; size < SIZES; size += 1) {
      for (int capacity = 0; capacity < CAPACITIES; capacity += 1) {
        transfer plan;
        pthread_t threads[2];
        int thread_count = 0;
        plan.channel = new_channel(element_sizes[size], capacities[capacity]);
        plan.size = element_sizes[size];
        plan.messages = (uint64_t)shortened(500);
        count_set(&ran, 0);
        if ((sides & 1) != 0) {
          spawn(produce, &plan);
        } else {
          threads[thread_count++] = start_thread(produce_in_a_thread, &plan);
        }
        if ((sides & 2) != 0) {
          spawn(consume, &plan);
        } else {
          threads[thread_count++] = start_thread(consume_in_a_thread, &plan);
        }
        CHECK_OK(strand_scheduler_run());
        for (int thread = 0; thread < thread_count; thread += 1) {
          join_thread(threads[thread]);
        }
        CHECK_EQUAL(count_read(&ran), 1);
        CHECK_OK(strand_chan_release(plan.channel));
      }
    }
    CHECK_OK(strand_external_release());
    stop_runtime();
  }
}

static void elements_pass_in_order_from_strand_to_strand(void) { pass_in_order(3); }
static void elements_pass_in_order_from_strand_to_thread(void) { pass_in_order(1); }
static void elements_pass_in_order_from_thread_to_strand(void) { pass_in_order(2); }
static void elements_pass_in_order_from_thread_to_thread(void) { pass_in_order(0); }

int main(void) {
  random_state = test_seed();
  CLAIM(a_seeded_defect_is_caught_by_the_reference); /* children first: before any init here */
  CLAIM(a_channel_answers_as_the_reference_queue_on_a_strand);
  CLAIM(a_channel_answers_as_the_reference_queue_on_an_os_thread);
  CLAIM(elements_pass_in_order_from_strand_to_strand);
  CLAIM(elements_pass_in_order_from_strand_to_thread);
  CLAIM(elements_pass_in_order_from_thread_to_strand);
  CLAIM(elements_pass_in_order_from_thread_to_thread);
  return 0;
}
