// SPDX-License-Identifier: MIT OR Apache-2.0
// Starts a strand under a name, which every report then calls it by.
#ifndef EXAMPLES_NAMED_H
#define EXAMPLES_NAMED_H
#include "check.h"
#include <string.h>

static inline strand_id start(const char *name, strand_entry entry, void *arg) {
    strand_id id = 0;
    strand_spawn_options options = {0};
    options.size = sizeof options;
    options.name = name;
    options.name_length = strlen(name);
    CHECK(strand_spawn_with(&options, entry, arg, &id));
    return id;
}
#endif
