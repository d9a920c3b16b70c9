/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=180 modes=static,shared,dlopen opt=O2 instruments=none */
/* Lowered limits of the operating system: a status each time, nothing lost, and still usable afterwards. */
#include "harness.h"

#include <sys/resource.h>

static uint64_t ran;
static uint64_t dropped;
static strand_chan gate;

static void *count_one(void *arg) {
  (void)arg;
  count_up(&ran);
  return NULL;
}
static void *wait_at_the_gate(void *arg) {
  (void)arg;
  CHECK_STATUS(STRAND_ERR_CLOSED, strand_chan_recv(gate, NULL, STRAND_FOREVER));
  count_up(&ran);
  return NULL;
}
static void count_drop(void *arg) { count_up((uint64_t *)arg); }

static int out_of_resources(strand_status status) {
  return status == STRAND_ERR_NO_MEMORY || status == STRAND_ERR_LIMIT;
}

/* ------------------------------------------------------------------------------------------------ address space */

static int64_t headroom_megabytes;
static uint64_t wanted_strands;

static void set_limit(int which, rlim_t value) {
  struct rlimit limit;
  CHECK_EQUAL(getrlimit(which, &limit), 0);
  limit.rlim_cur = value < limit.rlim_max ? value : limit.rlim_max;
  CHECK_EQUAL(setrlimit(which, &limit), 0);
}

/* As many parked strands as the address space takes; those that get no stack end with a fault that is counted. */
static void live_within_little_address_space(void) {
  strand_spawn_options options = default_spawn(NULL);
  uint64_t spawned = 0;
  uint64_t refused = 0;
  strand_status status;
  const strand_config config = default_config(2);
  set_limit(RLIMIT_AS, (rlim_t)(virtual_kilobytes() * 1024 + headroom_megabytes * 1024 * 1024));
  status = strand_scheduler_init(&config);
  if (status != STRAND_OK) {
    CHECK(out_of_resources(status));
    CHECK(strand_last_error(NULL, 0) > 0);
    fprintf(stderr, "no init: %s\n", strand_status_name(status));
    set_limit(RLIMIT_AS, RLIM_INFINITY);
    start_runtime(2); /* with room again it works */
    spawn(count_one, NULL);
    CHECK_OK(strand_scheduler_run());
    stop_runtime();
    return;
  }
  CHECK_OK(strand_external_acquire());
  gate = new_channel(0, 0);
  options.arg_drop = count_drop;
  while (spawned + refused < wanted_strands) {
    status = strand_spawn_with(&options, wait_at_the_gate, &dropped, NULL);
    CHECK(status == STRAND_OK || out_of_resources(status));
    spawned += status == STRAND_OK;
    refused += status != STRAND_OK;
  }
  CHECK_OK(strand_chan_close(gate));
  CHECK_OK(strand_external_release());
  status = strand_scheduler_run();
  CHECK(status == STRAND_OK || status == STRAND_ERR_FAILED);
  CHECK((status == STRAND_ERR_FAILED) == (read_statistics().faults > 0));
  CHECK_EQUAL(count_read(&ran) + read_statistics().faults, spawned);
  CHECK_EQUAL(count_read(&dropped), read_statistics().faults);
  CHECK_EQUAL(read_statistics().live, 0);
  CHECK_NUMBERS(count_read(&ran), >, 0);
  fprintf(stderr, "%" PRIu64 " ran, %" PRIu64 " had no stack, %" PRIu64 " refused\n", count_read(&ran),
          read_statistics().faults, refused);
  count_set(&ran, 0);
  for (int strand = 0; strand < 100; strand += 1) {
    spawn(count_one, NULL);
    CHECK_OK(strand_scheduler_run());
  }
  CHECK_EQUAL(count_read(&ran), 100);
  CHECK_OK(strand_chan_release(gate));
  stop_runtime();
}

static void little_address_space_gives_a_status_and_loses_nothing(void) {
  static const int64_t megabytes[] = {0, 1, 4, 8, 16, 32, 64, 128, 256, 1024, 4096, 65536};
  wanted_strands = 5000;
  for (size_t step = 0; step < sizeof megabytes / sizeof megabytes[0]; step += 1) {
    child result;
    headroom_megabytes = megabytes[step];
    run_child(&result, live_within_little_address_space);
    if (!WIFEXITED(result.status) || WEXITSTATUS(result.status) != 0) {
      fprintf(stderr, "with %" PRId64 " MB to spare:\n", headroom_megabytes);
    }
    CHECK_CHILD_EXITED(&result, 0);
    printf("%" PRId64 " MB: %s", headroom_megabytes, result.text);
  }
}

/* ------------------------------------------------------------------------------------------------------ threads */

static void start_without_threads(void) {
  const strand_config config = default_config(8);
  strand_status status;
  if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) {
    _exit(77); /* the limit does not bind the superuser, and this process may not become another */
  }
  set_limit(RLIMIT_NPROC, 1); /* this thread is one already */
  status = strand_scheduler_init(&config);
  if (status == STRAND_OK) {
    status = strand_spawn(count_one, NULL, NULL); /* threads may be started as late as that */
    if (status == STRAND_OK) {
      _exit(77); /* a privileged user after all */
    }
    CHECK_EQUAL(read_statistics().spawned, 0);
  }
  CHECK(out_of_resources(status));
  CHECK(strand_last_error(NULL, 0) > 0);
  await_threads_at_most(1);
  set_limit(RLIMIT_NPROC, RLIM_INFINITY);
  CHECK_OK(strand_scheduler_init(&config));
  for (int strand = 0; strand < 100; strand += 1) {
    spawn(count_one, NULL);
  }
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(count_read(&ran), 100);
  stop_runtime();
}

static void without_threads_there_is_a_status_and_later_it_works(void) {
  child result;
  run_child(&result, start_without_threads);
  if (WIFEXITED(result.status) && WEXITSTATUS(result.status) == 77) {
    printf("part left out: the limit on threads does not bind this user\n");
    return;
  }
  CHECK_CHILD_EXITED(&result, 0);
}

/* -------------------------------------------------------------------------------------------------- descriptors */

static void live_without_descriptors(void) {
  set_limit(RLIMIT_NOFILE, 3); /* those that are open stay, no new one can be had */
  start_runtime(4);
  for (int strand = 0; strand < 1000; strand += 1) {
    spawn(count_one, NULL);
  }
  CHECK_OK(strand_scheduler_run());
  CHECK_OK(strand_sleep(1000));
  CHECK_EQUAL(count_read(&ran), 1000);
  stop_runtime();
}

static void the_library_lives_without_a_descriptor_of_its_own(void) {
  child result;
  run_child(&result, live_without_descriptors);
  CHECK_CHILD_EXITED(&result, 0);
}

int main(void) {
  CLAIM(little_address_space_gives_a_status_and_loses_nothing);
  CLAIM_IF(!is_may(), without_threads_there_is_a_status_and_later_it_works,
           "where the may library could not start, it cannot be started later");
  CLAIM_IF(!is_may(), the_library_lives_without_a_descriptor_of_its_own,
           "the may library has two for each of its threads");
  return 0;
}
