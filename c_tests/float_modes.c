/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=60 modes=static,shared,dlopen opt=O0,O2 needs=x86_64 cflags="-frounding-math -fno-builtin" instruments=asan */
/* The floating-point modes (rounding, masks, flush-to-zero) belong to the strand, not to the thread. */
#include "harness.h"

#if defined(__x86_64__)

enum { MXCSR_DEFAULT = 0x1f80, MXCSR_FLAGS = 0x3f, X87_DEFAULT = 0x37f };

static uint32_t read_mxcsr(void) {
  uint32_t value;
  __asm__ volatile("stmxcsr %0" : "=m"(value));
  return value & ~(uint32_t)MXCSR_FLAGS; /* the flags are not part of the promise */
}
static void write_mxcsr(uint32_t value) { __asm__ volatile("ldmxcsr %0" : : "m"(value)); }
static uint16_t read_x87(void) {
  uint16_t value;
  __asm__ volatile("fnstcw %0" : "=m"(value));
  return value;
}
static void write_x87(uint16_t value) { __asm__ volatile("fldcw %0" : : "m"(value)); }

typedef struct modes {
  uint32_t mxcsr;
  uint16_t x87;
} modes;

/* Default; round down, up, to zero in both units; flush-to-zero and denormals-are-zero; divide by zero unmasked. */
static const modes all_modes[] = {
    {0x1f80, 0x37f}, {0x3f80, 0x77f}, {0x5f80, 0xb7f}, {0x7f80, 0xf7f}, {0x9fc0, 0x37f}, {0x1d80, 0x37b}, {0x1f80, 0x27f},
};
enum { MODES = sizeof all_modes / sizeof all_modes[0] };

static uint64_t wrong;
static uint64_t ran;

static void *keep_modes(void *arg) {
  const modes *mine = arg;
  if (read_mxcsr() != MXCSR_DEFAULT || read_x87() != X87_DEFAULT) {
    count_up(&wrong); /* a new strand starts with the defaults, whatever its spawner or the worker had */
  }
  write_mxcsr(mine->mxcsr);
  write_x87(mine->x87);
  for (int turn = 0; turn < 300; turn += 1) {
    if (turn % 50 == 49) {
      CHECK_OK(strand_sleep(1000));
    } else {
      CHECK_OK(strand_yield());
    }
    if (read_mxcsr() != (mine->mxcsr & ~(uint32_t)MXCSR_FLAGS) || read_x87() != mine->x87) {
      count_up(&wrong);
    }
  }
  count_up(&ran);
  return NULL;
}

static void modes_stay_with_their_strand(void) {
  for (uint32_t workers = 1; workers <= 4; workers *= 2) {
    count_set(&wrong, 0);
    count_set(&ran, 0);
    start_runtime(workers);
    for (int strand = 0; strand < 4 * MODES; strand += 1) {
      spawn(keep_modes, (void *)(uintptr_t)&all_modes[strand % MODES]);
    }
    CHECK_OK(strand_scheduler_run());
    CHECK_EQUAL(count_read(&ran), 4 * MODES);
    CHECK_EQUAL(count_read(&wrong), 0);
    stop_runtime();
  }
}

static volatile double one = 1.0;
static volatile double three = 3.0;

static void *divide_rounding_up(void *arg) {
  write_mxcsr(0x5f80);
  for (int turn = 0; turn < 100; turn += 1) {
    *(volatile double *)arg = one / three;
    CHECK_OK(strand_yield());
  }
  return NULL;
}
static void *divide_to_nearest(void *arg) {
  for (int turn = 0; turn < 100; turn += 1) {
    *(volatile double *)arg = one / three;
    CHECK_OK(strand_yield());
    if (*(volatile double *)arg != one / three) {
      count_up(&wrong);
    }
  }
  return NULL;
}

/* Not only the register: the arithmetic of two interleaved strands differs in the last bit, each time. */
static void rounding_of_one_strand_does_not_reach_another(void) {
  double up = 0;
  double nearest = 0;
  count_set(&wrong, 0);
  start_runtime(1);
  spawn(divide_rounding_up, &up);
  spawn(divide_to_nearest, &nearest);
  CHECK_OK(strand_scheduler_run());
  CHECK(up > nearest);
  CHECK(nearest == one / three);
  CHECK_EQUAL(count_read(&wrong), 0);
  stop_runtime();
}

static void a_program_that_changed_its_modes_before_init_spawns_default_strands(void) {
  count_set(&wrong, 0);
  count_set(&ran, 0);
  write_mxcsr(0x7f80);
  write_x87(0xf7f);
  start_runtime(2);
  for (int strand = 0; strand < 4 * MODES; strand += 1) {
    spawn(keep_modes, (void *)(uintptr_t)&all_modes[strand % MODES]);
  }
  CHECK_OK(strand_scheduler_run());
  CHECK_EQUAL(read_mxcsr(), 0x7f80); /* and keeps its own */
  CHECK_EQUAL(read_x87(), 0xf7f);
  stop_runtime();
  write_mxcsr(MXCSR_DEFAULT);
  write_x87(X87_DEFAULT);
  CHECK_EQUAL(count_read(&ran), 4 * MODES);
  CHECK_EQUAL(count_read(&wrong), 0);
}

static void *read_after_a_failed_strand(void *arg) {
  if (read_mxcsr() != MXCSR_DEFAULT || read_x87() != X87_DEFAULT) {
    count_up(&wrong);
  }
  return arg;
}
static void *fail_with_odd_modes(void *arg) {
  (void)arg;
  write_mxcsr(0x7f80);
  write_x87(0xf7f);
  strand_fail(STRAND_ERR_FAILED, "odd", 3);
}
static void *end_with_odd_modes(void *arg) {
  write_mxcsr(0x7f80);
  write_x87(0xf7f);
  return arg;
}

static void the_modes_of_an_ended_strand_are_forgotten(void) {
  count_set(&wrong, 0);
  start_runtime(1);
  for (int round = 0; round < 100; round += 1) {
    spawn(end_with_odd_modes, NULL);
    spawn(read_after_a_failed_strand, NULL);
    spawn(fail_with_odd_modes, NULL);
    spawn(read_after_a_failed_strand, NULL);
  }
  CHECK_STATUS(STRAND_ERR_FAILED, strand_scheduler_run());
  CHECK_EQUAL(count_read(&wrong), 0);
  stop_runtime();
}

int main(void) {
  CLAIM(modes_stay_with_their_strand);
  CLAIM(rounding_of_one_strand_does_not_reach_another);
  CLAIM(a_program_that_changed_its_modes_before_init_spawns_default_strands);
  CLAIM(the_modes_of_an_ended_strand_are_forgotten);
  return 0;
}

#else
int main(void) { SKIP("needs x86_64"); }
#endif
