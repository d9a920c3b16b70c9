/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Random programs of strands and channels, and what must come of them.
 *
 * A program is drawn from a seed: 2 to 5 strands of up to 24 operations each, 1 to 6 channels of capacity 0 to 3 with one
 * sender and one receiver each, joins, and, if asked, sleeps, receives with a deadline and a strand that fails. Half of
 * the programs are drawn operation by operation, and most of those end in a deadlock; half are drawn transfer by transfer,
 * so that every send has its receive, but for one that is left out here and there. Such a program is a Kahn network: whatever the order in which its strands run, each sees the same, and the same ones are left
 * waiting at the end. `model_run` says what that is, by going round and round over plain arrays; `kahn_run` runs the
 * program with strands and writes down what happened. With `shared` channels, where any strand may send and receive,
 * nothing of the sort holds.
 */
#ifndef LIBSTRAND_C_TESTS_KAHN_H
#define LIBSTRAND_C_TESTS_KAHN_H

#include "harness.h"

enum { STRANDS_MOST = 5, CHANNELS_MOST = 6, OPERATIONS_MOST = 24, HISTORY_MOST = STRANDS_MOST * OPERATIONS_MOST };
#define KAHN_TICK INT64_C(1000) /* nanoseconds of one unit of a sleep */

typedef enum operation_kind { SEND, RECEIVE, CLOSE, JOIN, YIELD, CHECKPOINT, FAIL, SLEEP, RECEIVE_WITHIN, KINDS } operation_kind;
static const char *const kind_names[KINDS] = {"send", "receive", "close", "join", "yield", "checkpoint", "fail", "sleep", "receive within"};

typedef struct operation {
  operation_kind kind;
  uint32_t object; /* channel or strand */
  int64_t ticks;
} operation;

typedef struct program {
  uint64_t seed;
  uint32_t strands;
  uint32_t channels;
  uint32_t capacity[CHANNELS_MOST];
  uint32_t length[STRANDS_MOST];
  operation code[STRANDS_MOST][OPERATIONS_MOST];
} program;

/* What happened: the same memory for the same behaviour. */
typedef struct event {
  uint64_t value;
  int32_t status;
  uint32_t at;
} event;
typedef struct outcome {
  int32_t status; /* of the run */
  uint32_t left[CHANNELS_MOST]; /* elements that nobody took */
  uint32_t sent[CHANNELS_MOST];
  uint32_t received[CHANNELS_MOST];
  uint64_t sent_values[CHANNELS_MOST][HISTORY_MOST];
  uint64_t received_values[CHANNELS_MOST][HISTORY_MOST];
  uint32_t at[STRANDS_MOST]; /* the operation it waits in for ever, or that it failed in, or the length of its code */
  uint32_t ended[STRANDS_MOST];
  uint32_t events[STRANDS_MOST];
  event trace[STRANDS_MOST][OPERATIONS_MOST];
} outcome;

typedef struct program_wish {
  int timers; /* sleeps and deadlines */
  int faults;
  int shared; /* any strand may use any channel */
} program_wish;

/* ------------------------------------------------------------------------------------------ drawing a program */

static inline uint32_t draw(uint64_t *dice, uint32_t sides) { return (uint32_t)((next_random(dice) >> 33) % sides); }

static inline void append(program *made, uint32_t strand, operation_kind kind, uint32_t object, uint32_t ticks) {
  if (made->length[strand] < OPERATIONS_MOST) {
    const operation here = {kind, object, ticks};
    made->code[strand][made->length[strand]++] = here;
  }
}

