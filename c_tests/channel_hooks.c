/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared,dlopen opt=O0,O2 schedules=yes */
/*
 * Transfer and drop hooks: every copy that transfer made is either received or dropped, exactly once.
 * A copy is numbered and owns one flag, so a value that is lost, doubled or dropped twice is named.
 */
#include "harness.h"

enum { MOST = 200000 };

typedef struct ledger {
  uint64_t transfers;
  uint64_t drops;
  uint64_t receipts;
  uint64_t doubles;
  uint64_t language; /* calls of the language's hooks, where the channel's own should have been called */
  unsigned char owned[MOST];
} ledger;

static ledger book;

/* For the controls: what the drop hook does wrong with ticket 7. */
typedef enum sabotage { HONEST, FORGET_IT, DROP_IT_TWICE } sabotage;
static sabotage seeded_defect;

static void forget(void) { memset(&book, 0, sizeof book); }

/* The sender's element is a plain number; what travels is a ticket that the transfer draws. */
static void draw_ticket(void *copy, const void *element, size_t size, void *data) {
  uint64_t ticket;
  (void)element;
  CHECK_EQUAL(size, sizeof ticket);
  CHECK(data == &book);
  ticket = count_up(&book.transfers) - 1;
  CHECK(ticket < MOST);
  __atomic_store_n(&book.owned[ticket], 1, __ATOMIC_SEQ_CST);
  memcpy(copy, &ticket, sizeof ticket);
}

static void give_up_ticket(uint64_t ticket) {
  if (ticket >= MOST || __atomic_exchange_n(&book.owned[ticket], 0, __ATOMIC_SEQ_CST) != 1) {
    count_up(&book.doubles);
  }
}

static void drop_ticket(void *element, size_t size, void *data) {
  uint64_t ticket;
  CHECK_EQUAL(size, sizeof ticket);
  CHECK(data == &book);
  memcpy(&ticket, element, sizeof ticket);
  if (ticket == 7 && seeded_defect == FORGET_IT) {
    return;
  }
  if (ticket == 7 && seeded_defect == DROP_IT_TWICE) {
    give_up_ticket(ticket);
  }
  give_up_ticket(ticket);
  count_up(&book.drops);
}

static void receive_ticket(uint64_t ticket) {
  give_up_ticket(ticket);
  count_up(&book.receipts);
}

static void check_balanced(void) {
  CHECK_EQUAL(count_read(&book.doubles), 0);
  CHECK_EQUAL(count_read(&book.transfers), count_read(&book.drops) + count_read(&book.receipts));
  for (uint64_t ticket = 0; ticket < book.transfers; ticket += 1) {
    CHECK_EQUAL(book.owned[ticket], 0);
  }
}

static strand_chan new_ticket_channel(size_t capacity) {
  strand_chan_options options;
  strand_chan channel = 0;
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  options.element_size = sizeof(uint64_t);
  options.capacity = capacity;
  options.transfer = draw_ticket;
  options.drop = drop_ticket;
  options.data = &book;
  CHECK_OK(strand_chan_new_with(&options, &channel));
  return channel;
}

static void buffered_elements_of_a_released_channel_are_dropped_once(void) {
  uint64_t value = 1;
  strand_chan channel;
  forget();
  start_runtime(1);
  channel = new_ticket_channel(STRAND_UNBOUNDED);
  for (int element = 0; element < 1000; element += 1) {
    CHECK_OK(strand_chan_try_send(channel, &value));
  }
  for (int element = 0; element < 300; element += 1) {
    uint64_t ticket = 0;
    CHECK_OK(strand_chan_try_recv(channel, &ticket));
    CHECK_EQUAL(ticket, element);
    receive_ticket(ticket);
  }
  CHECK_OK(strand_chan_close(channel));
  CHECK_EQUAL(count_read(&book.drops), 0); /* closing drops nothing: receivers may still drain */
  CHECK_OK(strand_chan_release(channel));
  CHECK_EQUAL(count_read(&book.drops), 700);
  check_balanced();
  stop_runtime();
}

static void shutdown_drops_what_is_still_buffered(void) {
  uint64_t value = 1;
  strand_chan channel;
  forget();
  start_runtime(1);
  channel = new_ticket_channel(100);
  for (int element = 0; element < 100; element += 1) {
    CHECK_OK(strand_chan_try_send(channel, &value));
  }
  CHECK_OK(strand_chan_retain(channel));
  stop_runtime();
  CHECK_EQUAL(count_read(&book.drops), 100);
  check_balanced();
}

/* Negative controls: a copy that is never dropped, or dropped twice, does not pass. */
static void a_lost_and_a_doubled_drop_are_noticed(void) {
  for (seeded_defect = FORGET_IT; seeded_defect <= DROP_IT_TWICE; seeded_defect = (sabotage)(seeded_defect + 1)) {
    child result;
    run_child(&result, shutdown_drops_what_is_still_buffered);
    CHECK_CHILD_FAILED(&result);
  }
  seeded_defect = HONEST;
}

