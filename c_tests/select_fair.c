/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* test: expect-exit=0 timeout=120 modes=static,shared opt=O0,O2 */
/*
 * Fair: with n cases always ready each gets at least half and at most twice its share over 1,000 n rounds, whatever
 * switched-off or dead cases lie between. First listed: the first gets everything.
 */
#include "cases.h"

enum { MOST = 24 };
static uint64_t share[MOST];
static strand_chan always[MOST], never;
static uint64_t element;

/* Which case stands at a place: a ready one, or one that never is. */
typedef struct layout {
  const char *text; /* r: receive, s: send, c: closed, t: timer, e: ended strand, -: none, d: dead */
  size_t ready;
} layout;
static const layout layouts[] = {
    {"rr", 2}, {"rrrr", 4}, {"s-------r", 2}, {"r-d-d-dr", 2}, {"------rr", 2}, {"rcts", 4}, {"rcte-s", 5}, {"rdddddddddddddddddddddr", 2},
};

static void *end_at_once(void *arg) { return arg; }

static void lay_out(const layout *plan, strand_case *cases) {
  for (size_t place = 0; place < strlen(plan->text); place += 1) {
    always[place] = new_channel(8, STRAND_UNBOUNDED);
    switch (plan->text[place]) {
    case 'r':
      cases[place] = receive_case(always[place], &element);
      for (int message = 0; message < 64; message += 1) CHECK_OK(strand_chan_try_send(always[place], &element));
      break;
    case 's': cases[place] = send_case(always[place], &element); break;
    case 'c':
      CHECK_OK(strand_chan_close(always[place]));
      cases[place] = receive_case(always[place], &element);
      break;
    case 't': cases[place] = timer_case(STRAND_NO_WAIT); break;
    case 'e': {
      const strand_id id = spawn(end_at_once, NULL);
      CHECK_OK(strand_join(id, STRAND_FOREVER));
      cases[place] = end_case(id);
      break;
    }
    case 'd': cases[place] = receive_case(never, &element); break;
    default: cases[place] = none(); break;
    }
  }
}

static uint64_t count_shares(const layout *plan, uint32_t flags) {
  strand_case cases[MOST];
  const size_t count = strlen(plan->text);
  const uint64_t rounds = 1000 * plan->ready;
  never = new_channel(8, 0);
  lay_out(plan, cases);
  memset(share, 0, sizeof share);
  for (uint64_t round = 0; round < rounds; round += 1) {
    size_t index = MOST;
    CHECK_OK(strand_select(cases, count, round % 2 == 0 ? STRAND_NO_WAIT : STRAND_FOREVER, flags, &index));
    CHECK(index < count);
    share[index] += 1;
    if (plan->text[index] == 'r') CHECK_OK(strand_chan_try_send(always[index], &element));
    if (plan->text[index] == 's') CHECK_OK(strand_chan_try_recv(always[index], &element));
  }
  for (size_t place = 0; place < count; place += 1) CHECK_OK(strand_chan_release(always[place]));
  CHECK_OK(strand_chan_release(never));
  return rounds;
}

/* The places that are out of bounds. */
static int unfair(const layout *plan, uint64_t rounds) {
  int wrong = 0;
  for (size_t place = 0; place < strlen(plan->text); place += 1) {
    const int ready = strchr("-d", plan->text[place]) == NULL;
    const uint64_t fair = rounds / plan->ready;
    wrong += ready ? share[place] * 2 < fair || share[place] > fair * 2 : share[place] != 0;
  }
  return wrong;
}

static void *shares_are_fair(void *arg) {
  (void)arg;
  for (size_t plan = 0; plan < sizeof layouts / sizeof *layouts; plan += 1) {
    CHECK_EQUAL(unfair(&layouts[plan], count_shares(&layouts[plan], STRAND_SELECT_FAIR)), 0);
  }
  return NULL;
}
static void every_ready_case_gets_its_share(void) {
  start_runtime(2);
  spawn(shares_are_fair, NULL);
  CHECK_OK(strand_scheduler_run());
  shares_are_fair(NULL); /* on an OS thread */
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}