/* Transfer by transfer, in one order in which all of it works; what is between them disturbs nobody. */
static inline void draw_transfers(program *made, uint64_t *dice, program_wish wish, const uint32_t *sender,
                           const uint32_t *receiver, uint32_t failing) {
  const uint32_t transfers = 6 + draw(dice, 24);
  const uint32_t left_out = draw(dice, 2 * transfers);
  for (uint32_t transfer = 0; transfer < transfers; transfer += 1) {
    const uint32_t channel = draw(dice, made->channels);
    const uint32_t idle = draw(dice, made->strands);
    switch (draw(dice, 4)) {
      case 0: append(made, idle, YIELD, 0, 1); break;
      case 1: append(made, idle, CHECKPOINT, 0, 1); break;
      case 2:
        if (wish.timers) {
          append(made, idle, SLEEP, 0, 1 + draw(dice, 3));
        }
        break;
      default: break;
    }
    append(made, sender[channel], SEND, channel, 1);
    if (transfer != left_out) {
      const int timed = wish.timers && draw(dice, 4) == 0;
      append(made, receiver[channel], timed ? RECEIVE_WITHIN : RECEIVE, channel, 1 + draw(dice, 4));
    }
    if (transfer == transfers / 2 && failing < made->strands) {
      append(made, failing, FAIL, 0, 1);
    }
  }
  for (uint32_t channel = 0; channel < made->channels; channel += 1) {
    if (draw(dice, 3) == 0) {
      append(made, sender[channel], CLOSE, channel, 1);
      append(made, receiver[channel], RECEIVE, channel, 1);
    }
  }
  if (draw(dice, 2) == 0) {
    append(made, made->strands - 1, JOIN, 0, 1);
  }
  for (uint32_t strand = 0; strand < made->strands; strand += 1) {
    append(made, strand, YIELD, 0, 1); /* nobody's code is empty */
  }
}

static inline program draw_program(uint64_t seed, program_wish wish) {
  program made;
  uint64_t dice = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
  uint32_t sender[CHANNELS_MOST];
  uint32_t receiver[CHANNELS_MOST];
  uint32_t failing;
  memset(&made, 0, sizeof made);
  for (int warm_up = 0; warm_up < 4; warm_up += 1) {
    (void)next_random(&dice);
  }
  made.seed = seed;
  made.strands = 2 + draw(&dice, STRANDS_MOST - 1);
  made.channels = 1 + draw(&dice, CHANNELS_MOST);
  failing = wish.faults && draw(&dice, 3) == 0 ? draw(&dice, made.strands) : STRANDS_MOST;
  for (uint32_t channel = 0; channel < made.channels; channel += 1) {
    made.capacity[channel] = draw(&dice, 4);
    sender[channel] = draw(&dice, made.strands);
    receiver[channel] = (sender[channel] + 1 + draw(&dice, made.strands - 1)) % made.strands;
  }
  if (!wish.shared && draw(&dice, 2) == 0) {
    draw_transfers(&made, &dice, wish, sender, receiver, failing);
    return made;
  }
  for (uint32_t strand = 0; strand < made.strands; strand += 1) {
    made.length[strand] = 3 + draw(&dice, 10);
    for (uint32_t at = 0; at < made.length[strand]; at += 1) {
      operation *here = &made.code[strand][at];
      const uint32_t channel = draw(&dice, made.channels);
      const uint32_t kind = draw(&dice, 100);
      here->object = channel;
      here->ticks = 1 + draw(&dice, 4);
      if (kind >= 96 && at > 1) {
        here->kind = JOIN;
        here->object = (strand + 1 + draw(&dice, made.strands - 1)) % made.strands;
      } else if (kind >= 91 && wish.timers) {
        here->kind = SLEEP;
      } else if (kind >= 80) {
        here->kind = kind % 2 == 0 ? YIELD : CHECKPOINT;
      } else if (strand == failing && at > 2 && kind >= 60) {
        here->kind = FAIL;
      } else if (wish.shared) {
        here->kind = kind % 2 == 0 ? SEND : RECEIVE;
      } else if (sender[channel] == strand) {
        here->kind = kind < 3 ? CLOSE : SEND;
      } else if (receiver[channel] == strand) {
        here->kind = wish.timers && kind < 20 ? RECEIVE_WITHIN : RECEIVE;
      } else {
        here->kind = kind % 2 == 0 ? YIELD : CHECKPOINT;
      }
    }
  }
  return made;
}

