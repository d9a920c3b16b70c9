/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=180 modes=static,shared,dlopen opt=O0,O2 schedules=yes */
/* Traffic: many producers and consumers, strands and OS threads mixed, long rings. Nothing lost, order kept. */
#include "harness.h"

enum { PRODUCERS = 4, CONSUMERS = 4 };
#define MESSAGES ((uint64_t)shortened(5000))

typedef struct message {
  uint64_t producer;
  uint64_t number;
} message;

typedef struct plan {
  strand_chan channel;
  uint64_t producer;
} plan;

static plan plans[PRODUCERS];
static uint64_t producers_left;
static uint64_t received;
static uint64_t sum;
static uint64_t out_of_order;

/* For the controls: what the first consumer does wrong with the message number 100 of producer 0. */
typedef enum sabotage { HONEST, LOSE_IT, COUNT_IT_TWICE, SEE_IT_LATE } sabotage;
static sabotage seeded_defect;

static void *produce(void *arg) {
  const plan *mine = arg;
  for (uint64_t number = 1; number <= MESSAGES; number += 1) {
    const message element = {mine->producer, number};
    CHECK_OK(strand_chan_send(mine->channel, &element, STRAND_FOREVER));
  }
  if (__atomic_sub_fetch(&producers_left, 1, __ATOMIC_SEQ_CST) == 0) {
    CHECK_OK(strand_chan_close(mine->channel));
  }
  return NULL;
}

/* Each consumer sees the messages of each producer in the order in which they were sent. */
static void *consume(void *arg) {
  const strand_chan channel = *(const strand_chan *)arg;
  uint64_t last[PRODUCERS] = {0};
  message element = {0, 0};
  strand_status status;
  while ((status = strand_chan_recv(channel, &element, STRAND_FOREVER)) == STRAND_OK) {
    CHECK(element.producer < PRODUCERS);
    if (seeded_defect != HONEST && element.producer == 0 && element.number == 100) {
      if (seeded_defect == LOSE_IT) {
        continue;
      }
      count_add(&received, seeded_defect == COUNT_IT_TWICE);
      last[0] += seeded_defect == SEE_IT_LATE ? MESSAGES : 0;
    }
    if (element.number <= last[element.producer]) {
      count_up(&out_of_order);
    }
    last[element.producer] = element.number;
    count_up(&received);
    count_add(&sum, element.number);
  }
  CHECK_EQUAL(status, STRAND_ERR_CLOSED);
  return NULL;
}

/* Of the four producers and consumers each, that many are OS threads. */
static void pass_everything(uint32_t workers, size_t capacity, int thread_producers, int thread_consumers) {
  pthread_t threads[PRODUCERS + CONSUMERS];
  int thread_count = 0;
  strand_chan channel;
  count_set(&producers_left, PRODUCERS);
  count_set(&received, 0);
  count_set(&sum, 0);
  count_set(&out_of_order, 0);
  start_runtime(workers);
  CHECK_OK(strand_external_acquire());
  channel = new_channel(sizeof(message), capacity);
  for (int producer = 0; producer < PRODUCERS; producer += 1) {
    plans[producer].channel = channel;
    plans[producer].producer = (uint64_t)producer;
    if (producer < thread_producers) {
      threads[thread_count++] = start_thread(produce, &plans[producer]);
    } else {
      spawn(produce, &plans[producer]);
    }
  }
  for (int consumer = 0; consumer < CONSUMERS; consumer += 1) {
    if (consumer < thread_consumers) {
      threads[thread_count++] = start_thread(consume, &channel);
    } else {
      spawn(consume, &channel);
    }
  }
  CHECK_OK(strand_scheduler_run());
  for (int thread = 0; thread < thread_count; thread += 1) {
    join_thread(threads[thread]);
  }
  CHECK_OK(strand_external_release());
  CHECK_EQUAL(count_read(&received), PRODUCERS * MESSAGES);
  CHECK_EQUAL(count_read(&sum), (uint64_t)PRODUCERS * MESSAGES * (MESSAGES + 1) / 2);
  CHECK_EQUAL(count_read(&out_of_order), 0);
  CHECK_OK(strand_chan_release(channel));
  stop_runtime();
}

static void pass_everything_at_all_sizes(int thread_producers, int thread_consumers) {
  static const size_t capacities[] = {0, 1, 3, 64, STRAND_UNBOUNDED};
  for (uint32_t workers = 1; workers <= (is_stepped() ? 1 : 4); workers *= 2) {
    for (size_t capacity = 0; capacity < sizeof capacities / sizeof capacities[0]; capacity += 1) {
      pass_everything(workers, capacities[capacity], thread_producers, thread_consumers);
    }
  }
}

/* Negative controls: one message of 20,000 lost, doubled or out of order is noticed. */
static void pass_with_a_defect(void) { pass_everything(2, 3, 0, 0); }
static void one_wrong_message_is_noticed(void) {
  for (seeded_defect = LOSE_IT; seeded_defect <= SEE_IT_LATE; seeded_defect = (sabotage)(seeded_defect + 1)) {
    child result;
    run_child(&result, pass_with_a_defect);
    CHECK_CHILD_FAILED(&result);
  }
  seeded_defect = HONEST;
}

