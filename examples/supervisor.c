// SPDX-License-Identifier: MIT OR Apache-2.0
// A supervisor, as Erlang has it, in C over tasks and monitors. It starts its children in order and watches each; one
// that fails is started again, alone (one for one), with all the others (one for all) or with those that were started
// after it (rest for one). Children are stopped in reverse order. When there were too many restarts within a period, the
// supervisor stops its children and fails itself, which is its own supervisor's business. And a link: two tasks of which
// none outlives the failure of the other. Time is virtual, so every run prints the same.
#include "check.h"
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

enum { MILLISECOND = 1000000, CHILDREN_MAX = 8, RESTARTS_MAX = 8 };

static int64_t began;
static char journal[512]; // who was started, stopped, failed, in short: for the check at the end

static void say(const char *format, ...) {
    va_list list;
    printf("%7lld ms  ", (long long)((strand_now() - began) / MILLISECOND));
    va_start(list, format);
    vprintf(format, list);
    va_end(list);
    printf("\n");
}
static void note(char what, const char *who) {
    size_t length = strlen(journal);
    snprintf(journal + length, sizeof journal - length, "%s%c%c", length ? " " : "", what, who[0]);
}

// ---------------------------------------------------------------------------------------------- the supervisor

typedef enum { ONE_FOR_ONE, ONE_FOR_ALL, REST_FOR_ONE } strategy;

typedef struct child {
    const char *name;
    strand_task_entry entry;
    void *arg;
    // the supervisor's
    strand_task task;
    strand_monitor_id monitor;
} child;

typedef struct supervisor {
    const char *name;
    strategy strategy;
    int restarts;   // so many restarts
    int64_t period; // within so many nanoseconds are too many
    child children[CHILDREN_MAX];
    int count;
    // its own
    strand_chan downs;
    int64_t times[RESTARTS_MAX]; // of the last restarts, newest last
    int restarted;
} supervisor;

static void start_child(supervisor *self, int index) {
    child *c = &self->children[index];
    strand_task_options options = {0};
    options.size = sizeof options;
    options.name = c->name;
    options.name_length = strlen(c->name);
    note('+', c->name);
    CHECK(strand_task_spawn_with(&options, c->entry, c->arg, &c->task));
    CHECK(strand_monitor(c->task, self->downs, (uint64_t)index, &c->monitor));
}

// After this no message about the child comes, whatever it did meanwhile.
static void stop_child(supervisor *self, int index) {
    child *c = &self->children[index];
    if (c->task == 0) return;
    note('-', c->name);
    strand_demonitor(c->monitor, self->downs);
    strand_task_cancel(c->task, 0); // ALREADY: it has just ended by itself
    strand_task_await(c->task, STRAND_FOREVER, NULL);
    CHECK(strand_task_release(c->task));
    c->task = 0;
}

static void start_from(supervisor *self, int first) {
    for (int i = first; i < self->count; i++)
        if (self->children[i].task == 0) start_child(self, i);
}
static void stop_down_to(supervisor *self, int first) {
    for (int i = self->count - 1; i >= first; i--) stop_child(self, i);
}

static bool restarts_too_often(supervisor *self) {
    int kept = 0;
    for (int i = 0; i < self->restarted; i++)
        if (self->times[i] > strand_now() - self->period) self->times[kept++] = self->times[i];
    self->times[kept] = strand_now();
    self->restarted = kept + 1;
    return self->restarted > self->restarts;
}