static inline void print_program(FILE *file, const program *made) {
  fprintf(file, "program %" PRIu64 ":", made->seed);
  for (uint32_t channel = 0; channel < made->channels; channel += 1) {
    fprintf(file, " channel %u holds %u;", channel, made->capacity[channel]);
  }
  for (uint32_t strand = 0; strand < made->strands; strand += 1) {
    fprintf(file, "\n  strand %u:", strand);
    for (uint32_t at = 0; at < made->length[strand]; at += 1) {
      const operation *here = &made->code[strand][at];
      fprintf(file, " %u %s %u", at, kind_names[here->kind], here->object);
      if (here->kind == SLEEP || here->kind == RECEIVE_WITHIN) {
        fprintf(file, " (%d)", (int)here->ticks);
      }
      fputc(';', file);
    }
  }
  fputc('\n', file);
}

/* What a strand sends depends on all that it received. */
static inline uint64_t mix(uint64_t state, uint64_t value) {
  state = (state ^ value) * UINT64_C(0x2545f4914f6cdd1d);
  return state ^ state >> 29;
}
static inline uint64_t value_to_send(uint64_t state, uint32_t strand, uint32_t at) { return mix(state, strand * 100 + at); }

/* ------------------------------------------------------------------------------------------------ the model */

/* For the controls: what the model gets wrong. */
typedef enum model_defect { RIGHT, ONE_PLACE_MORE, TIMERS_ONE_BY_ONE, JOINS_FOR_NOTHING } model_defect;
static model_defect model_is = RIGHT;

typedef struct model_channel {
  uint64_t held[HISTORY_MOST];
  uint32_t count;
  uint32_t capacity;
  int closed;
} model_channel;
typedef struct model_strand {
  uint64_t state;
  int64_t deadline; /* of the timed operation that it waits in, 0 when in none */
  uint32_t at;
  int ended;
} model_strand;
typedef struct model {
  const program *made;
  outcome *out;
  int64_t now;
  model_channel channels[CHANNELS_MOST];
  model_strand strands[STRANDS_MOST];
} model;

static inline void model_done(model *all, uint32_t strand, int32_t status, uint64_t value) {
  model_strand *mine = &all->strands[strand];
  event *entry = &all->out->trace[strand][all->out->events[strand]++];
  entry->value = value;
  entry->status = status;
  entry->at = mine->at;
  mine->at += 1;
  mine->deadline = 0;
  mine->ended = mine->at == all->made->length[strand];
}
static inline void model_sent(model *all, uint32_t strand, uint32_t channel, uint64_t value) {
  all->out->sent_values[channel][all->out->sent[channel]++] = value;
  model_done(all, strand, STRAND_OK, value);
}
static inline void model_received(model *all, uint32_t strand, uint32_t channel, uint64_t value) {
  all->out->received_values[channel][all->out->received[channel]++] = value;
  all->strands[strand].state = mix(all->strands[strand].state, value);
  model_done(all, strand, STRAND_OK, value);
}

/* A strand that stands at a send on that channel, and what it sends. */
static inline int model_sender_at(const model *all, uint32_t channel, uint32_t *strand, uint64_t *value) {
  for (uint32_t other = 0; other < all->made->strands; other += 1) {
    const model_strand *their = &all->strands[other];
    const operation *here = &all->made->code[other][their->at];
    if (!their->ended && here->kind == SEND && here->object == channel) {
      *strand = other;
      *value = value_to_send(their->state, other, their->at);
      return 1;
    }
  }
  return 0;
}

