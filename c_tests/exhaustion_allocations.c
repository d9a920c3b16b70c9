/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=240 modes=static,shared opt=O2 instruments=none compilers=cc
 * test: engines=parallel,stepped engines-why="an allocation that fails inside the may library can end the process" */
/*
 * The N-th allocation fails, the N-th mapping fails, the N-th change of protection fails, the N-th thread cannot be
 * made: for every N of a scenario, each in a child of its own. Every time there is a status, whatever was handed over
 * is accounted for, the same scenario works right afterwards in the same process, and nothing is leaked.
 *
 * The functions that fail are defined in this program, in front of those of the C library, for the static library
 * and the shared one alike.
 */
#include "harness.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/syscall.h>

/* ------------------------------------------------------------------------------------- what can be made to fail */

typedef enum resource { ALLOCATION, MAPPING, PROTECTION, ADVICE, THREAD, RESOURCES } resource;
static const char *const resource_names[] = {"allocation", "mapping", "protection", "advice", "thread"};

static uint64_t armed;             /* 1 while calls are counted */
static uint64_t asked[RESOURCES];  /* calls since armed */
static uint64_t fails_at[RESOURCES];
static uint64_t fails_for[RESOURCES]; /* that many in a row; 0 counts as one */
static uint64_t failed;            /* how often one was made to fail */
static int64_t live_blocks;        /* allocations less frees, always counted */

static int must_fail(resource which) {
  uint64_t number;
  if (count_read(&armed) == 0) {
    return 0;
  }
  number = count_up(&asked[which]);
  if (fails_at[which] != 0 && number >= fails_at[which] &&
      number < fails_at[which] + (fails_for[which] > 0 ? fails_for[which] : 1)) {
    count_up(&failed);
    return 1;
  }
  return 0;
}

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *block);

#undef errno /* the C library's own, inside the functions that stand in for it */
#define errno (*__errno_location())

static void *counted(void *block) {
  if (block != NULL) {
    __atomic_add_fetch(&live_blocks, 1, __ATOMIC_SEQ_CST);
  }
  return block;
}
static void *out_of_memory(void) {
  errno = ENOMEM;
  return NULL;
}

void *malloc(size_t size) { return must_fail(ALLOCATION) ? out_of_memory() : counted(__libc_malloc(size)); }
void *calloc(size_t count, size_t size) {
  return must_fail(ALLOCATION) ? out_of_memory() : counted(__libc_calloc(count, size));
}
void *realloc(void *block, size_t size) {
  if (must_fail(ALLOCATION)) {
    return out_of_memory();
  }
  return block == NULL ? counted(__libc_malloc(size)) : __libc_realloc(block, size);
}
void *memalign(size_t alignment, size_t size) {
  return must_fail(ALLOCATION) ? out_of_memory() : counted(__libc_memalign(alignment, size));
}
void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }
int posix_memalign(void **out, size_t alignment, size_t size) {
  void *block = memalign(alignment, size);
  if (block == NULL) {
    return ENOMEM;
  }
  *out = block;
  return 0;
}
void free(void *block) {
  if (block != NULL) {
    __atomic_sub_fetch(&live_blocks, 1, __ATOMIC_SEQ_CST);
    __libc_free(block);
  }
}

void *mmap(void *address, size_t length, int protection, int flags, int file, off_t offset) {
  if (must_fail(MAPPING)) {
    errno = ENOMEM;
    return MAP_FAILED;
  }
  return (void *)syscall(SYS_mmap, address, length, protection, flags, file, offset);
}
void *mmap64(void *address, size_t length, int protection, int flags, int file, off_t offset)
    __attribute__((alias("mmap")));
int mprotect(void *address, size_t length, int protection) {
  if (must_fail(PROTECTION)) {
    errno = ENOMEM;
    return -1;
  }
  return (int)syscall(SYS_mprotect, address, length, protection);
}
int madvise(void *address, size_t length, int advice) {
  if (must_fail(ADVICE)) {
    errno = ENOMEM;
    return -1;
  }
  return (int)syscall(SYS_madvise, address, length, advice);
}

typedef int (*create_function)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
static create_function real_create;
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*entry)(void *), void *arg) {
  if (must_fail(THREAD)) {
    return EAGAIN;
  }
  if (real_create == NULL) {
    real_create = (create_function)(uintptr_t)dlsym(RTLD_NEXT, "pthread_create");
  }
  return real_create(thread, attributes, entry, arg);
}

/* ------------------------------------------------------------------------------------------------ the scenario */