// A child has ended. False: the supervisor gives up.
static bool attend(supervisor *self, const strand_down *down) {
    static const char *const how[] = {"starting it again", "starting all again", "starting it and the later ones again"};
    int index = (int)down->tag;
    child *c = &self->children[index];
    CHECK(strand_task_release(c->task));
    c->task = 0;
    if (down->state == STRAND_SUCCEEDED) {
        say("%s: %s is done", self->name, c->name);
        return true;
    }
    note('!', c->name);
    if (restarts_too_often(self)) {
        say("%s: %s failed with %s, once too often: giving up", self->name, c->name, strand_status_name(down->code));
        return false;
    }
    say("%s: %s failed with %s, %s", self->name, c->name, strand_status_name(down->code), how[self->strategy]);
    if (self->strategy == ONE_FOR_ALL) stop_down_to(self, 0);
    if (self->strategy == REST_FOR_ONE) stop_down_to(self, index);
    if (self->strategy == ONE_FOR_ONE) start_child(self, index);
    else start_from(self, 0);
    return true;
}

// The supervisor is a task like its children, so it may be the child of another.
static strand_status supervise(void *arg, uint64_t *value) {
    supervisor *self = arg;
    strand_status status;
    strand_down down;
    *value = 0;
    self->restarted = 0;
    CHECK(strand_chan_new(sizeof(strand_down), STRAND_UNBOUNDED, &self->downs));
    start_from(self, 0);
    while ((status = strand_chan_recv(self->downs, &down, STRAND_FOREVER)) == STRAND_OK) {
        if (down.monitor == self->children[down.tag].monitor && !attend(self, &down)) {
            status = STRAND_ERR_LIMIT;
            break;
        }
    }
    CHECK(strand_shield_begin()); // also a cancelled supervisor waits for its children
    stop_down_to(self, 0);
    CHECK(strand_shield_end());
    CHECK(strand_chan_release(self->downs));
    return status;
}

// -------------------------------------------------------------------------------------------------- two of one fate

// A link: when one of the two fails, the other is cancelled. Two monitors and a strand that listens to them.
typedef struct link { strand_task one, other; uint64_t reason; } link;

static void *keep_linked(void *arg) {
    link pair = *(link *)arg;
    strand_chan downs;
    strand_down down;
    strand_monitor_id first, second;
    CHECK(strand_chan_new(sizeof(strand_down), 2, &downs));
    CHECK(strand_monitor(pair.one, downs, 0, &first));
    CHECK(strand_monitor(pair.other, downs, 1, &second));
    CHECK(strand_chan_recv(downs, &down, STRAND_FOREVER));
    if (down.state == STRAND_FAILED) strand_task_cancel(down.tag == 0 ? pair.other : pair.one, pair.reason);
    CHECK(strand_chan_release(downs)); // the other monitor's message has nowhere to go any more
    return NULL;
}

// ------------------------------------------------------------------------------------------------------ the children

// Lives that a worker will have, in milliseconds, one after the other; it fails at the end of each, and the last goes on
// until somebody stops it.
typedef struct lives { const int *milliseconds; int next; } lives;

static strand_status worker(void *arg, uint64_t *value) {
    lives *mine = arg;
    int life = mine->milliseconds[mine->next];
    *value = 0;
    if (life == 0) return strand_sleep(INT64_MAX / 2);
    mine->next++;
    strand_status status = strand_sleep((int64_t)life * MILLISECOND);
    return status == STRAND_OK ? STRAND_ERR_IO : status;
}

static supervisor three(const char *name, strategy strategy, lives *reader, lives *parser, lives *writer) {
    supervisor made = {.name = name, .strategy = strategy, .restarts = 3, .period = 100 * (int64_t)MILLISECOND, .count = 3};
    made.children[0] = (child){.name = "reader", .entry = worker, .arg = reader};
    made.children[1] = (child){.name = "parser", .entry = worker, .arg = parser};
    made.children[2] = (child){.name = "writer", .entry = worker, .arg = writer};
    return made;
}

static void run_for(supervisor *top, int64_t milliseconds) {
    strand_task task;
    began = strand_now();
    journal[0] = '\0';
    CHECK(strand_task_spawn(0, supervise, top, &task));
    CHECK(strand_sleep(milliseconds * MILLISECOND));
    say("stopping %s", top->name);
    strand_task_cancel(task, 0);
    strand_status status = strand_task_await(task, STRAND_FOREVER, NULL);
    say("%s has ended: %s", top->name, strand_status_name(status));
    CHECK(strand_task_release(task));
}