/* One operation of one strand, if it can be done now. */
static inline int model_step(model *all, uint32_t strand) {
  model_strand *mine = &all->strands[strand];
  const operation *here = &all->made->code[strand][mine->at];
  model_channel *channel = &all->channels[here->object % CHANNELS_MOST];
  uint32_t sender = 0;
  uint64_t value = 0;
  if (mine->ended) {
    return 0;
  }
  switch (here->kind) {
    case SEND:
      value = value_to_send(mine->state, strand, mine->at);
      if (channel->closed) {
        model_done(all, strand, STRAND_ERR_CLOSED, value);
        return 1;
      }
      if (channel->count == channel->capacity) {
        return 0; /* a receiver takes it, or nobody */
      }
      channel->held[channel->count++] = value;
      model_sent(all, strand, here->object, value);
      return 1;
    case RECEIVE:
    case RECEIVE_WITHIN:
      if (channel->count > 0) {
        value = channel->held[0];
        channel->count -= 1;
        memmove(channel->held, channel->held + 1, channel->count * sizeof channel->held[0]);
        model_received(all, strand, here->object, value);
        return 1;
      }
      if (model_sender_at(all, here->object, &sender, &value) && !channel->closed) {
        model_sent(all, sender, here->object, value);
        model_received(all, strand, here->object, value);
        return 1;
      }
      if (channel->closed) {
        model_done(all, strand, STRAND_ERR_CLOSED, 0);
        return 1;
      }
      if (here->kind == RECEIVE_WITHIN && mine->deadline == 0) {
        mine->deadline = all->now + here->ticks;
      }
      return 0;
    case CLOSE:
      channel->closed = 1;
      model_done(all, strand, STRAND_OK, 0);
      return 1;
    case JOIN:
      if (all->strands[here->object].ended || model_is == JOINS_FOR_NOTHING) {
        model_done(all, strand, STRAND_OK, 0);
        return 1;
      }
      return 0;
    case SLEEP:
      if (mine->deadline == 0) {
        mine->deadline = all->now + here->ticks;
      }
      return 0;
    case FAIL:
      mine->ended = 2;
      return 1;
    default:
      model_done(all, strand, STRAND_OK, 0);
      return 1;
  }
}

/* Nothing can be done now: time goes to the earliest deadline, and all that is due then is over at once. */
static inline int model_let_time_pass(model *all) {
  int64_t earliest = INT64_MAX;
  for (uint32_t strand = 0; strand < all->made->strands; strand += 1) {
    const model_strand *mine = &all->strands[strand];
    if (!mine->ended && mine->deadline != 0 && mine->deadline < earliest) {
      earliest = mine->deadline;
    }
  }
  if (earliest == INT64_MAX) {
    return 0;
  }
  all->now = earliest;
  for (uint32_t strand = 0; strand < all->made->strands; strand += 1) {
    model_strand *mine = &all->strands[strand];
    if (!mine->ended && mine->deadline == earliest) {
      const int is_sleep = all->made->code[strand][mine->at].kind == SLEEP;
      model_done(all, strand, is_sleep ? STRAND_OK : STRAND_ERR_TIMEOUT, 0);
      if (model_is == TIMERS_ONE_BY_ONE) {
        break;
      }
    }
  }
  return 1;
}

static inline void model_run(const program *made, outcome *out) {
  model all;
  int moved = 1;
  int failed = 0;
  int waiting = 0;
  memset(&all, 0, sizeof all);
  memset(out, 0, sizeof *out);
  all.made = made;
  all.out = out;
  for (uint32_t channel = 0; channel < made->channels; channel += 1) {
    all.channels[channel].capacity = made->capacity[channel] + (model_is == ONE_PLACE_MORE);
  }
  while (moved) {
    moved = 0;
    for (uint32_t strand = 0; strand < made->strands; strand += 1) {
      while (model_step(&all, strand)) {
        moved = 1;
      }
    }
    moved = moved || model_let_time_pass(&all);
  }
  for (uint32_t strand = 0; strand < made->strands; strand += 1) {
    out->at[strand] = all.strands[strand].at;
    out->ended[strand] = all.strands[strand].ended != 0;
    failed = failed || all.strands[strand].ended == 2;
    waiting = waiting || !all.strands[strand].ended;
  }
  for (uint32_t channel = 0; channel < made->channels; channel += 1) {
    out->left[channel] = all.channels[channel].count;
  }
  out->status = waiting ? STRAND_ERR_DEADLOCK : failed ? STRAND_ERR_FAILED : STRAND_OK;
}