static void *first_gets_all(void *arg) {
  (void)arg;
  for (size_t plan = 0; plan < sizeof layouts / sizeof *layouts; plan += 1) {
    const uint64_t rounds = count_shares(&layouts[plan], STRAND_SELECT_FIRST_LISTED);
    CHECK_EQUAL(share[strcspn(layouts[plan].text, "rscte")], rounds);
    CHECK_NUMBERS(unfair(&layouts[plan], rounds), >, 0); /* the same measure notices what is not fair */
  }
  return NULL;
}
static void control_first_listed_is_not_fair(void) {
  start_runtime(2);
  spawn(first_gets_all, NULL);
  CHECK_OK(strand_scheduler_run());
  first_gets_all(NULL);
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}

/* Timers that come at the same moment: those who wait for them get their shares too. */
static void *timers_at_once(void *arg) {
  (void)arg;
  memset(share, 0, sizeof share);
  for (int round = 0; round < 600; round += 1) {
    const int64_t at = strand_after(1000);
    strand_case cases[3] = {timer_case(at), timer_case(at), timer_case(at)};
    size_t index = 4711;
    CHECK_OK(strand_select(cases, 3, STRAND_FOREVER, 0, &index));
    share[index] += 1;
  }
  for (int place = 0; place < 3; place += 1) {
    CHECK_NUMBERS(share[place], >=, 100);
    CHECK_NUMBERS(share[place], <=, 400);
  }
  return NULL;
}
static void timers_of_one_moment_share_it(void) {
  start_runtime(1);
  spawn(timers_at_once, NULL);
  CHECK_OK(strand_scheduler_run());
  stop_runtime();
}

/* Strands that send all the time: none of them starves at a receiver that selects. */
static strand_chan busy[4];
static uint64_t served[4];
static uint64_t over;
#define MESSAGES scaled(200000)
static void *send_for_ever(void *place) {
  const size_t mine = (size_t)(uintptr_t)place;
  const uint64_t value = mine;
  while (count_read(&over) == 0) {
    if (strand_chan_send(busy[mine], &value, STRAND_FOREVER) != STRAND_OK) break;
  }
  return NULL;
}
static void *receive_from_all(void *arg) {
  uint64_t values[4];
  strand_case cases[4];
  (void)arg;
  for (int place = 0; place < 4; place += 1) cases[place] = receive_case(busy[place], &values[place]);
  for (int message = 0; message < MESSAGES; message += 1) {
    size_t index = 4711;
    CHECK_OK(strand_select(cases, 4, STRAND_FOREVER, 0, &index));
    served[index] += 1;
  }
  count_set(&over, 1);
  for (int place = 0; place < 4; place += 1) CHECK_OK(strand_chan_close(busy[place]));
  return NULL;
}
/* How often the sender was received from that was so least. */
static uint64_t least_served(uint32_t workers) {
  uint64_t least = UINT64_MAX;
  start_runtime(workers);
  memset(served, 0, sizeof served);
  count_set(&over, 0);
  for (uintptr_t place = 0; place < 4; place += 1) {
    busy[place] = new_channel(8, 0);
    spawn(send_for_ever, (void *)place);
  }
  spawn(receive_from_all, NULL);
  CHECK_OK(strand_scheduler_run());
  for (int place = 0; place < 4; place += 1) {
    least = served[place] < least ? served[place] : least;
    CHECK_OK(strand_chan_release(busy[place]));
  }
  stop_runtime();
  return least;
}
static void no_sender_starves(void) {
  for (uint32_t workers = 1; workers <= 2; workers += 1) {
    uint64_t least = 0;
    /* A thread that is stopped keeps the sender that it runs: that one is behind in this trial, and not in all. */
    for (int trial = 0; trial < 20 && least <= (uint64_t)MESSAGES / 4 / 20; trial += 1) {
      least = least_served(workers);
    }
    CHECK_NUMBERS(least, >, MESSAGES / 4 / 20); /* who sends when is the scheduler's business */
  }
}

int main(void) {
  CLAIM(every_ready_case_gets_its_share);
  CLAIM(control_first_listed_is_not_fair);
  CLAIM(timers_of_one_moment_share_it);
  CLAIM_IF(!is_policy("pct"), no_sender_starves, "PCT keeps strands from running, to see what others do meanwhile");
  return 0;
}
