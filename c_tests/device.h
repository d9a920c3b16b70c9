/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the tests of devices share: options and descriptions, buffers, claims that hold on a thread and on a strand. */
#ifndef LIBSTRAND_C_TESTS_DEVICE_H
#define LIBSTRAND_C_TESTS_DEVICE_H

#include "harness.h"

static inline strand_device_options device_options(uint32_t kind, const char *name) {
  strand_device_options options;
  memset(&options, 0, sizeof options);
  options.size = (uint32_t)sizeof options;
  options.kind = kind;
  options.name = name;
  return options;
}

static inline strand_device_info empty_info(void) {
  strand_device_info info;
  memset(&info, 0, sizeof info);
  info.size = (uint32_t)sizeof info;
  return info;
}

static inline strand_buffer new_buffer(strand_device device, uint64_t bytes) {
  strand_buffer buffer = 0;
  CHECK_OK(strand_buffer_new(device, bytes, 0, &buffer));
  CHECK(buffer != 0);
  return buffer;
}

/* What a claim does, on a thread and on a strand. */
static void (*claim)(void);
static inline void *run_claim(void *arg) {
  claim();
  return arg;
}
static inline void on_both(void (*body)(void)) {
  claim = body;
  body();
  spawn(run_claim, NULL);
  CHECK_OK(strand_scheduler_run());
}

#endif