/* On any status but OK the sender keeps its element; the copy, if one was made, went to drop. */
static void a_send_that_does_not_commit_leaves_nothing_behind(void) {
  uint64_t value = 1;
  uint64_t ticket = 0;
  strand_chan channel;
  forget();
  start_runtime(1);
  channel = new_ticket_channel(1);
  CHECK_OK(strand_chan_try_send(channel, &value));
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_chan_try_send(channel, &value));
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_chan_send(channel, &value, 1));
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_chan_send(channel, &value, strand_after(1000000)));
  CHECK_OK(strand_chan_close(channel));
  CHECK_STATUS(STRAND_ERR_CLOSED, strand_chan_send(channel, &value, STRAND_FOREVER));
  CHECK_OK(strand_chan_try_recv(channel, &ticket));
  receive_ticket(ticket);
  check_balanced();
  CHECK_EQUAL(count_read(&book.receipts), 1);
  CHECK_OK(strand_chan_release(channel));
  check_balanced();
  stop_runtime();
}

static strand_chan shared;
static uint64_t senders_left;

static void *send_a_lot(void *arg) {
  uint64_t value = 1;
  uint64_t dice = (uint64_t)(uintptr_t)arg;
  for (int message = 0; message < shortened(3000); message += 1) {
    strand_status status;
    switch (next_random(&dice) % 3) {
    case 0:
      status = strand_chan_try_send(shared, &value);
      CHECK(status == STRAND_OK || status == STRAND_ERR_WOULD_BLOCK || status == STRAND_ERR_CLOSED);
      break;
    case 1:
      status = strand_chan_send(shared, &value, strand_after(2000));
      CHECK(status == STRAND_OK || status == STRAND_ERR_TIMEOUT || status == STRAND_ERR_CLOSED);
      break;
    default:
      status = strand_chan_send(shared, &value, STRAND_FOREVER);
      CHECK(status == STRAND_OK || status == STRAND_ERR_CLOSED);
      break;
    }
    if (status == STRAND_ERR_CLOSED) {
      break;
    }
  }
  if (__atomic_sub_fetch(&senders_left, 1, __ATOMIC_SEQ_CST) == 0) {
    CHECK_OK(strand_chan_close(shared));
  }
  return NULL;
}

static void *receive_a_lot(void *arg) {
  uint64_t ticket = 0;
  uint64_t dice = (uint64_t)(uintptr_t)arg;
  for (;;) {
    const int64_t deadline = next_random(&dice) % 2 == 0 ? STRAND_FOREVER : strand_after(2000);
    const strand_status status = strand_chan_recv(shared, &ticket, deadline);
    if (status == STRAND_OK) {
      receive_ticket(ticket);
    } else if (status == STRAND_ERR_CLOSED) {
      break;
    } else {
      CHECK_EQUAL(status, STRAND_ERR_TIMEOUT);
    }
  }
  return NULL;
}

static void every_copy_is_received_or_dropped_once_under_load(void) {
  static const size_t capacities[] = {0, 1, 3, STRAND_UNBOUNDED};
  for (uint32_t workers = 1; workers <= 4; workers *= 2) {
    start_runtime(workers);
    for (int capacity = 0; capacity < 4; capacity += 1) {
      pthread_t threads[2];
      forget();
      count_set(&senders_left, 5);
      CHECK_OK(strand_external_acquire());
      shared = new_ticket_channel(capacities[capacity]);
      for (uintptr_t strand = 1; strand <= 4; strand += 1) {
        spawn(send_a_lot, (void *)strand);
        spawn(receive_a_lot, (void *)(strand + 100));
      }
      threads[0] = start_thread(send_a_lot, (void *)(uintptr_t)1000);
      threads[1] = start_thread(receive_a_lot, (void *)(uintptr_t)1001);
      CHECK_OK(strand_scheduler_run());
      join_thread(threads[0]);
      join_thread(threads[1]);
      CHECK_OK(strand_external_release());
      CHECK_OK(strand_chan_release(shared));
      check_balanced();
      CHECK_NUMBERS(count_read(&book.receipts), >, 0);
    }
    stop_runtime();
  }
}

static uint64_t waiting_senders_ended;
static void *send_into_the_end(void *arg) {
  const uint64_t value = 1;
  (void)arg;
  CHECK_STATUS(STRAND_ERR_CLOSED, strand_chan_send(shared, &value, STRAND_FOREVER));
  count_up(&waiting_senders_ended);
  return NULL;
}

static void copies_of_parked_senders_are_dropped_when_the_channel_ends(void) {
  uint64_t parks;
  forget();
  count_set(&waiting_senders_ended, 0);
  start_runtime(2);
  shared = new_ticket_channel(0);
  parks = read_statistics().parks;
  for (int strand = 0; strand < 50; strand += 1) {
    spawn(send_into_the_end, NULL);
  }
  await_parks(parks + 50);
  CHECK_OK(strand_chan_release(shared));
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&waiting_senders_ended), 50);
  CHECK_EQUAL(count_read(&book.receipts), 0);
  check_balanced();
  stop_runtime();
}

