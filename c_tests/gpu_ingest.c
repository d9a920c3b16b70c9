/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=240 modes=static,shared opt=O0,O2 */
/*
 * Files, pipes and sockets that are read into a worklist: every record arrives once, whoever writes and however slowly,
 * and whatever ends the reading ends it at once. On the processor, and on an adapter that is a program where there is one.
 */
#include "ingest.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

enum { RECORD = 8 }; /* bytes: an id, and something that follows from it */

static uint32_t follows(uint32_t id) { return id * 2654435761u + 12345u; }

/* Counts the visits of each id in a buffer; a record that is not whole would be seen. */
static void visit(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  uint64_t bytes = 0;
  uint32_t *visits = strand_work_buffer(work, 0, &bytes);
  (void)data;
  for (uint32_t i = 0; i < count; i += 1) {
    if (items[2 * i] >= bytes / 4 || items[2 * i + 1] != follows(items[2 * i])) {
      strand_work_fault(work, i, 7);
    } else {
      __atomic_fetch_add(&visits[items[2 * i]], 1, __ATOMIC_RELAXED);
    }
  }
}
static const char VISIT[] =
    "@group(1) @binding(0) var<storage, read_write> visits: array<atomic<u32>>;\n"
    "fn run(item: Item) {\n"
    "  if (item.param >= arrayLength(&visits) || item.continuation_pc != item.param * 2654435761u + 12345u) { fault(7u); }\n"
    "  else { atomicAdd(&visits[item.param], 1u); }\n"
    "}\n";

static strand_buffer visits;
static uint32_t *records;
static uint32_t amount;

static strand_worklist new_list(uint32_t count, uint64_t host_items_max) {
  strand_program_options made = native(visit, PAIR);
  strand_worklist_options options = worklist_options();
  strand_program program = 0;
  strand_worklist list = 0;
  made.wgsl = VISIT;
  made.wgsl_length = strlen(VISIT);
  made.buffer_count = 1;
  CHECK_OK(strand_buffer_new(device, (uint64_t)count * 4, 0, &visits));
  options.host_items_max = host_items_max;
  options.buffers = &visits;
  options.buffer_count = 1;
  CHECK_OK(strand_program_new(device, &made, &program));
  CHECK_OK(strand_worklist_new(program, &options, &list));
  CHECK_OK(strand_program_release(program));
  amount = count;
  records = malloc((size_t)count * RECORD);
  for (uint32_t i = 0; i < count; i += 1) {
    records[2 * i] = i;
    records[2 * i + 1] = follows(i);
  }
  return list;
}

/* The first `arrived` ids were visited once, the others never. */
static void check_arrived(uint32_t arrived) {
  uint32_t *found = calloc(amount, 4);
  strand_ticket ticket;
  CHECK_OK(strand_buffer_read(visits, 0, found, (uint64_t)amount * 4, &ticket));
  CHECK_OK(await_and_release(ticket));
  for (uint32_t i = 0; i < amount; i += 1) {
    CHECK_EQUAL(found[i], i < arrived ? 1 : 0);
  }
  free(found);
}

static void forget(strand_worklist list) {
  if (list != 0) {
    CHECK_OK(strand_worklist_release(list));
  }
  CHECK_OK(strand_buffer_release(visits));
  free(records);
}

static strand_ticket ingest(strand_worklist list, int file, const strand_ingest_options *options) {
  strand_ticket ticket = 0;
  CHECK_OK(strand_worklist_ingest(list, file, options, &ticket));
  return ticket;
}

static uint32_t pushed(strand_worklist list) { return (uint32_t)worklist_statistics(list).pushed; }

/* ---------------------------------------------------------------------------------------------- what arrives */