/* ------------------------------------------------------------------------------------------- the real thing */

static struct {
  const program *made;
  outcome *out;
  uint32_t lanes; /* besides lane 0 */
  int has_policies; /* the may engine has none */
  strand_chan channels[CHANNELS_MOST];
  strand_id strands[STRANDS_MOST];
} live;

static inline void live_done(uint32_t strand, uint32_t at, int32_t status, uint64_t value) {
  event *entry = &live.out->trace[strand][live.out->events[strand]++];
  entry->value = value;
  entry->status = status;
  entry->at = at;
}

/* Priority, lane and tokens say when a strand runs, and nothing about what it does. */
static inline void change_my_place(uint64_t state) {
  if (!live.has_policies) {
    return;
  }
  CHECK_OK(strand_set_priority(strand_self(), (int32_t)(state % 5)));
  CHECK_OK(strand_set_lane(strand_self(), (uint32_t)(state >> 8) % (1 + live.lanes), 0));
  CHECK_OK(strand_tokens_grant(strand_self(), (uint32_t)(state >> 16) % 3));
}

static inline void *live_strand(void *arg) {
  const uint32_t strand = (uint32_t)(uintptr_t)arg;
  uint64_t state = 0;
  for (uint32_t at = 0; at < live.made->length[strand]; at += 1) {
    const operation *here = &live.made->code[strand][at];
    const uint32_t object = here->object;
    strand_status status = STRAND_OK;
    uint64_t value = 0;
    live.out->at[strand] = at;
    switch (here->kind) {
      case SEND:
        value = value_to_send(state, strand, at);
        status = strand_chan_send(live.channels[object], &value, STRAND_FOREVER);
        if (status == STRAND_OK) {
          live.out->sent_values[object][live.out->sent[object]++] = value;
        }
        break;
      case RECEIVE:
      case RECEIVE_WITHIN:
        status = strand_chan_recv(live.channels[object], &value,
                                  here->kind == RECEIVE ? STRAND_FOREVER : strand_after(here->ticks * KAHN_TICK));
        if (status == STRAND_OK) {
          live.out->received_values[object][live.out->received[object]++] = value;
          state = mix(state, value);
        }
        break;
      case CLOSE: status = strand_chan_close(live.channels[object]); break;
      case JOIN: status = strand_join(live.strands[object], STRAND_FOREVER); break;
      case YIELD:
        change_my_place(state);
        status = strand_yield();
        break;
      case CHECKPOINT: status = strand_checkpoint(); break;
      case SLEEP: status = strand_sleep(here->ticks * KAHN_TICK); break;
      case FAIL:
        live.out->ended[strand] = 1;
        strand_fail(STRAND_ERR_FAILED, "as the program says", 19);
        break;
      default: CHECK(0);
    }
    if (status == STRAND_ERR_CANCELLED) {
      return NULL; /* the shutdown after a deadlock: what happened is written down already */
    }
    live_done(strand, at, status, value);
  }
  live.out->at[strand] = live.made->length[strand];
  live.out->ended[strand] = 1;
  return NULL;
}

