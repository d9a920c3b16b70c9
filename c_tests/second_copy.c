/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=60 modes=shared opt=O2 compilers=cc instruments=none */
/* A second copy of the library in one process: its init is UNSUPPORTED while the first one's runtime is there. */
#include "harness.h"

#include <dlfcn.h>

typedef strand_status (*init_function)(const strand_config *config);
typedef strand_status (*shutdown_function)(int64_t deadline);
typedef size_t (*last_error_function)(char *buffer, size_t capacity);

static void copy_file(const char *from, const char *to) {
  char block[65536];
  size_t got;
  FILE *in = fopen(from, "rb");
  FILE *out = fopen(to, "wb");
  CHECK(in != NULL && out != NULL);
  while ((got = fread(block, 1, sizeof block, in)) > 0) {
    CHECK_EQUAL(fwrite(block, 1, got, out), got);
  }
  CHECK_EQUAL(fclose(in), 0);
  CHECK_EQUAL(fclose(out), 0);
}

static void a_second_copy_of_the_library_refuses_to_start_beside_the_first(void) {
  char text[1024];
  void *copy;
  init_function init;
  shutdown_function shut_down;
  last_error_function last_error;
  const char *library = getenv("LIBSTRAND_UNDER_TEST");
  if (library == NULL) {
    SKIP("LIBSTRAND_UNDER_TEST does not name the shared library");
  }
  copy_file(library, "copy-of-libstrand.so");
  copy = dlopen("./copy-of-libstrand.so", RTLD_NOW | RTLD_LOCAL);
  if (copy == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    exit(1);
  }
  init = (init_function)(uintptr_t)dlsym(copy, "strand_scheduler_init");
  shut_down = (shutdown_function)(uintptr_t)dlsym(copy, "strand_scheduler_shutdown");
  last_error = (last_error_function)(uintptr_t)dlsym(copy, "strand_last_error");
  CHECK(init != NULL && shut_down != NULL && last_error != NULL);
  if (init == strand_scheduler_init) {
    SKIP("the loader gave the first copy again");
  }
  start_runtime(1);
  CHECK_STATUS(STRAND_ERR_UNSUPPORTED, init(NULL));
  CHECK(last_error(text, sizeof text) > 0);
  CHECK_SAYS(text, "copy");
  CHECK_STATUS(STRAND_ERR_NOT_INITIALISED, shut_down(STRAND_FOREVER));
  stop_runtime();
}

int main(void) {
  CLAIM(a_second_copy_of_the_library_refuses_to_start_beside_the_first);
  return 0;
}