static void every_record_of_a_long_file_goes_through_a_small_queue(void) {
  const uint32_t count = (uint32_t)scaled(1000000);
  const strand_worklist list = new_list(count, 4096);
  const int file = file_of(records, (size_t)count * RECORD);
  strand_ingest_counts counts;
  strand_ingest_options options = ingest_options(&counts);
  options.flags = STRAND_INGEST_LAST;
  strand_run_options until = run_options(2);
  until.flags = STRAND_RUN_UNTIL_CLOSED;
  const strand_ticket read = ingest(list, file, &options);
  CHECK_EQUAL(close(file), 0); /* the ingest has its own */
  AWAIT(worklist_statistics(list).waited == 1);
  CHECK_EQUAL(pushed(list), 4096); /* no more than there is room for */
  CHECK(is_pending(read));
  const strand_ticket run = dispatch(list, &until);
  CHECK_OK(await_and_release(read));
  CHECK_OK(await_and_release(run)); /* closed by the end of the file */
  CHECK_EQUAL(counts.read, (uint64_t)count * RECORD);
  CHECK_EQUAL(counts.taken, counts.read);
  CHECK_EQUAL(counts.items, count);
  CHECK_EQUAL(counts.partial, 0);
  CHECK_NUMBERS(counts.blocks, >=, count / 1024); /* a quarter of the queue at once */
  const strand_worklist_statistics s = worklist_statistics(list);
  CHECK_EQUAL(s.finished, count);
  check_conserved(list);
  check_arrived(count);
  forget(list);
}

/* Bytes of a pipe that nobody has read. */
static int unread(int pipe) {
  int bytes = -1;
  CHECK_EQUAL(ioctl(pipe, FIONREAD, &bytes), 0);
  return bytes;
}

static void what_has_come_is_handed_over_before_the_rest_comes(void) {
  const strand_worklist list = new_list(4, 0);
  const pipe_ends ends = new_pipe();
  strand_ingest_counts counts;
  const strand_ingest_options options = ingest_options(&counts);
  const strand_ticket read = ingest(list, ends.out, &options);
  const char *bytes = (const char *)records;
  write_all(ends.into, bytes, 20); /* two records and a half */
  AWAIT(pushed(list) == 2);
  check_goes_on(read);
  write_all(ends.into, bytes + 20, 1);
  AWAIT(unread(ends.out) == 0);
  check_goes_on(read);
  CHECK_EQUAL(pushed(list), 2); /* the half is no record */
  write_all(ends.into, bytes + 21, 11);
  AWAIT(pushed(list) == 4);
  CHECK_EQUAL(close(ends.into), 0);
  CHECK_OK(await_and_release(read));
  CHECK_EQUAL(counts.items, 4);
  CHECK_NUMBERS(counts.blocks, >=, 3);
  CHECK_OK(run_worklist(list, 1));
  check_arrived(4);
  CHECK_EQUAL(close(ends.out), 0);
  forget(list);
}