static void four_producing_and_four_consuming_strands_lose_nothing(void) { pass_everything_at_all_sizes(0, 0); }
static void producing_threads_and_consuming_strands_lose_nothing(void) { pass_everything_at_all_sizes(4, 0); }
static void producing_strands_and_consuming_threads_lose_nothing(void) { pass_everything_at_all_sizes(0, 4); }
static void mixed_threads_and_strands_lose_nothing(void) { pass_everything_at_all_sizes(2, 2); }

enum { RING_MOST = 10000, ROUNDS = 3 };
#define RING ((size_t)shortened(RING_MOST))
static strand_chan ring[RING_MOST];

static void *pass_on(void *arg) {
  const size_t place = (size_t)(uintptr_t)arg;
  for (int round = 0; round < ROUNDS; round += 1) {
    uint64_t token = 0;
    CHECK_OK(strand_chan_recv(ring[place], &token, STRAND_FOREVER));
    token += 1;
    if (place + 1 == RING && round + 1 == ROUNDS) {
      count_set(&sum, token); /* all the way round, for the last time */
    } else {
      CHECK_OK(strand_chan_send(ring[(place + 1) % RING], &token, STRAND_FOREVER));
    }
  }
  return NULL;
}

static void a_token_goes_round_a_ring_of_ten_thousand(void) {
  static const size_t capacities[] = {0, 1};
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    for (int capacity = 0; capacity < 2; capacity += 1) {
      const uint64_t start = 0;
      count_set(&sum, 0);
      start_runtime(workers);
      for (size_t place = 0; place < RING; place += 1) {
        ring[place] = new_channel(sizeof(uint64_t), capacities[capacity]);
      }
      for (size_t place = 0; place < RING; place += 1) {
        spawn(pass_on, (void *)place);
      }
      CHECK_OK(strand_chan_send(ring[0], &start, STRAND_FOREVER));
      CHECK_OK(strand_scheduler_run());
      CHECK_EQUAL(count_read(&sum), RING * ROUNDS);
      for (size_t place = 0; place < RING; place += 1) {
        CHECK_OK(strand_chan_release(ring[place]));
      }
      stop_runtime();
    }
  }
}

/* The sieve of Eratosthenes as a chain of strands that grows while it runs. */
static strand_chan primes;

typedef struct filter {
  strand_chan in;
  strand_chan out;
  uint64_t prime;
} filter;

static void *generate(void *arg) {
  const strand_chan out = *(const strand_chan *)arg;
  uint64_t number = 2;
  while (strand_chan_send(out, &number, STRAND_FOREVER) == STRAND_OK) {
    number += 1;
  }
  return NULL;
}

static void *sift(void *arg) {
  const filter mine = *(const filter *)arg;
  uint64_t number = 0;
  while (strand_chan_recv(mine.in, &number, STRAND_FOREVER) == STRAND_OK) {
    if (number % mine.prime != 0 && strand_chan_send(mine.out, &number, STRAND_FOREVER) != STRAND_OK) {
      break;
    }
  }
  (void)strand_chan_close(mine.in); /* so that the one before me stops as well */
  return NULL;
}

static void *run_the_sieve(void *arg) {
  strand_chan in = new_channel(sizeof(uint64_t), 0);
  uint64_t prime = 0;
  strand_spawn_options options = default_spawn("sift");
  (void)arg;
  options.arg_bytes = sizeof(filter);
  {
    static strand_chan first;
    first = in;
    spawn(generate, &first);
  }
  for (int found = 0; found < shortened(200); found += 1) {
    filter next;
    CHECK_OK(strand_chan_recv(in, &prime, STRAND_FOREVER));
    CHECK_OK(strand_chan_send(primes, &prime, STRAND_FOREVER));
    next.in = in;
    next.out = new_channel(sizeof(uint64_t), 0);
    next.prime = prime;
    CHECK_OK(strand_spawn_with(&options, sift, &next, NULL));
    in = next.out;
  }
  CHECK_OK(strand_chan_close(in));
  CHECK_OK(strand_chan_close(primes));
  return NULL;
}

static void the_prime_sieve_finds_its_primes(void) {
  for (uint32_t workers = 1; workers <= 4; workers *= 2) {
    uint64_t prime = 0;
    uint64_t last = 1;
    int found = 0;
    start_runtime(workers);
    primes = new_channel(sizeof(uint64_t), 0);
    spawn(run_the_sieve, NULL);
    while (strand_chan_recv(primes, &prime, STRAND_FOREVER) == STRAND_OK) {
      CHECK_NUMBERS(prime, >, last);
      last = prime;
      found += 1;
    }
    CHECK_EQUAL(found, shortened(200));
    CHECK_EQUAL(last, found == 200 ? 1223 : 7); /* the 200th prime, the 4th */
    CHECK_OK(strand_scheduler_run());
    stop_runtime();
  }
}

int main(void) {
  CLAIM(one_wrong_message_is_noticed); /* children first: before any init here */
  CLAIM(four_producing_and_four_consuming_strands_lose_nothing);
  CLAIM(producing_threads_and_consuming_strands_lose_nothing);
  CLAIM(producing_strands_and_consuming_threads_lose_nothing);
  CLAIM(mixed_threads_and_strands_lose_nothing);
  CLAIM(a_token_goes_round_a_ring_of_ten_thousand);
  CLAIM(the_prime_sieve_finds_its_primes);
  return 0;
}