static void expect(const char *history) {
    printf("            %s\n\n", journal);
    if (strcmp(journal, history) == 0) return;
    fprintf(stderr, "expected    %s\n", history);
    exit(EXIT_FAILURE);
}

static void *program(void *arg) {
    static const int never[] = {0}, once[] = {40, 0}, often[] = {10, 10, 10, 10, 10, 10, 10, 0}, rarely[] = {60, 60, 60, 60, 60, 0};
    (void)arg;
    {
        lives reader = {never, 0}, parser = {once, 0}, writer = {never, 0};
        supervisor top = three("one-for-one", ONE_FOR_ONE, &reader, &parser, &writer);
        run_for(&top, 100);
        expect("+r +p +w !p +p -w -p -r");
    }
    {
        lives reader = {never, 0}, parser = {once, 0}, writer = {never, 0};
        supervisor top = three("one-for-all", ONE_FOR_ALL, &reader, &parser, &writer);
        run_for(&top, 100);
        expect("+r +p +w !p -w -r +r +p +w -w -p -r");
    }
    {
        lives reader = {never, 0}, parser = {once, 0}, writer = {never, 0};
        supervisor top = three("rest-for-one", REST_FOR_ONE, &reader, &parser, &writer);
        run_for(&top, 100);
        expect("+r +p +w !p -w +p +w -w -p -r");
    }
    { // five failures, but never more than three within a period
        lives reader = {rarely, 0}, parser = {never, 0}, writer = {never, 0};
        supervisor top = three("patient", ONE_FOR_ONE, &reader, &parser, &writer);
        run_for(&top, 400);
        expect("+r +p +w !r +r !r +r !r +r !r +r !r +r -w -p -r");
    }
    { // one that gives up, below one that starts it again
        lives reader = {never, 0}, parser = {often, 0}, writer = {never, 0};
        supervisor below = three("below", ONE_FOR_ONE, &reader, &parser, &writer);
        supervisor top = {.name = "top", .restarts = 3, .period = 1000 * (int64_t)MILLISECOND, .count = 1};
        top.children[0] = (child){.name = "below", .entry = supervise, .arg = &below};
        run_for(&top, 200);
        expect("+b +r +p +w !p +p !p +p !p +p !p -w -r !b +b +r +p +w !p +p !p +p !p +p -b -w -p -r");
    }
    { // a link
        static const int fails[] = {30, 0};
        lives connection = {fails, 0}, session = {never, 0};
        link pair = {.reason = 4711};
        strand_outcome outcome = {.size = sizeof outcome};
        began = strand_now();
        CHECK(strand_task_spawn(0, worker, &connection, &pair.one));
        CHECK(strand_task_spawn(0, worker, &session, &pair.other));
        CHECK(strand_spawn(keep_linked, &pair, NULL));
        strand_task_await(pair.other, STRAND_FOREVER, NULL);
        CHECK(strand_task_outcome(pair.other, &outcome));
        say("linked: the connection failed, so the session was cancelled, for reason %llu", (unsigned long long)outcome.reason);
        if (outcome.state != STRAND_CANCELLED || outcome.reason != 4711) exit(EXIT_FAILURE);
        CHECK(strand_task_release(pair.one));
        CHECK(strand_task_release(pair.other));
    }
    return NULL;
}

int main(void) {
    strand_config config = {0};
    config.size = sizeof config;
    config.engine = STRAND_ENGINE_STEPPED; // its clock moves when everybody waits
    CHECK(strand_scheduler_init(&config));
    printf("           + started, - stopped, ! failed: reader, parser, writer\n\n");
    CHECK(strand_spawn(program, NULL, NULL));
    CHECK(strand_scheduler_run());
    CHECK(strand_scheduler_shutdown(STRAND_FOREVER));
    return EXIT_SUCCESS;
}