/* ---------------------------------------------------------------- the language's hooks and the channel's */

static void language_transfer(void *copy, const void *element, size_t size, void *data) {
  count_up(&((ledger *)data)->language);
  draw_ticket(copy, element, size, data);
}
static void language_drop(void *element, size_t size, void *data) {
  count_up(&((ledger *)data)->language);
  drop_ticket(element, size, data);
}

static void start_with_language_hooks(void) {
  static strand_language_hooks hooks;
  strand_config config = default_config(1);
  memset(&hooks, 0, sizeof hooks);
  hooks.size = (uint32_t)sizeof hooks;
  hooks.data = &book;
  hooks.message_transfer = language_transfer;
  hooks.message_drop = language_drop;
  config.hooks = &hooks;
  CHECK_OK(strand_scheduler_init(&config));
}

static void language_hooks_serve_channels_without_their_own(void) {
  uint64_t value = 1;
  uint64_t ticket = 0;
  strand_chan channel;
  forget();
  start_with_language_hooks();
  channel = new_channel(sizeof value, 10);
  for (int element = 0; element < 10; element += 1) {
    CHECK_OK(strand_chan_try_send(channel, &value));
  }
  CHECK_OK(strand_chan_try_recv(channel, &ticket));
  receive_ticket(ticket);
  CHECK_OK(strand_chan_release(channel));
  CHECK_EQUAL(count_read(&book.language), 10 + 9);
  check_balanced();
  stop_runtime();
}

static void own_hooks_of_a_channel_replace_both_of_the_language(void) {
  uint64_t value = 1;
  strand_chan channel;
  forget();
  start_with_language_hooks();
  channel = new_ticket_channel(10);
  for (int element = 0; element < 10; element += 1) {
    CHECK_OK(strand_chan_try_send(channel, &value));
  }
  CHECK_OK(strand_chan_release(channel));
  CHECK_EQUAL(count_read(&book.language), 0);
  CHECK_EQUAL(count_read(&book.transfers), 10);
  CHECK_EQUAL(count_read(&book.drops), 10);
  check_balanced();
  stop_runtime();
}

static uint64_t plain_drops;
static void count_plain_drop(void *element, size_t size, void *data) {
  (void)element;
  (void)size;
  (void)data;
  count_up(&plain_drops);
}

static void a_channel_with_only_a_drop_copies_bytes_and_drops_them(void) {
  uint64_t value = 42;
  uint64_t got = 0;
  strand_chan_options options;
  strand_chan channel = 0;
  forget();
  count_set(&plain_drops, 0);
  start_with_language_hooks();
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  options.element_size = sizeof value;
  options.capacity = 4;
  options.drop = count_plain_drop;
  CHECK_OK(strand_chan_new_with(&options, &channel));
  CHECK_OK(strand_chan_try_send(channel, &value));
  CHECK_OK(strand_chan_try_send(channel, &value));
  CHECK_OK(strand_chan_try_recv(channel, &got));
  CHECK_EQUAL(got, 42);
  CHECK_OK(strand_chan_release(channel));
  CHECK_EQUAL(count_read(&plain_drops), 1);
  CHECK_EQUAL(count_read(&book.language), 0);
  stop_runtime();
}

/* A hook runs without a lock: it may use the very channel it serves. */
static strand_chan reentered;
static void drop_and_look(void *element, size_t size, void *data) {
  size_t length = 0;
  (void)element;
  (void)size;
  (void)data;
  (void)strand_chan_length(reentered, &length);
  (void)strand_chan_close(reentered);
  count_up(&plain_drops);
}

static void a_drop_hook_may_call_the_library(void) {
  uint64_t value = 42;
  strand_chan_options options;
  count_set(&plain_drops, 0);
  start_runtime(1);
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  options.element_size = sizeof value;
  options.capacity = 4;
  options.drop = drop_and_look;
  CHECK_OK(strand_chan_new_with(&options, &reentered));
  CHECK_OK(strand_chan_try_send(reentered, &value));
  CHECK_OK(strand_chan_try_send(reentered, &value));
  CHECK_OK(strand_chan_release(reentered));
  CHECK_EQUAL(count_read(&plain_drops), 2);
  stop_runtime();
}

int main(void) {
  CLAIM(a_lost_and_a_doubled_drop_are_noticed); /* children first: before any init here */
  CLAIM(buffered_elements_of_a_released_channel_are_dropped_once);
  CLAIM(shutdown_drops_what_is_still_buffered);
  CLAIM(a_send_that_does_not_commit_leaves_nothing_behind);
  CLAIM(every_copy_is_received_or_dropped_once_under_load);
  CLAIM(copies_of_parked_senders_are_dropped_when_the_channel_ends);
  CLAIM(language_hooks_serve_channels_without_their_own);
  CLAIM(own_hooks_of_a_channel_replace_both_of_the_language);
  CLAIM(a_channel_with_only_a_drop_copies_bytes_and_drops_them);
  CLAIM(a_drop_hook_may_call_the_library);
  return 0;
}