static uint64_t spawned;
static uint64_t ended_by_themselves;
static uint64_t arguments_dropped;
static uint64_t transfers;
static uint64_t receipts;
static uint64_t drops;
static strand_chan channel;

static void count_argument(void *arg) { count_up((uint64_t *)arg); }
static void copy_counted(void *copy, const void *element, size_t size, void *data) {
  memcpy(copy, element, size);
  count_up((uint64_t *)data);
}
static void drop_counted(void *element, size_t size, void *data) {
  (void)element;
  (void)size;
  (void)data;
  count_up(&drops);
}
static void no_hook(void *data) { (void)data; }

static int out_of_resources(strand_status status) {
  return status == STRAND_ERR_NO_MEMORY || status == STRAND_ERR_LIMIT;
}

static void *send_some(void *arg) {
  (void)arg;
  for (uint64_t message = 0; message < 20; message += 1) {
    const strand_status status = strand_chan_send(channel, &message, STRAND_FOREVER);
    CHECK(status == STRAND_OK || out_of_resources(status) || status == STRAND_ERR_CLOSED);
  }
  count_up(&ended_by_themselves);
  return NULL;
}
static void *use_everything(void *arg) {
  uint32_t key = 0;
  strand_status status = strand_local_new(no_hook, 0, &key);
  (void)arg;
  if (status == STRAND_OK) {
    status = strand_local_set(key, &channel);
    CHECK(status == STRAND_OK || out_of_resources(status));
  } else {
    CHECK(out_of_resources(status));
  }
  for (int hook = 0; hook < 20; hook += 1) {
    status = strand_on_exit(no_hook, NULL);
    CHECK(status == STRAND_OK || out_of_resources(status));
  }
  status = strand_sleep(1000);
  CHECK(status == STRAND_OK || out_of_resources(status));
  (void)strand_chan_send(UINT64_MAX, NULL, 0); /* an error makes a message */
  count_up(&ended_by_themselves);
  return NULL;
}

static void take_what_is_there(void) {
  uint64_t value = 0;
  while (strand_chan_try_recv(channel, &value) == STRAND_OK) {
    count_up(&receipts);
  }
}

static void try_spawn(const char *name, strand_entry entry, uint32_t flags) {
  strand_spawn_options options = default_spawn(name);
  strand_status status;
  options.flags = flags;
  options.arg_drop = count_argument;
  status = strand_spawn_with(&options, entry, &arguments_dropped, NULL);
  CHECK(status == STRAND_OK || out_of_resources(status));
  if (status == STRAND_OK) {
    count_up(&spawned);
  } else {
    CHECK(strand_last_error(NULL, 0) > 0);
  }
}

