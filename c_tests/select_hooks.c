/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared opt=O0,O2 schedules=yes */
/*
 * Transfer and drop hooks of send cases: a copy is made at most once a call, before the case is tried or waits, and it is
 * either received or dropped, once.
 */
#include "cases.h"

enum { SMALL = 8, LARGE = 200 };

static uint64_t copies, drops, receipts, wrong;

/* The copy of an element is the element and 1000; its other bytes say how large it is. */
static void copy_element(void *copy, const void *element, size_t size, void *data) {
  uint64_t value;
  CHECK(data == &copies);
  memset(copy, (int)(size & 0x7f), size);
  memcpy(&value, element, sizeof value);
  CHECK_NUMBERS(value, <, 1000);
  value += 1000;
  memcpy(copy, &value, sizeof value);
  count_up(&copies);
}
static void check_copy(const void *copy, size_t size) {
  uint64_t value;
  memcpy(&value, copy, sizeof value);
  wrong += value < 1000 || value >= 2000;
  for (size_t byte = sizeof value; byte < size; byte += 1) {
    wrong += ((const unsigned char *)copy)[byte] != (size & 0x7f);
  }
}
static void drop_copy(void *copy, size_t size, void *data) {
  CHECK(data == &copies);
  check_copy(copy, size);
  memset(copy, 0xee, size);
  count_up(&drops);
}

static strand_chan hooked_channel(size_t size, size_t capacity) {
  strand_chan_options options;
  strand_chan channel = 0;
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  options.element_size = size;
  options.capacity = capacity;
  options.transfer = copy_element;
  options.drop = drop_copy;
  options.data = &copies;
  CHECK_OK(strand_chan_new_with(&options, &channel));
  return channel;
}

static void forget(void) { copies = drops = receipts = wrong = 0; }
static void expect(uint64_t made, uint64_t dropped) {
  CHECK_EQUAL(count_read(&copies), made);
  CHECK_EQUAL(count_read(&drops), dropped);
  CHECK_EQUAL(wrong, 0);
}

static void copies_of_cases(size_t size) {
  const strand_chan full = hooked_channel(size, 0), room = hooked_channel(size, 1), plain = new_channel(8, 1);
  unsigned char element[LARGE] = {7}, got[LARGE];
  uint64_t message = 3;
  strand_case cases[3] = {send_case(full, element), send_case(room, element), receive_case(plain, &message)};
  size_t index = 4711;
  forget();
  /* What commits was copied once; what was not tried was not. */
  CHECK_OK(strand_select(cases, 3, STRAND_FOREVER, STRAND_SELECT_FIRST_LISTED, &index));
  CHECK_EQUAL(index, 1);
  expect(1, 0);
  CHECK_EQUAL(element[0], 7); /* and is the caller's as before */
  /* Nothing is ready: no copy where the call does not wait, one of each and dropped where it does. */
  CHECK_STATUS(STRAND_ERR_WOULD_BLOCK, strand_select(cases, 3, STRAND_NO_WAIT, 0, &index));
  expect(1, 0);
  CHECK_STATUS(STRAND_ERR_TIMEOUT, strand_select(cases, 3, strand_after(1000), 0, &index));
  expect(3, 2);
  /* Another case commits at once: nothing is copied. */
  CHECK_OK(strand_chan_try_send(plain, &message));
  CHECK_OK(strand_select(cases, 3, STRAND_FOREVER, 0, &index));
  CHECK_EQUAL(index, 2);
  expect(3, 2);
  /* A closed channel takes no copy. */
  CHECK_OK(strand_chan_try_recv(room, got));
  check_copy(got, size);
  CHECK_OK(strand_chan_close(room));
  CHECK_OK(strand_select(cases, 3, STRAND_FOREVER, 0, &index));
  CHECK_EQUAL(index, 1);
  CHECK_EQUAL(cases[1].status, STRAND_ERR_CLOSED);
  CHECK_EQUAL(count_read(&copies) - count_read(&drops), 1); /* the one that was received */
  CHECK_EQUAL(wrong, 0);
  CHECK_OK(strand_chan_release(full));
  CHECK_OK(strand_chan_release(room));
  CHECK_OK(strand_chan_release(plain));
}
static void *on_a_strand(void *arg) {
  (void)arg;
  copies_of_cases(SMALL);
  copies_of_cases(LARGE);
  return NULL;
}
static void a_send_case_is_copied_once_and_only_if_need_be(void) {
  start_runtime(1);
  spawn(on_a_strand, NULL);
  CHECK_OK(strand_scheduler_run());
  on_a_strand(NULL);
  stop_runtime();
}

/* Senders with two hooked cases each, receivers that take from both. */
static strand_chan hooked[2];
static uint64_t left;
static void *send_some(void *arg) {
  unsigned char element[LARGE] = {1};
  strand_case cases[3] = {send_case(hooked[0], element), send_case(hooked[1], element), none()};
  uint64_t dice = (uint64_t)(uintptr_t)arg;
  for (int message = 0; message < 200; message += 1) {
    size_t index = 4711;
    const int64_t deadline = next_random(&dice) % 3 == 0 ? strand_after(20000) : STRAND_FOREVER;
    const strand_status status = strand_select(cases, 3, deadline, 0, &index);
    CHECK(status == STRAND_OK || status == STRAND_ERR_TIMEOUT);
  }
  if (__atomic_sub_fetch(&left, 1, __ATOMIC_SEQ_CST) == 0) {
    CHECK_OK(strand_chan_close(hooked[0]));
    CHECK_OK(strand_chan_close(hooked[1]));
  }
  return NULL;
}
static void *receive_all(void *size) {
  unsigned char got[2][LARGE];
  strand_case cases[2] = {receive_case(hooked[0], got[0]), receive_case(hooked[1], got[1])};
  int open = 2;
  while (open > 0) {
    size_t index = 4711;
    CHECK_OK(strand_select(cases, 2, STRAND_FOREVER, 0, &index));
    if (cases[index].status == STRAND_OK) {
      check_copy(got[index], (size_t)(uintptr_t)size);
      count_up(&receipts);
    } else {
      CHECK_EQUAL(cases[index].status, STRAND_ERR_CLOSED);
      cases[index].kind = STRAND_CASE_NONE;
      open -= 1;
    }
  }
  return NULL;
}
static void traffic_of(uint32_t workers, size_t size) {
  start_runtime(workers);
  forget();
  hooked[0] = hooked_channel(size, 0);
  hooked[1] = hooked_channel(size, 2);
  count_set(&left, 6);
  for (uintptr_t sender = 0; sender < 6; sender += 1) spawn(send_some, (void *)(sender + 1));
  for (int receiver = 0; receiver < 3; receiver += 1) spawn(receive_all, (void *)(uintptr_t)size);
  CHECK_OK(strand_scheduler_run());
  CHECK_OK(strand_chan_release(hooked[0]));
  CHECK_OK(strand_chan_release(hooked[1]));
  stop_runtime();
  CHECK_EQUAL(wrong, 0);
  CHECK_NUMBERS(receipts, >, 0);
  if (takes_turns()) CHECK_NUMBERS(drops, >, 0); /* by lot nobody may ever have to wait */
  CHECK_EQUAL(copies, drops + receipts);
}
static void every_copy_is_received_or_dropped(void) {
  for (uint32_t workers = 1; workers <= 4; workers *= 2) {
    traffic_of(workers, SMALL);
    traffic_of(workers, LARGE);
  }
}

int main(void) {
  CLAIM(a_send_case_is_copied_once_and_only_if_need_be);
  CLAIM(every_copy_is_received_or_dropped);
  return 0;
}