static void *write_in_pieces(void *file) {
  uint64_t draws = 77;
  const size_t length = (size_t)amount * RECORD;
  for (size_t done = 0; done < length;) {
    size_t now = 1 + next_random(&draws) % 3000;
    now = now < length - done ? now : length - done;
    write_all((int)(intptr_t)file, (const char *)records + done, now);
    done += now;
  }
  CHECK_EQUAL(close((int)(intptr_t)file), 0);
  return NULL;
}
static void a_socket_that_does_not_block_is_read_to_its_end(void) {
  const uint32_t count = (uint32_t)scaled(50000);
  const strand_worklist list = new_list(count, 1024);
  int ends[2];
  CHECK_EQUAL(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  CHECK_EQUAL(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
  strand_ingest_options options = ingest_options(NULL);
  options.flags = STRAND_INGEST_LAST;
  options.block_bytes = 1000; /* 125 records */
  strand_run_options until = run_options(1);
  until.flags = STRAND_RUN_UNTIL_CLOSED;
  const strand_ticket run = dispatch(list, &until), read = ingest(list, ends[0], &options);
  const pthread_t writer = start_thread(write_in_pieces, (void *)(intptr_t)ends[1]);
  CHECK_OK(await_and_release(read));
  CHECK_OK(await_and_release(run));
  join_thread(writer);
  CHECK_EQUAL(fcntl(ends[0], F_GETFL) & O_NONBLOCK, O_NONBLOCK); /* what the descriptors share is as it was */
  check_arrived(count);
  CHECK_EQUAL(close(ends[0]), 0);
  forget(list);
}

static void *ingest_on_a_strand(void *arg) {
  const int file = file_of(records, (size_t)amount * RECORD);
  CHECK_OK(await_and_release(ingest(*(strand_worklist *)arg, file, NULL)));
  CHECK_EQUAL(close(file), 0);
  return NULL;
}
static void a_strand_waits_for_its_ingest_as_a_thread_does(void) {
  strand_worklist list = new_list(1000, 0);
  CHECK_OK(strand_join(spawn(ingest_on_a_strand, &list), STRAND_FOREVER));
  CHECK_EQUAL(pushed(list), 1000);
  CHECK_OK(run_worklist(list, 1));
  check_arrived(1000);
  forget(list);
}

/* ------------------------------------------------------------------------------------------ what is wrong with it */

static void a_record_that_is_cut_off_is_told_and_those_before_it_arrive(void) {
  const strand_worklist list = new_list(10, 0);
  const int file = file_of(records, 9 * RECORD + 5);
  strand_ingest_counts counts;
  strand_ingest_options options = ingest_options(&counts);
  strand_ticket read = ingest(list, file, &options);
  CHECK_STATUS(STRAND_ERR_INVALID, strand_ticket_await(read, STRAND_FOREVER));
  CHECK_LAST_ERROR_SAYS("cut off: it has 5 bytes; 72 bytes were taken");
  CHECK_OK(strand_ticket_release(read));
  CHECK_EQUAL(counts.partial, 5);
  CHECK_EQUAL(counts.read, 77);
  CHECK_EQUAL(counts.taken, 72);
  CHECK_EQUAL(counts.items, 9);
  CHECK_EQUAL(lseek(file, 0, SEEK_CUR), 72); /* the file stands before what was not taken */
  CHECK_OK(run_worklist(list, 1));
  check_arrived(9);
  /* The same bytes without the last five are no error. */
  CHECK_EQUAL(lseek(file, 0, SEEK_SET), 0);
  options = ingest_options(&counts);
  options.bytes_max = 72;
  read = ingest(list, file, &options);
  CHECK_OK(await_and_release(read));
  CHECK_EQUAL(counts.partial, 0);
  CHECK_EQUAL(counts.items, 9);
  CHECK_EQUAL(close(file), 0);
  forget(list);
}

static void what_cannot_be_read_is_refused_or_told(void) {
  const strand_worklist list = new_list(4, 0);
  const pipe_ends ends = new_pipe();
  strand_ticket ticket = 77;
  CHECK_STATUS(STRAND_ERR_INVALID, strand_worklist_ingest(list, -1, NULL, &ticket));
  CHECK_LAST_ERROR_SAYS("descriptor -1");
  CHECK_STATUS(STRAND_ERR_INVALID, strand_worklist_ingest(list, ends.into, NULL, &ticket));
  CHECK_LAST_ERROR_SAYS("not open for reading");
  CHECK_EQUAL(ticket, 77);
  const int folder = open(".", O_RDONLY | O_DIRECTORY);
  CHECK(folder >= 0);
  ticket = ingest(list, folder, NULL);
  CHECK_STATUS(STRAND_ERR_IO, strand_ticket_await(ticket, STRAND_FOREVER));
  CHECK_LAST_ERROR_SAYS("directory");
  CHECK_OK(strand_ticket_release(ticket));
  CHECK_OK(strand_worklist_close(list));
  CHECK_STATUS(STRAND_ERR_CLOSED, strand_worklist_ingest(list, ends.out, NULL, &ticket));
  CHECK_EQUAL(close(folder), 0);
  CHECK_EQUAL(close(ends.into), 0);
  CHECK_EQUAL(close(ends.out), 0);
  forget(list);
}

static void a_connection_that_is_reset_is_told(void) {
  const strand_worklist list = new_list(4, 0);
  strand_ingest_counts counts;
  const strand_ingest_options options = ingest_options(&counts);
  int ends[2];
  CHECK_EQUAL(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  const strand_ticket read = ingest(list, ends[0], &options);
  write_all(ends[1], records, RECORD);
  AWAIT(pushed(list) == 1);
  write_all(ends[0], records, 1);
  CHECK_EQUAL(close(ends[1]), 0); /* with something that it has not read */
  CHECK_STATUS(STRAND_ERR_IO, strand_ticket_await(read, STRAND_FOREVER));
  CHECK_LAST_ERROR_SAYS("8 bytes were taken");
  CHECK_OK(strand_ticket_release(read));
  CHECK_EQUAL(counts.items, 1);
  CHECK_EQUAL(close(ends[0]), 0);
  forget(list);
}

static void what_has_no_end_is_read_as_far_as_is_said(void) {
  const strand_worklist list = new_list(1000, 0);
  const int file = open("/dev/zero", O_RDONLY);
  strand_ingest_counts counts;
  strand_ingest_options options = ingest_options(&counts);
  CHECK(file >= 0);
  options.bytes_max = 1000 * RECORD + 4;
  strand_ticket read = 77;
  CHECK_STATUS(STRAND_ERR_INVALID, strand_worklist_ingest(list, file, &options, &read));
  CHECK_LAST_ERROR_SAYS("a record has 8 bytes");
  options.bytes_max = 1000 * RECORD;
  read = ingest(list, file, &options);
  CHECK_OK(await_and_release(read));
  CHECK_EQUAL(counts.read, 1000 * RECORD);
  CHECK_EQUAL(pushed(list), 1000);
  CHECK_EQUAL(close(file), 0);
  forget(list);
}

/* ---------------------------------------------------------------------------------------------- what ends it */

/* There is room, and something to read, all the time. */
static void past_its_deadline_an_ingest_reads_nothing_however_much_there_is(void) {
  const strand_worklist list = new_list(10, 0);
  const int file = file_of(records, 10 * RECORD);
  strand_ingest_counts counts;
  strand_ingest_options options = ingest_options(&counts);
  options.deadline = 1;
  const strand_ticket read = ingest(list, file, &options);
  CHECK_STATUS(STRAND_ERR_TIMEOUT, await_and_release(read));
  CHECK_EQUAL(counts.read, 0);
  CHECK_EQUAL(pushed(list), 0);
  CHECK_EQUAL(lseek(file, 0, SEEK_CUR), 0);
  CHECK_EQUAL(close(file), 0);
  forget(list);
}

/* Whoever comes second finds it empty after all, though it was told that there is something. */
static void two_that_read_one_pipe_can_both_be_ended(void) {
  enum { ROUNDS = 300 };
  const strand_worklist list = new_list(ROUNDS, 0);
  const pipe_ends ends = new_pipe();
  const strand_ticket one = ingest(list, ends.out, NULL), other = ingest(list, ends.out, NULL);
  for (uint32_t i = 0; i < ROUNDS; i += 1) {
    write_all(ends.into, records + (size_t)2 * i, RECORD);
    AWAIT(pushed(list) == i + 1);
  }
  CHECK_OK(strand_ticket_cancel(one));
  CHECK_STATUS(STRAND_ERR_CANCELLED, await_and_release(one));
  CHECK_OK(strand_ticket_cancel(other));
  CHECK_STATUS(STRAND_ERR_CANCELLED, await_and_release(other));
  CHECK_OK(run_worklist(list, 1));
  check_arrived(ROUNDS);
  CHECK_EQUAL(close(ends.into), 0);
  CHECK_EQUAL(close(ends.out), 0);
  forget(list);
}

enum { CANCEL, CLOSE, RELEASE };

/* Nobody ever writes to the pipe. */
static void end_of_a_silent_pipe(int how, strand_status expected) {
  const int before = descriptors();
  const strand_worklist list = new_list(4, 0);
  const pipe_ends ends = new_pipe();
  strand_ingest_counts counts;
  const strand_ingest_options options = ingest_options(&counts);
  const strand_ticket read = ingest(list, ends.out, &options);
  write_all(ends.into, records, RECORD + 3);
  AWAIT(pushed(list) == 1);
  check_goes_on(read);
  const int64_t began = monotonic();
  if (how == CANCEL) {
    CHECK_OK(strand_ticket_cancel(read));
  } else if (how == CLOSE) {
    CHECK_OK(strand_worklist_close(list));
  } else if (how == RELEASE) {
    CHECK_OK(strand_worklist_release(list));
  }
  CHECK_STATUS(expected, await_and_release(read));
  CHECK_NUMBERS(monotonic() - began, <, SECONDS(20));
  CHECK_EQUAL(counts.items, 1);
  CHECK_EQUAL(counts.read, RECORD + 3);
  CHECK_EQUAL(counts.taken, RECORD);
  CHECK_EQUAL(close(ends.into), 0);
  CHECK_EQUAL(close(ends.out), 0);
  forget(how == RELEASE ? 0 : list);
  CHECK_EQUAL(descriptors(), before);
}
static void a_cancel_ends_the_wait_for_a_silent_pipe(void) { end_of_a_silent_pipe(CANCEL, STRAND_ERR_CANCELLED); }
static void a_close_ends_the_wait_for_a_silent_pipe(void) { end_of_a_silent_pipe(CLOSE, STRAND_ERR_CLOSED); }
static void a_release_ends_the_wait_for_a_silent_pipe(void) { end_of_a_silent_pipe(RELEASE, STRAND_ERR_CLOSED); }

/* A deadline may pass before what it is to end has begun. Then `try` says so, and gets a later one. */
static void until_in_time(bool (*try)(int64_t patience)) {
  for (int64_t patience = MILLISECONDS(100); !try(patience); patience *= 4) {
    CHECK_NUMBERS(patience, <, SECONDS(20));
  }
}

static bool wait_for_a_silent_pipe(int64_t patience) {
  const int before = descriptors();
  const strand_worklist list = new_list(4, 0);
  const pipe_ends ends = new_pipe();
  strand_ingest_counts counts;
  strand_ingest_options options = ingest_options(&counts);
  write_all(ends.into, records, RECORD + 3);
  const int64_t began = monotonic();
  options.deadline = strand_after(patience);
  CHECK_STATUS(STRAND_ERR_TIMEOUT, await_and_release(ingest(list, ends.out, &options)));
  CHECK_NUMBERS(strand_now(), >=, options.deadline);
  CHECK_NUMBERS(monotonic() - began, <, patience + SECONDS(20));
  const bool in_time = pushed(list) == 1;
  CHECK_EQUAL(counts.items, in_time ? 1 : 0);
  CHECK_EQUAL(counts.taken, in_time ? RECORD : 0);
  CHECK(counts.read == RECORD + 3 || (!in_time && counts.read == 0));
  CHECK_EQUAL(close(ends.into), 0);
  CHECK_EQUAL(close(ends.out), 0);
  forget(list);
  CHECK_EQUAL(descriptors(), before);
  return in_time;
}
static void a_deadline_ends_the_wait_for_a_silent_pipe(void) { until_in_time(wait_for_a_silent_pipe); }

static void the_close_of_its_device_ends_an_ingest(void) {
  const strand_device before = device;
  strand_device_options options;
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  options.kind = STRAND_DEVICE_CPU;
  CHECK_OK(strand_device_open(&options, &device));
  const strand_worklist list = new_list(4, 0);
  const pipe_ends ends = new_pipe();
  const strand_ticket read = ingest(list, ends.out, NULL);
  check_goes_on(read);
  CHECK_OK(strand_device_close(device));
  CHECK_STATUS(STRAND_ERR_CLOSED, await_and_release(read));
  CHECK_EQUAL(close(ends.into), 0);
  CHECK_EQUAL(close(ends.out), 0);
  forget(list);
  device = before;
}

/* The queue is full and nobody works: what ends the wait for room, and nothing is lost of a file. With a patience it is a deadline,
 * else a cancel. False: it did not come to wait before its deadline. */
static bool wait_for_room(int64_t patience) {
  const strand_worklist list = new_list(100, 8);
  const int file = file_of(records, 100 * RECORD);
  strand_ingest_counts counts;
  strand_ingest_options options = ingest_options(&counts);
  options.deadline = patience != 0 ? strand_after(patience) : 0;
  strand_ticket read = ingest(list, file, &options);
  if (patience == 0) {
    AWAIT(worklist_statistics(list).waited == 1);
    CHECK_EQUAL(pushed(list), 8);
    check_goes_on(read);
    CHECK_OK(strand_ticket_cancel(read));
  }
  CHECK_STATUS(patience == 0 ? STRAND_ERR_CANCELLED : STRAND_ERR_TIMEOUT, await_and_release(read));
  const bool in_time = worklist_statistics(list).waited == 1;
  const uint32_t first = pushed(list);
  CHECK(first == 8 || (!in_time && first < 8));
  CHECK_EQUAL(counts.items, first);
  CHECK_EQUAL(lseek(file, 0, SEEK_CUR), first * RECORD);
  /* Another one goes on with the ninth. */
  options = ingest_options(&counts);
  options.flags = STRAND_INGEST_LAST;
  strand_run_options until = run_options(1);
  until.flags = STRAND_RUN_UNTIL_CLOSED;
  const strand_ticket run = dispatch(list, &until);
  read = ingest(list, file, &options);
  CHECK_OK(await_and_release(read));
  CHECK_OK(await_and_release(run));
  CHECK_EQUAL(counts.items, 100 - first);
  check_arrived(100);
  CHECK_EQUAL(close(file), 0);
  forget(list);
  return in_time;
}
static void after_a_cancel_for_want_of_room_another_ingest_goes_on(void) { CHECK(wait_for_room(0)); }
static void after_a_deadline_for_want_of_room_another_ingest_goes_on(void) { until_in_time(wait_for_room); }

/* ------------------------------------------------------------------------------- beside others, and at the end */

static uint64_t calls_made;
static void *call(void *arg) {
  count_up(&calls_made);
  return arg;
}
static void *offload_a_call(void *arg) {
  void *result = NULL;
  CHECK_OK(strand_offload(call, arg, STRAND_FOREVER, &result));
  return NULL;
}
static void start_with_one_pool_thread(void) {
  strand_config config = default_config(2);
  config.offload_threads = 1;
  start_runtime_and_stay(&config);
}
static void silent_pipes_leave_a_pool_of_one_thread_to_others(void) {
  start_with_one_pool_thread();
  const pipe_ends one = new_pipe(), other = new_pipe();
  const strand_worklist list = new_list(4, 0);
  const strand_ticket first = ingest(list, one.out, NULL), second = ingest(list, other.out, NULL);
  check_goes_on(first);
  calls_made = 0;
  for (int i = 0; i < 3; i += 1) {
    CHECK_OK(strand_join(spawn(offload_a_call, NULL), STRAND_FOREVER));
  }
  CHECK_EQUAL(count_read(&calls_made), 3);
  write_all(other.into, records, RECORD); /* the one that waits behind the other */
  AWAIT(pushed(list) == 1);
  CHECK(is_pending(first) && is_pending(second));
  CHECK_EQUAL(close(one.into), 0);
  CHECK_EQUAL(close(other.into), 0);
  CHECK_OK(await_and_release(first));
  CHECK_OK(await_and_release(second));
  CHECK_EQUAL(close(one.out), 0);
  CHECK_EQUAL(close(other.out), 0);
  forget(list);
  stop_runtime();
}

/* One waits for a pipe, one for room, one has not begun. */
static void a_shutdown_ends_ingests_and_gives_everything_back(void) {
  const int before = descriptors();
  const strand_config config = default_config(2);
  start_runtime_and_stay(&config);
  const pipe_ends ends = new_pipe();
  const strand_worklist full = new_list(100, 8);
  const int file = file_of(records, 100 * RECORD);
  strand_ingest_counts counts;
  const strand_ingest_options options = ingest_options(&counts);
  ingest(full, ends.out, NULL);
  ingest(full, file, &options);
  AWAIT(worklist_statistics(full).waited == 1);
  ingest(full, ends.out, NULL);
  stop_runtime();
  CHECK_EQUAL(counts.items, 8); /* told before the end */
  free(records);
  CHECK_EQUAL(close(file), 0);
  CHECK_EQUAL(close(ends.into), 0);
  CHECK_EQUAL(close(ends.out), 0);
  CHECK_EQUAL(descriptors(), before);
}

static void claims_on_a_device(void) {
  CLAIM(every_record_of_a_long_file_goes_through_a_small_queue);
  CLAIM(what_has_come_is_handed_over_before_the_rest_comes);
  CLAIM(a_socket_that_does_not_block_is_read_to_its_end);
  CLAIM(a_strand_waits_for_its_ingest_as_a_thread_does);
  CLAIM(a_record_that_is_cut_off_is_told_and_those_before_it_arrive);
  CLAIM(what_cannot_be_read_is_refused_or_told);
  CLAIM(a_connection_that_is_reset_is_told);
  CLAIM(what_has_no_end_is_read_as_far_as_is_said);
  CLAIM(past_its_deadline_an_ingest_reads_nothing_however_much_there_is);
  CLAIM(two_that_read_one_pipe_can_both_be_ended);
  CLAIM(a_cancel_ends_the_wait_for_a_silent_pipe);
  CLAIM(a_close_ends_the_wait_for_a_silent_pipe);
  CLAIM(a_release_ends_the_wait_for_a_silent_pipe);
  CLAIM_IF(!is_virtual(), a_deadline_ends_the_wait_for_a_silent_pipe, "its clock stands still under a hold");
  CLAIM(after_a_cancel_for_want_of_room_another_ingest_goes_on);
  CLAIM(after_a_deadline_for_want_of_room_another_ingest_goes_on);
}

int main(void) {
  const strand_config config = default_config(2);
  start_runtime_and_stay(&config);
  claims_on_a_device();
  CLAIM(the_close_of_its_device_ends_an_ingest);
  if (open_adapter(&device)) {
    printf("on an adapter:\n");
    claims_on_a_device();
    CHECK_OK(strand_device_close(device));
  }
  stop_runtime();
  CLAIM(silent_pipes_leave_a_pool_of_one_thread_to_others);
  CLAIM(a_shutdown_ends_ingests_and_gives_everything_back);
  return 0;
}