/* A whole life: init, strands of several kinds, a hooked unbounded channel, an error, run, shutdown. */
/* A worklist in a runtime in which something fails: what was pushed is run, or still there. */
static void grow_and_emit(strand_work *work, const uint32_t *items, uint32_t count, void *data) {
  (void)data;
  for (uint32_t i = 0; i < count; i += 1) {
    const uint32_t child[2] = {items[2 * i] - 1, 0};
    if (items[2 * i + 1] == 0) {
      CHECK_OK(strand_work_emit(work, i, &items[2 * i]));
      CHECK_OK(strand_work_requeue(work, i, 1, 0, STRAND_BAND_SAME));
    } else if (items[2 * i] > 0) {
      CHECK_OK(strand_work_push(work, i, child, STRAND_BAND_SAME));
      CHECK_OK(strand_work_push(work, i, child, 1));
    } else {
      CHECK_OK(strand_work_fault(work, i, 5));
    }
  }
}
static void run_the_worklist(strand_worklist list) {
  static uint32_t items[2 * 3000], taken[3000];
  strand_worklist_statistics s = {.size = sizeof s};
  uint64_t pushed = 0, emits = 0;
  uint32_t count;
  for (uint32_t i = 0; i < 3000; i += 1) {
    items[2 * i] = i % 4;
    items[2 * i + 1] = 0;
  }
  for (uint32_t size = 1; size <= 3000; size *= 15) {
    const strand_status status = strand_worklist_push(list, items, size, 0, size % 2, STRAND_NO_WAIT);
    CHECK(status == STRAND_OK || out_of_resources(status));
    pushed += status == STRAND_OK ? size : 0;
  }
  for (int turn = 0; turn < 4; turn += 1) {
    strand_ticket ticket = 0;
    strand_status status = strand_worklist_dispatch(list, NULL, &ticket);
    if (status == STRAND_OK) {
      status = strand_ticket_await(ticket, STRAND_FOREVER);
      if (strand_ticket_release(ticket) == STRAND_OK && (status == STRAND_OK || status == STRAND_ERR_FAILED)) {
        break;
      }
    }
    CHECK(out_of_resources(status));
  }
  while (strand_worklist_take(list, taken, 3000, &count) == STRAND_OK) {
    emits += count;
  }
  CHECK_OK(strand_worklist_stats(list, &s));
  CHECK_EQUAL(s.pushed, pushed);
  CHECK_EQUAL(s.pushed + s.children, s.finished + s.faulted + s.queued + s.paused);
  CHECK_EQUAL(s.emitted, emits);
  CHECK_EQUAL(s.running, 0);
}
/* A buffer that is there works: what is written is read, with a ticket or without. */
static void try_buffer(strand_device device) {
  strand_buffer buffer;
  strand_ticket ticket;
  void *mapped;
  uint32_t word = 7, back = 0;
  strand_status status = strand_buffer_new(device, 4096, 0, &buffer);
  CHECK(status == STRAND_OK || out_of_resources(status));
  if (status != STRAND_OK) {
    return;
  }
  CHECK_OK(strand_buffer_write(buffer, 8, &word, 4));
  status = strand_buffer_read(buffer, 8, &back, 4, &ticket);
  CHECK(status == STRAND_OK || out_of_resources(status));
  if (status == STRAND_OK) {
    CHECK_OK(strand_ticket_await(ticket, STRAND_FOREVER));
    CHECK_OK(strand_ticket_release(ticket));
    CHECK_EQUAL(back, 7);
  }
  CHECK_OK(strand_buffer_map(buffer, 0, 16, STRAND_MAP_READ, STRAND_FOREVER, &mapped));
  CHECK_EQUAL(((uint32_t *)mapped)[2], 7);
  CHECK_OK(strand_buffer_unmap(buffer));
  CHECK_OK(strand_buffer_release(buffer));
}
static void try_worklist(void) {
  strand_device device;
  strand_program program;
  strand_worklist list;
  const strand_device_options processor = {.size = sizeof processor, .kind = STRAND_DEVICE_CPU};
  const strand_program_options made = {.size = sizeof made,
                                       .fields = STRAND_FIELD_PARAM | STRAND_FIELD_CONTINUATION_PC,
                                       .fan_out_max = 2,
                                       .emit_max = 1,
                                       .kernel = grow_and_emit};
  const strand_worklist_options options = {.size = sizeof options, .bands = 2, .tenants = 2, .capacity = 500};
  strand_status status = strand_device_open(&processor, &device);
  if (status == STRAND_OK) {
    try_buffer(device);
    status = strand_program_new(device, &made, &program);
    if (status == STRAND_OK) {
      status = strand_worklist_new(program, &options, &list);
      if (status == STRAND_OK) {
        run_the_worklist(list);
        CHECK_OK(strand_worklist_release(list));
      }
      CHECK_OK(strand_program_release(program));
    }
    CHECK_OK(strand_device_close(device));
  }
  CHECK(status == STRAND_OK || out_of_resources(status));
}

static void live_once(void) {
  strand_chan_options options;
  strand_status status;
  strand_statistics statistics;
  uint64_t faults;
  const strand_config config = default_config(2);
  spawned = 0;
  ended_by_themselves = 0;
  arguments_dropped = 0;
  transfers = 0;
  receipts = 0;
  drops = 0;
  channel = 0;
  status = strand_scheduler_init(&config);
  if (status != STRAND_OK) {
    CHECK(out_of_resources(status));
    CHECK(strand_last_error(NULL, 0) > 0);
    CHECK_STATUS(STRAND_ERR_NOT_INITIALISED, strand_scheduler_run());
    return;
  }
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  options.element_size = sizeof(uint64_t);
  options.capacity = STRAND_UNBOUNDED;
  options.name = "a channel with a name";
  options.name_length = strlen(options.name);
  options.transfer = copy_counted;
  options.drop = drop_counted;
  options.data = &transfers;
  status = strand_chan_new_with(&options, &channel);
  CHECK(status == STRAND_OK || out_of_resources(status));
  if (status == STRAND_OK) {
    for (int strand = 0; strand < 10; strand += 1) {
      try_spawn("sender", send_some, 0);
    }
  }
  for (int strand = 0; strand < 10; strand += 1) {
    try_spawn("a strand whose name is rather long, so that it has to be kept somewhere", use_everything, 0);
  }
  try_spawn("dormant", use_everything, STRAND_SPAWN_DORMANT);
  try_worklist();
  status = strand_scheduler_run();
  CHECK(status == STRAND_OK || status == STRAND_ERR_FAILED);
  statistics = read_statistics();
  faults = statistics.faults;
  CHECK((status == STRAND_ERR_FAILED) == (faults > 0));
  take_what_is_there();
  CHECK_OK(strand_scheduler_shutdown(strand_after(SECONDS(30))));
  /* No strand, no argument and no element is lost. */
  CHECK_EQUAL(ended_by_themselves + arguments_dropped, spawned);
  CHECK_NUMBERS(arguments_dropped, >=, faults);
  CHECK_NUMBERS(arguments_dropped, <=, faults + 1);
  CHECK_EQUAL(transfers, receipts + drops);
}