/* Lanes, channels, and strands with priorities and lanes of no meaning to the program. */
static inline void live_begin(const program *made, outcome *out, uint64_t seed) {
  uint64_t dice = (seed + made->seed) * 7919 + 17;
  char engine[16] = "";
  memset(out, 0, sizeof *out);
  live.made = made;
  live.out = out;
  CHECK_OK(strand_info("engine", engine, sizeof engine, NULL));
  live.has_policies = strcmp(engine, "may") != 0;
  live.lanes = draw(&dice, 4);
  for (uint32_t lane = 0; lane < live.lanes; lane += 1) {
    strand_lane_options options;
    uint32_t number = 0;
    memset(&options, 0, sizeof options);
    options.size = (uint32_t)sizeof options;
    options.weight = draw(&dice, 4);
    options.width = draw(&dice, 2);
    if (live.has_policies) {
      CHECK_OK(strand_lane_new(&options, &number));
    }
  }
  for (uint32_t channel = 0; channel < made->channels; channel += 1) {
    live.channels[channel] = new_channel(sizeof(uint64_t), made->capacity[channel]);
  }
  for (uint32_t strand = 0; strand < made->strands; strand += 1) {
    strand_spawn_options options = default_spawn(NULL);
    options.flags = STRAND_SPAWN_DORMANT; /* none begins before all are known */
    options.priority = (int32_t)draw(&dice, 4);
    options.lane = draw(&dice, 1 + live.lanes);
    if (!live.has_policies) {
      options.priority = 0;
      options.lane = 0;
    }
    CHECK_OK(strand_spawn_with(&options, live_strand, (void *)(uintptr_t)strand, &live.strands[strand]));
  }
  for (uint32_t strand = 0; strand < made->strands; strand += 1) {
    CHECK_OK(strand_start(live.strands[strand]));
  }
}

static inline void live_end(int32_t status) {
  live.out->status = status;
  for (uint32_t channel = 0; channel < live.made->channels; channel += 1) {
    size_t left = 0;
    CHECK_OK(strand_chan_length(live.channels[channel], &left));
    live.out->left[channel] = (uint32_t)left;
  }
  stop_runtime();
}

/* A number for all steps that were made and for what each of them came to. */
static uint64_t steps_seen;
static inline void see_step(const strand_step_result *result) {
  uint64_t who = STRANDS_MOST;
  for (uint32_t strand = 0; strand < live.made->strands; strand += 1) {
    who = live.strands[strand] == result->strand ? strand : who;
  }
  steps_seen = mix(steps_seen, who * 64 + result->reason);
}

/* Steps of so many at a time until nothing can happen any more. */
static inline int32_t live_drive(uint64_t steps) {
  int failed = 0;
  steps_seen = 0;
  for (;;) {
    strand_step_result result;
    memset(&result, 0, sizeof result);
    result.size = (uint32_t)sizeof result;
    CHECK_OK(strand_scheduler_step(steps, &result));
    see_step(&result);
    switch (result.outcome) {
      case STRAND_STEP_FAULT: failed = 1; break;
      case STRAND_STEP_ALL_DONE: return failed ? STRAND_ERR_FAILED : STRAND_OK;
      case STRAND_STEP_DEADLOCK: return STRAND_ERR_DEADLOCK;
      default: CHECK_EQUAL(result.outcome, STRAND_STEP_CONTINUE);
    }
  }
}

/* Runs it; steps == 0: with strand_scheduler_run. */
static inline void kahn_run(const program *made, const strand_config *config, uint64_t steps, outcome *out) {
  CHECK_OK(strand_scheduler_init(config));
  live_begin(made, out, config->seed + config->policy);
  live_end(steps == 0 ? strand_scheduler_run() : live_drive(steps));
}

/* What differs, in words; NULL when nothing does. */
static inline const char *first_difference(const outcome *one, const outcome *other) {
  if (memcmp(one->trace, other->trace, sizeof one->trace) != 0 || memcmp(one->events, other->events, sizeof one->events) != 0) {
    return "what a strand saw";
  }
  if (memcmp(one->received_values, other->received_values, sizeof one->received_values) != 0 ||
      memcmp(one->sent_values, other->sent_values, sizeof one->sent_values) != 0) {
    return "the history of a channel";
  }
  if (memcmp(one->left, other->left, sizeof one->left) != 0) {
    return "what is left on a channel";
  }
  if (memcmp(one->at, other->at, sizeof one->at) != 0 || memcmp(one->ended, other->ended, sizeof one->ended) != 0) {
    return "who waits at the end, and where";
  }
  return one->status != other->status ? "the status of the run" : NULL;
}

#endif