/* ------------------------------------------------------------------------------------------ one N in one child */

static resource tried;
static uint64_t tried_at;
static uint64_t tried_for;

enum { NOTHING_FAILED = 3 };

static void fail_once_and_recover(void) {
  int64_t blocks;
  int64_t threads;
  live_once(); /* fills the stores that the C library keeps */
  live_once();
  blocks = __atomic_load_n(&live_blocks, __ATOMIC_SEQ_CST);
  threads = count_threads();
  fails_at[tried] = tried_at;
  fails_for[tried] = tried_for;
  memset(asked, 0, sizeof asked);
  count_set(&armed, 1);
  live_once();
  count_set(&armed, 0);
  if (count_read(&failed) == 0) {
    _exit(NOTHING_FAILED);
  }
  live_once();
  CHECK_EQUAL(spawned, 21); /* everything works again */
  CHECK_EQUAL(ended_by_themselves, 20);
  CHECK_EQUAL(receipts + drops, 200);
  await_threads_at_most(threads);
  live_once();
  CHECK_NUMBERS(__atomic_load_n(&live_blocks, __ATOMIC_SEQ_CST), <=, blocks + 1);
}

static void try_every_number(resource which, uint64_t in_a_row) {
  uint64_t broken = 0;
  tried = which;
  tried_for = in_a_row;
  for (tried_at = 1; tried_at <= 2000; tried_at += 1) {
    child result;
    run_child(&result, fail_once_and_recover);
    if (WIFEXITED(result.status) && WEXITSTATUS(result.status) == NOTHING_FAILED) {
      break;
    }
    if (!WIFEXITED(result.status) || WEXITSTATUS(result.status) != 0) {
      fprintf(stderr, "%s %" PRIu64 " of the scenario fails (%" PRIu64 " in a row): wait status 0x%x\n%.400s\n",
              resource_names[which], tried_at, in_a_row, (unsigned)result.status, broken < 5 ? result.text : "");
      broken += 1;
    }
  }
  printf("%s: %" PRIu64 " calls, %" PRIu64 " in a row failed, one after the other\n", resource_names[which],
         tried_at - 1, in_a_row);
  CHECK_EQUAL(broken, 0);
  CHECK_NUMBERS(tried_at, <=, 2000);
}

static void every_allocation_may_fail(void) { try_every_number(ALLOCATION, 1); }
static void every_mapping_may_fail(void) { try_every_number(MAPPING, 1); }
static void every_mapping_and_all_after_it_may_fail(void) { try_every_number(MAPPING, UINT32_MAX); }
static void every_change_of_protection_may_fail(void) { try_every_number(PROTECTION, 1); }
static void every_advice_may_fail(void) { try_every_number(ADVICE, 1); }
static void every_thread_may_fail(void) { try_every_number(THREAD, 1); }

/* The stand-ins really are in front of the C library for the library under test. */
static void count_in_child(void) {
  count_set(&armed, 1);
  live_once();
  count_set(&armed, 0);
  fprintf(stderr, "allocations=%d mappings=%d threads=%d\n", asked[ALLOCATION] > 0, asked[MAPPING] > 0,
          asked[THREAD] > 0);
}
static void the_library_asks_for_memory_and_threads_through_this_program(void) {
  child result;
  run_child(&result, count_in_child);
  CHECK_CHILD_EXITED(&result, 0);
  CHECK_SAYS(result.text, is_parallel() ? "mappings=1 threads=1" : "mappings=1 threads=0");
}

int main(void) {
  CLAIM(the_library_asks_for_memory_and_threads_through_this_program);
  CLAIM_IF(is_parallel(), every_thread_may_fail,
           "it starts no thread");
  CLAIM(every_mapping_may_fail);
  CLAIM(every_mapping_and_all_after_it_may_fail);
  CLAIM(every_change_of_protection_may_fail);
  CLAIM(every_advice_may_fail);
  CLAIM(every_allocation_may_fail);
  return 0;
}
