/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/**
 * @file strand.h
 * @brief libstrand: the concurrency runtime that a compiled language links.
 *
 * This file is the reference manual and reads from top to bottom. It is generated from the
 * library's source: change it there.
 *
 * A program starts the runtime, spawns strands (functions that run on small stacks of their own
 * and wait without blocking a thread), lets them talk through channels, and ends when none is
 * left:
 *
 *     static void *hello(void *arg) { puts(arg); return NULL; }
 *
 *     int main(void) {
 *         strand_scheduler_init(NULL);
 *         strand_spawn(hello, "hello from a strand", NULL);
 *         strand_scheduler_run();
 *         return strand_scheduler_shutdown(STRAND_FOREVER);
 *     }
 *
 * What holds everywhere:
 *
 * - Errors. A wrong argument gives a status, and strand_last_error() says what was wrong. The
 *   process ends only for a broken invariant of the library itself, for the overflow of a
 *   strand's stack, and for an exception that leaves a strand's entry function; each names the
 *   strand first.
 * - Pointers are NULL where the comment allows it, otherwise good. What is not allowed to be NULL
 *   and is, gives STRAND_ERR_INVALID.
 * - Thread-locals. A strand may go on in another thread after every call that may switch. Code
 *   that runs on strands must not keep the address of a thread-local variable across such a call,
 *   and compilers do that on their own, errno included. This header redefines errno so that it is
 *   right; strand_local_new() makes what a thread-local cannot be; STRAND_MIGRATE_NEW_ONLY is for
 *   code that cannot be changed.
 * - Stacks. Compile code that runs on strands with -fstack-clash-protection, so that a large
 *   frame cannot step over the guard below its stack. docs/llvm.md has the rules for compilers.
 * - errno and the floating-point modes (rounding, masks, flush-to-zero) belong to the strand; the
 *   floating-point exception flags do not.
 * - The library prints nothing unless asked. It installs one signal handler, which names the
 *   strand whose stack overflowed, hands every other SIGSEGV or SIGBUS to the handler that was
 *   there before, and is taken back at shutdown.
 * - After a fork, every call in the child gives STRAND_ERR_FORKED; exec is fine.
 *
 * Five tags tell how a function may be used:
 *
 * - context: where it may be called: on a strand, on a host-thread (one that runs no strand), in
 *   a callback (a function that the library calls on a worker's own stack), or any of the three.
 * - switches: whether other strands may run on this thread before it returns: never, may, always.
 *   In a callback, a call that may switch gives STRAND_ERR_WOULD_SWITCH.
 * - threadsafe: whether several threads may call it at the same time.
 * - signalsafe: whether a signal handler may call it.
 * - since: the version that brought it.
 */

#ifndef STRAND_H
#define STRAND_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

/* Define STRAND_STATIC to link the static library, STRAND_BUILD to build the shared one. */
#if defined(_WIN32) && !defined(STRAND_STATIC)
#  if defined(STRAND_BUILD)
#    define STRAND_API __declspec(dllexport)
#  else
#    define STRAND_API __declspec(dllimport)
#  endif
#elif defined(__GNUC__) && !defined(STRAND_STATIC)
#  define STRAND_API __attribute__((visibility("default")))
#else
#  define STRAND_API
#endif

#if defined(__GNUC__)
#  define STRAND_NORETURN __attribute__((noreturn))
#else
#  define STRAND_NORETURN
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Version ------------------------------------------------------------------------------------
 *
 * The macros say what the program was compiled with, the functions what it is linked with.
 */

/** Incompatible changes. */
#define STRAND_VERSION_MAJOR 0

/** Additions; before 1.0.0 also incompatible changes. */
#define STRAND_VERSION_MINOR 1

/** Corrections. */
#define STRAND_VERSION_PATCH 0

/** The version as one number that can be compared: 1.2.3 is 1002003. */
#define STRAND_VERSION_NUMBER (((STRAND_VERSION_MAJOR * 1000000) + (STRAND_VERSION_MINOR * 1000)) + STRAND_VERSION_PATCH)

/** The version as text. */
#define STRAND_VERSION_STRING "0.1.0"

/**
 * Counts incompatible changes of this interface: the number in the name of the shared library's
 * interface. A program may use a library whose strand_abi_version() equals the value it was
 * compiled with.
 */
#define STRAND_ABI_VERSION 1

/**
 * The version of the library that is linked, as STRAND_VERSION_NUMBER has it.
 *
 * @return the version number
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe yes
 * @since 0.1
 */
STRAND_API uint32_t strand_version(void);

/**
 * The interface of the library that is linked, as STRAND_ABI_VERSION has it. A program that
 * opens the library at run time compares the two before it calls anything else.
 *
 * @return the interface's number
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe yes
 * @since 0.1
 */
STRAND_API uint32_t strand_abi_version(void);

/* ---- Status -------------------------------------------------------------------------------------
 *
 * Every call that can fail returns a strand_status. 0 is success; errors are negative and their
 * numbers never change. On any status but STRAND_OK nothing has changed hands: results are not
 * written, and an argument or element is still the caller's. The reason, with the values
 * involved, is in strand_last_error().
 */

/** What a call has to say: STRAND_OK or one of the STRAND_ERR_ numbers. */
typedef int32_t strand_status;

/** Done. */
#define STRAND_OK 0

/**
 * An argument is wrong: NULL, a number out of range, a handle that was never issued or names
 * another kind of object, a call that may not be made here. The message says which.
 */
#define STRAND_ERR_INVALID (-1)

/** Memory is exhausted. Nothing was changed; the call may be repeated. */
#define STRAND_ERR_NO_MEMORY (-2)

/**
 * A limit is reached: of the configuration, the operating system or the design. The message
 * names it and says how to raise it.
 */
#define STRAND_ERR_LIMIT (-3)

/** The handle named something once, and that is gone. */
#define STRAND_ERR_STALE (-4)

/** Only a strand may make this call. */
#define STRAND_ERR_NOT_ON_STRAND (-5)

/** The deadline was STRAND_NO_WAIT and the call would have had to wait. */
#define STRAND_ERR_WOULD_BLOCK (-6)

/** The deadline passed. */
#define STRAND_ERR_TIMEOUT (-7)

/** The caller was cancelled, or the runtime is shutting down. */
#define STRAND_ERR_CANCELLED (-8)

/**
 * What the call is about is closed: a channel (and for a receiver also empty), a worklist, a device.
 */
#define STRAND_ERR_CLOSED (-9)

/** Every strand waits and nothing is pending that could wake one. */
#define STRAND_ERR_DEADLOCK (-10)

/** It was done before, by an earlier call. */
#define STRAND_ERR_ALREADY (-11)

/** Somebody else has it. */
#define STRAND_ERR_TAKEN (-12)

/** There is nothing to take, or to choose from. */
#define STRAND_ERR_EMPTY (-13)

/** Another thread is doing this at the moment. */
#define STRAND_ERR_BUSY (-14)

/** Something that was run has failed: a strand, for strand_scheduler_run(). */
#define STRAND_ERR_FAILED (-15)

/** This version, build or platform cannot do it. The message says what is missing. */
#define STRAND_ERR_UNSUPPORTED (-16)

/** The program does not behave as the recording says. Reserved. */
#define STRAND_ERR_REPLAY (-17)

/** The configured number of steps is used up. Reserved. */
#define STRAND_ERR_MAX_STEPS (-18)

/** This process is the child of a fork: the runtime's threads exist only in the parent. */
#define STRAND_ERR_FORKED (-19)

/** The operating system reported an error. The message says which. */
#define STRAND_ERR_IO (-20)

/** A device is not there, or it is lost. The message says which. */
#define STRAND_ERR_DEVICE (-21)

/** A shader is wrong. The message says where, as line and column of its text. */
#define STRAND_ERR_SHADER (-22)

/**
 * A broken invariant inside the library was caught in this call. Please report it, with the
 * message.
 */
#define STRAND_ERR_PANIC (-23)

/** A callback on a worker's stack made a call that may switch strands. */
#define STRAND_ERR_WOULD_SWITCH (-24)

/** strand_scheduler_init() has not been called, or the runtime was shut down. */
#define STRAND_ERR_NOT_INITIALISED (-25)

/** Two implementations that were compared do not agree. */
#define STRAND_ERR_PARITY (-26)

/**
 * The name of a status, such as "STRAND_ERR_CLOSED", for logs and tests.
 *
 * @param status  any number
 * @return a string that lives as long as the library; "STRAND_ERR_UNKNOWN" for a number that is
 *         no status
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe yes
 * @since 0.1
 */
STRAND_API const char *strand_status_name(strand_status status);

/**
 * One sentence about a status, for people. What went wrong in a particular call is in
 * strand_last_error().
 *
 * @param status  any number
 * @return a string that lives as long as the library
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe yes
 * @since 0.1
 */
STRAND_API const char *strand_status_message(strand_status status);

/**
 * Copies the message of the last call that failed on this strand (off-strand: on this thread). A
 * call that succeeds leaves it as it is. The message of an answer that a program expects now and
 * then (WOULD_BLOCK, TIMEOUT, CLOSED, CANCELLED, STALE) is that of strand_status_message().
 *
 * The text is cut to fit and always ends with a zero byte when capacity is not 0. Ask for the
 * length first with (NULL, 0), or compare the result with capacity.
 *
 * @param buffer    where the text goes; may be NULL when capacity is 0
 * @param capacity  bytes at buffer
 * @return the length of the whole message without its zero byte
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API size_t strand_last_error(char *buffer, size_t capacity);

/* ---- Configuration ------------------------------------------------------------------------------
 *
 * A struct of settings begins with its size: `strand_config config = { sizeof config };` sets
 * the size and leaves everything else 0, and 0 means the default everywhere. A program compiled
 * against an older header passes a smaller struct, which is accepted; a larger one is accepted
 * if what this version does not know is all zero.
 */

/** Many workers on threads of their own: the default. */
#define STRAND_ENGINE_PARALLEL 0

/**
 * One strand at a time on the thread that drives: inside strand_scheduler_run(), inside
 * strand_scheduler_step() and inside every call in which an OS thread waits. Every decision is the
 * policy's, so the same program with the same seed and inputs runs the same way. Workers and
 * migration have no meaning there and are ignored.
 */
#define STRAND_ENGINE_STEPPED 1

/**
 * The scheduler of the may library runs the strands, on threads of its own. Only in a library that
 * was built with the cargo feature "may"; init answers STRAND_ERR_UNSUPPORTED in any other.
 *
 * It has no policies, priorities, holds, lanes and tokens, no stepping, recording, exploration and
 * virtual clock: what asks for them answers STRAND_ERR_UNSUPPORTED. It keeps a strand on one
 * worker (STRAND_SPAWN_PINNED, migration) only where there is one. At most 28,000 strands are alive
 * at once (fewer where guards take maps of the process); one more is STRAND_ERR_LIMIT. may's
 * threads, two descriptors for each and some memory stay until the process ends, and a later
 * runtime on this engine must ask for as many workers, or for none in particular. Where may gets no
 * memory for a new strand, that strand ends with a fault; an allocation that fails inside of may
 * can end the process.
 */
#define STRAND_ENGINE_MAY 2

/**
 * First in, first out, one step a turn: a strand that yields, waits or comes to a checkpoint goes
 * to the end. The default, and the only one of the parallel engine. The other policies are the
 * stepped engine's.
 */
#define STRAND_POLICY_COOPERATIVE 0

/** First in, first out; a strand keeps its turn for a quantum of checkpoints. */
#define STRAND_POLICY_ROUND_ROBIN 1

/**
 * The highest priority first, first in first out among equals. With an age_step, waiting raises
 * the priority.
 */
#define STRAND_POLICY_PRIORITY_FIXED 2

/**
 * Priority that grows by one for each age_step picks that a ready strand waits, so that everybody
 * is served.
 */
#define STRAND_POLICY_PRIORITY_AGING 3

/**
 * Holders of progress tokens first, by priority; tokens are granted and not used up. Nobody is
 * passed by more than bypass_limit times.
 */
#define STRAND_POLICY_PRIORITY_TOKEN 4

/**
 * Who has more progress tokens first: a message that a waiting strand receives earns it one, a
 * pick spends one. Nobody is passed by more than bypass_limit times.
 */
#define STRAND_POLICY_PROGRESS_AWARE 5

/**
 * Each ready strand is equally likely, at every yield, wait and checkpoint and before every call
 * that may switch.
 */
#define STRAND_POLICY_RANDOM 6

/**
 * Probabilistic concurrency testing (Burckhardt and others, ASPLOS 2010): random priorities with
 * pct_depth - 1 random places where the running strand drops to the lowest. Finds an ordering bug
 * of that depth with a probability of at least 1 / (strands * steps ^ (pct_depth - 1)). Decides
 * where STRAND_POLICY_RANDOM does.
 */
#define STRAND_POLICY_PCT 7

/** Any worker may resume any strand. The default. */
#define STRAND_MIGRATE_FREE 0

/**
 * Only strands that have never run move to another worker. For code that keeps the address of a
 * thread-local variable across calls that switch.
 */
#define STRAND_MIGRATE_NEW_ONLY 1

/** A strand stays with the worker it was given to when it was spawned. */
#define STRAND_MIGRATE_NEVER 2

/** A fault ends the strand it happens in; the others go on. The default. */
#define STRAND_FAULT_ISOLATE 0

/** A fault ends the scope of the strand it happens in. Not yet in this version. */
#define STRAND_FAULT_FAIL_SCOPE 1

/** A fault ends the process, after the fatal hook. */
#define STRAND_FAULT_ABORT 2

/**
 * The clock that fits the engine: real on the parallel one, virtual on the stepped one. The default.
 */
#define STRAND_CLOCK_DEFAULT 0

/** The monotonic clock of the system. */
#define STRAND_CLOCK_REAL 1

/**
 * A clock that begins at one second and moves only when nothing else can happen: to the earliest
 * deadline, and all timers of that moment fire together. It stands still while an external hold is
 * open or another OS thread is inside a call. Only with STRAND_ENGINE_STEPPED.
 */
#define STRAND_CLOCK_VIRTUAL 2

/** The largest number of workers. */
#define STRAND_MAX_WORKERS 1024

/**
 * What a language plugs into the runtime. Every function may be NULL; each gets `data` as its
 * last argument. The library never looks inside a language's values. No function is called while
 * the library holds a lock, none may throw, and those on a worker's stack may make no call that
 * switches (STRAND_ERR_WOULD_SWITCH).
 */
typedef struct strand_language_hooks {
    /** sizeof(strand_language_hooks) */
    uint32_t size;
    /** 0 */
    uint32_t reserved;
    /** Handed to every hook as its last argument. */
    void *data;
    /**
     * Makes the value that a channel carries: writes it into copy, element_size bytes that hold
     * nothing yet. Runs on the sender's stack, once per send, before the send can wait. NULL:
     * the bytes are copied.
     */
    void (*message_transfer)(void *copy, const void *element, size_t element_size, void *data);
    /**
     * Ends a value made by message_transfer that nobody received: its send did not happen, or
     * its channel was released. Runs on the stack of whoever made that call.
     */
    void (*message_drop)(void *element, size_t element_size, void *data);
    /**
     * A strand is about to run. Runs on the worker's stack at each switch into a strand; local
     * is the pointer of its spawn options.
     */
    void (*strand_resume)(void *local, void *data);
    /**
     * A strand has stopped running for now. Runs on the worker's stack at each switch out of a
     * strand.
     */
    void (*strand_suspend)(void *local, void *data);
    /**
     * A strand's entry function has returned result. Runs on the strand's stack, before its
     * on-exit functions.
     */
    void (*strand_exit)(void *local, void *result, void *data);
    /**
     * The process is about to abort; message says why. Runs on the stack of the failing thread.
     */
    void (*fatal)(const char *message, size_t length, void *data);
} strand_language_hooks;

/**
 * How the runtime is set up. 0 or NULL in a field takes the value of the STRAND_ environment
 * variable of that name, and without one the default.
 */
typedef struct strand_config {
    /** sizeof(strand_config) */
    uint32_t size;
    /** One of STRAND_ENGINE_. Environment: STRAND_ENGINE=parallel|stepped|may. */
    uint32_t engine;
    /**
     * Number of workers, at most STRAND_MAX_WORKERS. Default: the number of usable CPUs.
     * Environment: STRAND_WORKERS.
     */
    uint32_t workers;
    /**
     * One of STRAND_POLICY_. Environment: STRAND_POLICY=cooperative|round_robin|priority_fixed|
     * priority_aging|priority_token|progress_aware|random|pct.
     */
    uint32_t policy;
    /** Seed of every random decision of the policy. Environment: STRAND_SEED. */
    uint64_t seed;
    /** One of STRAND_MIGRATE_. Environment: STRAND_MIGRATION=free|new_only|never. */
    uint32_t migration;
    /** STRAND_FAULT_ISOLATE or STRAND_FAULT_ABORT. */
    uint32_t fault_policy;
    /**
     * Usable bytes of a strand's stack where its spawn options say nothing. Default: 65536.
     * Environment: STRAND_STACK_BYTES.
     */
    size_t stack_bytes;
    /**
     * Most strands that may be alive at once. Default: what fits a handle, 16777215; with
     * STRAND_ENGINE_MAY 28000, which is also the most that can be asked for there.
     */
    size_t max_strands;
    /**
     * Stepped engine: steps that one call may drive before it gives up with
     * STRAND_ERR_MAX_STEPS. 0: no limit.
     */
    uint64_t max_steps;
    /** One of STRAND_CLOCK_. */
    uint32_t clock;
    /**
     * One of STRAND_DEVICE_: what strand_device_open() opens where it is not said. Environment:
     * STRAND_GPU=auto|hardware|software|cpu, or part of the name of an adapter.
     */
    uint32_t gpu;
    /**
     * A file: the run is recorded into it, on the stepped engine. "FILE,explicit": with every
     * pick, also those that the policy predicts. Environment: STRAND_RECORD, which holds whatever
     * this says.
     */
    const char *record;
    /**
     * A file that record has written: the same run on the stepped engine, compared step by step
     * (see Recordings). It fills policy, seed, their parameters and the clock where they are 0.
     * "FILE,patience=SECONDS": how long to wait for an OS thread that should come; 30. Or a
     * schedule token, as a failed exploration prints it: the program runs that schedule, and if
     * it fails again the process ends with status 1 and a report. Environment: STRAND_REPLAY,
     * which holds whatever this says.
     */
    const char *replay;
    /**
     * Searches the schedules of the program for one that fails, see strand_explore_options:
     * "random:runs=10000,seed=1", "pct:depth=3,runs=10000,seed=1" or "exhaustive:preemptions=2".
     * The process forks inside strand_scheduler_init(), once for each schedule; each child runs
     * the rest of the program on the stepped engine, with standard output going nowhere unless
     * output=keep is said. With inject=cancel,close,oom,timeout:n=2 (any of them) so many faults
     * come in each schedule: a strand is cancelled, a channel closed, an allocation of the library
     * fails, the earliest deadline comes at once. A schedule fails by a fault, a false strand_assert(), a deadlock, an
     * abort, more than max_steps= steps, or an exit status other than 0. The parent prints a
     * report with a token for STRAND_REPLAY and exits with status 1, or says how many schedules
     * ran and exits with 0. What the program does to files is the program's affair.
     * Environment: STRAND_EXPLORE, which holds whatever this says.
     */
    const char *explore;
    /**
     * Receives what the library would otherwise keep to itself: reports of deadlocks and faults.
     * message has length bytes and a zero byte after them. Runs on any thread of the runtime or
     * on the stack of the call that failed, and may make no call that switches.
     */
    void (*log)(uint32_t level, const char *message, size_t length, void *data);
    /** Handed to log as its last argument. */
    void *log_data;
    /** What a language plugs in. Copied: the struct need not outlive the call. */
    const struct strand_language_hooks *hooks;
    /** STRAND_POLICY_ROUND_ROBIN: checkpoints of a turn. Default: 16. */
    uint32_t quantum;
    /**
     * STRAND_POLICY_PRIORITY_AGING: picks waited for one more of priority; default 8.
     * STRAND_POLICY_PRIORITY_FIXED: the same, and 0 is no ageing. At most 2^30.
     */
    uint32_t age_step;
    /**
     * STRAND_POLICY_PRIORITY_TOKEN and STRAND_POLICY_PROGRESS_AWARE: how often a ready strand may
     * be passed by. Default: 64.
     */
    uint32_t bypass_limit;
    /** STRAND_POLICY_PCT: depth of the bugs looked for, 1 to 64. Default: 3. */
    uint32_t pct_depth;
    /** STRAND_POLICY_PCT: about how many picks a run has. Default: 1,000. */
    uint64_t pct_steps;
    /**
     * Hand-offs that are kept for strand_handoffs_read(): the last so many. Default: 256. At most
     * 1,048,576.
     */
    uint32_t handoffs;
    /** Most progress tokens that a strand can have. Default: 16. */
    uint32_t token_cap;
    /**
     * Most threads that make calls for strands (see strand_offload()); they are started as they are
     * needed. Default: 64. At most 1,024. Environment: STRAND_OFFLOAD_THREADS.
     */
    uint32_t offload_threads;
    /** 0 */
    uint32_t reserved;
} strand_config;

/* ---- Time and deadlines -------------------------------------------------------------------------
 *
 * Time is a count of nanoseconds of the runtime's clock, which only goes forward. Every call
 * that can wait takes an absolute deadline: STRAND_FOREVER, STRAND_NO_WAIT or a time made by
 * strand_after(). A deadline in the past tries once and then gives STRAND_ERR_TIMEOUT; one below
 * -1 is STRAND_ERR_INVALID.
 */

/** The deadline that never comes. */
#define STRAND_FOREVER (-1)

/** The deadline of a call that must not wait: it gives STRAND_ERR_WOULD_BLOCK instead. */
#define STRAND_NO_WAIT 0

/**
 * The time on the runtime's clock. Before strand_scheduler_init() it is the monotonic clock.
 * Never less than one second, so that a time is never taken for STRAND_NO_WAIT. In a run that is
 * recorded or replayed it is not for signal handlers: what it says is written down.
 *
 * @return nanoseconds
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe yes
 * @since 0.1
 */
STRAND_API int64_t strand_now(void);

/**
 * The deadline that lies so many nanoseconds ahead. A negative distance counts as 0, and one
 * beyond the end of the clock as the end of the clock; the result is never STRAND_NO_WAIT or
 * STRAND_FOREVER.
 *
 * @param nanoseconds  distance from now
 * @return a deadline
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe yes
 * @since 0.1
 */
STRAND_API int64_t strand_after(int64_t nanoseconds);

/* ---- Scheduler ----------------------------------------------------------------------------------
 *
 * One runtime per process: init starts the workers, shutdown ends them, and init may follow
 * again. Strands run from the first spawn on, whether or not a thread is inside
 * strand_scheduler_run().
 */

/**
 * Starts the runtime. With a runtime already there and config NULL or equal to the one in force,
 * it is OK and changes nothing: it is not counted, and one shutdown ends the runtime for
 * everybody. So a library that is a guest in somebody's program calls this with NULL and leaves
 * shutdown to the program.
 *
 * @param config  NULL: the STRAND_ environment variables, else the defaults. Copied, hooks
 *                included.
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: a field or an environment variable has no such value, the message
 *         names it;
 *         STRAND_ERR_ALREADY: a runtime is there with another configuration;
 *         STRAND_ERR_UNSUPPORTED: the configuration asks for what this version does not have, or
 *         another copy of the library runs in this process;
 *         STRAND_ERR_BUSY: another thread is inside init or shutdown;
 *         STRAND_ERR_NO_MEMORY, STRAND_ERR_LIMIT: memory, address space or threads are
 *         exhausted;
 *         STRAND_ERR_FORKED
 *
 * @context strand, host-thread
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_scheduler_init(const strand_config *config);

/**
 * Waits until every counted strand has ended: all but those spawned STRAND_SPAWN_UNCOUNTED and
 * those that are dormant. Any number of threads may be inside. The calling thread need not
 * become a worker.
 *
 * A deadlock is found by counting, never by a time limit: every counted strand waits, no timer
 * is pending, no strand_external_acquire() is held, and no thread is inside a call that could
 * wake one. Nothing is ended by it: strand_last_error() has the report of who waits on what, a
 * later wake lets the strands go on, and this may be called again.
 *
 * @return STRAND_OK: none is left;
 *         STRAND_ERR_DEADLOCK: all that are left wait for each other;
 *         STRAND_ERR_FAILED: none is left, and at least one ended with a fault that nobody asked
 *         about. Told once; the message names the first such strand, its fault and their number;
 *         STRAND_ERR_CANCELLED: the runtime was shut down meanwhile;
 *         STRAND_ERR_INVALID: called on a strand, which uses strand_wait_all();
 *         STRAND_ERR_WOULD_SWITCH: called from a callback on a worker's stack;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context host-thread
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_scheduler_run(void);

/**
 * Waits until the number of counted strands was 0 at some moment of the call. On a strand it
 * waits for all others except those that are themselves inside this call.
 *
 * @param deadline  see strand_after()
 * @return STRAND_OK;
 *         STRAND_ERR_TIMEOUT, STRAND_ERR_WOULD_BLOCK: strands are left;
 *         STRAND_ERR_DEADLOCK: as strand_scheduler_run();
 *         STRAND_ERR_CANCELLED: the runtime was shut down meanwhile;
 *         STRAND_ERR_INVALID: the deadline is below -1;
 *         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context strand, host-thread
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_wait_all(int64_t deadline);

/**
 * Announces that something outside the runtime, such as a thread that will send on a channel,
 * may still wake a strand. No deadlock is reported while one is held. Counted; each is given
 * back by strand_external_release().
 *
 * @return STRAND_OK;
 *         STRAND_ERR_LIMIT: too many are held;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_external_acquire(void);

/**
 * Gives back one strand_external_acquire(). Any thread may do it, after its last call that wakes
 * a strand.
 *
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: none is held;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_external_release(void);

/**
 * Ends the runtime: refuses spawns, cancels every strand, wakes threads that wait inside a call
 * (both get STRAND_ERR_CANCELLED) and waits until all have left, drops buffered elements, joins
 * the workers and frees everything. strand_scheduler_init() may follow. Handles from before are
 * stale for ever.
 *
 * Strands are asked to end, by the status that their next waiting call returns; nobody's frames
 * are unwound. Past the deadline the strands that are left and wait are abandoned with their
 * stacks. While one still runs nothing is freed: the runtime stays in shutdown, and the call may
 * be repeated.
 *
 * @param deadline  see strand_after()
 * @return STRAND_OK;
 *         STRAND_ERR_TIMEOUT: the deadline passed, the message names the strands that were left;
 *         STRAND_ERR_BUSY: another thread is inside init or shutdown;
 *         STRAND_ERR_INVALID: called on a strand, or the deadline is below -1;
 *         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context host-thread
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_scheduler_shutdown(int64_t deadline);

/* ---- Stepping -----------------------------------------------------------------------------------
 *
 * With STRAND_ENGINE_STEPPED the host can drive the program itself. One step runs one strand to
 * its next suspension or checkpoint; nothing runs outside of steps. Calls of other OS threads
 * happen between two steps.
 */

/** Work is left. */
#define STRAND_STEP_CONTINUE 0

/** No counted strand is left. */
#define STRAND_STEP_ALL_DONE 1

/**
 * Nothing can run before somebody outside acts (an external hold is open, or another thread is
 * inside a call), or before a moment of the real clock comes.
 */
#define STRAND_STEP_IDLE 2

/** Counted strands are left, and nothing can ever run again. */
#define STRAND_STEP_DEADLOCK 3

/** The last step ended its strand with a fault. Stepping may go on. */
#define STRAND_STEP_FAULT 4

/** No step was made yet. */
#define STRAND_REASON_NONE 0

/** The strand gave its turn away. */
#define STRAND_REASON_YIELDED 1

/** The strand came to a checkpoint. */
#define STRAND_REASON_CHECKPOINT 2

/** The strand waits. */
#define STRAND_REASON_WAITS 3

/** The strand has ended. */
#define STRAND_REASON_ENDED 4

/** The strand has ended with a fault. */
#define STRAND_REASON_FAILED 5

/** The policy let another strand go first, before a call that may switch. */
#define STRAND_REASON_PREEMPTED 6

/** How things stand after some steps. */
typedef struct strand_step_result {
    /** sizeof(strand_step_result), set by the caller. */
    uint32_t size;
    /** One of STRAND_STEP_. */
    uint32_t outcome;
    /** Steps made by this call. */
    uint64_t steps;
    /** Steps made since init. */
    uint64_t total_steps;
    /** The strand of the last step there was; it may have ended. */
    uint64_t strand;
    /** Why it stopped: one of STRAND_REASON_. */
    uint32_t reason;
    /** 0 */
    uint32_t reserved;
    /** With STRAND_REASON_WAITS: the strand, channel or token it waits on, or 0. */
    uint64_t object;
} strand_step_result;

/**
 * Makes up to max_steps steps and says how things stand. It stops early when no counted strand is
 * left, when nothing can run, and after a step that ended its strand with a fault. Two calls with
 * a and b steps are one call with a + b. It is OK whatever happened in the program.
 *
 * @param max_steps  at least 1
 * @param result     how things stand; size set by the caller
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: max_steps is 0, result is NULL or its size is wrong, or this is a
 *         strand;
 *         STRAND_ERR_BUSY: another OS thread is driving this runtime;
 *         STRAND_ERR_UNSUPPORTED: the runtime has another engine;
 *         STRAND_ERR_CANCELLED: the runtime is shutting down;
 *         STRAND_ERR_WOULD_SWITCH: called from a callback on the driving thread;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context host-thread
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_scheduler_step(
        uint64_t max_steps,
        struct strand_step_result *result);

/* ---- Spawning strands ---------------------------------------------------------------------------
 *
 * A strand is a function that runs on a stack of its own and can wait without blocking a thread.
 * It starts with errno 0 and the default floating-point modes, and both follow it from thread to
 * thread.
 */

/**
 * The strand becomes ready only by strand_start(), and until then nobody waits for its end but
 * strand_join().
 */
#define STRAND_SPAWN_DORMANT 1

/** strand_scheduler_run() and strand_wait_all() do not wait for the strand. */
#define STRAND_SPAWN_UNCOUNTED 2

/**
 * The strand runs at once in place of the one that spawns it, which goes on later: the call
 * switches. Off-strand the flag has no effect.
 */
#define STRAND_SPAWN_RUN_FIRST 4

/** The strand stays on the worker it is given to, whatever the configuration says. */
#define STRAND_SPAWN_PINNED 8

/** The strand may move between workers at any switch, whatever the configuration says. */
#define STRAND_SPAWN_MIGRATABLE 16

/**
 * The strand starts with the spawning strand's values of all strand locals. They stay the
 * spawning strand's: what is inherited is not dropped when the strand ends.
 */
#define STRAND_SPAWN_INHERIT_LOCALS 32

/**
 * The function a strand runs. It may not let an exception leave: a foreign exception that
 * reaches its end ends the process, with the strand named. The result goes to the strand_exit
 * hook of the language, and without one it is ignored.
 */
typedef void *(*strand_entry)(void *arg);

/** Names a strand, for ever: a handle is never used again, and below 2^62. 0 is no strand. */
typedef uint64_t strand_id;

/** How a strand is made: 0 or NULL in a field is the default. */
typedef struct strand_spawn_options {
    /** sizeof(strand_spawn_options) */
    uint32_t size;
    /** STRAND_SPAWN_ bits. */
    uint32_t flags;
    /** Name for dumps and messages, of name_length bytes. Copied, and cut where it is long. */
    const char *name;
    /** Bytes at name. */
    size_t name_length;
    /**
     * Usable bytes of stack: the strand gets the smallest class that holds them. Default: the
     * configuration's. More than the largest class is STRAND_ERR_LIMIT.
     */
    size_t stack_bytes;
    /** The lane it is in at first: 0, or one that strand_lane_new() made. */
    uint32_t lane;
    /** For policies that look at it; higher comes first. See strand_set_priority(). */
    int32_t priority;
    /** The scope whose child it is, from strand_scope_open(); 0 for the root. */
    uint64_t scope;
    /**
     * Ends the argument if the strand never starts. Runs on the stack of whoever finds that out.
     */
    void (*arg_drop)(void *arg);
    /**
     * Not 0: so many bytes at arg are copied, and entry gets the address of the copy, which is
     * aligned to 16 bytes and lives as long as the strand.
     */
    size_t arg_bytes;
    /** Handed to the language hooks as the strand's own pointer. */
    void *local;
    /**
     * The cancel token that reaches the strand, from strand_cancel_new(); 0 for none. The strand
     * counts on it until its end. Not together with a scope, whose own token reaches it.
     */
    uint64_t cancel;
} strand_spawn_options;

/**
 * Starts a strand with default options. It is ready at once and may have run, and ended, before
 * this returns. On failure the argument is still the caller's.
 *
 * The strand gets its stack when it first runs. When none can be had then, it ends with a fault
 * that strand_scheduler_run() reports.
 *
 * @param entry  what the strand runs
 * @param arg    handed to entry
 * @param out    the strand's handle; may be NULL
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: entry is NULL;
 *         STRAND_ERR_LIMIT: as many strands are alive as the configuration or a handle allows;
 *         STRAND_ERR_NO_MEMORY;
 *         STRAND_ERR_CANCELLED: the runtime is shutting down;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_spawn(strand_entry entry, void *arg, strand_id *out);

/**
 * Starts a strand with options. It switches only with STRAND_SPAWN_RUN_FIRST.
 *
 * @param options  NULL: as strand_spawn(). Copied, with the name.
 * @param entry    what the strand runs
 * @param arg      handed to entry; with arg_bytes, what is copied
 * @param out      the strand's handle; may be NULL
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: entry is NULL, an option has no such value, or there is no such lane;
 *         STRAND_ERR_UNSUPPORTED: an option that this version does not have yet;
 *         STRAND_ERR_LIMIT: as strand_spawn(), or more stack than the largest class;
 *         STRAND_ERR_NO_MEMORY;
 *         STRAND_ERR_CANCELLED: the token has fired, the scope is cancelled, or the runtime is
 *         shutting down;
 *         STRAND_ERR_STALE: the token or the scope is gone;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_spawn_with(
        const struct strand_spawn_options *options,
        strand_entry entry,
        void *arg,
        strand_id *out);

/* ---- Strands at work ----------------------------------------------------------------------------
 */

/**
 * 0 while strand_checkpoint() has nothing to do. Code may load and test it inline, one load and
 * a branch, and make the call only when it is not 0. Load it anew each time; it is written by
 * other threads.
 */
extern const volatile uint32_t strand_poll_word;

/**
 * The strand that makes the call.
 *
 * @return its handle; 0 on a thread that runs no strand
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe yes
 * @since 0.1
 */
STRAND_API strand_id strand_self(void);

/**
 * Lets other ready strands run first. Off-strand it lets other threads run.
 *
 * @return STRAND_OK;
 *         STRAND_ERR_CANCELLED: the strand is asked to end;
 *         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context strand, host-thread
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_yield(void);

/**
 * Gives way if it is time to: for loops that call nothing that waits. Costs a load and a branch
 * while nothing is wanted. Once a strand has run for a time slice (1 ms) while others are ready,
 * it yields; when the strand is asked to end, the status says so.
 *
 * @return STRAND_OK: go on; always so off-strand;
 *         STRAND_ERR_CANCELLED: the strand is asked to end
 *
 * @context any
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_checkpoint(void);

/**
 * Waits until a strand has ended, however and however long ago. How it ended is not told: its
 * fault is in the report of strand_scheduler_run().
 *
 * @param id        the strand
 * @param deadline  see strand_after()
 * @return STRAND_OK: it has ended;
 *         STRAND_ERR_TIMEOUT, STRAND_ERR_WOULD_BLOCK: it has not;
 *         STRAND_ERR_INVALID: id names no strand and never did, or the caller itself; or the
 *         deadline is below -1;
 *         STRAND_ERR_CANCELLED: the caller is asked to end, or the runtime was shut down
 *         meanwhile;
 *         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context strand, host-thread
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_join(strand_id id, int64_t deadline);

/**
 * Waits for a time. Other strands run meanwhile; off-strand the thread sleeps.
 *
 * @param nanoseconds  how long; 0 or less is a strand_yield()
 * @return STRAND_OK;
 *         STRAND_ERR_CANCELLED: the caller is asked to end, or the runtime was shut down
 *         meanwhile;
 *         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context strand, host-thread
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_sleep(int64_t nanoseconds);

/**
 * Waits until a time has come. As strand_sleep(), for those who have a time and not a distance: a loop
 * that adds to the time it slept until does not drift.
 *
 * @param deadline  see strand_after(); one that has passed, and STRAND_NO_WAIT, is a
 *                  strand_yield(); STRAND_FOREVER ends by cancellation only
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: the deadline is below -1;
 *         STRAND_ERR_CANCELLED: the caller is asked to end, or the runtime was shut down
 *         meanwhile;
 *         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context strand, host-thread
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_sleep_until(int64_t deadline);

/**
 * Makes a strand ready that was spawned STRAND_SPAWN_DORMANT.
 *
 * @param id  the strand
 * @return STRAND_OK;
 *         STRAND_ERR_ALREADY: it was started before, or spawned without that flag;
 *         STRAND_ERR_STALE: it has ended;
 *         STRAND_ERR_INVALID: id names no strand and never did;
 *         STRAND_ERR_CANCELLED: the runtime is shutting down;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_start(strand_id id);

/**
 * Ends the calling strand as if its function had returned, from any depth; for code whose frames
 * cannot return early. Its on-exit functions run on this stack, its frames are dropped without being
 * unwound (no destructor of theirs runs). On a strand it never returns.
 *
 * A task has succeeded with result as its value, a generator has ended with result as its final
 * value; where either is cancelled, it has ended because of that, and result is nobody's.
 *
 * @param result  what the function would have returned: goes to the strand_exit hook
 * @return STRAND_ERR_NOT_ON_STRAND, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context strand
 * @switches always
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_exit(void *result);

/**
 * Ends the calling strand with a fault, and never returns. Its on-exit functions run on this
 * stack, its frames are dropped without being unwound (no destructor of theirs runs), and the
 * others go on. Whoever joins it sees that it has ended; strand_scheduler_run() returns
 * STRAND_ERR_FAILED with the message. Off-strand, and under STRAND_FAULT_ABORT, the fatal hook
 * runs and the process aborts.
 *
 * @param code     what to record, a STRAND_ERR_ number or any negative one of the language's own
 * @param message  text of length bytes; copied; NULL for none
 * @param length   bytes at message; a long one is cut
 *
 * @context any
 * @switches always
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API void strand_fail(strand_status code, const char *message, size_t length) STRAND_NORETURN;

/**
 * Has a function called when the calling strand ends, however it ends. Last in, first out, on
 * the strand's own stack and before those who join it are woken. They may wait: a strand that is
 * asked to end is not told so there.
 *
 * @param function  what to call
 * @param data      handed to function
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: function is NULL;
 *         STRAND_ERR_NO_MEMORY;
 *         STRAND_ERR_NOT_ON_STRAND, STRAND_ERR_FORKED
 *
 * @context strand
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_on_exit(void (*function)(void *data), void *data);

/* ---- Policies and lanes -------------------------------------------------------------------------
 *
 * What a program may say about who runs next. The policy is chosen in the configuration; what it
 * looks at (priorities, progress tokens) is set here, and so is what comes before it (lanes,
 * holds).
 *
 * All of this belongs to STRAND_ENGINE_STEPPED. On STRAND_ENGINE_PARALLEL a program that uses it
 * runs unchanged: priorities, lanes and tokens are checked and remembered and can be read back,
 * but the order of strands does not depend on them, and a lane's width bounds nothing. Only
 * holding a strand is refused there, with STRAND_ERR_UNSUPPORTED.
 */

/** How a lane is made: 0 or NULL in a field is the default. */
typedef struct strand_lane_options {
    /** sizeof(strand_lane_options) */
    uint32_t size;
    /**
     * Picks that the lane gets in a row while it has ready strands, before the next lane has its
     * turn. Default: 1.
     */
    uint32_t weight;
    /**
     * How many of its strands may run at the same time; 1 for strands that take turns, as those
     * of an actor do. Default: any number. One strand at a time runs on the stepped engine, so
     * there every width is kept; the parallel engine keeps none.
     */
    uint32_t width;
    /** 0 */
    uint32_t reserved;
    /** Name for snapshots, of name_length bytes. Copied, and cut where it is long. */
    const char *name;
    /** Bytes at name. */
    size_t name_length;
} strand_lane_options;

/** The record of one move of a strand to another lane. Its layout never changes. */
typedef struct strand_handoff {
    /** Who moved; it may have ended since. */
    strand_id strand;
    /** Steps that had been made since init when it moved. */
    uint64_t step;
    /** The lane it left. */
    uint32_t from;
    /** The lane it joined. */
    uint32_t to;
    /** Why, as the caller of strand_set_lane() said. */
    uint32_t reason;
    /** 0 */
    uint32_t reserved;
} strand_handoff;

/**
 * Sets a strand's priority. A higher number comes first, under policies that look at it. It holds
 * at once: a strand that is ready keeps the time it has waited and takes its new place.
 *
 * @param id        the strand; it may wait, run, or not have been started
 * @param priority  any number; 0 is what a strand begins with
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: id never named a strand;
 *         STRAND_ERR_STALE: the strand has ended;
 *         STRAND_ERR_NO_MEMORY: only on the parallel engine;
 *         STRAND_ERR_CANCELLED: the runtime is shutting down;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_set_priority(strand_id id, int32_t priority);

/**
 * A strand's priority, as it was spawned with or was set last. What ageing adds is not part of it.
 *
 * @param id   the strand
 * @param out  its priority
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: id never named a strand, or out is NULL;
 *         STRAND_ERR_STALE: the strand has ended;
 *         STRAND_ERR_CANCELLED: the runtime is shutting down;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_priority(strand_id id, int32_t *out);

/**
 * Holds a strand: it keeps its place among those that are ready, also a place it gets later, and
 * is not picked before strand_resume(). A strand that runs, waits or has not been started is held
 * from the moment at which it would run next; a strand may hold itself. Holds do not add up.
 *
 * While strands are ready but held and nothing else can happen, the program is no deadlock:
 * strand_scheduler_step() says STRAND_STEP_IDLE, and a call that drives waits until another
 * thread resumes one, as it does under strand_external_acquire(). Timers go on meanwhile, so a
 * strand may hold another, sleep, and resume it. A shutdown resumes everybody.
 *
 * @param id  the strand
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: id never named a strand;
 *         STRAND_ERR_STALE: the strand has ended;
 *         STRAND_ERR_UNSUPPORTED: the engine is not the stepped one;
 *         STRAND_ERR_CANCELLED: the runtime is shutting down;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_pause(strand_id id);

/**
 * Lets a strand go that strand_pause() holds: it takes its turn at the place it has kept. For a
 * strand that is not held this does nothing.
 *
 * @param id  the strand
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: id never named a strand;
 *         STRAND_ERR_STALE: the strand has ended;
 *         STRAND_ERR_UNSUPPORTED: the engine is not the stepped one;
 *         STRAND_ERR_CANCELLED: the runtime is shutting down;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_resume(strand_id id);

/**
 * Makes a lane. Lane 0 is always there. The lane is chosen before the policy picks in it: the
 * turn goes round the lanes that have a strand to run, in the order of their numbers, and each
 * gets as many picks in a row as its weight says. (STRAND_POLICY_RANDOM and STRAND_POLICY_PCT pick
 * among the strands of all lanes.) Lanes stay until shutdown; those that are made while
 * strand_explore() runs go with the schedule that makes them.
 *
 * @param options  NULL: weight 1, any width, no name. Copied, with the name.
 * @param out      the lane's number: 1, then 2, and so on
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: out is NULL, or an option has no such value;
 *         STRAND_ERR_UNSUPPORTED: reserved is not 0;
 *         STRAND_ERR_LIMIT: there are 65,536 lanes;
 *         STRAND_ERR_NO_MEMORY;
 *         STRAND_ERR_CANCELLED: the runtime is shutting down;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_lane_new(const struct strand_lane_options *options, uint32_t *out);

/**
 * Moves a strand to another lane, where it stands as if it had become ready just now, and keeps a
 * record of the move, a hand-off. To the lane in which it is: nothing happens, and there is no
 * record.
 *
 * @param id      the strand
 * @param lane    0, or one that strand_lane_new() made
 * @param reason  any number, for the record
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: id never named a strand, or there is no such lane;
 *         STRAND_ERR_STALE: the strand has ended;
 *         STRAND_ERR_NO_MEMORY: only on the parallel engine;
 *         STRAND_ERR_CANCELLED: the runtime is shutting down;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_set_lane(strand_id id, uint32_t lane, uint32_t reason);

/**
 * The lane in which a strand is.
 *
 * @param id   the strand
 * @param out  its lane
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: id never named a strand, or out is NULL;
 *         STRAND_ERR_STALE: the strand has ended;
 *         STRAND_ERR_CANCELLED: the runtime is shutting down;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_lane(strand_id id, uint32_t *out);

/**
 * Gives a strand progress tokens, which STRAND_POLICY_PRIORITY_TOKEN and
 * STRAND_POLICY_PROGRESS_AWARE look at. A strand has at most as many as token_cap of the
 * configuration says; what is above that is lost.
 *
 * @param id      the strand
 * @param tokens  how many more
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: id never named a strand;
 *         STRAND_ERR_STALE: the strand has ended;
 *         STRAND_ERR_NO_MEMORY: only on the parallel engine;
 *         STRAND_ERR_CANCELLED: the runtime is shutting down;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_tokens_grant(strand_id id, uint32_t tokens);

/**
 * Moves progress tokens from one strand to another: all of them, or none.
 *
 * @param from    who has them
 * @param to      who gets them
 * @param tokens  how many
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: from or to never named a strand, or from has fewer;
 *         STRAND_ERR_LIMIT: to would have more than token_cap of the configuration;
 *         STRAND_ERR_STALE: one of the strands has ended;
 *         STRAND_ERR_NO_MEMORY: only on the parallel engine;
 *         STRAND_ERR_CANCELLED: the runtime is shutting down;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_tokens_move(strand_id from, strand_id to, uint32_t tokens);

/**
 * How many progress tokens a strand has.
 *
 * @param id   the strand
 * @param out  its tokens
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: id never named a strand, or out is NULL;
 *         STRAND_ERR_STALE: the strand has ended;
 *         STRAND_ERR_CANCELLED: the runtime is shutting down;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_tokens(strand_id id, uint32_t *out);

/**
 * Copies the records of moves between lanes, oldest first. The last ones are kept, as many as
 * handoffs of the configuration says; reading does not take them away. Record i is number
 * dropped + i of all moves since init, counted from 0.
 *
 * @param records   room for capacity records; may be NULL when capacity is 0
 * @param capacity  records that are copied at most, the oldest first
 * @param count     how many are kept, which may be more than capacity
 * @param dropped   how many older ones were dropped; may be NULL
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: count is NULL, or records is NULL and capacity is not 0;
 *         STRAND_ERR_CANCELLED: the runtime is shutting down;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_handoffs_read(
        struct strand_handoff *records,
        size_t capacity,
        size_t *count,
        uint64_t *dropped);

/* ---- Strand locals ------------------------------------------------------------------------------
 *
 * A pointer per strand and key: what a thread-local variable is to a thread. Code on a strand
 * must not keep the address of a thread-local across a call that may switch, because the strand
 * may go on in another thread; a strand local goes with it.
 */

/**
 * Makes a key, which is good until shutdown. Each strand's value under it starts as NULL. There
 * are 256 keys and none is given back before shutdown: make them once, at start. A key is never 0.
 *
 * @param drop   called with a strand's value when the strand ends and the value is not NULL, on
 *               the strand's own stack, after its on-exit functions; may be NULL
 * @param flags  0
 * @param key    the key
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: key is NULL, or flags is not 0;
 *         STRAND_ERR_LIMIT: no key is left;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_local_new(void (*drop)(void *value), uint32_t flags, uint32_t *key);

/**
 * Sets the calling strand's value. The old one is not dropped.
 *
 * @param key    from strand_local_new()
 * @param value  any pointer
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: there is no such key;
 *         STRAND_ERR_NO_MEMORY;
 *         STRAND_ERR_NOT_ON_STRAND, STRAND_ERR_FORKED
 *
 * @context strand
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_local_set(uint32_t key, void *value);

/**
 * The calling strand's value.
 *
 * @param key  from strand_local_new()
 * @return the value; NULL when none was set, off-strand, and for a key that does not exist
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API void *strand_local_get(uint32_t key);

/* ---- Park and unpark ----------------------------------------------------------------------------
 *
 * The building block of waiting for anything: begin a wait, hand its token to whoever will end
 * it, park. An unpark that comes before the park is not lost; one that comes after the wait is
 * over says STRAND_ERR_STALE and does nothing.
 */

/** One wait of one strand. */
typedef uint64_t strand_park_token;

/**
 * Begins a wait. A strand has one at a time: beginning another ends the one before.
 *
 * @param out  the token
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: out is NULL;
 *         STRAND_ERR_NOT_ON_STRAND, STRAND_ERR_FORKED
 *
 * @context strand
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_park_begin(strand_park_token *out);

/**
 * Waits until the token is unparked. STRAND_OK and STRAND_ERR_TIMEOUT end the wait; with
 * STRAND_ERR_WOULD_BLOCK it is as it was.
 *
 * @param token     from strand_park_begin() on this strand
 * @param deadline  see strand_after()
 * @param value     what strand_unpark() was given; may be NULL
 * @return STRAND_OK: unparked;
 *         STRAND_ERR_TIMEOUT, STRAND_ERR_WOULD_BLOCK: not unparked in time;
 *         STRAND_ERR_STALE: this wait is over;
 *         STRAND_ERR_INVALID: the token is not of this strand, or the deadline is below -1;
 *         STRAND_ERR_CANCELLED: the strand is asked to end;
 *         STRAND_ERR_NOT_ON_STRAND, STRAND_ERR_WOULD_SWITCH, STRAND_ERR_FORKED
 *
 * @context strand
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_park(strand_park_token token, int64_t deadline, uint64_t *value);

/**
 * Ends a wait: the strand becomes ready, or its coming strand_park() returns at once. The first
 * one wins.
 *
 * @param token  the wait
 * @param value  handed to strand_park()
 * @return STRAND_OK: this call ended the wait;
 *         STRAND_ERR_STALE: it was over;
 *         STRAND_ERR_INVALID: the token was never issued;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_unpark(strand_park_token token, uint64_t value);

/* ---- errno --------------------------------------------------------------------------------------
 *
 * Every strand has its own errno: it is saved at each switch and restored where the strand goes
 * on. But compilers compute the address of errno once and keep it, and after a switch that can
 * be another thread's. So this header redefines errno as a call that they may not cache. With
 * STRAND_NO_ERRNO defined before the include it leaves errno alone: such code is right only
 * under STRAND_MIGRATE_NEW_ONLY or _NEVER, or when it does not read errno after a call that
 * switched.
 */

/**
 * Where errno is now: on a strand and off. The address is good until the next call that may
 * switch.
 *
 * @return the address, never NULL
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe yes
 * @since 0.1
 */
STRAND_API int *strand_errno_location(void);

/* ---- Channels -----------------------------------------------------------------------------------
 *
 * A channel carries elements of one size from senders to receivers, which may be strands or
 * threads. An element is bytes that are copied; one machine word is the fastest. With capacity 0
 * a send waits for its receiver; with STRAND_UNBOUNDED it never waits. A channel is counted:
 * strand_chan_new() gives one reference, waiting takes none.
 */

/** The capacity of a channel that takes any number of elements. */
#define STRAND_UNBOUNDED SIZE_MAX

/** Names a channel; below 2^62 and never used again. 0 is no channel. */
typedef uint64_t strand_chan;

/** How a channel is made: 0 or NULL in a field is the default. */
typedef struct strand_chan_options {
    /** sizeof(strand_chan_options) */
    uint32_t size;
    /** 0 */
    uint32_t flags;
    /** Bytes of an element; 0 for a channel that carries nothing but the fact. */
    size_t element_size;
    /**
     * Elements that fit before a sender waits; 0: each send meets its receiver;
     * STRAND_UNBOUNDED.
     */
    size_t capacity;
    /** Name for dumps and messages, of name_length bytes. Copied, and cut where it is long. */
    const char *name;
    /** Bytes at name. */
    size_t name_length;
    /** As message_transfer in strand_language_hooks, for this channel. */
    void (*transfer)(void *copy, const void *element, size_t element_size, void *data);
    /**
     * As message_drop in strand_language_hooks, for this channel. A channel with either function
     * of its own uses neither of the language's.
     */
    void (*drop)(void *element, size_t element_size, void *data);
    /** Handed to both as their last argument. */
    void *data;
} strand_chan_options;

/**
 * Makes a channel.
 *
 * @param element_size  bytes of an element
 * @param capacity      elements that fit before a sender waits; 0: each send meets its receiver;
 *                      STRAND_UNBOUNDED
 * @param out           the channel; the caller holds the one reference
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: out is NULL;
 *         STRAND_ERR_LIMIT: an element of more than 2^30 bytes, more room than can be addressed, or
 *         as many channels as a handle allows;
 *         STRAND_ERR_NO_MEMORY;
 *         STRAND_ERR_CANCELLED: the runtime is shutting down;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_chan_new(size_t element_size, size_t capacity, strand_chan *out);

/**
 * Makes a channel with options.
 *
 * @param options  copied, with the name
 * @param out      the channel; the caller holds the one reference
 * @return as strand_chan_new();
 *         STRAND_ERR_INVALID: options or out is NULL, or an option has no such value
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_chan_new_with(
        const struct strand_chan_options *options,
        strand_chan *out);

/**
 * Sends one element: copies it into the channel or to a receiver that waits. On any status but
 * STRAND_OK nothing was sent.
 *
 * @param chan      the channel
 * @param element   element_size bytes; may be NULL when that is 0
 * @param deadline  see strand_after()
 * @return STRAND_OK;
 *         STRAND_ERR_CLOSED: the channel is closed, or was closed meanwhile;
 *         STRAND_ERR_TIMEOUT, STRAND_ERR_WOULD_BLOCK: it was full;
 *         STRAND_ERR_NO_MEMORY: an unbounded channel cannot grow;
 *         STRAND_ERR_STALE: the channel is gone;
 *         STRAND_ERR_INVALID: chan names no channel and never did, element is NULL, or the
 *         deadline is below -1;
 *         STRAND_ERR_CANCELLED: the caller is asked to end, or the runtime was shut down
 *         meanwhile;
 *         STRAND_ERR_WOULD_SWITCH: in a callback, and the deadline is not STRAND_NO_WAIT;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_chan_send(strand_chan chan, const void *element, int64_t deadline);

/**
 * Receives one element. Elements come in the order in which they were sent. After a close the
 * rest is delivered, then it is STRAND_ERR_CLOSED.
 *
 * @param chan      the channel
 * @param element   room for element_size bytes, written on STRAND_OK only; may be NULL when that
 *                  is 0
 * @param deadline  see strand_after()
 * @return STRAND_OK;
 *         STRAND_ERR_CLOSED: the channel is closed and empty;
 *         STRAND_ERR_TIMEOUT, STRAND_ERR_WOULD_BLOCK: it was empty;
 *         STRAND_ERR_STALE: the channel is gone;
 *         STRAND_ERR_INVALID: chan names no channel and never did, element is NULL, or the
 *         deadline is below -1;
 *         STRAND_ERR_CANCELLED: the caller is asked to end, or the runtime was shut down
 *         meanwhile;
 *         STRAND_ERR_WOULD_SWITCH: in a callback, and the deadline is not STRAND_NO_WAIT;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_chan_recv(strand_chan chan, void *element, int64_t deadline);

/**
 * strand_chan_send() with STRAND_NO_WAIT.
 *
 * @param chan     the channel
 * @param element  element_size bytes; may be NULL when that is 0
 * @return as strand_chan_send(); STRAND_ERR_WOULD_BLOCK: it was full
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_chan_try_send(strand_chan chan, const void *element);

/**
 * strand_chan_recv() with STRAND_NO_WAIT.
 *
 * @param chan     the channel
 * @param element  room for element_size bytes, written on STRAND_OK only; may be NULL when that
 *                 is 0
 * @return as strand_chan_recv(); STRAND_ERR_WOULD_BLOCK: it was empty
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_chan_try_recv(strand_chan chan, void *element);

/**
 * How many elements the channel holds at the moment. Elements of waiting senders do not count.
 *
 * @param chan  the channel
 * @param out   the number
 * @return STRAND_OK;
 *         STRAND_ERR_STALE: the channel is gone;
 *         STRAND_ERR_INVALID: chan names no channel and never did, or out is NULL;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_chan_length(strand_chan chan, size_t *out);

/**
 * Closes the channel: senders get STRAND_ERR_CLOSED at once, receivers when it is empty, and all
 * who wait are woken. Closing again is STRAND_OK. The references stay as they are.
 *
 * @param chan  the channel
 * @return STRAND_OK;
 *         STRAND_ERR_STALE: the channel is gone;
 *         STRAND_ERR_INVALID: chan names no channel and never did;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_chan_close(strand_chan chan);

/**
 * Takes one more reference to the channel.
 *
 * @param chan  the channel
 * @return STRAND_OK;
 *         STRAND_ERR_LIMIT: too many references;
 *         STRAND_ERR_STALE: the channel is gone;
 *         STRAND_ERR_INVALID: chan names no channel and never did;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_chan_retain(strand_chan chan);

/**
 * Gives one reference back. The last one closes the channel, so that all who wait get
 * STRAND_ERR_CLOSED, ends the elements that nobody received with the drop function, on this
 * stack, and frees it. Calls that begin later get STRAND_ERR_STALE.
 *
 * @param chan  the channel
 * @return STRAND_OK;
 *         STRAND_ERR_STALE: the channel is gone;
 *         STRAND_ERR_INVALID: chan names no channel and never did;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_chan_release(strand_chan chan);

/* ---- Select -------------------------------------------------------------------------------------
 *
 * Waits for one of several things: whichever is there first commits, alone, and the others are as
 * if nobody had asked.
 */

/** Never ready: switches a case off. Nothing but size is looked at. */
#define STRAND_CASE_NONE 0

/**
 * Receive from the channel handle into element. A closed and empty channel commits too, with
 * STRAND_ERR_CLOSED.
 */
#define STRAND_CASE_RECV 1

/**
 * Send what is at element to the channel handle. A closed channel commits too, with
 * STRAND_ERR_CLOSED. A transfer function copies the element once, before the case is tried or
 * waits; if another case commits, the copy goes to the drop function.
 */
#define STRAND_CASE_SEND 2

/**
 * The end of the task handle, as strand_task_await(); element is NULL or a strand_outcome whose
 * size is set, to be filled. The status is STRAND_OK however the task has ended.
 */
#define STRAND_CASE_TASK 3

/**
 * The moment deadline, see strand_after(); handle is 0. STRAND_NO_WAIT is always ready,
 * STRAND_FOREVER never. When it comes together with the deadline of the call, the case commits.
 */
#define STRAND_CASE_TIMER 4

/**
 * The cancellation of the token handle, from strand_cancel_new(); element is NULL or a uint64_t
 * that gets the reason. The last release of the token commits too, with STRAND_ERR_CLOSED.
 */
#define STRAND_CASE_CANCEL 5

/** A file that is ready. STRAND_ERR_UNSUPPORTED in this version. */
#define STRAND_CASE_FD 6

/**
 * The unpark of the token handle, which strand_park_begin() gave to the calling strand; element
 * is NULL or a uint64_t that gets the value. When another case commits, or none, the wait of the
 * token goes on: it is as it was, and a later strand_park() or strand_select() finds its unpark.
 */
#define STRAND_CASE_PARK 7

/**
 * The result of the ticket handle, as strand_ticket_await(); element is NULL or a strand_status that
 * gets it. The status is STRAND_OK whatever the result is.
 */
#define STRAND_CASE_TICKET 8

/** The end of the strand handle, as strand_join(). */
#define STRAND_CASE_STRAND 9

/** Of several cases that are ready each is equally likely to commit. */
#define STRAND_SELECT_FAIR 0

/** Of several cases that are ready the first one listed commits. */
#define STRAND_SELECT_FIRST_LISTED 1

/** One of the things to wait for. */
typedef struct strand_case {
    /** sizeof(strand_case), the same in all cases of a call: it is the way to the next one. */
    uint32_t size;
    /** STRAND_CASE_RECV and so on */
    uint32_t kind;
    /** What it is about, as its kind says. */
    uint64_t handle;
    /**
     * Where a result goes, or what is sent, as its kind says. NULL where elements have no bytes.
     */
    void *element;
    /** STRAND_CASE_TIMER: when. Of other kinds it is not looked at. */
    int64_t deadline;
    /** Written for the case that commits, and for no other: STRAND_OK or STRAND_ERR_CLOSED. */
    strand_status status;
    /** 0 */
    uint32_t events;
} strand_case;

/**
 * Waits until one of the cases can commit, and commits it: the element is received or sent, and
 * *index says which one it was. Exactly one commits. The others leave no trace: nothing is
 * received, sent or kept for them. A send and a receive of one call on one channel never meet each
 * other; a channel may stand in any number of cases. On any status but STRAND_OK none has
 * committed.
 *
 * Up to 8 cases need no memory. Where a message and a cancellation, or a message and the deadline,
 * come together, one of them wins, and a message that was moved is reported as STRAND_OK.
 *
 * @param cases     count of them, all of the same size; may be NULL when count is 0
 * @param count     their number, at most 2^24. With none, or only with cases that are switched
 *                  off, the call waits for its deadline
 * @param deadline  see strand_after(); a deadline in the past tries once
 * @param flags     STRAND_SELECT_FAIR or STRAND_SELECT_FIRST_LISTED
 * @param index     number of the case that has committed, from 0; written on STRAND_OK only
 * @return STRAND_OK: look at *index, and at the status of that case;
 *         STRAND_ERR_TIMEOUT, STRAND_ERR_WOULD_BLOCK: no case was ready in time;
 *         STRAND_ERR_INVALID: cases or index is NULL, the cases differ in size, a case makes no
 *         sense (strand_last_error() says which and why), none of them can ever be ready and the
 *         deadline is STRAND_FOREVER, flags has unknown bits, or the deadline is below -1;
 *         STRAND_ERR_STALE: what a case is about is gone;
 *         STRAND_ERR_UNSUPPORTED: a kind that this version cannot wait for;
 *         STRAND_ERR_LIMIT: too many cases;
 *         STRAND_ERR_NO_MEMORY: for more than 8 cases, the copy of a message, or an unbounded
 *         channel that cannot grow;
 *         STRAND_ERR_NOT_ON_STRAND: STRAND_CASE_PARK, and the caller is no strand;
 *         STRAND_ERR_CANCELLED: the caller is asked to end, or the runtime was shut down
 *         meanwhile;
 *         STRAND_ERR_WOULD_SWITCH: in a callback, and the deadline is not STRAND_NO_WAIT;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_select(
        struct strand_case *cases,
        size_t count,
        int64_t deadline,
        uint32_t flags,
        size_t *index);

/* ---- Timers -------------------------------------------------------------------------------------
 *
 * A timer expires at a time, once or again and again. Each expiration is a message to its channel,
 * if it has one and there is room; every other expiration is counted, and strand_timer_wait()
 * collects the count. So there are two ways to use one: with a channel, which a strand_select() can
 * wait for beside other things (what is counted are then the messages that found no room); or
 * without, and then a strand_timer_wait() in a loop is a ticker.
 *
 * A timer never expires early. With a period it expires at the first deadline and at that time plus
 * once, twice, three times the period and so on, however late the one before was: it does not drift.
 * Where several of these times have passed at once, one is a message and the others are counted.
 *
 * A deadline of a single call needs no timer: every call that waits takes one. Timers do not hold
 * up the end of strand_scheduler_run(), and an armed one stands in the way of STRAND_ERR_DEADLOCK
 * only where somebody waits for it, or to receive from its channel: an expiration that nobody waits
 * for wakes nobody. A shutdown stops them all.
 */

/** A timer, until it is released. */
typedef uint64_t strand_timer;

/**
 * Makes a timer, which is not armed. It takes no reference of the channel: when it expires and the
 * channel is closed or gone, it is stopped, and the expiration is counted. The message is the value as
 * it is: no transfer function is called, but the channel's drop function gets it like any other that
 * nobody receives.
 *
 * @param chan   where expirations go: a channel of 8-byte elements with room for one or more. One
 *               that is STRAND_UNBOUNDED may have to grow; where memory is short the expiration is
 *               counted instead. 0: they are counted only
 * @param value  the message
 * @param out    the timer
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: out is NULL, chan names no channel, its elements have another size, or
 *         it has no room;
 *         STRAND_ERR_STALE: the channel was released;
 *         STRAND_ERR_NO_MEMORY, STRAND_ERR_LIMIT;
 *         STRAND_ERR_CANCELLED: the runtime is shutting down;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_timer_new(strand_chan chan, uint64_t value, strand_timer *out);

/**
 * Arms a timer; one that is armed already is set to the new times instead. What was counted
 * before is forgotten; a message that was sent before stays in the channel, and no further one of the
 * earlier times comes once this call has returned.
 *
 * @param timer     the timer
 * @param deadline  when it expires, a time as from strand_after(); one that has passed is at once
 * @param period    nanoseconds from then to the next expiration, and so on; 0: it expires once
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: timer names none and never did, deadline is no time (less than 1), or
 *         period is negative;
 *         STRAND_ERR_STALE: it was released;
 *         STRAND_ERR_LIMIT: no thread could be started to keep the time;
 *         STRAND_ERR_CANCELLED: the runtime is shutting down;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_timer_start(strand_timer timer, int64_t deadline, int64_t period);

/**
 * Disarms a timer: once this call has returned no message of it comes any more. Either it says
 * STRAND_OK and the expiration that was next will not be, or STRAND_ERR_ALREADY and the last one
 * has been: its message is in the channel or was received, or it is counted. What is counted can still
 * be collected, and the timer can be started again.
 *
 * @param timer  the timer
 * @return STRAND_OK: it was armed;
 *         STRAND_ERR_ALREADY: it was not;
 *         STRAND_ERR_STALE: it was released;
 *         STRAND_ERR_INVALID: timer names none and never did;
 *         STRAND_ERR_CANCELLED: the runtime is shutting down;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_timer_stop(strand_timer timer);

/**
 * Waits until an expiration is counted, and collects all that are: those that no channel took since
 * the last strand_timer_wait() or strand_timer_start(). Of several who wait the first one gets them. A
 * timer that is not armed is waited for too, since somebody may start it.
 *
 * @param timer     the timer
 * @param deadline  see strand_after()
 * @param count     how many expirations there were, at least 1; may be NULL
 * @return STRAND_OK;
 *         STRAND_ERR_TIMEOUT, STRAND_ERR_WOULD_BLOCK: none was counted in time;
 *         STRAND_ERR_CLOSED: the timer was released meanwhile;
 *         STRAND_ERR_STALE: it was released before;
 *         STRAND_ERR_INVALID: timer names none and never did, or the deadline is below -1;
 *         STRAND_ERR_CANCELLED: the caller is asked to end, or the runtime was shut down meanwhile;
 *         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context strand, host-thread
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_timer_wait(strand_timer timer, int64_t deadline, uint64_t *count);

/**
 * Stops a timer and gives it up. Those who wait for it get STRAND_ERR_CLOSED, calls that begin
 * afterwards STRAND_ERR_STALE. The channel stays as it is.
 *
 * @param timer  the timer
 * @return STRAND_OK;
 *         STRAND_ERR_STALE: it was released before;
 *         STRAND_ERR_INVALID: timer names none and never did;
 *         STRAND_ERR_CANCELLED: the runtime is shutting down, which releases all;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_timer_release(strand_timer timer);

/* ---- Locks --------------------------------------------------------------------------------------
 *
 * Mutex, read-write lock, semaphore, condition, wait-group and once-only call, for strands and OS
 * threads together: whoever waits lets other strands run. They lie in the program's own memory,
 * in its objects or statics, and are neither made nor released: all-zero memory is a free mutex,
 * a condition nobody waits for, a semaphore without units. One must not be moved, copied over or
 * freed while somebody holds it or waits for it. But once it is free it may be freed: a strand that
 * unlocks a mutex does not touch it after another one can have it. A condition must also stay until
 * each strand_condition_signal() and strand_condition_broadcast() on it has returned.
 *
 * Waiting is fair: first come, first served, for all but the mutex. A mutex that is given back
 * between two suspensions may be taken at once by a strand that runs, at most
 * STRAND_MUTEX_OVERTAKING_MAX times between two of those who wait; one that is held over a
 * suspension goes to the first who waits. An unlock wakes one.
 *
 * Misuse is answered, where it can be seen: an unlock by somebody else names the owner, a lock by
 * the owner itself is STRAND_ERR_DEADLOCK at once. A strand that ends does not give back what it
 * holds (use strand_on_exit() for that); those who wait for it go on waiting, and the report of the
 * deadlock names it. A cancelled strand gets STRAND_ERR_CANCELLED and holds nothing, but a wait on a
 * condition comes back with the mutex held whatever the status is. A callback on a worker's own
 * stack may use all of them and gets STRAND_ERR_WOULD_SWITCH where it would wait.
 */

/** How often strands that run may take a mutex before one of those who wait for it. */
#define STRAND_MUTEX_OVERTAKING_MAX 64

/** Most units of a semaphore. */
#define STRAND_SEMAPHORE_MAX 4611686018427387903

/** A lock that one holds at a time. All zero, or STRAND_MUTEX_INIT: free. */
typedef struct strand_mutex {
    /** The library's own. */
    uint64_t opaque[2];
} strand_mutex;

#define STRAND_MUTEX_INIT { { 0, 0 } }

/** A lock that many hold to read, or one to write. All zero, or STRAND_RWLOCK_INIT: free. */
typedef struct strand_rwlock {
    /** The library's own. */
    uint64_t opaque[4];
} strand_rwlock;

#define STRAND_RWLOCK_INIT { { 0, 0, 0, 0 } }

/** Units that are taken and given back. All zero: none; STRAND_SEMAPHORE_INIT(n): n of them. */
typedef struct strand_semaphore {
    /** The library's own. */
    uint64_t opaque[2];
} strand_semaphore;

#define STRAND_SEMAPHORE_INIT(units) { { (uint64_t)(units), 0 } }

/**
 * What strands wait for that have found something not to be so yet, while others change what a
 * mutex guards. All zero, or STRAND_CONDITION_INIT: nobody waits.
 */
typedef struct strand_condition {
    /** The library's own. */
    uint64_t opaque[2];
} strand_condition;

#define STRAND_CONDITION_INIT { { 0, 0 } }

/** A number of things to be done. All zero, or STRAND_WAIT_GROUP_INIT: none. */
typedef struct strand_wait_group {
    /** The library's own. */
    uint64_t opaque[2];
} strand_wait_group;

#define STRAND_WAIT_GROUP_INIT { { 0, 0 } }

/** A call that is made once. All zero, or STRAND_ONCE_INIT: not made. */
typedef struct strand_once {
    /** The library's own. */
    uint64_t opaque[2];
} strand_once;

#define STRAND_ONCE_INIT { { 0, 0 } }

/**
 * Locks the mutex, and waits for it if somebody else holds it. Whoever locks it owns it: the
 * strand, or the OS thread.
 *
 * @param mutex     the mutex
 * @param deadline  see strand_after()
 * @return STRAND_OK: the caller holds it;
 *         STRAND_ERR_WOULD_BLOCK: it is held, and the deadline is STRAND_NO_WAIT;
 *         STRAND_ERR_TIMEOUT: held up to the deadline;
 *         STRAND_ERR_DEADLOCK: the caller itself holds it (with STRAND_NO_WAIT:
 *         STRAND_ERR_WOULD_BLOCK); or an OS thread waits and every strand does;
 *         STRAND_ERR_CANCELLED: the strand is asked to end, or the runtime is shutting down;
 *         STRAND_ERR_INVALID: NULL, misaligned, or the deadline is below -1;
 *         STRAND_ERR_WOULD_SWITCH: held, and this is a callback;
 *         STRAND_ERR_NO_MEMORY: an OS thread would wait;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_mutex_lock(struct strand_mutex *mutex, int64_t deadline);

/**
 * Unlocks the mutex. If somebody waits for it, one of them is woken. An OS thread may do this also
 * while the runtime shuts down, and afterwards.
 *
 * @param mutex  the mutex
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: the caller does not hold it (the message says who does), NULL or
 *         misaligned;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_mutex_unlock(struct strand_mutex *mutex);

/**
 * Locks to read: together with other readers, but not with a writer, and not before a writer
 * that waits already.
 *
 * @param lock      the read-write lock
 * @param deadline  see strand_after()
 * @return as strand_mutex_lock();
 *         STRAND_ERR_DEADLOCK: the caller holds it to write, or is a reader and a writer waits in
 *         between (seen if no other reader came after the caller)
 *
 * @context any
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_rwlock_read_lock(struct strand_rwlock *lock, int64_t deadline);

/**
 * Gives back one lock to read. The last reader lets the first writer in who waits.
 *
 * @param lock  the read-write lock
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: nobody holds it to read, NULL or misaligned. Which reader gives it
 *         back is not known, so that of one who is none is not seen while there are others;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_rwlock_read_unlock(struct strand_rwlock *lock);

/**
 * Locks to write: alone. A reader cannot become the writer; it gives back first.
 *
 * @param lock      the read-write lock
 * @param deadline  see strand_after()
 * @return as strand_mutex_lock();
 *         STRAND_ERR_DEADLOCK: the caller holds it to write, or to read (seen if no other reader
 *         came after the caller)
 *
 * @context any
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_rwlock_write_lock(struct strand_rwlock *lock, int64_t deadline);

/**
 * Gives back the lock to write: to the first who waits, and if that is a reader also to all that
 * come before the next writer.
 *
 * @param lock  the read-write lock
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: the caller does not hold it to write (the message says who does),
 *         NULL or misaligned;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_rwlock_write_unlock(struct strand_rwlock *lock);

/**
 * Takes units. All or none, and nobody overtakes: whoever wants many is not starved by those who
 * want few. Hence STRAND_NO_WAIT takes none while somebody waits.
 *
 * @param semaphore  the semaphore
 * @param units      from 1
 * @param deadline   see strand_after()
 * @return STRAND_OK: they are the caller's;
 *         STRAND_ERR_LIMIT: more than STRAND_SEMAPHORE_MAX;
 *         STRAND_ERR_WOULD_BLOCK, STRAND_ERR_TIMEOUT: not there in time;
 *         STRAND_ERR_DEADLOCK: an OS thread waits and every strand does;
 *         STRAND_ERR_CANCELLED: the strand is asked to end, or the runtime is shutting down;
 *         STRAND_ERR_INVALID: NULL, misaligned, no units, or the deadline is below -1;
 *         STRAND_ERR_WOULD_SWITCH: not there, and this is a callback;
 *         STRAND_ERR_NO_MEMORY: an OS thread would wait;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_semaphore_acquire(
        struct strand_semaphore *semaphore,
        uint64_t units,
        int64_t deadline);

/**
 * Gives units back, or adds them: it need not be whoever took them. They go to the first who
 * waits, until they are too few for it.
 *
 * @param semaphore  the semaphore
 * @param units      from 1
 * @return STRAND_OK;
 *         STRAND_ERR_LIMIT: there would be more than STRAND_SEMAPHORE_MAX;
 *         STRAND_ERR_INVALID: NULL, misaligned, or no units;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_semaphore_release(
        struct strand_semaphore *semaphore,
        uint64_t units);

/**
 * Gives the mutex back, waits for a signal, and takes the mutex again. The mutex is held when this
 * returns, whatever the status is; while the call takes it again it is neither cancelled nor
 * timed out. There are no wake-ups without a signal, but what was waited for may have changed
 * again until the mutex was had: ask in a loop. A signal that comes together with the deadline or
 * a cancellation is not lost: the call is then STRAND_OK.
 *
 * The exception are OS threads, which cannot wait on when the runtime is shut down, or when with
 * the stepped engine nothing can go on (STRAND_ERR_DEADLOCK, STRAND_ERR_MAX_STEPS,
 * STRAND_ERR_REPLAY): if somebody else holds the mutex then, it is not held when this returns, and
 * strand_mutex_unlock() says so.
 *
 * @param condition  the condition
 * @param mutex      held by the caller; all who wait at a time do so with the same mutex or each
 *                   with its own
 * @param deadline   see strand_after()
 * @return STRAND_OK: signalled;
 *         STRAND_ERR_TIMEOUT: not signalled up to the deadline;
 *         STRAND_ERR_WOULD_BLOCK: the deadline is STRAND_NO_WAIT; the mutex was not given back;
 *         STRAND_ERR_CANCELLED: the strand is asked to end, or the runtime is shutting down;
 *         STRAND_ERR_INVALID: the caller does not hold the mutex (the message says who does), NULL,
 *         misaligned, or the deadline is below -1;
 *         STRAND_ERR_DEADLOCK: an OS thread waits and every strand does;
 *         STRAND_ERR_WOULD_SWITCH: this is a callback; the mutex was not given back;
 *         STRAND_ERR_NO_MEMORY: an OS thread would wait;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_condition_wait(
        struct strand_condition *condition,
        struct strand_mutex *mutex,
        int64_t deadline);

/**
 * Lets the first of those go on who wait, as soon as it gets its mutex; nothing if nobody waits.
 * The caller need not hold the mutex, but must have held it when it changed what is waited for.
 *
 * @param condition  the condition
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: NULL or misaligned;
 *         STRAND_ERR_CANCELLED: an OS thread while the runtime shuts down;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_condition_signal(struct strand_condition *condition);

/**
 * As strand_condition_signal(), for all who wait now. They do not run into each other: they queue
 * for the mutex, and it goes from one to the next.
 *
 * @param condition  the condition
 * @return as strand_condition_signal()
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_condition_broadcast(struct strand_condition *condition);

/**
 * Changes the number of things that are to be done. When it comes to zero, all who wait go on. The
 * first add must come before the waits that are to wait for it; whoever waits is let go by the
 * first zero, so the group may be used again at once.
 *
 * @param group  the wait-group
 * @param delta  more, or less when it is negative
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: the number would be below zero (it stays as it is), NULL or
 *         misaligned;
 *         STRAND_ERR_LIMIT: the number would exceed 2^62 - 1;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_wait_group_add(struct strand_wait_group *group, int64_t delta);

/**
 * strand_wait_group_add() of -1.
 *
 * @param group  the wait-group
 * @return as strand_wait_group_add()
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_wait_group_done(struct strand_wait_group *group);

/**
 * Waits until the number is zero: STRAND_OK when it was so at some moment of the call.
 *
 * @param group     the wait-group
 * @param deadline  see strand_after()
 * @return STRAND_OK;
 *         STRAND_ERR_WOULD_BLOCK, STRAND_ERR_TIMEOUT: not zero in time;
 *         STRAND_ERR_DEADLOCK: an OS thread waits and every strand does;
 *         STRAND_ERR_CANCELLED: the strand is asked to end, or the runtime is shutting down;
 *         STRAND_ERR_INVALID: NULL, misaligned, or the deadline is below -1;
 *         STRAND_ERR_WOULD_SWITCH: not zero, and this is a callback;
 *         STRAND_ERR_NO_MEMORY: an OS thread would wait;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_wait_group_wait(struct strand_wait_group *group, int64_t deadline);

/**
 * Makes the call if nobody has, on this stack, where it may suspend; if somebody is making it,
 * waits until it has returned. A strand that ends inside the call (strand_fail()) has not made it:
 * the next one does, be it one that waits or one that comes later.
 *
 * @param once      the once-only call
 * @param function  what is called
 * @param data      passed to it
 * @param deadline  see strand_after(); how long to wait for somebody else. STRAND_NO_WAIT makes the
 *                  call where nobody has
 * @return STRAND_OK: the call was made, and has returned;
 *         STRAND_ERR_DEADLOCK: the caller is inside this very call; or an OS thread waits and every
 *         strand does;
 *         STRAND_ERR_WOULD_BLOCK, STRAND_ERR_TIMEOUT: somebody else was not done in time;
 *         STRAND_ERR_CANCELLED: the strand is asked to end, or the runtime is shutting down;
 *         STRAND_ERR_INVALID: NULL, misaligned, or the deadline is below -1;
 *         STRAND_ERR_WOULD_SWITCH: somebody else is making it, and this is a callback;
 *         STRAND_ERR_NO_MEMORY: an OS thread would wait;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_once_do(struct strand_once *once, void (*function)(
        void *data),
        void *data,
        int64_t deadline);

/* ---- Cancellation -------------------------------------------------------------------------------
 *
 * A cancellation is a request. A strand that is asked to end gets STRAND_ERR_CANCELLED from every
 * call that could suspend it (any deadline but STRAND_NO_WAIT; also a yield, a sleep, a lock) and
 * from strand_checkpoint(), before the call tries anything, and again each time until it ends or
 * a shield holds that off. A call that it waits in returns so too. Nothing is unwound: what the
 * strand does with the status is its own affair. Calls with STRAND_NO_WAIT work as ever. Where a
 * message and a cancellation race, one of them wins: what was transferred is STRAND_OK.
 *
 * Tokens form a tree. One that fires cancels what is bound to it (the `cancel` of
 * strand_spawn_options), and fires all tokens below it, once and for ever. A strand that is
 * spawned without a token has none, whatever its spawner has. A token is counted: what is made
 * has one reference. The last release takes its deadline and its hooks away, unless strands are
 * bound to it or tokens are left below it; then that happens when they are gone.
 */

/** Reasons from here on are the runtime's own; a program gives lower ones. */
#define STRAND_CANCEL_RUNTIME ((UINT64_MAX / 2) + 1)

/** A join of tasks was decided without this one. */
#define STRAND_CANCEL_JOIN_DECIDED ((UINT64_MAX / 2) + 1)

/** The scope was closed. */
#define STRAND_CANCEL_SCOPE_CLOSED ((UINT64_MAX / 2) + 2)

/** The runtime is shutting down. */
#define STRAND_CANCEL_SHUTDOWN ((UINT64_MAX / 2) + 3)

/** A promise was released without being completed. */
#define STRAND_CANCEL_ABANDONED ((UINT64_MAX / 2) + 4)

/** A deadline has passed. */
#define STRAND_CANCEL_DEADLINE ((UINT64_MAX / 2) + 5)

/** Another child of the scope has failed. */
#define STRAND_CANCEL_SCOPE_FAILED ((UINT64_MAX / 2) + 6)

/** A node of the cancel tree; below 2^62 and never used again. 0 is none. */
typedef uint64_t strand_cancel;

/** What a token calls when it fires. */
typedef void (*strand_cancel_fn)(void *data, uint64_t reason);

/** What ends the data of a hook that is never called. */
typedef void (*strand_cancel_drop)(void *data);

/** A function that a token calls when it fires; below 2^62 and never used again. 0 is none. */
typedef uint64_t strand_cancel_hook;

/**
 * Makes a token.
 *
 * @param parent    fires this one too; 0 for none. It need not outlive its children.
 * @param deadline  when the token fires by itself, with STRAND_CANCEL_DEADLINE; see
 *                  strand_after(). STRAND_FOREVER or 0: never. In the past: it has fired when this
 *                  returns. The earliest deadline of a token and those above it counts.
 * @param out       the token; the caller holds the one reference. Below a token that has fired it
 *                  has fired too, with the same reason.
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: out is NULL, parent names no token and never did, or the deadline is
 *         below -1;
 *         STRAND_ERR_STALE: parent is gone;
 *         STRAND_ERR_LIMIT: as many tokens as a handle allows;
 *         STRAND_ERR_NO_MEMORY;
 *         STRAND_ERR_CANCELLED: the runtime is shutting down;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_cancel_new(
        strand_cancel parent,
        int64_t deadline,
        strand_cancel *out);

/**
 * Fires a token and all below it: the strands bound to them are cancelled, also those that wait
 * now; strands that were not started yet (STRAND_SPAWN_DORMANT) never will be, and their argument
 * is dropped; whoever waits for a token goes on; hooks are called, on the caller's stack, before
 * this returns. A token fires once: on one that has fired this does nothing, and the first reason
 * stays.
 *
 * @param token   the token
 * @param reason  the program's own, below STRAND_CANCEL_RUNTIME
 * @return STRAND_OK: it has fired, now or before;
 *         STRAND_ERR_INVALID: the token never was, or the reason is one of the runtime's own;
 *         STRAND_ERR_STALE: the token is gone;
 *         STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_cancel_fire(strand_cancel token, uint64_t reason);

/**
 * Waits until a token has fired. With STRAND_NO_WAIT it asks whether it has. The last release of
 * the token ends the wait.
 *
 * @param token     the token
 * @param deadline  see strand_after()
 * @param reason    why it has fired; may be NULL
 * @return STRAND_OK: it has fired;
 *         STRAND_ERR_TIMEOUT, STRAND_ERR_WOULD_BLOCK: it has not;
 *         STRAND_ERR_INVALID: the token never was, or the deadline is below -1;
 *         STRAND_ERR_STALE: the token is gone;
 *         STRAND_ERR_CLOSED: its last reference was released meanwhile;
 *         STRAND_ERR_CANCELLED: the caller is asked to end (perhaps by this very token), or the
 *         runtime was shut down meanwhile;
 *         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context strand, host-thread
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_cancel_wait(
        strand_cancel token,
        int64_t deadline,
        uint64_t *reason);

/**
 * The earliest deadline of a token and those above it.
 *
 * @param token     the token
 * @param deadline  the deadline; STRAND_FOREVER for none
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: the token never was, or deadline is NULL;
 *         STRAND_ERR_STALE: the token is gone;
 *         STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_cancel_deadline(strand_cancel token, int64_t *deadline);

/**
 * Has a function called when a token fires: once, on the stack of whoever fires it (for a
 * deadline that of a worker), without a lock. It may not wait there. With a token that has fired
 * it is called at once, before this returns.
 *
 * @param token     the token
 * @param function  what to call
 * @param drop      called with data if the token goes without having fired, on the stack of
 *                  whoever releases it; may be NULL
 * @param data      handed to both; on a failure, and after strand_cancel_off(), the caller's
 * @param out       for strand_cancel_off(); may be NULL
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: function is NULL, or the token never was;
 *         STRAND_ERR_STALE: the token is gone;
 *         STRAND_ERR_LIMIT: as many hooks as a handle allows;
 *         STRAND_ERR_NO_MEMORY;
 *         STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_cancel_on(
        strand_cancel token,
        strand_cancel_fn function,
        strand_cancel_drop drop,
        void *data,
        strand_cancel_hook *out);

/**
 * Takes a hook back.
 *
 * @param hook  from strand_cancel_on()
 * @return STRAND_OK: it was not called and never will be; its data is the caller's again;
 *         STRAND_ERR_ALREADY: it was called and has returned, was taken back before, or went with
 *         its token;
 *         STRAND_ERR_BUSY: it is being called at this moment (perhaps by the caller);
 *         STRAND_ERR_INVALID: it never was;
 *         STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_cancel_off(strand_cancel_hook hook);

/**
 * Takes one more reference.
 *
 * @param token  the token
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: the token never was;
 *         STRAND_ERR_STALE: the token is gone;
 *         STRAND_ERR_LIMIT: too many references;
 *         STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_cancel_retain(strand_cancel token);

/**
 * Gives a reference back. With the last one the handle is stale, and who waits for the token gets
 * STRAND_ERR_CLOSED. Strands that are bound to it stay bound, and tokens below it stay below.
 *
 * @param token  the token
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: the token never was;
 *         STRAND_ERR_STALE: no reference was left;
 *         STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_cancel_release(strand_cancel token);

/**
 * The token that the calling strand is bound to, with a reference for the caller.
 *
 * @param out  the token; 0 when there is none
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: out is NULL;
 *         STRAND_ERR_LIMIT: too many references;
 *         STRAND_ERR_NOT_ON_STRAND, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context strand
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_cancel_current(strand_cancel *out);

/**
 * Whether the calling strand is asked to end, shielded or not. Not a suspension point.
 *
 * @param reason  why, if it is: the first reason. 0 for a strand that was spawned without options
 *                and cancelled before it ran. May be NULL.
 * @return STRAND_OK: it is not;
 *         STRAND_ERR_CANCELLED: it is, and the reason is written;
 *         STRAND_ERR_NOT_ON_STRAND, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context strand
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_cancel_requested(uint64_t *reason);

/**
 * Cancels one strand, without a token. One that was not started yet (STRAND_SPAWN_DORMANT) never
 * will be: it ends at once and its argument is dropped.
 *
 * @param id      the strand; also the calling one
 * @param reason  the program's own, below STRAND_CANCEL_RUNTIME
 * @return STRAND_OK: it is cancelled, now or before; the first reason stays;
 *         STRAND_ERR_STALE: it has ended;
 *         STRAND_ERR_INVALID: id names no strand and never did, or the reason is one of the
 *         runtime's own;
 *         STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_cancel_strand(strand_id id, uint64_t reason);

/**
 * Begins a shield: until its end the calling strand is not told that it is cancelled. Shields
 * nest. On-exit functions run under one.
 *
 * @return STRAND_OK;
 *         STRAND_ERR_LIMIT: 65,535 are open;
 *         STRAND_ERR_NOT_ON_STRAND, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context strand
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_shield_begin(void);

/**
 * Ends a shield. After the last one the next call that could suspend says STRAND_ERR_CANCELLED,
 * if the strand was cancelled.
 *
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: none is open;
 *         STRAND_ERR_NOT_ON_STRAND, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context strand
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_shield_end(void);

/* ---- Tasks --------------------------------------------------------------------------------------
 *
 * A task is a strand with an outcome: a value, a failure or a cancellation, written once and seen
 * alike by everybody who asks, from strands and threads, any number of times. The handle is
 * counted. A task whose last handle is released while it runs goes on, and nobody learns its
 * outcome.
 *
 * A value is one machine word. Whoever gives a task a value_drop has it called once for a value
 * that nobody took with strand_task_take(), when the last handle is gone; and arg_drop once for
 * an argument that the entry function never got. Both run on the stack of whoever finds that out,
 * where they may not wait.
 */

/** The task has not begun, or is that of an open promise. */
#define STRAND_PENDING 0

/** The task has begun and not ended. */
#define STRAND_RUNNING 1

/** The task has ended with a value. */
#define STRAND_SUCCEEDED 2

/** The task has ended with a failure. */
#define STRAND_FAILED 3

/** The task was cancelled. */
#define STRAND_CANCELLED 4

/** Names a scope; 0 is the root, to which everything belongs that is not spawned into another. */
typedef uint64_t strand_scope;

/**
 * The function of a task. 0: the task has succeeded with *value (0 if it wrote none), also when
 * it was cancelled meanwhile. STRAND_ERR_CANCELLED when it was: the task is cancelled. Any other
 * negative number: the task has failed with that code; a positive one: with STRAND_ERR_INVALID.
 */
typedef strand_status (*strand_task_entry)(void *arg, uint64_t *value);

/** Names a task; below 2^62 and never used again. 0 is no task. */
typedef uint64_t strand_task;

/** How a task is made: 0 or NULL in a field is the default. */
typedef struct strand_task_options {
    /** sizeof(strand_task_options) */
    uint32_t size;
    /** STRAND_SPAWN_ bits, STRAND_SPAWN_DORMANT excepted. */
    uint32_t flags;
    /** Name of the task's strand, of name_length bytes. Copied, and cut where it is long. */
    const char *name;
    /** Bytes at name. */
    size_t name_length;
    /** Usable bytes of stack, as in strand_spawn_options. */
    size_t stack_bytes;
    /** The lane it is in at first, as in strand_spawn_options. */
    uint32_t lane;
    /** For policies that look at it; higher comes first. See strand_set_priority(). */
    int32_t priority;
    /** The scope it belongs to; 0 for the root. */
    strand_scope scope;
    /** Ends the argument if the entry function never runs. */
    void (*arg_drop)(void *arg);
    /** Ends the value if nobody takes it. */
    void (*value_drop)(uint64_t value);
    /** Handed to the language hooks as the strand's own pointer. */
    void *local;
} strand_task_options;

/** How a task has ended, or how far it is. */
typedef struct strand_outcome {
    /** sizeof(strand_outcome) */
    uint32_t size;
    /** STRAND_PENDING, STRAND_RUNNING, STRAND_SUCCEEDED, STRAND_FAILED or STRAND_CANCELLED. */
    uint32_t state;
    /** STRAND_SUCCEEDED: the value; 0 when it was taken. */
    uint64_t value;
    /** STRAND_FAILED: why. STRAND_SUCCEEDED: STRAND_ERR_TAKEN when the value was taken. Else 0. */
    strand_status code;
    /**
     * In a join the place in the order of completion, from 0; UINT32_MAX for a task that has not
     * ended. Else 0.
     */
    uint32_t rank;
    /** STRAND_CANCELLED: why; the reason of the first who asked for it. */
    uint64_t reason;
} strand_outcome;

/**
 * Starts a task. Its strand is ready at once and may have run, and ended, before this returns. On
 * failure the argument is still the caller's.
 *
 * @param scope  the scope it belongs to; 0 for the root
 * @param entry  what the task runs
 * @param arg    handed to entry
 * @param out    the task's handle; NULL for a task whose outcome nobody asks for
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: entry is NULL, or scope names no scope and never did;
 *         STRAND_ERR_STALE: the scope is gone;
 *         STRAND_ERR_LIMIT: as many strands are alive as the configuration or a handle allows;
 *         STRAND_ERR_NO_MEMORY;
 *         STRAND_ERR_CANCELLED: the scope is cancelled or the runtime is shutting down;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_task_spawn(
        strand_scope scope,
        strand_task_entry entry,
        void *arg,
        strand_task *out);

/**
 * Starts a task with options. It switches only with STRAND_SPAWN_RUN_FIRST.
 *
 * @param options  NULL: as strand_task_spawn() into the root. Copied, with the name.
 * @param entry    what the task runs
 * @param arg      handed to entry
 * @param out      the task's handle; NULL for a task whose outcome nobody asks for
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: entry is NULL, or an option has no such value;
 *         STRAND_ERR_LIMIT: as strand_task_spawn(), or more stack than the largest class;
 *         STRAND_ERR_STALE, STRAND_ERR_NO_MEMORY, STRAND_ERR_CANCELLED: as strand_task_spawn();
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_task_spawn_with(
        const struct strand_task_options *options,
        strand_task_entry entry,
        void *arg,
        strand_task *out);

/**
 * Waits until a task has ended. The value stays the task's: everybody who awaits it gets the same
 * word. Off-strand the thread is blocked.
 *
 * @param task      the task
 * @param deadline  see strand_after()
 * @param value     its value; may be NULL
 * @return STRAND_OK: it has succeeded;
 *         STRAND_ERR_FAILED: it has failed; strand_task_outcome() has the code, strand_task_fault()
 *         the rest;
 *         STRAND_ERR_CANCELLED: it was cancelled, or else the caller is asked to end, or the
 *         runtime was shut down meanwhile: strand_task_outcome() tells which;
 *         STRAND_ERR_TAKEN: its value was taken;
 *         STRAND_ERR_TIMEOUT, STRAND_ERR_WOULD_BLOCK: it has not ended;
 *         STRAND_ERR_INVALID: task names no task and never did, or the one that makes the call; or
 *         the deadline is below -1;
 *         STRAND_ERR_STALE: its last handle was released;
 *         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context strand, host-thread
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_task_await(strand_task task, int64_t deadline, uint64_t *value);

/**
 * Waits until a task has ended and moves its value out: value_drop will not run for it, and nobody
 * gets it again. Of several who try one gets it.
 *
 * @param task      the task
 * @param deadline  see strand_after()
 * @param value     its value
 * @return STRAND_OK: the value is the caller's;
 *         STRAND_ERR_TAKEN: it was taken before;
 *         STRAND_ERR_INVALID: value is NULL, or as strand_task_await();
 *         STRAND_ERR_FAILED, STRAND_ERR_CANCELLED, STRAND_ERR_TIMEOUT, STRAND_ERR_WOULD_BLOCK,
 *         STRAND_ERR_STALE, STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED,
 *         STRAND_ERR_FORKED: as strand_task_await()
 *
 * @context strand, host-thread
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_task_take(strand_task task, int64_t deadline, uint64_t *value);

/**
 * Tells how a task has ended, or how far it is. A failure that was asked for here, awaited, joined
 * or selected is not reported by strand_scheduler_run().
 *
 * @param task  the task
 * @param out   filled; out->size is set by the caller
 * @return STRAND_OK, however far the task is;
 *         STRAND_ERR_INVALID: out is NULL or has no such size, or task names no task and never did;
 *         STRAND_ERR_STALE: its last handle was released;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_task_outcome(strand_task task, struct strand_outcome *out);

/**
 * Asks a task to end. One that has not begun is cancelled at once, and its argument goes to
 * arg_drop. One that runs goes on: every call of its strand that may wait returns
 * STRAND_ERR_CANCELLED, and what its entry function returns decides. The task of a promise is
 * cancelled at once.
 *
 * @param task    the task
 * @param reason  handed to whoever asks for the outcome; those from 2^63 are the library's own
 * @return STRAND_OK: it was asked for; the first reason stays;
 *         STRAND_ERR_ALREADY: the task has ended;
 *         STRAND_ERR_INVALID: task names no task and never did;
 *         STRAND_ERR_STALE: its last handle was released;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_task_cancel(strand_task task, uint64_t reason);

/**
 * Takes one more handle on a task, to be released too.
 *
 * @param task  the task
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: task names no task and never did;
 *         STRAND_ERR_STALE: its last handle was released;
 *         STRAND_ERR_LIMIT: it has 2^30;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_task_retain(strand_task task);

/**
 * Gives a handle on a task back. After the last one calls with it are STRAND_ERR_STALE; who waits
 * for the task goes on waiting. A task that runs is left alone, and its value dropped at its end.
 *
 * @param task  the task
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: task names no task and never did;
 *         STRAND_ERR_STALE: its last handle was released;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_task_release(strand_task task);

/**
 * The task that the calling strand runs. It is no further handle: one that is to outlive the
 * others is retained.
 *
 * @return its handle; 0 on a strand that runs no task, and off-strand
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_task strand_task_self(void);

/* ---- Faults of tasks ----------------------------------------------------------------------------
 *
 * A task that fails leaves a record: the code, a message, the strand, where it failed, and the
 * failure that led to it. Where its entry function returns a code, the message is that of its
 * strand's last failed call if that failed with this code; strand_fail(), strand_assert() and
 * strand_promise_fail() have their own. A task that fails with STRAND_ERR_FAILED after it was told
 * of another task's failure, by an await or a join, has that failure as its cause.
 */

/** One failure of a chain. */
typedef struct strand_fault {
    /** sizeof(strand_fault) */
    uint32_t size;
    /** Why. */
    strand_status code;
    /** The strand that failed; 0 for a promise. */
    strand_id strand;
    /** The task that failed. Its handle may be stale. */
    strand_task task;
    /** How many causes lie below this one. */
    uint32_t causes;
    /** Entries of addresses that are used. */
    uint32_t address_count;
    /** Bytes of name that are used. */
    size_t name_length;
    /** Bytes of message that are used. */
    size_t message_length;
    /** Name of the strand, terminated and cut. */
    char name[64];
    /** What happened, in words; terminated and cut. */
    char message[504];
    /**
     * Return addresses on the strand's stack, from the caller of strand_fail() or strand_assert()
     * outwards, as far as the code there has unwind tables.
     */
    uint64_t addresses[32];
} strand_fault;

/**
 * Tells why a task has failed.
 *
 * @param task   the task
 * @param depth  0 for its own failure, 1 for the cause of that, and so on
 * @param out    filled; out->size is set by the caller
 * @return STRAND_OK;
 *         STRAND_ERR_EMPTY: it has not failed, or the chain is not as deep, or there was no
 *         memory for the record;
 *         STRAND_ERR_WOULD_BLOCK: it has not ended;
 *         STRAND_ERR_INVALID: out is NULL or has no such size, or task names no task and never did;
 *         STRAND_ERR_STALE: its last handle was released;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_task_fault(
        strand_task task,
        size_t depth,
        struct strand_fault *out);

/* ---- Promises -----------------------------------------------------------------------------------
 *
 * A promise is a task that no strand computes: whoever holds the promise completes the task, from
 * any thread, once. Both handles are counted, each for itself. The task is cancelled when the last
 * handle of an open promise is released.
 *
 * A promise that was made by a thread, or with STRAND_PROMISE_EXTERNAL, says that somebody outside
 * will complete it: while it is open, a program that waits is no deadlock. One that a strand has
 * made says no such thing.
 */

/**
 * Somebody outside of the strands will complete the promise, as with strand_external_acquire().
 */
#define STRAND_PROMISE_EXTERNAL 1

/** Names a promise; below 2^62 and never used again. 0 is no promise. */
typedef uint64_t strand_promise;

/** How a promise is made: 0 or NULL in a field is the default. */
typedef struct strand_promise_options {
    /** sizeof(strand_promise_options) */
    uint32_t size;
    /** STRAND_PROMISE_ bits. */
    uint32_t flags;
    /** The scope its task belongs to; 0 for the root. */
    strand_scope scope;
    /** Ends the value if nobody takes it from the task. */
    void (*value_drop)(uint64_t value);
} strand_promise_options;

/**
 * Makes a promise and its task.
 *
 * @param scope  the scope its task belongs to; 0 for the root
 * @param out    the promise's handle
 * @param task   the task's handle
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: out or task is NULL, or scope names no scope and never did;
 *         STRAND_ERR_STALE: the scope is gone;
 *         STRAND_ERR_LIMIT: there are as many tasks as handles can name;
 *         STRAND_ERR_NO_MEMORY;
 *         STRAND_ERR_CANCELLED: the scope is cancelled or the runtime is shutting down;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_promise_new(
        strand_scope scope,
        strand_promise *out,
        strand_task *task);

/**
 * Makes a promise and its task, with options.
 *
 * @param options  NULL: as strand_promise_new() into the root. Copied.
 * @param out      the promise's handle
 * @param task     the task's handle
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: out or task is NULL, or an option has no such value;
 *         STRAND_ERR_STALE, STRAND_ERR_LIMIT, STRAND_ERR_NO_MEMORY, STRAND_ERR_CANCELLED,
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED: as strand_promise_new()
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_promise_new_with(
        const struct strand_promise_options *options,
        strand_promise *out,
        strand_task *task);

/**
 * Ends the task of a promise with a value.
 *
 * @param promise  the promise
 * @param value    handed to those who await the task
 * @return STRAND_OK: the value is the task's;
 *         STRAND_ERR_ALREADY: the task has ended, by another completion or a cancellation; the
 *         value is still the caller's;
 *         STRAND_ERR_INVALID: promise names no promise and never did;
 *         STRAND_ERR_STALE: its last handle was released;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED, STRAND_ERR_CANCELLED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_promise_complete(strand_promise promise, uint64_t value);

/**
 * Ends the task of a promise with a failure.
 *
 * @param promise  the promise
 * @param code     why: a STRAND_ERR_ number or any negative one of the language's own
 * @param message  text of length bytes; copied; NULL for none
 * @param length   bytes at message; a long one is cut
 * @return STRAND_OK;
 *         STRAND_ERR_ALREADY: the task has ended;
 *         STRAND_ERR_INVALID: code is not negative, message is NULL and length is not 0, or promise
 *         names no promise and never did;
 *         STRAND_ERR_STALE: its last handle was released;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED, STRAND_ERR_CANCELLED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_promise_fail(
        strand_promise promise,
        strand_status code,
        const char *message,
        size_t length);

/**
 * Ends the task of a promise as cancelled.
 *
 * @param promise  the promise
 * @param reason   as in strand_task_cancel()
 * @return STRAND_OK;
 *         STRAND_ERR_ALREADY: the task has ended;
 *         STRAND_ERR_INVALID: promise names no promise and never did;
 *         STRAND_ERR_STALE: its last handle was released;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED, STRAND_ERR_CANCELLED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_promise_cancel(strand_promise promise, uint64_t reason);

/**
 * Asks whether it is still worth while to complete a promise.
 *
 * @param promise  the promise
 * @return STRAND_OK: its task was not cancelled;
 *         STRAND_ERR_CANCELLED: it was, or the runtime is shutting down;
 *         STRAND_ERR_INVALID: promise names no promise and never did;
 *         STRAND_ERR_STALE: its last handle was released;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_promise_is_cancelled(strand_promise promise);

/**
 * Takes one more handle on a promise, to be released too.
 *
 * @param promise  the promise
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: promise names no promise and never did;
 *         STRAND_ERR_STALE: its last handle was released;
 *         STRAND_ERR_LIMIT: it has 2^30;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED, STRAND_ERR_CANCELLED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_promise_retain(strand_promise promise);

/**
 * Gives a handle on a promise back. With the last one of an open promise its task is cancelled, for
 * the reason STRAND_CANCEL_ABANDONED.
 *
 * @param promise  the promise
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: promise names no promise and never did;
 *         STRAND_ERR_STALE: its last handle was released;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED, STRAND_ERR_CANCELLED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_promise_release(strand_promise promise);

/* ---- Scopes -------------------------------------------------------------------------------------
 *
 * A scope holds strands and tasks together: its children never outlive it. Whoever opens one, a
 * strand or a thread, is its opener, and alone may join it, ask who is next, and leave it; anybody
 * who has the handle may spawn into it and cancel it, its children too. Scopes of one opener nest:
 * the innermost is left first.
 *
 * A scope has a token in the cancel tree. Cancelling the scope, its deadline, and whatever cancels
 * the opener or an enclosing scope fire it, and with it every descendant; the earliest deadline of
 * the scopes around counts. It reaches the children, not the opener, whose calls go on as before
 * (as with Java's StructuredTaskScope and Go's errgroup). A cancelled scope takes no more
 * children. A scope that is opened under a shield is not reached by what the shield holds off, so
 * that cleaning up may have children.
 *
 * A strand that ends with scopes open has them closed first: they are cancelled, and its end
 * comes when their children are gone. A failure that it was not told of is in the report of
 * strand_scheduler_run(). What an OS thread leaves open stays so until the shutdown.
 */

/**
 * strand_scope_exit() cancels the children and waits for their end, instead of waiting for what
 * they do.
 */
#define STRAND_SCOPE_CANCEL_ON_EXIT 1

/**
 * Children that have ended are kept for strand_scope_next(). Each takes some memory until then.
 */
#define STRAND_SCOPE_COLLECT 2

/** How a scope is opened: 0 in a field is the default. */
typedef struct strand_scope_options {
    /** sizeof(strand_scope_options) */
    uint32_t size;
    /** STRAND_SCOPE_ bits. */
    uint32_t flags;
    /**
     * What the failure of a child does, a strand's fault or the failure of a task:
     * STRAND_FAULT_ISOLATE (0): nothing to the others, and 0 leaves it to fault_policy of the
     * configuration; STRAND_FAULT_FAIL_SCOPE: the first one cancels the scope, and its opener is
     * told by STRAND_ERR_FAILED; STRAND_FAULT_ABORT: the process ends.
     */
    uint32_t fault_policy;
    /** 0 */
    uint32_t reserved;
    /**
     * When the scope is cancelled by itself, with STRAND_CANCEL_DEADLINE; see strand_after(). 0
     * or STRAND_FOREVER: never.
     */
    int64_t deadline;
    /** A token that cancels the scope too, besides whatever encloses it; 0 for none. */
    strand_cancel cancel;
} strand_scope_options;

/**
 * Opens a scope. Its parent is the innermost scope that the caller has open, or else the scope or
 * token that the calling strand was spawned with.
 *
 * @param options  NULL: all defaults
 * @param out      the scope. It is for strand_task_spawn() and for the scope of
 *                 strand_spawn_options, strand_task_options and strand_promise_options.
 * @return STRAND_OK; also below what is cancelled: then the scope is cancelled;
 *         STRAND_ERR_INVALID: out is NULL, an option has no such value, the deadline is below -1, or
 *         the token never was;
 *         STRAND_ERR_STALE: the token is gone;
 *         STRAND_ERR_LIMIT: as many scopes as a handle allows;
 *         STRAND_ERR_NO_MEMORY;
 *         STRAND_ERR_CANCELLED: the runtime is shutting down;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_scope_open(
        const struct strand_scope_options *options,
        strand_scope *out);

/**
 * Waits until all children have ended, those that they spawn into the scope included. The scope
 * stays open: more may be spawned, unless it was cancelled.
 *
 * @param scope     the scope
 * @param deadline  of the wait, not of the scope; see strand_after()
 * @return STRAND_OK: none is left, and nothing was cancelled;
 *         STRAND_ERR_FAILED: none is left; a child has failed, and FAIL_SCOPE cancelled the others:
 *         the message is about the first;
 *         STRAND_ERR_CANCELLED: none is left, and the scope was cancelled; or the caller is asked to
 *         end, and there may be children still: strand_cancel_requested() tells;
 *         STRAND_ERR_TIMEOUT, STRAND_ERR_WOULD_BLOCK: some are left;
 *         STRAND_ERR_INVALID: the caller is not the opener, the scope never was, or the deadline is
 *         below -1;
 *         STRAND_ERR_STALE: the scope was left;
 *         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context strand, host-thread
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_scope_join(strand_scope scope, int64_t deadline);

/**
 * Waits for the next child to end and says which one it was, in the order of their ends. Only in a
 * scope that was opened with STRAND_SCOPE_COLLECT.
 *
 * Whoever has seen that a child has ended, by a join, an await, its outcome, a select or a monitor,
 * finds it told here without a wait; and what is told here has ended: it is joined, or its value
 * taken, without a wait. One exception: in a scope with STRAND_FAULT_FAIL_SCOPE a task that fails is
 * told once the others are cancelled, a moment after its outcome can be seen. The last child that
 * was told may be counted a moment longer: STRAND_ERR_EMPTY comes when it is gone, and until then a
 * call that does not wait gets STRAND_ERR_WOULD_BLOCK.
 *
 * @param scope     the scope
 * @param deadline  see strand_after()
 * @param child     a strand_id, or a strand_task with a reference that is the caller's from now on
 * @param outcome   how it ended; may be NULL. A strand has STRAND_SUCCEEDED, STRAND_FAILED with the
 *                  code, or STRAND_CANCELLED when it never ran.
 * @return STRAND_OK;
 *         STRAND_ERR_EMPTY: there are no children, and all that have ended were told;
 *         STRAND_ERR_TIMEOUT, STRAND_ERR_WOULD_BLOCK: no further one has ended in time;
 *         STRAND_ERR_CANCELLED: the caller is asked to end;
 *         STRAND_ERR_INVALID: child is NULL, outcome has no such size, the caller is not the opener,
 *         the scope keeps no children or never was, or the deadline is below -1;
 *         STRAND_ERR_STALE: the scope was left;
 *         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context strand, host-thread
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_scope_next(
        strand_scope scope,
        int64_t deadline,
        uint64_t *child,
        strand_outcome *outcome);

/**
 * Cancels a scope: its children, all their descendants, and whoever would be spawned later.
 *
 * @param scope   the scope
 * @param reason  the program's own, below STRAND_CANCEL_RUNTIME. The first one stays.
 * @return STRAND_OK: it is cancelled, now or before;
 *         STRAND_ERR_INVALID: the scope never was, or the reason is one of the runtime's own;
 *         STRAND_ERR_STALE: the scope was left;
 *         STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_scope_cancel(strand_scope scope, uint64_t reason);

/**
 * Leaves a scope at the end of the code that it belongs to: waits until all children have ended
 * (with STRAND_SCOPE_CANCEL_ON_EXIT it cancels them first) and ends the scope, whose handle is
 * stale from then on. It never returns while a child lives, also when the caller is cancelled:
 * that has cancelled the children too.
 *
 * @param scope  the innermost scope that the caller has open
 * @return STRAND_OK;
 *         STRAND_ERR_FAILED: the scope has ended; a child had failed, as in strand_scope_join();
 *         STRAND_ERR_CANCELLED: the scope has ended; it had been cancelled by other than this call.
 *         On a thread also: the runtime is shut down, and the scope with it;
 *         STRAND_ERR_INVALID: nothing has happened: the caller is not the opener, a scope opened
 *         later is still open, or the scope never was;
 *         STRAND_ERR_STALE: it was left before;
 *         STRAND_ERR_DEADLOCK: on a thread, with the stepped engine: children wait for ever;
 *         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context strand, host-thread
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_scope_exit(strand_scope scope);

/**
 * Closes a scope: cancels everything in it first, with STRAND_CANCEL_SCOPE_CLOSED, then waits
 * until all of it has ended, and ends the scope. It never returns while a child lives, also when
 * the caller is cancelled.
 *
 * @param scope  the innermost scope that the caller has open
 * @return STRAND_OK;
 *         STRAND_ERR_FAILED: the scope has ended; a child had failed, as in strand_scope_join();
 *         STRAND_ERR_CANCELLED: on a thread: the runtime is shut down, and the scope with it;
 *         STRAND_ERR_INVALID, STRAND_ERR_STALE, STRAND_ERR_DEADLOCK: as strand_scope_exit();
 *         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context strand, host-thread
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_scope_close(strand_scope scope);

/**
 * The scope's token, with a reference for the caller: to wait for the cancellation of the scope, to
 * have a function called then, or to ask for the reason.
 *
 * @param scope  the scope
 * @param out    the token
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: out is NULL, or the scope never was;
 *         STRAND_ERR_STALE: the scope was left;
 *         STRAND_ERR_LIMIT: too many references;
 *         STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_scope_token(strand_scope scope, strand_cancel *out);

/* ---- Joins --------------------------------------------------------------------------------------
 *
 * A join waits for several tasks at once, which go on beside each other, and has a rule that says
 * when they are decided. Those that are not needed any more are then cancelled, for the reason
 * STRAND_CANCEL_JOIN_DECIDED, and have ended before the call returns. Outcomes come in the order of
 * the list, with the rank in which the tasks completed, also those that had ended before.
 */

/** All are to succeed: the first failure or cancellation cancels the rest, and the call fails. */
#define STRAND_JOIN_ALL 0

/** The first to end decides, however it ends; if it has not succeeded, the call fails. */
#define STRAND_JOIN_RACE 1

/** The first to succeed decides; if none does, the call fails once all have ended. */
#define STRAND_JOIN_ANY 2

/** Waits for all of them, and cancels none. */
#define STRAND_JOIN_ALL_SETTLED 3

/** The join goes on. */
#define STRAND_JOIN_CONTINUE 0

/** The join is decided: the rest is cancelled. */
#define STRAND_JOIN_CANCEL_REST 1

/**
 * Called for each task of a join that has ended, in the order of completion, until it decides.
 * It runs in the call of strand_task_join_with(), on the caller's own stack, and may wait.
 */
typedef uint32_t (*strand_join_judge)(size_t index, const strand_outcome *outcome, void *data);

/**
 * Joins tasks by one of four rules.
 *
 * A join that is cut short cancels nothing. If the deadline passes between the decision and the
 * end of the others, those are left cancelled, and decided says so.
 *
 * @param kind      STRAND_JOIN_ALL, STRAND_JOIN_RACE, STRAND_JOIN_ANY or STRAND_JOIN_ALL_SETTLED
 * @param tasks     the tasks, each once
 * @param count     how many
 * @param deadline  see strand_after()
 * @param outcomes  one for each task, in their order; the size field of each is set by the caller,
 *                  the same in all; may be NULL. Filled with STRAND_OK, STRAND_ERR_FAILED,
 *                  STRAND_ERR_TIMEOUT, and STRAND_ERR_WOULD_BLOCK after a decision
 * @param decided   the index of the task that decided, or SIZE_MAX where no single one did; may be
 *                  NULL. Filled as outcomes
 * @return STRAND_OK: as the rule wants it;
 *         STRAND_ERR_FAILED: not so;
 *         STRAND_ERR_EMPTY: there is no task for STRAND_JOIN_RACE or STRAND_JOIN_ANY to choose;
 *         STRAND_ERR_TIMEOUT, STRAND_ERR_WOULD_BLOCK: some have not ended;
 *         STRAND_ERR_CANCELLED: the caller is asked to end, or the runtime was shut down
 *         meanwhile;
 *         STRAND_ERR_INVALID: there is no such kind, tasks is NULL, a task is there twice, never
 *         was or makes this call, sizes differ, or the deadline is below -1;
 *         STRAND_ERR_STALE: the last handle of a task was released;
 *         STRAND_ERR_NO_MEMORY;
 *         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context strand, host-thread
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_task_join(
        uint32_t kind,
        const strand_task *tasks,
        size_t count,
        int64_t deadline,
        strand_outcome *outcomes,
        size_t *decided);

/**
 * Joins tasks by a rule of the program's own: judge is called for each that has ended. Once it says
 * STRAND_JOIN_CANCEL_REST it is not called again, and the task it was called for has decided.
 *
 * @param judge     the rule
 * @param data      handed to judge
 * @param tasks     the tasks, each once
 * @param count     how many
 * @param deadline  see strand_after()
 * @param outcomes  as in strand_task_join()
 * @param decided   as in strand_task_join()
 * @return STRAND_OK: all have ended, by themselves or after the decision;
 *         STRAND_ERR_INVALID: judge is NULL, or as strand_task_join();
 *         STRAND_ERR_TIMEOUT, STRAND_ERR_WOULD_BLOCK, STRAND_ERR_CANCELLED, STRAND_ERR_STALE,
 *         STRAND_ERR_NO_MEMORY, STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED,
 *         STRAND_ERR_FORKED: as strand_task_join()
 *
 * @context strand, host-thread
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_task_join_with(
        strand_join_judge judge,
        void *data,
        const strand_task *tasks,
        size_t count,
        int64_t deadline,
        strand_outcome *outcomes,
        size_t *decided);

/* ---- Monitors -----------------------------------------------------------------------------------
 *
 * A monitor watches a strand or a task and sends one message about its end into a channel of
 * strand_down elements: exactly one, also when the target has ended before. The message is sent
 * when everything of the target is over, its exit hooks included, and before anybody who joins or
 * awaits it goes on. It is never lost and needs no memory then: where the channel is full, or grows,
 * the message stands among the senders that wait, in memory which the monitor has brought along.
 * Only a channel that is closed or gone drops it. Transfer functions do not see it; a drop function
 * gets the one that lies in the channel when that is freed.
 *
 * A fault that a monitor reports is not reported by strand_scheduler_run() again. Links and
 * supervisors are programs over monitors: see examples/supervisor.c.
 */

/**
 * The target had ended before, and nothing is known of it any more. The other states are those of
 * a strand_outcome: STRAND_SUCCEEDED, STRAND_FAILED, STRAND_CANCELLED.
 */
#define STRAND_GONE 5

/** Names a monitor; below 2^62 and never used again. 0 is no monitor. */
typedef uint64_t strand_monitor_id;

/** What a monitor sends. */
typedef struct strand_down {
    /** sizeof(strand_down) */
    uint32_t size;
    /**
     * How it ended. A strand whose function returned: STRAND_SUCCEEDED. One that failed:
     * STRAND_FAILED. A dormant one at the shutdown: STRAND_CANCELLED. A task: its state.
     */
    uint32_t state;
    /** Who sends this. */
    uint64_t monitor;
    /** Whose end it is about: the handle that strand_monitor() was given. */
    uint64_t target;
    /** What strand_monitor() was given. */
    uint64_t tag;
    /** Why a task was cancelled. */
    uint64_t reason;
    /** With STRAND_FAILED the code of the failure, else STRAND_OK. */
    strand_status code;
    /** 0 */
    uint32_t reserved;
} strand_down;

/**
 * Watches a strand or a task. The monitor ends with its message; strand_demonitor() ends it before.
 *
 * @param target  the handle of a strand or of a task. One that has ended: the message comes at once,
 *                with the outcome of a task that still has a handle, else with STRAND_GONE
 * @param chan    the channel that gets the message; its elements have the size of strand_down. The
 *                monitor holds no reference to it
 * @param tag     comes back in the message
 * @param out     the monitor
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: target names neither a strand nor a task and never did, chan is not
 *         a channel with elements of that size, or out is NULL;
 *         STRAND_ERR_CLOSED: the channel is closed;
 *         STRAND_ERR_STALE: the channel is gone;
 *         STRAND_ERR_LIMIT: as many monitors as a handle allows;
 *         STRAND_ERR_NO_MEMORY;
 *         STRAND_ERR_CANCELLED: the runtime is shutting down;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_monitor(
        uint64_t target,
        strand_chan chan,
        uint64_t tag,
        strand_monitor_id *out);

/**
 * Stops watching. Afterwards the message of this monitor does not come: after STRAND_OK it never was
 * or will be received, after STRAND_ERR_STALE it was sent before.
 *
 * @param monitor  the monitor
 * @param flush    0, or the channel: a message of this monitor that lies in it and was not received
 *                 yet is taken out, which is STRAND_OK
 * @return STRAND_OK: nobody gets the message;
 *         STRAND_ERR_STALE: it was sent before, or somebody else has ended the monitor;
 *         STRAND_ERR_INVALID: monitor names none and never did, or flush is neither 0 nor a channel
 *         of strand_down elements;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_demonitor(strand_monitor_id monitor, strand_chan flush);

/* ---- Generators ---------------------------------------------------------------------------------
 *
 * A generator is a function that runs only while somebody waits for its next value: it yields one,
 * and goes on when it is resumed with another. Seq's weaves, Python's generators and coroutines
 * that are driven by hand are built from it.
 *
 * A generator is made dormant: it has no strand and no stack before the first resume. A resume
 * hands a value in and the processor over: it is about as dear as two switches. From then on the
 * generator is a strand that is not counted: strand_scheduler_run() and strand_wait_all() do not
 * wait for it, and one that is never finished holds nothing up. It may do what every strand may:
 * receive, sleep, spawn, resume other generators; whoever has resumed it then waits longer.
 *
 * Each resume opens an exchange, and the next yield or the end answers it. Whoever gives up waiting
 * (STRAND_ERR_TIMEOUT, or STRAND_ERR_CANCELLED because the caller is to end) leaves the exchange
 * open: the generator works on, and strand_generator_wait() gets its answer. There
 * STRAND_ERR_EMPTY says that nothing was handed in.
 *
 * Values are 64 bits that the library does not look into. The one that is handed in belongs to the
 * generator, the one that is yielded to whoever gets it; those that nobody gets go to value_drop.
 */

/** It was never resumed. */
#define STRAND_GENERATOR_DORMANT 0

/** It runs, or waits for something else than a resume. */
#define STRAND_GENERATOR_RUNNING 1

/** It has yielded and waits to be resumed. */
#define STRAND_GENERATOR_SUSPENDED 2

/** It has ended with STRAND_OK. */
#define STRAND_GENERATOR_DONE 3

/** It has failed. */
#define STRAND_GENERATOR_FAILED 4

/** It has ended because it was cancelled. */
#define STRAND_GENERATOR_CANCELLED 5

/** How a generator is made: 0 or NULL in a field is the default. */
typedef struct strand_generator_options {
    /** sizeof(strand_generator_options) */
    uint32_t size;
    /** 0 */
    uint32_t flags;
    /** Name of its strand for dumps and messages, of name_length bytes. Copied. */
    const char *name;
    /** Bytes at name. */
    size_t name_length;
    /** Usable bytes of its stack; 0 for the default. */
    size_t stack_bytes;
    /**
     * Ends the argument if the function never runs. Runs on the stack of whoever finds that out.
     */
    void (*arg_drop)(void *arg);
    /**
     * Ends a value that nobody gets: handed to a generator that is just being cancelled, or yielded
     * or returned to somebody who never asks. Runs on the stack of whoever finds that out.
     */
    void (*value_drop)(uint64_t value, void *data);
    /** Handed to value_drop. */
    void *data;
    /** Handed to the language hooks as its strand's own pointer. */
    void *local;
} strand_generator_options;

/**
 * The function of a generator. It gets its argument and the value of the first resume, and runs on
 * a strand of its own. To end it returns: STRAND_OK with the final value at last (0 if it writes
 * none), or a negative status, which is its failure. STRAND_ERR_CANCELLED is no failure where it
 * was cancelled.
 */
typedef strand_status (*strand_generator_entry)(void *arg, uint64_t first, uint64_t *last);

/** Names a generator; below 2^62 and never used again. 0 is no generator. */
typedef uint64_t strand_generator;

/**
 * Makes a dormant generator. The argument belongs to it from now on.
 *
 * @param options  NULL for the defaults. Copied, with the name.
 * @param entry    its function
 * @param arg      handed to entry
 * @param out      the generator; give it back with strand_generator_release()
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: entry or out is NULL, or an option has no such value;
 *         STRAND_ERR_LIMIT: more stack than the largest class, or as many generators as a handle
 *         allows;
 *         STRAND_ERR_NO_MEMORY;
 *         STRAND_ERR_CANCELLED: the runtime is shutting down;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_generator_new(
        const struct strand_generator_options *options,
        strand_generator_entry entry,
        void *arg,
        strand_generator *out);

/**
 * Resumes a generator: hands a value in, and waits for the next one that it yields. On a strand the
 * processor goes straight to the generator and comes straight back.
 *
 * @param generator  a dormant or suspended one
 * @param value      the first time the second argument of its function, later what its
 *                   strand_generator_yield() gives. With STRAND_OK, STRAND_ERR_CLOSED and
 *                   STRAND_ERR_FAILED it was handed in; STRAND_ERR_TIMEOUT and
 *                   STRAND_ERR_CANCELLED: see above; else it is still the caller's
 * @param out        what it has yielded, with STRAND_OK; its final value, with STRAND_ERR_CLOSED;
 *                   may be NULL
 * @param deadline   see strand_after(). With STRAND_NO_WAIT nothing is handed in
 * @return STRAND_OK: it has yielded;
 *         STRAND_ERR_CLOSED: it has returned;
 *         STRAND_ERR_FAILED: it has failed, the message says with what;
 *         STRAND_ERR_ALREADY: it had ended before;
 *         STRAND_ERR_BUSY: somebody else is in it, or the answer of an exchange is still there;
 *         STRAND_ERR_TIMEOUT: it has not yielded in time;
 *         STRAND_ERR_WOULD_BLOCK;
 *         STRAND_ERR_CANCELLED: it has ended because it was cancelled, or the caller is asked to
 *         end, or the runtime was shut down; strand_generator_state() tells;
 *         STRAND_ERR_LIMIT, STRAND_ERR_NO_MEMORY: no strand or stack for the first resume; it is
 *         dormant as before;
 *         STRAND_ERR_STALE: it was released;
 *         STRAND_ERR_INVALID: it names no generator and never did, a generator resumes itself, or
 *         the deadline is below -1;
 *         STRAND_ERR_WOULD_SWITCH: in a callback;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_generator_resume(
        strand_generator generator,
        uint64_t value,
        uint64_t *out,
        int64_t deadline);

/**
 * Waits for the answer of an exchange that is open: after a resume that has given up, or, where the
 * generator was cancelled, for its end. It hands nothing in.
 *
 * @param generator  the generator
 * @param out        as in strand_generator_resume()
 * @param deadline   see strand_after()
 * @return STRAND_OK, STRAND_ERR_CLOSED, STRAND_ERR_FAILED, STRAND_ERR_CANCELLED, STRAND_ERR_LIMIT,
 *         STRAND_ERR_NO_MEMORY: the answer, as strand_generator_resume() would have returned it; of a
 *         cancelled one that has ended always STRAND_ERR_CANCELLED;
 *         STRAND_ERR_EMPTY: no exchange is open;
 *         STRAND_ERR_ALREADY: it had ended before;
 *         STRAND_ERR_BUSY: somebody else waits for the answer;
 *         STRAND_ERR_TIMEOUT, STRAND_ERR_WOULD_BLOCK: there is none yet;
 *         STRAND_ERR_STALE: it was released;
 *         STRAND_ERR_INVALID: it names no generator and never did, a generator waits for itself, or
 *         the deadline is below -1;
 *         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_generator_wait(
        strand_generator generator,
        uint64_t *out,
        int64_t deadline);

/**
 * Yields a value to whoever has resumed this generator, and waits for the next resume.
 *
 * @param value  what the resume gets. With STRAND_OK and STRAND_ERR_CANCELLED it is not the caller's
 *               any more: if nobody gets it, it goes to value_drop
 * @param out    what the next resume hands in; may be NULL
 * @return STRAND_OK;
 *         STRAND_ERR_CANCELLED: the generator was cancelled or released, or the runtime is shut
 *         down: it should clean up and return soon;
 *         STRAND_ERR_INVALID: the strand is not that of a generator (it may be a strand that one
 *         has spawned, or run on-exit hooks);
 *         STRAND_ERR_NOT_ON_STRAND, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context strand
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_generator_yield(uint64_t value, uint64_t *out);

/**
 * The generator whose strand the caller is.
 *
 * @return the generator; 0 elsewhere
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_generator strand_generator_self(void);

/**
 * Asks a generator to end. A dormant one has ended at once and its argument is dropped, here. Of
 * any other each yield and each wait says STRAND_ERR_CANCELLED from now on, the one that it is in
 * included, so that it can clean up and return; its frames are never unwound. This does not wait
 * for that: strand_generator_wait() does. Cancelling twice is STRAND_OK.
 *
 * @param generator  the generator
 * @return STRAND_OK;
 *         STRAND_ERR_ALREADY: it has ended;
 *         STRAND_ERR_STALE: it was released;
 *         STRAND_ERR_INVALID: it names no generator and never did;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_generator_cancel(strand_generator generator);

/**
 * Gives the generator back. One that has not ended is cancelled, and everything of it is freed when
 * it has ended, its stack and the values that nobody has got included. Whoever waits for it at the
 * moment still gets the answer.
 *
 * @param generator  the generator; stale from now on
 * @return STRAND_OK;
 *         STRAND_ERR_STALE: it was released before;
 *         STRAND_ERR_INVALID: it names no generator and never did;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_generator_release(strand_generator generator);

/**
 * What a generator is doing. Of one that others may resume it says what was true a moment ago.
 *
 * @param generator  the generator
 * @param state      a STRAND_GENERATOR_ number
 * @param code       with STRAND_GENERATOR_FAILED the status that it has failed with, else STRAND_OK;
 *                   may be NULL
 * @return STRAND_OK;
 *         STRAND_ERR_STALE: it was released;
 *         STRAND_ERR_INVALID: it names no generator and never did, or state is NULL;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_generator_state(
        strand_generator generator,
        uint32_t *state,
        strand_status *code);

/* ---- Offload ------------------------------------------------------------------------------------
 *
 * A call that blocks its OS thread (reading a file, looking a name up, a library that knows
 * nothing of strands) stops every strand of that thread's worker. strand_offload() has it made by
 * a thread of a pool, while the calling strand waits and the others go on. Threads are started as
 * they are needed, up to offload_threads of the configuration, and leave after some seconds without
 * work; calls are made in the order in which they came.
 *
 * A call cannot be stopped from outside. One that has not begun is taken back at its deadline or
 * when its strand is cancelled, and then never runs; one that has begun is waited for, as by Go,
 * because its function may use what the strand has on its stack. (libuv and Tokio answer the same
 * way: what runs is not cancelled.) A call made with STRAND_OFFLOAD_ABANDON owns its argument, and so
 * it can be left behind.
 */

/**
 * Flag: at its deadline, and when its strand is cancelled, the call is left behind, although it has
 * begun.
 */
#define STRAND_OFFLOAD_ABANDON 1

/** Options of an offloaded call: 0 or NULL in a field is the default. */
typedef struct strand_offload_options {
    /** sizeof(strand_offload_options) */
    uint32_t size;
    /** STRAND_OFFLOAD_ bits. */
    uint32_t flags;
    /**
     * With STRAND_OFFLOAD_ABANDON, not 0: so many bytes at arg are copied, and fn gets the address of
     * the copy, which is gone when fn has returned. 0: fn gets arg itself.
     */
    size_t arg_bytes;
    /**
     * With STRAND_OFFLOAD_ABANDON: gets what fn would have got, if fn never runs and the status is
     * STRAND_ERR_TIMEOUT or STRAND_ERR_CANCELLED. Runs on the strand.
     */
    void (*arg_drop)(void *arg);
    /**
     * With STRAND_OFFLOAD_ABANDON: gets the result of a call that was left behind. Runs on the
     * thread that made it.
     */
    void (*result_drop)(void *result);
} strand_offload_options;

/**
 * Calls fn(arg) on a thread that may block, and waits for its result. errno and the floating-point
 * modes go there with the call and come back with it, so the call leaves errno as if the strand had
 * made it. The thread is named "strand-offload" and has all asynchronous signals blocked; on it
 * strand_self() is 0, there are no strand locals, and calls of this library behave as on any OS
 * thread. fn may throw nothing.
 *
 * The call counts as an external hold while it lasts: it may wake somebody, so nothing is a deadlock
 * meanwhile, and a virtual clock stands still. Calls that wait for each other need as many threads as
 * there are of them. A shutdown waits for calls that run. An OS thread that calls this makes the call
 * itself, at once. Exploration does not know what other threads do: there the schedule fails with a
 * report that says so.
 *
 * @param fn        the function; it may block
 * @param arg       handed to it
 * @param deadline  until when the call may wait for its turn, see strand_after(); once begun it is
 *                  waited for beyond that
 * @param result    what fn returned; may be NULL
 * @return STRAND_OK: fn has run to its end, even if the deadline has passed or the strand was
 *         cancelled meanwhile;
 *         STRAND_ERR_TIMEOUT, STRAND_ERR_CANCELLED: fn did not run and never will;
 *         STRAND_ERR_WOULD_BLOCK: the deadline was STRAND_NO_WAIT, fn did not run;
 *         STRAND_ERR_LIMIT, STRAND_ERR_NO_MEMORY: no thread could be had, fn did not run;
 *         STRAND_ERR_PANIC: fn was written in Rust and panicked;
 *         STRAND_ERR_INVALID: fn is NULL or the deadline is below -1;
 *         STRAND_ERR_UNSUPPORTED: the schedule is being explored;
 *         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_offload(void *(*fn)(
        void *arg),
        void *arg,
        int64_t deadline,
        void **result);

/**
 * Calls fn(arg) on a thread that may block, with options. With STRAND_OFFLOAD_ABANDON the argument
 * is handed over where the status is STRAND_OK, STRAND_ERR_TIMEOUT or STRAND_ERR_CANCELLED: fn gets it,
 * or arg_drop where fn never runs. A call that is left behind goes on to its end; until then it is
 * still an external hold, and a shutdown waits for it.
 *
 * @param options   copied
 * @param fn        the function; it may block
 * @param arg       handed to it, or copied
 * @param deadline  see strand_after()
 * @param result    what fn returned; may be NULL
 * @return as strand_offload(); with STRAND_OFFLOAD_ABANDON
 *         STRAND_ERR_TIMEOUT, STRAND_ERR_CANCELLED: fn did not run and never will, or it was left
 *         behind;
 *         STRAND_ERR_NO_MEMORY: no memory for the call, fn did not run;
 *         STRAND_ERR_LIMIT: an argument of more than 2^30 bytes is not copied;
 *         STRAND_ERR_INVALID: options is NULL, or an option makes no sense
 *
 * @context any
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_offload_with(const struct strand_offload_options *options, void *(*fn)(
        void *arg),
        void *arg,
        int64_t deadline,
        void **result);

/**
 * Says that the calling strand is about to block its OS thread, in code that cannot be offloaded because
 * it belongs to this thread, or that calls back. Other strands go on: a spare worker takes the place of
 * this one, up to eight at a time, and takes over what waits behind the strand. The strand stays on its
 * thread until the matching strand_block_end(), so thread-locals stay what they are; strands that may
 * not leave this worker (STRAND_SPAWN_PINNED, STRAND_MIGRATE_NEVER) wait for that too. May be nested. A
 * call that takes below some 20 microseconds is not worth it.
 *
 * Between the two the strand makes no call that could wait or switch: it gets STRAND_ERR_WOULD_SWITCH.
 * For strand_world_stop() it counts as stopped, and so it touches nothing that is collected and makes
 * no call that passes values. A strand that ends in between leaves nothing behind. On the stepped engine, where one
 * strand runs at a time, and on the may engine nobody takes its place.
 *
 * @return STRAND_OK;
 *         STRAND_ERR_NO_MEMORY;
 *         STRAND_ERR_LIMIT: nested more than 2^32 - 1 times;
 *         STRAND_ERR_WOULD_SWITCH: the strand has stopped the world, and would wait for itself at the end;
 *         STRAND_ERR_NOT_ON_STRAND, STRAND_ERR_FORKED
 *
 * @context strand
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_block_begin(void);

/**
 * Says that the calling strand does not block its OS thread any more. While the world is stopped it
 * waits here. Afterwards it is a strand like every other, and may go on on another thread after its
 * next call that switches.
 *
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: there is no strand_block_begin() that this could end;
 *         STRAND_ERR_NOT_ON_STRAND, STRAND_ERR_FORKED
 *
 * @context strand
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_block_end(void);

/* ---- Collectors ---------------------------------------------------------------------------------
 *
 * What a garbage collector asks of the runtime: to stop the world, to say where the library keeps
 * values that belong to the program (roots), and where the stacks are. In a stopped world every
 * strand is suspended where it came to a checkpoint, gave way or waits, but the one that has stopped
 * it, and no OS thread is inside a call of the library; one that comes waits until the world goes on.
 * A call that may wait is such a place before it has taken what it was given: an element that is to be
 * sent counts as the caller's until the call waits or returns.
 * A strand that runs for long without a checkpoint (strand_checkpoint(), or a call that may switch)
 * delays the stop. A function given to strand_offload() may run on, and its strand comes back after the
 * resume: such a function must not use what is collected, but what it got as its argument.
 *
 * OS threads are not stopped, only kept out: what they hold of the program's values is theirs to
 * tell a collector.
 */

/** The argument of a strand, a task or a generator that has not started: a pointer. */
#define STRAND_ROOT_ARGUMENT 1

/** The copy that arg_bytes made of a strand's argument, also while the strand runs. */
#define STRAND_ROOT_ARGUMENT_COPY 2

/** An element that lies in a channel. The owner is the channel. */
#define STRAND_ROOT_ELEMENT 3

/**
 * An element that somebody waits to send; it lies where the sender keeps it. The owner is the channel.
 */
#define STRAND_ROOT_SENDING 4

/** A strand local: a pointer. */
#define STRAND_ROOT_LOCAL 5

/** The pointer local of the spawn options. */
#define STRAND_ROOT_LANGUAGE 6

/** The value of a strand_unpark() that strand_park() has not taken yet. */
#define STRAND_ROOT_PARK_VALUE 7

/** What a function given to strand_on_exit() will get: a pointer. */
#define STRAND_ROOT_EXIT_DATA 8

/**
 * The argument of an offloaded call that has not begun: a pointer, or the bytes that were copied.
 */
#define STRAND_ROOT_CALL_ARGUMENT 9

/** The same of a call that runs: what it points to must stay where it is. */
#define STRAND_ROOT_CALL_RUNNING 10

/** The result of an offloaded call that its strand has not taken yet: a pointer. */
#define STRAND_ROOT_CALL_RESULT 11

/**
 * The value of a task or a promise, until it was taken or dropped: uint64_t. The owner is the task.
 */
#define STRAND_ROOT_OUTCOME 12

/** A value on its way into a generator or out of it: uint64_t. The owner is the generator. */
#define STRAND_ROOT_GENERATOR 13

/** What a timer sends: uint64_t. The owner is the timer. */
#define STRAND_ROOT_TIMER 14

/**
 * What a function given to strand_cancel_on() will get: a pointer. The owner is its registration.
 */
#define STRAND_ROOT_CALLBACK 15

/** Flag of a strand_gc_stack: it is the caller's. */
#define STRAND_STACK_CALLER 1

/**
 * A place where the library keeps what the program gave it. A collector that moves objects may write
 * there, but for STRAND_ROOT_CALL_RUNNING.
 */
typedef struct strand_gc_root {
    /** sizeof(strand_gc_root) */
    uint32_t size;
    /** One of STRAND_ROOT_. A collector treats a kind that it does not know like the others. */
    uint32_t kind;
    /**
     * The place. Pointers are aligned; elements as their size has it, since they lie side by side.
     */
    void *address;
    /** Bytes there. */
    size_t bytes;
    /** The handle of the strand or channel that it belongs to. */
    uint64_t owner;
} strand_gc_root;

/** A stretch of a stack. */
typedef struct strand_gc_stack {
    /** sizeof(strand_gc_stack) */
    uint32_t size;
    /** STRAND_STACK_ bits. */
    uint32_t flags;
    /** The strand; 0 for the stack of the OS thread that calls. */
    strand_id strand;
    /**
     * The first address: frames and, stored among them, every register that a function must leave as it
     * was.
     */
    void *low;
    /** The address behind the last. */
    void *high;
} strand_gc_stack;

/**
 * Stops the world. The caller goes on: a strand, which until strand_world_resume() makes no call that
 * could wait (STRAND_ERR_WOULD_SWITCH; with STRAND_NO_WAIT they work), or an OS thread, on the stepped
 * engine too. If the caller is a strand that ends or is made to wait all the same, the world goes on
 * and an error is logged. Who finds the world stopped by another waits for its resume like everybody,
 * and then stops it again. It counts as an external hold.
 *
 * @param deadline  until when everybody must have come to rest, see strand_after(); a strand that waits for
 *                  another's resume does not look at it before
 * @return STRAND_OK: it is stopped;
 *         STRAND_ERR_TIMEOUT, STRAND_ERR_WOULD_BLOCK: somebody did not come to rest in time; the world goes
 *         on;
 *         STRAND_ERR_ALREADY: the caller has stopped it;
 *         STRAND_ERR_INVALID: the deadline is below -1;
 *         STRAND_ERR_CANCELLED: the runtime is shutting down and the caller is an OS thread;
 *         STRAND_ERR_UNSUPPORTED: the may engine;
 *         STRAND_ERR_WOULD_SWITCH: the caller is a callback on a worker's stack or of a call;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_world_stop(int64_t deadline);

/**
 * The world goes on.
 *
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: the caller has not stopped it;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_world_resume(void);

/**
 * Shows every root of a world that the caller has stopped: arguments of strands that have not started,
 * copied arguments, elements in channels and on their way into them, strand locals, and the others of
 * STRAND_ROOT_. What a strand has received, taken or been started with is on its stack.
 *
 * @param visitor  called for each, on the caller's stack; makes no call that could wait
 * @param data     handed to it
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: visitor is NULL, or the caller has not stopped the world;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_gc_visit_roots(void (*visitor)(
        const struct strand_gc_root *root,
        void *data),
        void *data);

/**
 * Shows the stacks of a world that the caller has stopped: of every strand that has started and not
 * ended, from where its registers are stored to its first frame; the caller's from here.
 *
 * @param visitor  called for each, on the caller's stack; makes no call that could wait
 * @param data     handed to it
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: visitor is NULL, or the caller has not stopped the world;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_gc_visit_stacks(void (*visitor)(
        const struct strand_gc_stack *stack,
        void *data),
        void *data);

/* ---- Tickets ------------------------------------------------------------------------------------
 *
 * A ticket stands for something that a device does: a run of a worklist, a buffer that is read. It is
 * pending first, and then has a result, once and for good, which every call answers that asks for it,
 * however late. Strands wait for it without blocking a thread, OS threads block, and a strand_select()
 * waits for it beside messages and timers (STRAND_CASE_TICKET).
 *
 * A pending ticket of an adapter counts as an external hold: a program that waits for one is no
 * deadlock, and a virtual clock stands still meanwhile. On the processor strands do the work, so that
 * there is a deadlock when they wait too. Giving a ticket up does not end what it stands for;
 * cancelling it asks for that. A shutdown cancels all of them.
 */

/** Names a ticket; below 2^62 and never used again. 0 is no ticket. */
typedef uint64_t strand_ticket;

/**
 * Waits until a ticket has its result, and returns it. What it stands for says which results there are
 * (strand_worklist_dispatch(), strand_buffer_read()); strand_last_error() has its message. The call itself
 * may end with some of these statuses before there is a result: strand_ticket_poll() tells them apart.
 *
 * @param ticket    the ticket
 * @param deadline  until when to wait, see strand_after()
 * @return STRAND_OK, or another result of the ticket;
 *         STRAND_ERR_TIMEOUT, STRAND_ERR_WOULD_BLOCK: it had none in time;
 *         STRAND_ERR_CANCELLED: the caller is asked to end, or the runtime was shut down meanwhile;
 *         STRAND_ERR_DEADLOCK: every strand waits, and nothing is pending that could wake one; for an OS thread
 *         on the stepped engine;
 *         STRAND_ERR_STALE: it was released; a call that has begun before goes on;
 *         STRAND_ERR_INVALID: ticket names none and never did, or the deadline is below -1;
 *         STRAND_ERR_WOULD_SWITCH: in a callback, and the deadline is not STRAND_NO_WAIT;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_ticket_await(strand_ticket ticket, int64_t deadline);

/**
 * Looks whether a ticket has its result. Never waits.
 *
 * @param ticket  the ticket
 * @param result  the result, on STRAND_OK; may be NULL
 * @return STRAND_OK: there is a result;
 *         STRAND_ERR_WOULD_BLOCK: it is pending;
 *         STRAND_ERR_STALE: it was released;
 *         STRAND_ERR_INVALID: ticket names none and never did;
 *         STRAND_ERR_CANCELLED: the runtime is shutting down;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_ticket_poll(strand_ticket ticket, strand_status *result);

/**
 * Asks for the end of what a ticket stands for. It comes soon, at the next place where it can stop, and
 * the result is STRAND_ERR_CANCELLED then; or what it would have been without this, where it was done
 * before. Memory that was handed over, such as that of strand_buffer_read(), is the caller's again when the
 * ticket has its result, not before. Asking again changes nothing.
 *
 * @param ticket  the ticket
 * @return STRAND_OK: it was asked for;
 *         STRAND_ERR_ALREADY: there is a result;
 *         STRAND_ERR_STALE: it was released;
 *         STRAND_ERR_INVALID: ticket names none and never did;
 *         STRAND_ERR_CANCELLED: the runtime is shutting down, which cancels all;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_ticket_cancel(strand_ticket ticket);

/**
 * Gives a ticket up. What it stands for goes on to its end, and calls that wait for it get its result;
 * calls that begin afterwards get STRAND_ERR_STALE.
 *
 * @param ticket  the ticket
 * @return STRAND_OK;
 *         STRAND_ERR_STALE: it was released before;
 *         STRAND_ERR_INVALID: ticket names none and never did;
 *         STRAND_ERR_CANCELLED: the runtime is shutting down, which releases all;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_ticket_release(strand_ticket ticket);

/* ---- Devices ------------------------------------------------------------------------------------
 *
 * What runs the items of a worklist: an adapter, which is a graphics processor or a program that
 * behaves like one, or the processor itself, whose strands call native kernels. The processor is
 * always there. Adapters are reached through Vulkan, and are there where this machine has a driver
 * for them and this library was built with them (cargo feature "gpu"); everything else is the same
 * without them.
 *
 * What is made on a device (buffers, programs, worklists) is released for itself, in any order. It
 * outlives the handle of the device, but when the device is closed it can only be released, and
 * everything else answers STRAND_ERR_CLOSED.
 *
 * Adapters take tens of milliseconds to be found and opened; for a strand a thread of the offload
 * pool does that (see strand_offload()). While schedules are explored (strand_explore(),
 * STRAND_EXPLORE) there is only the processor, because what an adapter does cannot be repeated. When
 * memory is short, a driver may end the process.
 *
 * Each open adapter has a thread of the library ("strand-device") and those of its driver, all with
 * asynchronous signals blocked; they end when it is closed. An adapter that is lost, because its
 * driver failed, answers STRAND_ERR_DEVICE with a message to everybody who waits for it and to
 * everything that is asked for later: it is closed, and another one can be opened. Where the graphics
 * library within this one has failed by a panic, the answer is STRAND_ERR_PANIC. No adapter goes
 * through a fork: the child's calls answer STRAND_ERR_FORKED, as all others. A library that has
 * opened one stays mapped after dlclose(). Nothing is printed, and no logger is installed.
 */

/** Kind: an adapter that is a machine, or, where there is none, the processor. */
#define STRAND_DEVICE_AUTO 0

/** Kind: an adapter that is a machine. */
#define STRAND_DEVICE_HARDWARE 1

/** Kind: an adapter that is a program, such as Mesa's llvmpipe. */
#define STRAND_DEVICE_SOFTWARE 2

/** Kind: the processor. */
#define STRAND_DEVICE_CPU 3

/** What is known of a device. */
typedef struct strand_device_info {
    /** sizeof(strand_device_info) */
    uint32_t size;
    /** STRAND_DEVICE_HARDWARE, STRAND_DEVICE_SOFTWARE or STRAND_DEVICE_CPU. */
    uint32_t kind;
    /** Its memory; of the processor that of the machine. */
    uint64_t memory_bytes;
    /** Largest buffer. */
    uint64_t buffer_bytes_max;
    /** Largest buffer that a program can use. */
    uint64_t binding_bytes_max;
    /** Most invocations of a shader in a group. */
    uint32_t group_invocations_max;
    /** Fewest invocations in a subgroup; 0: no subgroup operations. */
    uint32_t subgroup_min;
    /** Most invocations in a subgroup. */
    uint32_t subgroup_max;
    /** 0 */
    uint32_t flags;
    /**
     * Iterations of all loops of an invocation after which the driver cuts it off, as measured when the
     * device is opened; 0: none known.
     */
    uint32_t loop_limit;
    /** 0 */
    uint32_t reserved;
    /** Its name, with a zero byte at its end; "CPU" for the processor. */
    char name[128];
    /** What drives it, and the version of that. */
    char driver[128];
} strand_device_info;

/** How a device is opened: 0 or NULL in a field is the default. */
typedef struct strand_device_options {
    /** sizeof(strand_device_options) */
    uint32_t size;
    /** One of STRAND_DEVICE_. */
    uint32_t kind;
    /** Part of the name of an adapter, in upper or lower case, with a zero byte at its end. */
    const char *name;
    /** 0 */
    uint32_t flags;
    /** Submissions to an adapter that are under way at once. Default: 2. At most 16. */
    uint32_t in_flight;
    /**
     * What one submission should take, in nanoseconds: the shorter, the sooner a cancellation is seen;
     * the longer, the more is done. Default: 2 milliseconds. 50 microseconds to 1 second.
     */
    int64_t latency;
} strand_device_options;

/** Names a device; below 2^62 and never used again. 0 is no device. */
typedef uint64_t strand_device;

/**
 * The number of devices that strand_device_describe() knows: adapters as they are found now, and
 * then the processor, which is the last. Where adapters cannot be looked for, there is only that.
 *
 * @param count  their number, 1 or more
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: count is NULL;
 *         STRAND_ERR_LIMIT, STRAND_ERR_NO_MEMORY: no thread could be had to look for them;
 *         STRAND_ERR_CANCELLED: the caller is asked to end, or the runtime is shutting down;
 *         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_device_count(uint32_t *count);

/**
 * Describes a device that is not open: one of those that the last strand_device_count() has found.
 *
 * @param index  which, from 0
 * @param info   filled; its size is set by the caller
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: info is NULL or its size is wrong, or there are no so many devices;
 *         STRAND_ERR_LIMIT, STRAND_ERR_NO_MEMORY, STRAND_ERR_CANCELLED, STRAND_ERR_WOULD_SWITCH,
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED: as strand_device_count()
 *
 * @context any
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_device_describe(uint32_t index, struct strand_device_info *info);

/**
 * Opens a device. With NULL, or kind STRAND_DEVICE_AUTO and no name, it is what the configuration
 * says (strand_config, field gpu; STRAND_GPU), and where that says nothing an adapter that is a
 * machine, or else the processor. Whatever is asked for by its kind or name is that, or an error. One
 * device may be opened several times.
 *
 * @param options  NULL: all defaults. Copied.
 * @param out      the device
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: out is NULL, an option has no such value, or a name for the processor;
 *         STRAND_ERR_DEVICE: there is no such adapter, or it cannot be opened; the message names those
 *         that there are;
 *         STRAND_ERR_UNSUPPORTED: an adapter was asked for, and this library was built without them, or
 *         schedules are explored;
 *         STRAND_ERR_LIMIT: too many are open, or no thread could be had;
 *         STRAND_ERR_NO_MEMORY;
 *         STRAND_ERR_CANCELLED: the caller is asked to end, or the runtime is shutting down;
 *         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_device_open(
        const struct strand_device_options *options,
        strand_device *out);

/**
 * Describes an open device. loop_limit is measured by then.
 *
 * @param device  the device
 * @param info    filled; its size is set by the caller
 * @return STRAND_OK;
 *         STRAND_ERR_STALE: it was closed;
 *         STRAND_ERR_INVALID: info is NULL or its size is wrong, or device names none and never did;
 *         STRAND_ERR_CANCELLED: the runtime is shutting down;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_device_info_of(
        strand_device device,
        struct strand_device_info *info);

/**
 * Closes a device. Its runs end with STRAND_ERR_CLOSED as soon as they can stop, and their items stay
 * on the host; what is being read from its buffers is still read. An adapter is waited for.
 *
 * @param device  the device
 * @return STRAND_OK;
 *         STRAND_ERR_STALE: it was closed before;
 *         STRAND_ERR_INVALID: device names none and never did;
 *         STRAND_ERR_CANCELLED: the runtime is shutting down, which closes all;
 *         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_device_close(strand_device device);

/* ---- Work items ---------------------------------------------------------------------------------
 *
 * What a worklist holds. A whole item is a task of sixteen words; a program says with STRAND_FIELD_
 * bits which of them its records carry, in this order, and pays for those only: a record of
 * STRAND_FIELD_PARAM | STRAND_FIELD_CONTINUATION_PC is 8 bytes. What a record does not carry is what
 * the queue knows (state, tenant, priority) or 0.
 *
 * A READY, YIELDED or REQUEUED item is started: RUNNING. A RUNNING one becomes DONE, YIELDED,
 * REQUEUED, PAUSED or FAULTED; a PAUSED one becomes READY when its epoch has come. Nothing follows
 * EMPTY, DONE and FAULTED.
 */

/** State: no task is here. */
#define STRAND_WORK_EMPTY 0

/** State: the item may run. */
#define STRAND_WORK_READY 1

/** State: it runs. */
#define STRAND_WORK_RUNNING 2

/** State: it has ended. */
#define STRAND_WORK_DONE 3

/** State: it waits for an epoch. */
#define STRAND_WORK_PAUSED 4

/** State: it gave way and may run. */
#define STRAND_WORK_YIELDED 5

/** State: it has more to do and may run. */
#define STRAND_WORK_REQUEUED 6

/** State: it has ended with a code; see strand_worklist_faults(). */
#define STRAND_WORK_FAULTED 7

/** Flag: the item is paused. */
#define STRAND_WORK_FLAG_PAUSED 1

/** Flag: it has yielded. */
#define STRAND_WORK_FLAG_YIELDED 2

/** Flag: it was requeued, or is one of a chain that goes on. */
#define STRAND_WORK_FLAG_REQUEUE_REQUESTED 4

/** Flag: it was paused and has been resumed. */
#define STRAND_WORK_FLAG_RESUME_READY 8

/** Priority: before everything else. */
#define STRAND_WORK_CRITICAL 0

/** Priority: urgent. */
#define STRAND_WORK_HIGH 1

/** Priority: the middle one. */
#define STRAND_WORK_NORMAL 2

/** Priority: may wait. */
#define STRAND_WORK_LOW 3

/** Priority: when nothing else is to be done. */
#define STRAND_WORK_IDLE 4

/** Fault: the item pushed more than fan_out_max items. */
#define STRAND_WORK_FAULT_FAN_OUT 2147483649

/** Fault: it emitted more than emit_max records. */
#define STRAND_WORK_FAULT_EMITS 2147483650

/** Fault: its shader went round more than loop_limit times. */
#define STRAND_WORK_FAULT_LOOP_LIMIT 2147483651

/** Fault: it set a word that the program's records do not carry. */
#define STRAND_WORK_FAULT_NOT_CARRIED 2147483652

/** Fault: it named a band that the worklist does not have. */
#define STRAND_WORK_FAULT_BAND 2147483653

/** Fault: requeue_count or yield_count is at its end. */
#define STRAND_WORK_FAULT_COUNTER 2147483654

/** Fault: its state does not allow it. */
#define STRAND_WORK_FAULT_STATE 2147483655

/** Fault: it said twice how it ends. */
#define STRAND_WORK_FAULT_ENDED_TWICE 2147483656

/** Fault: the kernel ended its strand while it ran the batch of the item. */
#define STRAND_WORK_FAULT_KERNEL 2147483657

/** Records carry state. */
#define STRAND_FIELD_STATE 1

/** Records carry op_handle. */
#define STRAND_FIELD_OP_HANDLE 2

/** Records carry tenant_id. */
#define STRAND_FIELD_TENANT_ID 4

/** Records carry priority. */
#define STRAND_FIELD_PRIORITY 8

/** Records carry input_handle. */
#define STRAND_FIELD_INPUT_HANDLE 16

/** Records carry output_handle. */
#define STRAND_FIELD_OUTPUT_HANDLE 32

/** Records carry param. */
#define STRAND_FIELD_PARAM 64

/** Records carry continuation_pc. */
#define STRAND_FIELD_CONTINUATION_PC 128

/** Records carry continuation_data. */
#define STRAND_FIELD_CONTINUATION_DATA 256

/** Records carry resume_epoch. */
#define STRAND_FIELD_RESUME_EPOCH 512

/** Records carry task_id. */
#define STRAND_FIELD_TASK_ID 1024

/** Records carry parent_task_id. */
#define STRAND_FIELD_PARENT_TASK_ID 2048

/** Records carry age_ticks. */
#define STRAND_FIELD_AGE_TICKS 4096

/** Records carry requeue_count. */
#define STRAND_FIELD_REQUEUE_COUNT 8192

/** Records carry yield_count. */
#define STRAND_FIELD_YIELD_COUNT 16384

/** Records carry flags. */
#define STRAND_FIELD_FLAGS 32768

/** A whole item: 16 words, 64 bytes. Its layout never changes. */
typedef struct strand_work_task {
    /** STRAND_WORK_ state. */
    uint32_t state;
    /** What is to be done; the program's own numbering. */
    uint32_t op_handle;
    /** To whom the item belongs. */
    uint32_t tenant_id;
    /** STRAND_WORK_ priority: the band, 0 is the most urgent. */
    uint32_t priority;
    /** The program's own: what it reads. */
    uint32_t input_handle;
    /** The program's own: what it writes. */
    uint32_t output_handle;
    /** The program's own; the state of a state/index pair. */
    uint32_t param;
    /** Where the item goes on; the index of a state/index pair. */
    uint32_t continuation_pc;
    /** What it goes on with. */
    uint32_t continuation_data;
    /** The epoch that resumes it while it is paused. */
    uint32_t resume_epoch;
    /** The program's own number of the item. */
    uint32_t task_id;
    /** The number of the item that pushed it, 0: none. */
    uint32_t parent_task_id;
    /**
     * By how many bands waiting had raised its band when it was taken, added up over all slices that it was in.
     */
    uint32_t age_ticks;
    /** How often it was requeued. */
    uint32_t requeue_count;
    /** How often it has yielded. */
    uint32_t yield_count;
    /** STRAND_WORK_FLAG_ bits. */
    uint32_t flags;
} strand_work_task;

/* ---- Buffers ------------------------------------------------------------------------------------
 *
 * Memory of a device that its programs read and write. What the host writes, reads and maps is in
 * the order of these calls, and what a run has written is there when its ticket has its result; a
 * buffer that a run uses meanwhile may be seen in the middle of it. Sizes and places of what is
 * written are multiples of 4 bytes.
 */

/** Map: what is in the buffer is seen. */
#define STRAND_MAP_READ 1

/** Map: what is written is in the buffer after strand_buffer_unmap(). */
#define STRAND_MAP_WRITE 2

/** Names a buffer; below 2^62 and never used again. 0 is no buffer. */
typedef uint64_t strand_buffer;

/**
 * Makes a buffer, all of whose bytes are 0.
 *
 * @param device  the device
 * @param bytes   its size, a multiple of 4
 * @param flags   0
 * @param out     the buffer
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: out is NULL, bytes is 0 or no multiple of 4, flags has unknown bits, or
 *         device names none and never did;
 *         STRAND_ERR_STALE: the device was closed;
 *         STRAND_ERR_LIMIT: more than a buffer of the device can have, or too many are in use;
 *         STRAND_ERR_NO_MEMORY: here or on the device;
 *         STRAND_ERR_DEVICE: the device is lost;
 *         STRAND_ERR_CANCELLED: the caller is asked to end, or the runtime is shutting down;
 *         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_buffer_new(
        strand_device device,
        uint64_t bytes,
        uint32_t flags,
        strand_buffer *out);

/**
 * Writes to a buffer. The bytes are copied before this returns; the device has them before whatever is
 * asked for later. Waits only where an adapter has fallen behind by some 64 MiB.
 *
 * @param buffer  the buffer
 * @param offset  where, a multiple of 4
 * @param data    what; may be NULL when bytes is 0
 * @param bytes   how much, a multiple of 4
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: data is NULL, the part does not lie in the buffer or is not made of multiples
 *         of 4, or buffer names none and never did;
 *         STRAND_ERR_STALE: it was released;
 *         STRAND_ERR_CLOSED: its device was closed;
 *         STRAND_ERR_DEVICE: the device is lost;
 *         STRAND_ERR_NO_MEMORY;
 *         STRAND_ERR_CANCELLED: the caller is asked to end, or the runtime is shutting down;
 *         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_buffer_write(
        strand_buffer buffer,
        uint64_t offset,
        const void *data,
        uint64_t bytes);

/**
 * Reads from a buffer what is there after everything that was asked for before. The bytes are at data
 * when the ticket has its result, STRAND_OK; until it has one, data stays as it is and belongs to this call,
 * also when the ticket was cancelled or released.
 *
 * @param buffer  the buffer
 * @param offset  from where
 * @param data    where to; may be NULL when bytes is 0
 * @param bytes   how much
 * @param out     the ticket. Its result is STRAND_OK; STRAND_ERR_CLOSED, STRAND_ERR_DEVICE: the device was
 *                closed or lost before; STRAND_ERR_NO_MEMORY: here or on the device
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: out or data is NULL, the part does not lie in the buffer, or buffer names none
 *         and never did;
 *         STRAND_ERR_STALE: it was released;
 *         STRAND_ERR_CLOSED: its device was closed;
 *         STRAND_ERR_LIMIT, STRAND_ERR_NO_MEMORY;
 *         STRAND_ERR_CANCELLED: the runtime is shutting down;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_buffer_read(
        strand_buffer buffer,
        uint64_t offset,
        void *data,
        uint64_t bytes,
        strand_ticket *out);

/**
 * Maps a part of a buffer into the memory of the host; on the processor it lies there already. With
 * STRAND_MAP_READ what is there is seen, as it was when this returned, and what is there without it is
 * anything. With STRAND_MAP_WRITE the whole part is written by strand_buffer_unmap(), at the latest. A buffer is
 * mapped once at a time.
 *
 * @param buffer    the buffer
 * @param offset    where the part begins; with STRAND_MAP_WRITE a multiple of 4
 * @param bytes     its size, not 0; with STRAND_MAP_WRITE a multiple of 4
 * @param flags     STRAND_MAP_READ, STRAND_MAP_WRITE or both
 * @param deadline  until when to wait for the device, see strand_after(); the processor need not be waited
 *                  for
 * @param out       the address, good until strand_buffer_unmap(), strand_buffer_release() or
 *                  strand_device_close()
 * @return STRAND_OK;
 *         STRAND_ERR_TIMEOUT, STRAND_ERR_WOULD_BLOCK: the device did not answer in time;
 *         STRAND_ERR_BUSY: the buffer is mapped;
 *         STRAND_ERR_INVALID: out is NULL, flags is 0 or has unknown bits, the part does not lie in the
 *         buffer or is not as above, the deadline is below -1, or buffer names none and never did;
 *         STRAND_ERR_STALE: it was released, perhaps while this waited;
 *         STRAND_ERR_CLOSED, STRAND_ERR_DEVICE: its device was closed or is lost;
 *         STRAND_ERR_LIMIT, STRAND_ERR_NO_MEMORY;
 *         STRAND_ERR_CANCELLED: the caller is asked to end, or the runtime was shut down meanwhile;
 *         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_buffer_map(
        strand_buffer buffer,
        uint64_t offset,
        uint64_t bytes,
        uint32_t flags,
        int64_t deadline,
        void **out);

/**
 * Ends a map. Its address is not used any more.
 *
 * @param buffer  the buffer
 * @return STRAND_OK: what was written is in the buffer for every call and run that begins afterwards;
 *         STRAND_ERR_INVALID: it is not mapped, or buffer names none and never did;
 *         STRAND_ERR_STALE: it was released;
 *         STRAND_ERR_CLOSED, STRAND_ERR_DEVICE: its device was closed or is lost; it is not mapped any more;
 *         STRAND_ERR_NO_MEMORY, STRAND_ERR_WOULD_SWITCH, STRAND_ERR_CANCELLED: it is still mapped, and the
 *         call may be repeated;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_buffer_unmap(strand_buffer buffer);

/**
 * Gives a buffer up, and unmaps it without writing. Worklists that use it, and what is being read from
 * it, keep its memory; calls that begin afterwards get STRAND_ERR_STALE.
 *
 * @param buffer  the buffer
 * @return STRAND_OK;
 *         STRAND_ERR_STALE: it was released before;
 *         STRAND_ERR_INVALID: buffer names none and never did;
 *         STRAND_ERR_CANCELLED: the runtime is shutting down, which releases all;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_buffer_release(strand_buffer buffer);

/* ---- Programs -----------------------------------------------------------------------------------
 *
 * What is done with an item of a worklist: a native kernel for the processor, a shader for adapters,
 * or both, of which each device runs what it can. And what that may do at most: how many items it pushes
 * and how many records it emits each time. By these numbers the queue knows how much room must be free
 * before an item is started, so none is ever lost. An item that does more ends with a fault of its own. What is
 * for other devices is not looked at: a shader that is wrong is found where an adapter gets it.
 *
 * A shader in WGSL (field wgsl) has a function `run` with a parameter of type Item, a structure of the words that
 * records carry, by the names and in the order of strand_work_task. It says what strand_work_push() and its
 * neighbours say in C:
 *
 * push(child: Item, band: u32)       requeue(pc: u32, data: u32, band: u32)    fault(code: u32)
 * emit(record: Record)               yield_now(pc: u32, data: u32)
 * BAND_SAME                          pause(pc: u32, data: u32, epoch: u32)     debug(a: u32, b: u32, c: u32, d: u32)
 *
 * A Record is array<u32, emit_words>; the buffers of the worklist are @group(1) @binding(0) and so on. Private
 * variables begin anew with each item, also where one invocation visits many. STRAND_ERR_SHADER with line and
 * column is, beside what WGSL does not allow, a name that begins with strand_ (such are the library's) and a
 * barrier, since items do not wait for each other.
 *
 * A shader in SPIR-V (field spirv) knows no functions of the library, so an item speaks through a mailbox: a
 * variable in the storage class StorageBuffer (SPIR-V 1.3) at descriptor set 0, binding 0, a block whose
 * one member is an array of 32-bit unsigned integers, in GLSL
 * `layout(set = 0, binding = 0) buffer Mailbox { uint words[]; };`. Each item has one for itself, and the
 * module is run once for each. With r the words of a record (bits of fields):
 *
 * word 0      out   how the item ends: 0 done, 1 requeue, 2 yield, 3 pause, 4 fault
 * words 1, 2  out   pc and data with which it goes on, as strand_work_requeue() has them
 * word 3      out   1: the band, or STRAND_BAND_SAME; 3: the epoch; 4: the code of the fault
 * words 4, 5  out   how many items it pushes, how many records it emits
 * words 6, 7        nothing
 * words 8...  in    the record of the item: r words
 * behind      out   room for fan_out_max items: the band, or STRAND_BAND_SAME, then the record: 1 + r words
 * behind      out   room for emit_max records of emit_words words
 *
 * Words 0 to 7 are 0 when the module begins, so one that writes nothing has done its item; those behind the
 * record may be anything. More items or records than declared, a band that the worklist does not have and a
 * word that records do not carry are faults as with strand_work_push() and its neighbours, an end above 4 is
 * STRAND_WORK_FAULT_STATE; the first of them counts, in the order pushes, records, end.
 *
 * The module has one entry point, of any name: a compute shader without inputs such as
 * gl_GlobalInvocationID, whose own group size is not looked at. The buffers of the worklist are in
 * descriptor set 1. Its private variables begin anew with each item. Its loops are counted as those of
 * WGSL are, see loop_limit. What an item may push and emit is 1,024 words in all (2,048 in WGSL); more is
 * STRAND_ERR_LIMIT. STRAND_ERR_SHADER with a message is what is no module, has not one entry point and one
 * mailbox, uses a capability that the device or the library does not have, specialization constants,
 * barriers or memory that a group shares, has blocks more than 127 deep in each other, or uses the mailbox
 * otherwise than word by word.
 */

/**
 * What a kernel says of its items goes to this; see strand_work_push(). Good until the kernel returns,
 * on its own thread.
 */
typedef struct strand_work strand_work;

/**
 * A native kernel. It gets a batch of records, one after the other, each of as many words as the fields
 * of its program have bits, and does what there is to be done with each; an item of which it says nothing
 * to work is done. Runs on a strand of the library, several at once on different items, and calls nothing
 * that switches: such a call answers STRAND_ERR_WOULD_SWITCH. It throws nothing.
 */
typedef void (*strand_kernel)(
        struct strand_work *work,
        const uint32_t *items,
        uint32_t count,
        void *data);

/** What a program is made with: 0 or NULL in a field is the default. */
typedef struct strand_program_options {
    /** sizeof(strand_program_options) */
    uint32_t size;
    /** 0 */
    uint32_t flags;
    /**
     * STRAND_FIELD_ bits, at least one: which words of a task a record has, in the order of the words.
     */
    uint32_t fields;
    /** Items that one item may push each time it runs. At most 1,024. */
    uint32_t fan_out_max;
    /** Records that it may emit each time. At most 1,024. */
    uint32_t emit_max;
    /** Words of an emitted record. Default: 1. At most 64. */
    uint32_t emit_words;
    /**
     * On an adapter, and where items are requeued: how many steps of an item are done before it is
     * queued again. Default: 1. At most 1,048,576.
     */
    uint32_t inner_steps;
    /**
     * Iterations of all loops of a shader for one step of an item: the next one ends the item with the
     * fault STRAND_WORK_FAULT_LOOP_LIMIT. Default: 32,768. Not more than the device's loop_limit, where it has
     * one.
     */
    uint32_t loop_limit;
    /** Invocations of a shader in a group. Default: 64. At most 1,024, and what the device has. */
    uint32_t group_size;
    /** Buffers that a worklist of this program is made with. At most 8. */
    uint32_t buffer_count;
    /** For the processor; NULL: none. */
    strand_kernel kernel;
    /** Handed to kernel as its last argument. */
    void *kernel_data;
    /** For adapters: a shader in WGSL; NULL: none. Copied. */
    const char *wgsl;
    /** Bytes at wgsl; 0: up to its zero byte. */
    size_t wgsl_length;
    /**
     * For adapters, in place of wgsl, in a library that was built with the cargo feature "spirv": a shader
     * in SPIR-V; NULL: none. Copied. It says what becomes of an item in a mailbox: see above.
     */
    const uint32_t *spirv;
    /** Words at spirv. */
    size_t spirv_words;
} strand_program_options;

/** Names a program; below 2^62 and never used again. 0 is no program. */
typedef uint64_t strand_program;

/**
 * Makes a program for a device, which compiles its shader: on an adapter that takes some milliseconds,
 * for a strand on a thread of the offload pool.
 *
 * @param device   the device
 * @param options  copied, with the text of the shader
 * @param out      the program
 * @return STRAND_OK;
 *         STRAND_ERR_SHADER: the shader is wrong; the message has line and column of its text, where it is
 *         one in WGSL;
 *         STRAND_ERR_UNSUPPORTED: there is nothing in it that the device could run, or the shader is in SPIR-V
 *         and the library was built without the cargo feature "spirv";
 *         STRAND_ERR_INVALID: options or out is NULL, an option has no such value, or device names none and
 *         never did;
 *         STRAND_ERR_LIMIT: an option is beyond what it may be, or too many programs are in use;
 *         STRAND_ERR_STALE: the device was closed;
 *         STRAND_ERR_DEVICE: the device is lost;
 *         STRAND_ERR_NO_MEMORY;
 *         STRAND_ERR_CANCELLED: the caller is asked to end, or the runtime is shutting down;
 *         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_program_new(
        strand_device device,
        const struct strand_program_options *options,
        strand_program *out);

/**
 * Gives a program up. Worklists that use it keep it.
 *
 * @param program  the program
 * @return STRAND_OK;
 *         STRAND_ERR_STALE: it was released before;
 *         STRAND_ERR_INVALID: program names none and never did;
 *         STRAND_ERR_CANCELLED: the runtime is shutting down, which releases all;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_program_release(strand_program program);

/* ---- Admission of work --------------------------------------------------------------------------
 *
 * The policy by which a worklist in STRAND_WORKLIST_AUTO mode is run, as a function of its own: how
 * deep the queue is and how full the lanes are decide. It never fails for a number that it is given.
 *
 * A depth of 0 is STRAND_ADMIT_EMPTY. Above spill_depth, or where the budget would need more than 32
 * bits, it is STRAND_ADMIT_SPILL_REQUIRED. From nonblocking_depth on, or below low_occupancy_bps, it
 * is STRAND_ADMIT_NON_BLOCKING, else STRAND_ADMIT_BLOCKING.
 */

/** Nothing is queued. */
#define STRAND_ADMIT_EMPTY 0

/** Each item is run to its end by who has begun it. */
#define STRAND_ADMIT_BLOCKING 1

/** An item that has more to do goes back to the queue. */
#define STRAND_ADMIT_NON_BLOCKING 2

/** Items have to go to host memory first. */
#define STRAND_ADMIT_SPILL_REQUIRED 3

/**
 * Flag of a request: where both times are there, the faster way is recommended in place of the one
 * that the thresholds say; the way in use stays unless the other takes less than nine tenths.
 */
#define STRAND_ADMIT_MEASURED 1

/** The schema of the first fields of strand_evidence. */
#define STRAND_EVIDENCE_SCHEMA 1

/** Nobody has compared results. */
#define STRAND_PARITY_UNCHECKED 0

/** Results of two implementations were compared and are equal. */
#define STRAND_PARITY_EQUAL 1

/** They were compared and differ. */
#define STRAND_PARITY_DIFFERENT 2

/** What is known of a frontier. 0 in a threshold is its default. */
typedef struct strand_worklist_request {
    /** sizeof(strand_worklist_request) */
    uint32_t size;
    /** 0 or STRAND_ADMIT_MEASURED */
    uint32_t flags;
    /** Items that are queued. */
    uint32_t depth;
    /** How full batches or lanes are, in basis points; what is above 10,000 counts as 10,000. */
    uint32_t occupancy_bps;
    /** Visits that were measured or are planned; given back. */
    uint64_t visits;
    /** Time of these visits in blocking kernels, in nanoseconds; 0: not measured. */
    uint64_t blocking_ns;
    /** The same in non-blocking kernels. */
    uint64_t nonblocking_ns;
    /** From this depth on, non-blocking. Default: 64. */
    uint32_t nonblocking_depth;
    /** Above this depth, spill first. Default: 1,048,576. */
    uint32_t spill_depth;
    /** Visits budgeted for each item. Default: 8. */
    uint32_t visits_per_item;
    /** Below this occupancy, non-blocking. Default: 5,000. */
    uint32_t low_occupancy_bps;
    /**
     * With STRAND_ADMIT_MEASURED: the way in use, STRAND_ADMIT_BLOCKING or
     * STRAND_ADMIT_NON_BLOCKING; 0: neither.
     */
    uint32_t mode_in_use;
    /** 0 */
    uint32_t reserved;
} strand_worklist_request;

/** What the policy says. */
typedef struct strand_worklist_recommendation {
    /** sizeof(strand_worklist_recommendation) */
    uint32_t size;
    /** STRAND_ADMIT_ mode */
    uint32_t mode;
    /** depth of the request */
    uint32_t depth;
    /** The occupancy that decided: at most 10,000. */
    uint32_t occupancy_bps;
    /** depth times visits_per_item: visits after which such a run should have ended. */
    uint64_t visit_budget;
    /** visits of the request */
    uint64_t visits;
    /** 1: results of both ways have to be the same. */
    uint32_t parity_required;
    /** 1: visits are those of single items. */
    uint32_t reports_items;
    /** The mode as text: empty, blocking, non_blocking or spill_required. It stays. */
    const char *label;
} strand_worklist_recommendation;

/** What a run leaves to be judged by. The fields up to reports_items are schema 1. */
typedef struct strand_evidence {
    /** sizeof(strand_evidence) */
    uint32_t size;
    /** STRAND_EVIDENCE_SCHEMA */
    uint32_t schema;
    /** STRAND_ADMIT_ mode */
    uint32_t mode;
    /** Items that were queued at once, at most. */
    uint32_t depth;
    /** Items that were run, each time that one was counted. */
    uint64_t visits;
    /** How full batches or lanes were, in basis points. */
    uint32_t occupancy_bps;
    /** 1: results of both ways have to be the same. */
    uint32_t parity_required;
    /** Time in blocking kernels, in nanoseconds. */
    uint64_t blocking_ns;
    /** Time in non-blocking kernels, in nanoseconds. */
    uint64_t nonblocking_ns;
    /** 1: visits are those of single items. */
    uint32_t reports_items;
    /** STRAND_PARITY_ number */
    uint32_t parity;
    /** 1: the fields of schema 1 are filled. */
    uint32_t complete;
    /** 0 */
    uint32_t reserved;
    /** Items that went to host memory for want of room. */
    uint64_t spilled;
    /** Items that went back to the queue. */
    uint64_t requeued;
    /** Slices that were run. */
    uint64_t rounds;
    /** Submissions to a device. */
    uint64_t submissions;
    /** Bytes to and from a device. */
    uint64_t bytes;
} strand_evidence;

/**
 * Says how a frontier is best worked on. It depends on nothing but the request: no runtime is
 * needed, and the same request has the same answer.
 *
 * @param request  what is known
 * @param out      what to do; its size is set by the caller
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: request or out is NULL or has no such size, there are unknown flags, or
 *         mode_in_use is no such mode;
 *         STRAND_ERR_UNSUPPORTED: reserved is not 0
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_worklist_recommend(
        const struct strand_worklist_request *request,
        struct strand_worklist_recommendation *out);

/* ---- Worklists ----------------------------------------------------------------------------------
 *
 * A queue of items and a program that works on them until none is left: items may push further items,
 * go back to the queue, wait for an epoch, emit records or end with a fault. strand_worklist_push() is
 * for any thread; strand_worklist_dispatch() begins a run, whose end its ticket tells; between runs
 * everything lies in host memory. Nothing is lost and nothing is run twice: an item is started only where
 * there is room for all that it may push and emit, what a device has no room for goes to host memory and
 * comes back in its order, and after each batch the sums are compared.
 *
 * On the processor the kernel is called by strands of the library, with batches. With one of them
 * (workers = 1) the order within a band and a tenant is exact: FIFO or LIFO, where a slice that is taken
 * from a LIFO keeps its order, so its last item is the newest.
 *
 * Slices are taken from the most urgent band. One whose items have waited for 32 slices counts as one more
 * urgent, and one that was passed over 16 times comes next: no band waits for more than 19 slices. Tenants
 * of a band take turns of 1,024 items.
 *
 * A run ends with
 * STRAND_OK: drained, nothing is left that may run (paused items and those of tenants that are switched
 * off stay);
 * STRAND_ERR_FAILED: drained, and items have faulted in this run; or a kernel ended the strand that had
 * called it (strand_fail(), strand_exit()), whose batch has faulted as a whole;
 * STRAND_ERR_LIMIT: the budget, the room for emitted records or that for spilled items is used up;
 * STRAND_ERR_TIMEOUT: its deadline passed; STRAND_ERR_CANCELLED: its ticket was cancelled;
 * STRAND_ERR_CLOSED: the device was closed or the worklist released; STRAND_ERR_NO_MEMORY;
 * STRAND_ERR_DEVICE: items were lost or doubled, or the device is lost;
 * STRAND_ERR_PARITY: drained, and the processor came to something else (STRAND_WORKLIST_DIFFERENTIAL).
 * In each case what is left is queued as it was, and another run goes on with it.
 */

/**
 * Flag of a worklist on an adapter: each run is made twice, by the shader of the program and then by its native
 * kernel on the processor, over copies of what was queued and of the buffers. Records, faults, buffers, and how
 * many items are paused and left are compared, whatever their order; where they differ the run ends with
 * STRAND_ERR_PARITY, and its message has the first difference. What the worklist holds then is what the adapter
 * has found. Compared are runs that both have brought to their end: one that ends by a limit, a deadline or a
 * cancel is not, and neither is one with items that the loop limit has cut off, which no kernel knows, or with more
 * faults than are kept. While such a run is on, until it is compared, calls that would change the worklist answer STRAND_ERR_BUSY, and pushes that
 * wait for room go on waiting; nobody else may write to the buffers. Programs whose results depend on the order of
 * items are not equal. It needs about twice the memory, and longer than the slower of the two.
 */
#define STRAND_WORKLIST_DIFFERENTIAL 1

/** Order: the item that has waited longest comes first. */
#define STRAND_WORKLIST_FIFO 0

/** Order: the item that came last comes first. */
#define STRAND_WORKLIST_LIFO 1

/** What the device has no room for goes to host memory. */
#define STRAND_WORKLIST_SPILL_HOST 0

/** It ends the run with STRAND_ERR_LIMIT. */
#define STRAND_WORKLIST_SPILL_ERROR 1

/**
 * Mode: as the policy says (strand_worklist_recommend()), and then as is measured to be faster.
 */
#define STRAND_WORKLIST_AUTO 0

/** Mode: an item that has more to do goes on at once. */
#define STRAND_WORKLIST_BLOCKING 1

/** Mode: it goes back to the queue, after the inner steps of the program. */
#define STRAND_WORKLIST_NON_BLOCKING 2

/** Flag of a run: it goes on until the worklist is closed and empty. */
#define STRAND_RUN_UNTIL_CLOSED 1

/** What a worklist is made with: 0 or NULL in a field is the default. */
typedef struct strand_worklist_options {
    /** sizeof(strand_worklist_options) */
    uint32_t size;
    /** STRAND_WORKLIST_DIFFERENTIAL, or 0. */
    uint32_t flags;
    /**
     * Items on the device, at most 2^28. Default: 65,536. The processor has no memory of its own: there
     * it says from when on items count as spilled.
     */
    uint32_t capacity;
    /** STRAND_WORKLIST_FIFO or STRAND_WORKLIST_LIFO. */
    uint32_t order;
    /**
     * Bands of priority, 1 to 5. Default: 1. A slice (a batch, or a round of an adapter) is of the most urgent band
     * that has items, but for two rules, which hold for the queues of the host and for those of an adapter. A band that
     * was passed over 16 times is next: no band is passed over more than 16 + bands - 2 times in a row. And a band counts
     * as one more urgent for every 32 slices that its oldest items have waited there, until all that waited are taken.
     */
    uint32_t bands;
    /** Tenants, 1 to 30. Default: 1. */
    uint32_t tenants;
    /** STRAND_WORKLIST_SPILL_HOST or STRAND_WORKLIST_SPILL_ERROR. */
    uint32_t spill;
    /** STRAND_WORKLIST_AUTO, STRAND_WORKLIST_BLOCKING or STRAND_WORKLIST_NON_BLOCKING. */
    uint32_t mode;
    /**
     * Queued items from which on a push waits. Default: 2^24. What items push themselves is not held up.
     */
    uint64_t host_items_max;
    /** Spilled items beyond which a run ends. Default: any number. */
    uint64_t spill_items_max;
    /**
     * Emitted records beyond which a run ends, until they are taken; not below the program's emit_max.
     * Default: 2^24.
     */
    uint64_t emitted_max;
    /** As many as the program says, all of the program's device. They are kept. */
    const strand_buffer *buffers;
    /** How many. */
    uint32_t buffer_count;
    /**
     * Faults that wait to be taken, at most; what faults beyond is counted (faults_dropped of
     * strand_worklist_statistics), and its task is not kept. Default: 65,536.
     */
    uint32_t faults_max;
    /**
     * Debug records that wait to be taken, at most 2^20. Default: 1,024. What comes then is lost, and counted.
     */
    uint32_t debug_max;
    /** 0 */
    uint32_t reserved;
} strand_worklist_options;

/** Names a worklist; below 2^62 and never used again. 0 is no worklist. */
typedef uint64_t strand_worklist;

/** How a run goes: 0 in a field is the default. */
typedef struct strand_run_options {
    /** sizeof(strand_run_options) */
    uint32_t size;
    /** STRAND_RUN_UNTIL_CLOSED, or 0. */
    uint32_t flags;
    /** How often items may run, in all. Default: any number. With one worker it is exact. */
    uint64_t visits_max;
    /** Batches or rounds. Default: any number. */
    uint64_t rounds_max;
    /**
     * When the run ends at the latest, between two batches: see strand_after(). 0 is STRAND_FOREVER.
     */
    int64_t deadline;
    /**
     * Strands that work at once, at most 1,024. Default: as many as there are workers. Where a further one cannot be
     * made the run goes on with those that are there.
     */
    uint32_t workers;
    /** 0 */
    uint32_t reserved;
} strand_run_options;

/**
 * Makes a worklist.
 *
 * @param program  what its items do; kept
 * @param options  copied; NULL: the defaults
 * @param out      the worklist
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: out is NULL, an option has no such value, there are not as many buffers as
 *         the program says or one of another device, STRAND_WORKLIST_DIFFERENTIAL is given and the program has
 *         no native kernel, or a handle names nothing and never did;
 *         STRAND_ERR_LIMIT: an option is beyond what it may be, or too many worklists are in use;
 *         STRAND_ERR_STALE: the program or a buffer was released;
 *         STRAND_ERR_CLOSED: the device was closed;
 *         STRAND_ERR_UNSUPPORTED: STRAND_WORKLIST_DIFFERENTIAL on the processor, which has one implementation, or
 *         reserved is not 0;
 *         STRAND_ERR_NO_MEMORY, STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_worklist_new(
        strand_program program,
        const struct strand_worklist_options *options,
        strand_worklist *out);

/**
 * Pushes items, all of them or none. Where the worklist holds host_items_max already it waits, behind
 * those who came before; a run that is on makes room. Items may be pushed while a run is on.
 *
 * @param worklist  the worklist
 * @param items     count records, one after the other; copied
 * @param count     how many; 0 is nothing
 * @param band      0 to bands - 1; 0 is the most urgent
 * @param tenant    0 to tenants - 1
 * @param deadline  see strand_after()
 * @return STRAND_OK: all are queued;
 *         STRAND_ERR_CLOSED: the worklist, or its device, was closed, or the worklist was released
 *         meanwhile;
 *         STRAND_ERR_WOULD_BLOCK, STRAND_ERR_TIMEOUT: there was no room;
 *         STRAND_ERR_LIMIT: these are more than host_items_max;
 *         STRAND_ERR_BUSY: a run is on that will be compared (STRAND_WORKLIST_DIFFERENTIAL);
 *         STRAND_ERR_INVALID: items is NULL and count is not 0, there is no such band or tenant, the
 *         deadline is below -1, or worklist names none and never did;
 *         STRAND_ERR_STALE: it was released before;
 *         STRAND_ERR_CANCELLED: the caller is asked to end, or the runtime is shutting down;
 *         STRAND_ERR_NO_MEMORY, STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_worklist_push(
        strand_worklist worklist,
        const uint32_t *items,
        uint32_t count,
        uint32_t band,
        uint32_t tenant,
        int64_t deadline);

/**
 * Pushes whole tasks, all of them or none: the band of each is its priority. A PAUSED one waits for its
 * resume_epoch. State, priority, tenant, flags, and the epoch of a paused one are kept by the queue; every other word
 * that is not 0 must be one that the program's records carry.
 *
 * @param worklist  the worklist
 * @param tasks     copied
 * @param count     how many; 0 is nothing
 * @param deadline  see strand_after()
 * @return as strand_worklist_push(), and
 *         STRAND_ERR_BUSY: a run is on that will be compared (STRAND_WORKLIST_DIFFERENTIAL);
 *         STRAND_ERR_INVALID: tasks is NULL and count is not 0, or one of them cannot be taken: its state is
 *         none of READY, YIELDED, REQUEUED and PAUSED, there is no such band or tenant, or a word is set
 *         that records do not carry
 *
 * @context any
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_worklist_push_tasks(
        strand_worklist worklist,
        const strand_work_task *tasks,
        uint32_t count,
        int64_t deadline);

/**
 * Switches a tenant on or off, and sets how many of its items may be in flight at once. Items of a
 * tenant that is switched off stay queued.
 *
 * A run that is on follows at once: the batch that a worker is at, or the submission that an adapter is at or
 * that is being made, is the last in which items of a tenant run that was switched off. What lies on an adapter then
 * comes back to the queues of the host, of all tenants, and keeps its order. The same happens
 * where more items of a tenant lie on an adapter than its quota is, children included: since it was lowered, or
 * since items have pushed others; so when a submission begins there are never more. A run that has nothing left but
 * items of tenants that are switched off ends.
 *
 * @param worklist  the worklist
 * @param tenant    0 to tenants - 1
 * @param enabled   0: off, 1: on, as at first
 * @param quota     0: any number, as at first
 * @return STRAND_OK;
 *         STRAND_ERR_BUSY: a run is on that will be compared (STRAND_WORKLIST_DIFFERENTIAL);
 *         STRAND_ERR_INVALID: there is no such tenant, enabled is neither 0 nor 1, or worklist names none and
 *         never did;
 *         STRAND_ERR_STALE: it was released before;
 *         STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_worklist_tenant(
        strand_worklist worklist,
        uint32_t tenant,
        uint32_t enabled,
        uint64_t quota);

/**
 * Begins a run. It goes on by itself: the caller awaits the ticket, or does something else. One run at a
 * time. A run of an empty worklist has ended already when this returns.
 *
 * @param worklist  the worklist
 * @param options   copied; NULL: the defaults
 * @param out       the ticket; it is given up with strand_ticket_release()
 * @return STRAND_OK;
 *         STRAND_ERR_BUSY: a run is on. It takes what was pushed before this call too, unless something ends
 *         it;
 *         STRAND_ERR_CLOSED: the device was closed;
 *         STRAND_ERR_INVALID: out is NULL, an option has no such value, STRAND_RUN_UNTIL_CLOSED is given for a
 *         worklist with STRAND_WORKLIST_DIFFERENTIAL, or worklist names none and never did;
 *         STRAND_ERR_STALE: it was released before;
 *         STRAND_ERR_LIMIT: workers is more than 1,024;
 *         STRAND_ERR_LIMIT, STRAND_ERR_NO_MEMORY: no ticket, no strand or no memory for a batch;
 *         STRAND_ERR_UNSUPPORTED: the device cannot do it, or reserved is not 0;
 *         STRAND_ERR_CANCELLED: the runtime is shutting down;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_worklist_dispatch(
        strand_worklist worklist,
        const struct strand_run_options *options,
        strand_ticket *out);

/**
 * Takes no item any more from outside: pushes that wait get STRAND_ERR_CLOSED, and a run with
 * STRAND_RUN_UNTIL_CLOSED ends when nothing is left. Runs may still be begun. Closing twice is closing.
 *
 * @param worklist  the worklist
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: worklist names none and never did;
 *         STRAND_ERR_STALE: it was released before;
 *         STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_worklist_close(strand_worklist worklist);

/**
 * Paused items that wait for this epoch or an earlier one become ready, in the order in which they were
 * paused; a run that is on takes them.
 *
 * @param worklist  the worklist
 * @param epoch     the program's own count
 * @param count     how many; may be NULL
 * @return STRAND_OK;
 *         STRAND_ERR_BUSY: a run is on that will be compared (STRAND_WORKLIST_DIFFERENTIAL);
 *         STRAND_ERR_INVALID: worklist names none and never did;
 *         STRAND_ERR_STALE: it was released before;
 *         STRAND_ERR_NO_MEMORY: none has become ready;
 *         STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_worklist_resume(
        strand_worklist worklist,
        uint32_t epoch,
        uint64_t *count);

/**
 * Gives a worklist up, with what is in it. Pushes that wait get STRAND_ERR_CLOSED; a run that is on ends
 * with STRAND_ERR_CLOSED between two batches, and its ticket stays good.
 *
 * @param worklist  the worklist
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: worklist names none and never did;
 *         STRAND_ERR_STALE: it was released before;
 *         STRAND_ERR_CANCELLED: the runtime is shutting down, which releases all;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_worklist_release(strand_worklist worklist);

/* ---- Results of worklists -----------------------------------------------------------------------
 *
 * What comes of the items of a worklist: the records that they have emitted, those that have faulted, what is
 * still queued, and what was counted. What is taken is the taker's alone, whichever thread that is; records and
 * faults may be taken while a run is on.
 */

/** An item that has faulted. */
typedef struct strand_worklist_fault {
    /** STRAND_WORK_FAULT_ code, or the program's own. */
    uint32_t code;
    /** 0 */
    uint32_t reserved;
    /**
     * The item as it was when it ran for the last time, continuation_data too; its state is
     * STRAND_WORK_FAULTED.
     */
    strand_work_task task;
} strand_worklist_fault;

/** What a worklist has counted since it was made. */
typedef struct strand_worklist_statistics {
    /** sizeof(strand_worklist_statistics) */
    uint32_t size;
    /** 1: a run is on. */
    uint32_t running;
    /** Items in the queues of the host, now. */
    uint64_t queued;
    /** Items that run or lie on the device, now. */
    uint64_t in_flight;
    /** Paused items, now. */
    uint64_t paused;
    /** Emitted records that wait to be taken, now. */
    uint64_t emitted_waiting;
    /** Faults that wait to be taken, now. */
    uint64_t faults_waiting;
    /** Items that were pushed from outside. */
    uint64_t pushed;
    /** Items that items have pushed. */
    uint64_t children;
    /** How often items were run. */
    uint64_t visits;
    /** Items that were done. */
    uint64_t finished;
    /** How often items were requeued. */
    uint64_t requeued;
    /** How often items have yielded. */
    uint64_t yielded;
    /** How often items were paused. */
    uint64_t pauses;
    /** How often paused items were resumed. */
    uint64_t resumed;
    /** Items that have faulted. */
    uint64_t faulted;
    /** Records that were emitted. */
    uint64_t emitted;
    /** Records that were taken. */
    uint64_t taken;
    /** Items that strand_worklist_take_tasks() has taken. */
    uint64_t withdrawn;
    /** Slices that were taken from the queues. */
    uint64_t slices;
    /** Batches or rounds. */
    uint64_t rounds;
    /** Submissions to a device; on the processor batches. */
    uint64_t submissions;
    /** Runs that were begun. */
    uint64_t runs;
    /** Items that went to host memory because the device was full. */
    uint64_t spilled;
    /** Of those, items that came back. */
    uint64_t refilled;
    /** Most items that were queued or in flight at once. */
    uint64_t depth_peak;
    /** Most items that were in flight at once. */
    uint64_t device_peak;
    /** Slices that a band got before a more urgent one, because its items had waited. */
    uint64_t guarded;
    /** Pushes that had to wait for room. */
    uint64_t waited;
    /** Time in kernels, in nanoseconds, summed over those who ran them. */
    uint64_t active_ns;
    /** Items that lay on a device when it was lost, or that it has lost. */
    uint64_t lost;
    /** Faults that were taken. */
    uint64_t faults_taken;
    /** Faults that were counted and not kept, because faults_max of them waited. */
    uint64_t faults_dropped;
} strand_worklist_statistics;

/**
 * Takes emitted records, in the order in which they were emitted; while a run is on too.
 *
 * @param worklist  the worklist
 * @param records   room for capacity records of emit_words words
 * @param capacity  not 0
 * @param count     how many were taken; may be NULL
 * @return STRAND_OK: at least one;
 *         STRAND_ERR_EMPTY: there is none;
 *         STRAND_ERR_BUSY: a run is on that will be compared (STRAND_WORKLIST_DIFFERENTIAL);
 *         STRAND_ERR_INVALID: records is NULL, capacity is 0, or worklist names none and never did;
 *         STRAND_ERR_STALE: it was released before;
 *         STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_worklist_take(
        strand_worklist worklist,
        uint32_t *records,
        uint32_t capacity,
        uint32_t *count);

/**
 * Takes what is queued back, as tasks: band by band, tenant by tenant, each in the order of its queue, and
 * then what is paused. Pushed again in this order it lies as it lay. Where a run begins meanwhile, what was
 * taken before stays taken.
 *
 * @param worklist  the worklist
 * @param tasks     room for capacity tasks
 * @param capacity  not 0
 * @param count     how many were taken; may be NULL
 * @return STRAND_OK: at least one;
 *         STRAND_ERR_EMPTY: there is none;
 *         STRAND_ERR_BUSY: a run is on;
 *         STRAND_ERR_INVALID: tasks is NULL, capacity is 0, or worklist names none and never did;
 *         STRAND_ERR_STALE: it was released before;
 *         STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_worklist_take_tasks(
        strand_worklist worklist,
        strand_work_task *tasks,
        uint32_t capacity,
        uint32_t *count);

/**
 * Takes the oldest faults, while a run is on too. So many wait as faults_max says; the others are
 * counted.
 *
 * @param worklist  the worklist
 * @param faults    room for capacity faults
 * @param capacity  not 0
 * @param count     how many were taken; may be NULL
 * @return STRAND_OK: at least one;
 *         STRAND_ERR_EMPTY: there is none;
 *         STRAND_ERR_BUSY: a run is on that will be compared (STRAND_WORKLIST_DIFFERENTIAL);
 *         STRAND_ERR_INVALID: faults is NULL, capacity is 0, or worklist names none and never did;
 *         STRAND_ERR_STALE: it was released before;
 *         STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_worklist_faults(
        strand_worklist worklist,
        struct strand_worklist_fault *faults,
        uint32_t capacity,
        uint32_t *count);

/**
 * What the worklist has counted. The numbers are of one moment, also while a run is on, on any device:
 * pushed + children = finished + faulted + withdrawn + lost + queued + paused + in_flight;
 * visits = finished + faulted + requeued + yielded + pauses; emitted = taken + emitted_waiting;
 * faulted = faults_taken + faults_waiting + faults_dropped. What a
 * submission has done that an adapter is at shows when it has ended, some of it (faults, pauses, yields and
 * records) before the rest.
 *
 * @param worklist    the worklist
 * @param statistics  its size is set by the caller
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: statistics is NULL or has no such size, or worklist names none and never did;
 *         STRAND_ERR_STALE: it was released before;
 *         STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_worklist_stats(
        strand_worklist worklist,
        struct strand_worklist_statistics *statistics);

/**
 * The evidence of all runs of the worklist, from what was counted and measured. Times are missing on the
 * stepped engine, where time decides nothing.
 *
 * @param worklist  the worklist
 * @param evidence  its size is set by the caller
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: evidence is NULL or has no such size, or worklist names none and never did;
 *         STRAND_ERR_STALE: it was released before;
 *         STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_worklist_evidence(
        strand_worklist worklist,
        strand_evidence *evidence);

/* ---- Inside of a kernel -------------------------------------------------------------------------
 *
 * What a native kernel says of the items of its batch. An item is named by its place in the batch, from 0
 * on; one of which nothing is said is done when the kernel returns. What an item does takes effect when
 * the kernel returns, all of it: of an item that ends with a fault nothing is pushed and nothing emitted
 * (what it wrote to buffers stays). Items may be spoken of in any order and as often as needed; where one
 * queue gets several of them, they come in the order of the calls.
 *
 * These calls belong to the thread on which the kernel runs, until it returns. None of them waits, and
 * none allocates.
 */

/** The band of the item that speaks. */
#define STRAND_BAND_SAME UINT32_MAX

/**
 * Pushes an item: a child of this one, of the same tenant.
 *
 * @param work    what the kernel got
 * @param index   the item that speaks
 * @param record  as many words as the program's records have; copied
 * @param band    its band, or STRAND_BAND_SAME
 * @return STRAND_OK;
 *         STRAND_ERR_LIMIT: these are more than fan_out_max, and the item has faulted
 *         (STRAND_WORK_FAULT_FAN_OUT);
 *         STRAND_ERR_INVALID: work or record is NULL, there is no such item, the kernel has returned, or
 *         there is no such band (then the item has faulted, STRAND_WORK_FAULT_BAND)
 *
 * @context callback
 * @switches never
 * @threadsafe no
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_work_push(
        strand_work *work,
        uint32_t index,
        const uint32_t *record,
        uint32_t band);

/**
 * Emits a record: it can be taken with strand_worklist_take().
 *
 * @param work    what the kernel got
 * @param index   the item that speaks
 * @param record  emit_words words of the program; copied
 * @return STRAND_OK;
 *         STRAND_ERR_LIMIT: these are more than emit_max, and the item has faulted
 *         (STRAND_WORK_FAULT_EMITS);
 *         STRAND_ERR_INVALID: work or record is NULL, there is no such item, or the kernel has returned
 *
 * @context callback
 * @switches never
 * @threadsafe no
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_work_emit(
        strand_work *work,
        uint32_t index,
        const uint32_t *record);

/**
 * The item has more to do: it is run again, with continuation_pc and continuation_data set to pc and
 * data where its record carries them. Its requeue_count goes up.
 *
 * @param work   what the kernel got
 * @param index  the item
 * @param pc     where it goes on
 * @param data   what it goes on with
 * @param band   its band from now on, or STRAND_BAND_SAME
 * @return STRAND_OK;
 *         STRAND_ERR_ALREADY: it has ended otherwise before, and now it has faulted
 *         (STRAND_WORK_FAULT_ENDED_TWICE);
 *         STRAND_ERR_INVALID: work is NULL, there is no such item, or the kernel has returned; or the
 *         item has faulted: no such band (STRAND_WORK_FAULT_BAND), pc or data is not 0 and not carried
 *         (STRAND_WORK_FAULT_NOT_CARRIED), or its counter is at its end (STRAND_WORK_FAULT_COUNTER)
 *
 * @context callback
 * @switches never
 * @threadsafe no
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_work_requeue(
        strand_work *work,
        uint32_t index,
        uint32_t pc,
        uint32_t data,
        uint32_t band);

/**
 * The item gives way: as strand_work_requeue(), but always through the queue, and its yield_count goes
 * up.
 *
 * @param work   what the kernel got
 * @param index  the item
 * @param pc     where it goes on
 * @param data   what it goes on with
 * @return as strand_work_requeue()
 *
 * @context callback
 * @switches never
 * @threadsafe no
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_work_yield(
        strand_work *work,
        uint32_t index,
        uint32_t pc,
        uint32_t data);

/**
 * The item waits for an epoch: strand_worklist_resume() with this epoch or a later one makes it ready.
 *
 * @param work   what the kernel got
 * @param index  the item
 * @param pc     where it goes on
 * @param data   what it goes on with
 * @param epoch  the program's own count of something
 * @return as strand_work_requeue()
 *
 * @context callback
 * @switches never
 * @threadsafe no
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_work_pause(
        strand_work *work,
        uint32_t index,
        uint32_t pc,
        uint32_t data,
        uint32_t epoch);

/**
 * The item ends with a code: strand_worklist_faults() shows it. What it has pushed and emitted this time
 * is forgotten.
 *
 * @param work   what the kernel got
 * @param index  the item
 * @param code   the program's own, below 0x80000000
 * @return STRAND_OK;
 *         STRAND_ERR_ALREADY: it has faulted before; the first code stays;
 *         STRAND_ERR_INVALID: work is NULL, there is no such item, the kernel has returned, or the code
 *         is one of the library's
 *
 * @context callback
 * @switches never
 * @threadsafe no
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_work_fault(strand_work *work, uint32_t index, uint32_t code);

/**
 * The memory of one of the worklist's buffers. Several kernels may run at once: who writes where is the
 * program's affair.
 *
 * @param work    what the kernel got
 * @param number  which one, in the order in which the worklist was made with them
 * @param bytes   its length; may be NULL
 * @return where it begins; NULL when there is no such buffer, work is NULL or the kernel has returned
 *
 * @context callback
 * @switches never
 * @threadsafe no
 * @signalsafe no
 * @since 0.1
 */
STRAND_API void *strand_work_buffer(strand_work *work, uint32_t number, uint64_t *bytes);

/* ---- Notes of kernels and shaders ---------------------------------------------------------------
 *
 * What a kernel or a shader writes down for whoever debugs it: four words, and the item that it works on as it
 * was when this visit began. Notes of items that fault are kept. They lie in a ring of the worklist until
 * they are taken; what has no room there (debug_max), and of one batch or submission more than 4,096, is lost
 * and counted.
 *
 * A native kernel calls strand_work_debug(); a shader in WGSL has the function
 * debug(a: u32, b: u32, c: u32, d: u32), unless it declares that name itself, and one that does not name it
 * is assembled as if there were none. A shader in SPIR-V has none. A run that is made twice
 * (STRAND_WORKLIST_DIFFERENTIAL) keeps the notes of the shader, and does not compare them.
 */

/** A note. */
typedef struct strand_work_note {
    /** What was written down. */
    uint32_t words[4];
    /** The item as it was when that visit began; its state is STRAND_WORK_READY. */
    strand_work_task task;
} strand_work_note;

/**
 * Writes four words down. What there is no room for is counted. The first note of a batch allocates.
 *
 * @param work   what the kernel got
 * @param index  the item that speaks
 * @param words  four of them; copied
 * @return STRAND_OK, also where there is no room;
 *         STRAND_ERR_INVALID: work or words is NULL, there is no such item, or the kernel has returned
 *
 * @context callback
 * @switches never
 * @threadsafe no
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_work_debug(
        strand_work *work,
        uint32_t index,
        const uint32_t *words);

/**
 * Takes the oldest notes, while a run is on too. Those of a batch are there when its kernel has returned or has
 * ended its strand, those of a device after each submission; with a device that is lost those of the last are lost.
 *
 * @param worklist  the worklist
 * @param notes     room for capacity notes
 * @param capacity  not 0
 * @param count     how many were taken; may be NULL
 * @param lost      how many had no room since the worklist was made, told on STRAND_ERR_EMPTY too; may be NULL
 * @return STRAND_OK: at least one;
 *         STRAND_ERR_EMPTY: there is none;
 *         STRAND_ERR_INVALID: notes is NULL, capacity is 0, or worklist names none and never did;
 *         STRAND_ERR_STALE: it was released before;
 *         STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_worklist_debug(
        strand_worklist worklist,
        struct strand_work_note *notes,
        uint32_t capacity,
        uint32_t *count,
        uint64_t *lost);

/* ---- Automata -----------------------------------------------------------------------------------
 *
 * Many patterns at once, sought in streams of bytes that come in chunks. A pattern is a regular
 * expression of bytes (the syntax of Rust's regex crate with Unicode switched off), or a literal. A match
 * is a pattern, a stream and an end: some text that ends there is matched by the pattern. All ends are
 * reported, each once, whatever a pattern's repetitions prefer; where a match begins is not said, and a
 * match of no bytes is never reported. Patterns are sought anywhere unless they begin with ^.
 *
 * ^ and $ are the start and the end of the stream, with STRAND_PATTERN_MULTI_LINE also of lines; word
 * boundaries are those of ASCII. They are exact across chunks: a match whose end depends on the byte
 * after it comes with that byte, or with the chunk that is said to be the last. Look-ahead, look-behind, back-references
 * and classes of Unicode are not supported: strand_automaton_compile() says which pattern has one, and where.
 *
 * Text in which none of the patterns' own words occurs is passed at the speed of a filter; the patterns that have no
 * words of three bytes are read by an automaton that is made while it runs. Large counted repetitions of
 * nearly any byte, such as .{0,100}, are what costs most.
 *
 * Where no memory is left compiling and scanning on the processor end with STRAND_ERR_NO_MEMORY, with one exception: the parser of
 * regular expressions ends the process. 512 bytes for each byte of a pattern are looked for before it begins, most patterns need less;
 * a program that cannot have that compiles its patterns first, or literals alone.
 *
 * In STRAND_AUTOMATON_NON_BLOCKING an adapter does more than to seek words: the next windows of all streams of a scan
 * are brought to it at once, and what follows from their words, their starts and what is active before them is done
 * there, by a worklist whose items are states at bytes; patterns of which much is active all the time are stepped byte
 * by byte there, as bits. What was reached is in a set on the device; a batch for which it is too small is made anew
 * with half as many bytes, and one of 64 bytes is done by the processor. Such a scan has one strand. Its limits are looked
 * at between batches of 262,144 bytes at most, and each stream stands behind the last batch that was done. Tables that are
 * larger than a buffer of the device may be stay with the processor, as in STRAND_AUTOMATON_AUTO. This mode is there to
 * be compared, and for devices that are much faster than the processor; on an adapter that is a program AUTO is faster.
 */

/** Pattern: upper and lower case of ASCII letters are the same. */
#define STRAND_PATTERN_CASELESS 1

/** Pattern: ^ and $ match at lines too, and $ also before a line feed. */
#define STRAND_PATTERN_MULTI_LINE 2

/** Pattern: . matches a line feed too. */
#define STRAND_PATTERN_DOT_ALL 4

/** Pattern: the text is no regular expression but the very bytes that are sought. */
#define STRAND_PATTERN_LITERAL 8

/**
 * Mode: the fastest engine for the device. On an adapter: patterns' words are sought there, strands do the rest.
 */
#define STRAND_AUTOMATON_AUTO 0

/**
 * Mode: the baseline, byte for byte, every pattern tried at every byte. On an adapter an invocation reads a stream; a set that is
 * too large for the adapter is read by the processor.
 */
#define STRAND_AUTOMATON_BLOCKING 1

/**
 * Mode: items of a state and an index, each done once. An adapter does them as a program of a worklist; patterns without words of
 * which much is active all the time, such as x.*y, are stepped there bit by bit. On the processor an engine of its own does both, and
 * with STRAND_AUTOMATON_DIFFERENTIAL the native kernel of that program does all of it too.
 */
#define STRAND_AUTOMATON_NON_BLOCKING 2

/**
 * Flag: a second engine that shares no loop with the first reads everything too, and both must agree. In
 * STRAND_AUTOMATON_NON_BLOCKING these are the baseline and the engine of the processor, and they must agree with the program of
 * items, in what is found and in what is active behind each window. On an adapter each run of that program is made by its native
 * kernel too, as with STRAND_WORKLIST_DIFFERENTIAL, unless more than 524,288 states can be reached by several ways.
 */
#define STRAND_AUTOMATON_DIFFERENTIAL 1

/** Chunk: its stream ends with it. What comes with the same number later is another stream. */
#define STRAND_CHUNK_LAST 1

/** A pattern of a set. Its number is its place in the array. */
typedef struct strand_pattern {
    /**
     * sizeof(strand_pattern), the same in all patterns of a call: it is the way to the next one.
     */
    uint32_t size;
    /** STRAND_PATTERN_ bits. */
    uint32_t flags;
    /** UTF-8; of a literal any bytes. */
    const char *text;
    /** Bytes of text, 1 to 65,536. */
    size_t length;
} strand_pattern;

/** Where a set could not be compiled. */
typedef struct strand_pattern_error {
    /** sizeof(strand_pattern_error) */
    uint32_t size;
    /** 0 */
    uint32_t reserved;
    /** Number of the pattern; UINT64_MAX: it is about the whole set. */
    uint64_t pattern;
    /** Byte of its text; UINT64_MAX: not known. */
    uint64_t offset;
} strand_pattern_error;

/** How a set is compiled and read: 0 or NULL in a field is the default. */
typedef struct strand_automaton_options {
    /** sizeof(strand_automaton_options) */
    uint32_t size;
    /** STRAND_AUTOMATON_DIFFERENTIAL or 0. */
    uint32_t flags;
    /** One of STRAND_AUTOMATON_AUTO, _BLOCKING, _NON_BLOCKING. */
    uint32_t mode;
    /**
     * Most states of one pattern: it has one for each byte that a match can have, repetitions written
     * out. Default and most: 16,384.
     */
    uint32_t pattern_states_max;
    /** Most streams that are open at once. Default: 65,536. */
    uint32_t streams_max;
    /** 0 */
    uint32_t reserved;
    /** Matches that wait to be taken before a scan ends with STRAND_ERR_LIMIT. Default: 2^24. */
    uint64_t matches_max;
    /** Filled when a pattern is refused; its size is set by the caller. */
    struct strand_pattern_error *error;
} strand_automaton_options;

/** Names an automaton; below 2^62 and never used again. 0 is no automaton. */
typedef uint64_t strand_automaton;

/** A part of a stream. */
typedef struct strand_chunk {
    /** sizeof(strand_chunk), the same in all chunks of a call. */
    uint32_t size;
    /** Number of the stream. It begins with the first chunk that has the number. */
    uint32_t stream;
    /** STRAND_CHUNK_LAST or 0. */
    uint32_t flags;
    /** 0 */
    uint32_t reserved;
    /** The bytes that follow those of the stream's last chunk; may be NULL when length is 0. */
    const void *data;
    /** Their number. */
    uint64_t length;
    /** Written by the scan: how many of them were read. */
    uint64_t scanned;
} strand_chunk;

/** What bounds a scan: 0 in a field is the default. */
typedef struct strand_scan_options {
    /** sizeof(strand_scan_options) */
    uint32_t size;
    /**
     * Strands that read, each one stream at a time. Default: as many as there are workers. On an adapter in
     * STRAND_AUTOMATON_NON_BLOCKING: one, all streams at a time.
     */
    uint32_t workers;
    /**
     * States, or sets of states, that may be visited before the scan ends with STRAND_ERR_LIMIT; looked at
     * every 64 KiB, or between two batches. Default: no limit.
     */
    uint64_t visits_max;
    /** When the scan ends with STRAND_ERR_TIMEOUT, see strand_after(). 0: never. */
    int64_t deadline;
} strand_scan_options;

/** Text that ends here is matched. */
typedef struct strand_match {
    /** Number of the pattern. */
    uint32_t pattern;
    /** Number of the stream. */
    uint32_t stream;
    /** Bytes of the stream before the match's end. */
    uint64_t end;
} strand_match;

/** What an automaton has, and has done. */
typedef struct strand_automaton_counts {
    /** sizeof(strand_automaton_counts) */
    uint32_t size;
    /** Patterns. */
    uint32_t patterns;
    /** Those that are found by words of theirs. */
    uint32_t patterns_filtered;
    /** Such words. */
    uint32_t factors;
    /** States of all patterns, common prefixes counted once. */
    uint32_t states;
    /** Streams that are open. */
    uint32_t streams;
    /** Scans that were begun. */
    uint64_t scans;
    /** Bytes that were read. */
    uint64_t bytes;
    /** Places where a word stood. */
    uint64_t hits;
    /** Of them those where a match could have begun before. */
    uint64_t seeds;
    /** States, or sets of states, that were visited. */
    uint64_t visits;
    /** Matches that were found. */
    uint64_t matches;
    /** Matches that wait to be taken. */
    uint64_t waiting;
    /** Parts of chunks that two engines have agreed on (STRAND_AUTOMATON_DIFFERENTIAL). */
    uint64_t agreed;
    /** Scans in which they did not. */
    uint64_t mismatches;
    /**
     * How often an automaton that is made while it runs had become too large and was made anew.
     */
    uint64_t flushes;
} strand_automaton_counts;

/**
 * Compiles patterns. For a strand a thread of the offload pool does the work (see strand_offload()); an OS thread
 * does it itself.
 *
 * @param device    what reads streams. The processor (STRAND_DEVICE_CPU) does everything itself; an adapter seeks the patterns' words
 *                  in chunks of 16 KiB and more, and the mode says what else it does
 * @param patterns  count of them; copied
 * @param count     1 to 1,048,576
 * @param options   may be NULL; copied, but for the error that it points to
 * @param out       the automaton
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: a pattern is none: its number, the byte and what is wrong are in the message and
 *         in options->error; or count is 0, a pattern is empty or matches only the empty text or nothing, patterns
 *         or out is NULL, sizes differ, a flag or the mode is unknown, or device names none and never did;
 *         STRAND_ERR_UNSUPPORTED: a pattern has look-around, a back-reference or a class of Unicode;
 *         STRAND_ERR_LIMIT: a pattern is too large or has too many states, or there are too many patterns, or too
 *         many automata are in use, or no thread could be had;
 *         STRAND_ERR_STALE, STRAND_ERR_CLOSED: the device was closed;
 *         STRAND_ERR_DEVICE: the device is lost;
 *         STRAND_ERR_NO_MEMORY: here or on the device;
 *         STRAND_ERR_CANCELLED: the caller is asked to end, or the runtime is shutting down;
 *         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_automaton_compile(
        strand_device device,
        const struct strand_pattern *patterns,
        size_t count,
        const struct strand_automaton_options *options,
        strand_automaton *out);

/**
 * Begins to read chunks. Chunks of one stream are read in the order in which they stand, each 64 KiB of a chunk
 * by one strand of the runtime between turns of others; streams are read side by side. A scan that ends
 * early leaves every stream where scanned of its chunks says; the rest can be scanned by another call. The rest of a last chunk may be
 * empty: scanned once more it ends its stream, or does nothing where the stream was over.
 *
 * The bytes, and the array of chunks, belong to the scan until the ticket has its result, also when the ticket was cancelled or
 * released.
 *
 * @param automaton  the automaton
 * @param chunks     count of them
 * @param count      at most 1,048,576; 0 is a scan that has ended
 * @param options    may be NULL; copied
 * @param out        the ticket. Its result is STRAND_OK: everything was read, what was found can be taken;
 *                   STRAND_ERR_LIMIT: visits_max or matches_max, or no ticket or strand could be had for a batch;
 *                   STRAND_ERR_TIMEOUT: the deadline;
 *                   STRAND_ERR_CANCELLED; STRAND_ERR_CLOSED: the automaton was released or its device closed;
 *                   STRAND_ERR_DEVICE: the device is lost; STRAND_ERR_PARITY: two engines disagree, the message has the first difference;
 *                   STRAND_ERR_NO_MEMORY
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: chunks or out is NULL, sizes differ, data is NULL, a flag is unknown, the deadline is below -1, or
 *         automaton names none and never did;
 *         STRAND_ERR_BUSY: another scan reads one of the streams;
 *         STRAND_ERR_LIMIT: too many chunks, streams, tickets or strands;
 *         STRAND_ERR_STALE: it was released; STRAND_ERR_CLOSED: its device was closed;
 *         STRAND_ERR_NO_MEMORY;
 *         STRAND_ERR_CANCELLED: the runtime is shutting down;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_automaton_scan(
        strand_automaton automaton,
        struct strand_chunk *chunks,
        size_t count,
        const struct strand_scan_options *options,
        strand_ticket *out);

/**
 * Takes matches that were found. Those of one stream come in the order of what was read, sorted by pattern and
 * end within 64 KiB, or within a batch.
 *
 * @param automaton  the automaton
 * @param matches    room for capacity of them; may be NULL when that is 0
 * @param capacity   how many at most
 * @param count      how many it were
 * @return STRAND_OK;
 *         STRAND_ERR_EMPTY: none waits, or capacity is 0;
 *         STRAND_ERR_INVALID: matches or count is NULL, or automaton names none and never did;
 *         STRAND_ERR_STALE: it was released;
 *         STRAND_ERR_CANCELLED: the runtime is shutting down;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_automaton_take(
        strand_automaton automaton,
        struct strand_match *matches,
        size_t capacity,
        size_t *count);

/**
 * Forgets a stream: the next chunk with its number is the first of another one. Nothing is reported for its end.
 * A stream that was never begun is forgotten already.
 *
 * @param automaton  the automaton
 * @param stream     its number
 * @return STRAND_OK;
 *         STRAND_ERR_BUSY: a scan reads it;
 *         STRAND_ERR_INVALID: automaton names none and never did;
 *         STRAND_ERR_STALE: it was released;
 *         STRAND_ERR_CANCELLED: the runtime is shutting down;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_automaton_reset(strand_automaton automaton, uint32_t stream);

/**
 * What an automaton has, and what its scans have done so far.
 *
 * @param automaton  the automaton
 * @param stats      filled; its size is set by the caller
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: stats is NULL or its size is wrong, or automaton names none and never did;
 *         STRAND_ERR_STALE: it was released;
 *         STRAND_ERR_CANCELLED: the runtime is shutting down;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_automaton_stats(
        strand_automaton automaton,
        struct strand_automaton_counts *stats);

/**
 * Gives an automaton up, with the matches that were not taken. A scan that goes on ends with
 * STRAND_ERR_CLOSED.
 *
 * @param automaton  the automaton
 * @return STRAND_OK;
 *         STRAND_ERR_STALE: it was released before;
 *         STRAND_ERR_INVALID: automaton names none and never did;
 *         STRAND_ERR_CANCELLED: the runtime is shutting down;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_automaton_release(strand_automaton automaton);

/* ---- Graphs -------------------------------------------------------------------------------------
 *
 * Searches in a graph that lies on a device, in compressed sparse rows: the edges of vertex v lead to
 * those targets that begin at number offsets of v, and end before offsets of v + 1. A search is a
 * worklist of the library's own: its items are vertices with a place among their edges, so a vertex
 * may have any number of neighbours. It runs on every device, and fills a buffer with one uint32_t for
 * each vertex: the distance from the source, or STRAND_UNREACHED. A way that is longer than
 * 4,294,967,294 counts as none.
 */

/** The distance of a vertex to which no way leads. */
#define STRAND_UNREACHED UINT32_MAX

/** What a graph is made of. Everything is copied. */
typedef struct strand_graph_options {
    /** sizeof(strand_graph_options) */
    uint32_t size;
    /** 0 */
    uint32_t flags;
    /** How many vertices. */
    uint64_t vertices;
    /**
     * vertices + 1 numbers, from 0, none less than the one before; the last is the number of edges. NULL
     * is for a graph without vertices.
     */
    const uint64_t *offsets;
    /** The vertex to which each edge leads. NULL is for a graph without edges. */
    const uint32_t *targets;
    /** What each edge weighs, or NULL: each weighs 1. */
    const uint32_t *weights;
} strand_graph_options;

/** A graph on a device; 0 is none. */
typedef uint64_t strand_graph;

/**
 * Copies a graph to a device. Loops and parallel edges are edges like others.
 *
 * @param device   where it is searched
 * @param options  the graph
 * @param out      its handle
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: a pointer is NULL that must not be, options has no such size, the offsets
 *         do not begin with 0 or fall, an edge leads to no vertex, or device names none and never did;
 *         the message has the place;
 *         STRAND_ERR_UNSUPPORTED: flags is not 0;
 *         STRAND_ERR_STALE: the device was closed before;
 *         STRAND_ERR_LIMIT: more than 4,294,967,294 vertices or edges, more than one buffer of the device
 *         holds, or there are too many graphs;
 *         STRAND_ERR_NO_MEMORY, STRAND_ERR_DEVICE;
 *         STRAND_ERR_WOULD_SWITCH: in a callback;
 *         STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context strand, host-thread
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_graph_new(
        strand_device device,
        const struct strand_graph_options *options,
        strand_graph *out);

/**
 * Begins a breadth-first search: how many edges each vertex is away from the source.
 *
 * @param graph      where
 * @param source     the vertex to begin with
 * @param distances  a buffer of the graph's device, 4 bytes for each vertex; what it holds has a meaning
 *                   only when the ticket has resolved, with STRAND_OK
 * @param options    limits of the run, as for strand_worklist_dispatch(), or NULL
 * @param out        the ticket
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: out is NULL, there is no such vertex, the buffer is too small or of another
 *         device, options has no such size, STRAND_RUN_UNTIL_CLOSED is set, or graph or distances names
 *         none and never did;
 *         STRAND_ERR_STALE: the graph or the buffer was released before;
 *         STRAND_ERR_BUSY: a search into this buffer is on;
 *         STRAND_ERR_CLOSED: the device was closed;
 *         STRAND_ERR_UNSUPPORTED, STRAND_ERR_LIMIT, STRAND_ERR_NO_MEMORY, STRAND_ERR_DEVICE;
 *         STRAND_ERR_WOULD_SWITCH: in a callback;
 *         STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context strand, host-thread
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_graph_bfs(
        strand_graph graph,
        uint32_t source,
        strand_buffer distances,
        const strand_run_options *options,
        strand_ticket *out);

/**
 * Begins a search for shortest ways: the least sum of weights on a way from the source to each vertex.
 *
 * @param graph      where
 * @param source     the vertex to begin with
 * @param distances  as for strand_graph_bfs()
 * @param options    limits of the run, as for strand_worklist_dispatch(), or NULL
 * @param out        the ticket
 * @return as strand_graph_bfs()
 *
 * @context strand, host-thread
 * @switches may
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_graph_sssp(
        strand_graph graph,
        uint32_t source,
        strand_buffer distances,
        const strand_run_options *options,
        strand_ticket *out);

/**
 * Gives a graph up. Searches in it that are on end with STRAND_ERR_CLOSED.
 *
 * @param graph  the graph
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: graph names none and never did;
 *         STRAND_ERR_STALE: it was released before;
 *         STRAND_ERR_CANCELLED, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_graph_release(strand_graph graph);

/* ---- Ingest -------------------------------------------------------------------------------------
 *
 * Files, pipes and sockets that are read into a worklist or an automaton while these work. A thread of the
 * offload pool reads a block, a strand of the library hands it over, and so on to the end of the file:
 * nothing that a program does on its strands waits for the descriptor. What there is is handed over at
 * once; a block is read only when the one before was taken, so that a worklist that is full, or a
 * scan that takes its time, holds the writer of a pipe up.
 *
 * The descriptor is duplicated: the caller may close its own at once, and what both share, such as the
 * place in a file, moves on. It may block or not; nobody else should read from it meanwhile: who gets which bytes is
 * chance then, and only sockets, and pipes of pipe(), are sure not to be waited for where another one was
 * faster. While nothing comes the ingest takes one thread of the pool, which serves others when all are taken. That
 * time counts as an external hold: waiting for a ticket then is no deadlock, and a virtual clock stands still.
 * A search of schedules has no place for it: the result is STRAND_ERR_UNSUPPORTED there.
 */

/**
 * Flag: nothing follows the end of the file. The worklist is closed then; the stream of an automaton ends, as with
 * STRAND_CHUNK_LAST.
 */
#define STRAND_INGEST_LAST 1

/** What an ingest has done. In each case these bytes, and no others, were handed over. */
typedef struct strand_ingest_counts {
    /** sizeof(strand_ingest_counts) */
    uint32_t size;
    /** Bytes of the last record, when the end of the file has cut it off. */
    uint32_t partial;
    /** Bytes that were read. */
    uint64_t read;
    /**
     * Of them, those that the worklist took or the automaton has scanned. A file, or whatever has places,
     * stands behind them at the end; a pipe or a socket has lost the others.
     */
    uint64_t taken;
    /** Items that the worklist took. */
    uint64_t items;
    /** How often something was read. */
    uint64_t blocks;
} strand_ingest_counts;

/** How a descriptor is read: 0 or NULL in a field is the default. */
typedef struct strand_ingest_options {
    /** sizeof(strand_ingest_options) */
    uint32_t size;
    /** STRAND_INGEST_LAST, or 0. */
    uint32_t flags;
    /** Of the items. An automaton has none: 0. */
    uint32_t band;
    /** Of the items. An automaton has none: 0. */
    uint32_t tenant;
    /**
     * Bytes that are read at once, at most 2^30; of a worklist at least one record, and at most a quarter of
     * host_items_max. Default: 256 KiB for a worklist, 1 MiB for an automaton, which has two blocks.
     */
    uint64_t block_bytes;
    /**
     * Bytes that are read in all: it ends behind them as at the end of the file. Of a worklist a multiple of
     * the record's. Default: any number.
     */
    uint64_t bytes_max;
    /**
     * When it ends at the latest, however much there is to read: see strand_after(). 0 is STRAND_FOREVER.
     */
    int64_t deadline;
    /**
     * Written when the ticket has its result, and until then the library's; its size is set by the caller.
     */
    struct strand_ingest_counts *counts;
} strand_ingest_options;

/**
 * Begins to read a descriptor into a worklist: records of the program's words, as strand_worklist_push()
 * takes them, in the byte order of the machine. It waits where the worklist is full, as a push does. A run
 * may be on, or begin later; with STRAND_RUN_UNTIL_CLOSED and STRAND_INGEST_LAST it ends with the file.
 *
 * @param worklist  the worklist
 * @param fd        open for reading; duplicated
 * @param options   copied; NULL: the defaults
 * @param out       the ticket. Its result is STRAND_OK: the end of the file has come, and every record is queued;
 *                  STRAND_ERR_INVALID: the last record is cut off; those before it are queued;
 *                  STRAND_ERR_IO: the system refuses to read, the message says why;
 *                  STRAND_ERR_CLOSED: the worklist, or its device, was closed, or the worklist released;
 *                  STRAND_ERR_TIMEOUT: the deadline; STRAND_ERR_CANCELLED: the ticket was cancelled;
 *                  STRAND_ERR_BUSY: a run has begun that will be compared (STRAND_WORKLIST_DIFFERENTIAL);
 *                  STRAND_ERR_UNSUPPORTED: schedules are being searched;
 *                  STRAND_ERR_LIMIT: no thread can be had; STRAND_ERR_NO_MEMORY
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: out is NULL, an option has no such value, there is no such band or tenant, fd is
 *         not open for reading, or worklist names none and never did;
 *         STRAND_ERR_LIMIT: block_bytes is too large, or too many descriptors, tickets or strands are in use;
 *         STRAND_ERR_CLOSED: the worklist, or its device, was closed;
 *         STRAND_ERR_BUSY: a run is on that will be compared;
 *         STRAND_ERR_STALE: it was released before;
 *         STRAND_ERR_CANCELLED: the runtime is shutting down;
 *         STRAND_ERR_NO_MEMORY, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_worklist_ingest(
        strand_worklist worklist,
        int fd,
        const struct strand_ingest_options *options,
        strand_ticket *out);

/**
 * Begins to scan a descriptor as one stream, or a part of one: block by block, each as strand_automaton_scan()
 * scans a chunk, while the next one is read. The stream is busy until the ticket has its result. Where the scan
 * ends early, another one of a file goes on with what is left.
 *
 * @param automaton  the automaton
 * @param fd         open for reading; duplicated
 * @param stream     the number of the stream
 * @param options    copied; NULL: the defaults
 * @param out        the ticket. Its result is STRAND_OK: the end of the file has come, and what was found can be
 *                   taken;
 *                   STRAND_ERR_IO: the system refuses to read, the message says why;
 *                   STRAND_ERR_UNSUPPORTED: schedules are being searched;
 *                   otherwise as that of strand_automaton_scan()
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: out is NULL, an option has no such value, fd is not open for reading, or
 *         automaton names none and never did;
 *         STRAND_ERR_BUSY: another scan reads the stream;
 *         STRAND_ERR_LIMIT: block_bytes is too large, or too many descriptors, tickets or strands are in use;
 *         STRAND_ERR_CLOSED: its device was closed;
 *         STRAND_ERR_STALE: it was released before;
 *         STRAND_ERR_CANCELLED: the runtime is shutting down;
 *         STRAND_ERR_NO_MEMORY, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_automaton_scan_fd(
        strand_automaton automaton,
        int fd,
        uint32_t stream,
        const struct strand_ingest_options *options,
        strand_ticket *out);

/* ---- Information and statistics -----------------------------------------------------------------
 */

/**
 * What the runtime has counted since strand_scheduler_init(). The counters are read one after
 * the other while strands run, so they need not fit each other exactly.
 */
typedef struct strand_statistics {
    /** sizeof(strand_statistics) */
    uint32_t size;
    /** Workers. */
    uint32_t workers;
    /** Strands spawned. */
    uint64_t spawned;
    /** Strands that have ended. */
    uint64_t finished;
    /** Strands alive now. */
    uint64_t live;
    /** Times a strand was resumed. */
    uint64_t switches;
    /** Times a strand gave way. */
    uint64_t yields;
    /** Times a strand began to wait. */
    uint64_t parks;
    /** Times a waiting strand was woken. */
    uint64_t wakes;
    /** Times a worker took strands from another. */
    uint64_t steals;
    /** Strands taken that way. */
    uint64_t stolen_strands;
    /** Times a worker went to sleep for want of work. */
    uint64_t worker_sleeps;
    /** Times a sleeping worker was woken. */
    uint64_t worker_wakes;
    /** Strands that ended with a fault. */
    uint64_t faults;
    /** Stacks that have memory, in use or kept for the next strand. */
    uint64_t stacks_mapped;
    /** Stacks kept for the next strand. */
    uint64_t stacks_cached;
    /** Bytes of address space that mapped stacks take, guards excluded. */
    uint64_t stack_bytes_mapped;
    /** How stacks are guarded: 0 not at all, 1 by madvise, 2 by mprotect. */
    uint64_t guard_pages_kind;
    /** The largest value that live has had. */
    uint64_t live_peak;
    /** 0 */
    uint64_t reserved[8];
} strand_statistics;

/**
 * A text that the library offers by its name. Known before init: "version", "abi", "engine",
 * "identity" (stack-pointer or thread-local: how a strand is told which one it is), "guard"
 * (madvise or mprotect: how stacks are guarded), "fence" (asymmetric or symmetric: how workers
 * are woken), "features", "stack_classes" (usable bytes, separated by spaces). Known after init:
 * "workers".
 *
 * The text is cut to fit and always ends with a zero byte when capacity is not 0.
 *
 * @param key       which
 * @param buffer    where the text goes; may be NULL when capacity is 0
 * @param capacity  bytes at buffer
 * @param needed    the length of the whole text without its zero byte; may be NULL
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: key is NULL or unknown, or buffer is NULL and capacity is not 0;
 *         STRAND_ERR_NOT_INITIALISED: the key is one that is known after init;
 *         STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_info(
        const char *key,
        char *buffer,
        size_t capacity,
        size_t *needed);

/**
 * Reads the counters.
 *
 * @param out  set out->size to sizeof(strand_statistics); all other fields are written
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: out is NULL or its size is wrong;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_statistics_read(struct strand_statistics *out);

/**
 * How many times a worker has resumed a strand: tells whether all workers took part.
 *
 * @param worker  from 0
 * @param out     the number
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: there is no such worker, or out is NULL;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_worker_runs(uint32_t worker, uint64_t *out);

/**
 * Writes a line for every strand that is alive: handle, name, state, what it waits on, where it
 * was spawned. The text is cut to fit and always ends with a zero byte when capacity is not 0.
 *
 * @param buffer    where the text goes; may be NULL when capacity is 0
 * @param capacity  bytes at buffer
 * @return the length of the whole text without its zero byte; 0 when no runtime is there
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API size_t strand_dump(char *buffer, size_t capacity);

/**
 * Writes what is known about the runtime at this moment as one JSON document, for tools. Handles and
 * the seed are texts of hexadecimal digits, all other numbers are numbers, and a name that is not
 * UTF-8 has U+FFFD for what is not. Its members:
 *
 * - schema: 1; it counts changes that a reader of older documents would misunderstand. Members may
 *   be added without one. version: of the library. engine: "stepped" or "parallel".
 * - policy: name (as STRAND_POLICY has it; "chosen" while an exploration decides), seed, and its
 *   parameters by the names of strand_config, with the defaults filled in.
 * - clock: virtual, and now. steps: made since init. external_holds: open. counters: as
 *   strand_statistics has them.
 * - lanes: lane, name, weight, width, and ready: strands of the lane that can be picked.
 * - next: the strand that was picked already and goes next, or null.
 * - strands: id, name, state (dormant, ready, running, waiting), lane, priority, tokens, held;
 *   position among those that are ready, where the policy keeps an order of arrival: the smaller
 *   became ready earlier; waits: null, or for (receive, send, join, task, park, sleep, all and more),
 *   object, deadline, and holder (in words, of a lock), each null where there is none; counted,
 *   started, stack_bytes, spawned_at.
 * - channels: id, name, length, capacity (null: without bound), receivers and senders that wait,
 *   closed.
 * - tasks: id, state (pending, running, succeeded, failed, cancelled), strand (null: none has begun),
 *   scope (null: the root), promise, handles, and waiting: those who wait for its end.
 * - handoffs: records of strand, from, to, step and reason, oldest first, and dropped.
 *
 * On the stepped engine all of it is of one moment. On the parallel engine each strand and each
 * channel is read while the others go on. The text is cut to fit and always ends with a zero byte
 * when capacity is not 0.
 *
 * @param buffer    where the text goes; may be NULL when capacity is 0
 * @param capacity  bytes at buffer
 * @return the length of the whole text without its zero byte; 0 when no runtime is there
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API size_t strand_snapshot(char *buffer, size_t capacity);

/* ---- Exploration --------------------------------------------------------------------------------
 *
 * Finds an order of events in which a program fails, and a token that brings that order back. A
 * whole unmodified program is explored with STRAND_EXPLORE in the environment (see
 * strand_config.explore), one function of it with strand_explore(). Decisions are taken at every
 * yield, wait and checkpoint and before every call that may switch; what happens between two of
 * them happens at once, so races on plain memory between them are not found: a thread sanitizer
 * finds those. Runs of the parallel engine are not replayed.
 */

/** Bytes of strand_explore_result.token. */
#define STRAND_TOKEN_MAX 512

/** What strand_explore() does. */
typedef struct strand_explore_options {
    /** sizeof(strand_explore_options) */
    uint32_t size;
    /** 0 */
    uint32_t reserved;
    /**
     * How schedules are chosen and how many, as text; NULL is "pct".
     * "random": every decision at random. Keys: runs=10000, seed=1.
     * "pct": as STRAND_POLICY_PCT. Keys: runs=10000, seed=1, depth=3, steps= (default: what the
     * longest schedule had).
     * "exhaustive": every schedule with at most so many preemptions. Keys: preemptions=2 (or all),
     * runs= (default: all), reduce=objects, which leaves out schedules that only change the order
     * of stretches without a common channel, strand, token or timer: right for strands that share
     * nothing but those, and not for strands that share memory.
     * random and pct: inject=cancel,close,oom,timeout:n=2 (any of them), so many faults in each
     * schedule: a strand is cancelled, a channel closed, an allocation of the library fails, the
     * earliest deadline comes at once.
     * All of them: max_steps=1000000, after which a schedule counts as one that does not end.
     * Example: "pct:depth=2,runs=100000,seed=7".
     */
    const char *plan;
    /** A token: only that schedule is run. NULL: a search. */
    const char *replay;
    /**
     * Puts the program's data back to where every schedule begins. Runs before each schedule, on
     * the caller's stack, with arg; it spawns no strand. NULL: there is nothing to put back.
     */
    void (*reset)(void *arg);
} strand_explore_options;

/** What came of strand_explore(). */
typedef struct strand_explore_result {
    /** sizeof(strand_explore_result), set by the caller. */
    uint32_t size;
    /** 1 when a schedule failed, else 0. */
    uint32_t failed;
    /** Schedules run; those run to shorten the one that failed are not counted. */
    uint64_t runs;
    /** Decisions in them: picks among two or more strands. */
    uint64_t decisions;
    /** Number of the schedule that failed, from 1. */
    uint64_t failing_run;
    /** "exhaustive": 1 when every schedule within the bound was run. */
    uint32_t complete;
    /** 0 */
    uint32_t reserved;
    /**
     * The token of the failing schedule, terminated; empty when none failed or when it is too
     * long, and then the message has it.
     */
    char token[512];
} strand_explore_result;

/**
 * Runs body as a strand under one schedule after the other until one fails. A schedule fails when
 * a strand of it ends with a fault (strand_assert() and strand_fail() too), when its counted
 * strands wait for each other, or when it takes more than max_steps steps. Of a schedule that
 * fails a shorter one is sought that fails too; the message says what failed, its last steps, who
 * is left, and the token.
 *
 * Each schedule begins with no strand and, with the virtual clock, at one second, and has ended
 * when all strands have. The runtime must have the stepped engine and no strand; afterwards it has
 * none again. What strands leave on channels or in memory is for body and reset to put back.
 *
 * @param options  NULL: all defaults
 * @param body     runs as the first strand of every schedule
 * @param arg      handed to body and reset
 * @param result   what came of it; may be NULL. Written with STRAND_OK and STRAND_ERR_FAILED.
 * @return STRAND_OK: no schedule failed;
 *         STRAND_ERR_FAILED: one did; the message is the report;
 *         STRAND_ERR_INVALID: body is NULL, the plan or the token makes no sense, this is a
 *         strand, or a strand does not end when it is cancelled after a schedule;
 *         STRAND_ERR_UNSUPPORTED: the runtime has another engine;
 *         STRAND_ERR_BUSY: strands are alive, another OS thread drives, or the whole program is
 *         being explored, recorded or replayed;
 *         STRAND_ERR_NO_MEMORY, STRAND_ERR_LIMIT;
 *         STRAND_ERR_WOULD_SWITCH, STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED,
 *         STRAND_ERR_CANCELLED
 *
 * @context host-thread
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_explore(
        const struct strand_explore_options *options,
        strand_entry body,
        void *arg,
        struct strand_explore_result *result);

/**
 * Says that something must be so. When it is not, the strand ends with the fault
 * STRAND_ERR_FAILED and this message, as with strand_fail(), and this does not return; an
 * exploration reports it. Off-strand a false condition is STRAND_ERR_FAILED.
 *
 * @param condition  0 is false
 * @param message    what was expected; may be NULL
 * @return STRAND_OK: it is true;
 *         STRAND_ERR_FAILED: it is false, off-strand; the message says what
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_assert(int32_t condition, const char *message);

/* ---- Recordings ---------------------------------------------------------------------------------
 *
 * STRAND_RECORD=FILE (or strand_config.record) writes what a run of the stepped engine does not
 * determine by itself: readings of the real clock, the order in which OS threads call in, and
 * bytes given to strand_input(). STRAND_REPLAY=FILE (or strand_config.replay) has the same run
 * again, and compares. Where it differs, calls that drive answer STRAND_ERR_REPLAY from then on,
 * and the message is a report. The format is described in docs/recording-format.md.
 */

/** What a recording holds. */
typedef struct strand_recording_summary {
    /** sizeof(strand_recording_summary), set by the caller. */
    uint32_t size;
    /** 1 when it has an end, 0 when it was cut off: its process died. */
    uint32_t complete;
    /** What the run returned; 0 without an end. */
    int32_t status;
    /** 1 when every pick is in it, 0 when those that the policy predicts are not. */
    uint32_t explicit_picks;
    /** Bytes of the file. */
    uint64_t bytes;
    /** Picks in it, and as many steps. */
    uint64_t steps;
    /** Events in it. */
    uint64_t events;
    /** The policy, one of STRAND_POLICY_. */
    uint32_t policy;
    /** The clock, one of STRAND_CLOCK_. */
    uint32_t clock;
    /** The seed. */
    uint64_t seed;
} strand_recording_summary;

/**
 * Reads a whole recording and says whether it makes sense: nothing in it is damaged, and
 * everything it says about itself is so. It needs no runtime. A recording that was cut off is OK,
 * with complete 0.
 *
 * @param path     the file
 * @param summary  what it holds; may be NULL. Written with STRAND_OK.
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: path is NULL, or the size of summary is wrong;
 *         STRAND_ERR_IO: it cannot be read; the message says why;
 *         STRAND_ERR_REPLAY: it is damaged, of a later version, or no recording; the message says
 *         where, and what was expected there;
 *         STRAND_ERR_NO_MEMORY
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_recording_verify(
        const char *path,
        struct strand_recording_summary *summary);

/**
 * Prints a recording, a line for each thing in it, as far as it makes sense. It needs no runtime.
 *
 * @param path   the file
 * @param print  receives the text line by line, not terminated; a number other than 0 stops the
 *               printing. May make no call that switches.
 * @param data   handed to print
 * @return STRAND_OK, or as strand_recording_verify(); STRAND_ERR_IO too when print stops it
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_recording_print(const char *path, int32_t (*print)(
        const char *text,
        size_t length,
        void *data),
        void *data);

/**
 * Makes an input of the program replayable: bytes that come from outside, such as what was read
 * from a file or a random number. While recording they are stored; in a replay they are
 * overwritten with what was stored; otherwise nothing happens.
 *
 * @param kind    a number of the program, compared in a replay
 * @param bytes   the input; may be NULL when length is 0
 * @param length  of bytes; compared in a replay. At most about 16,000,000.
 * @return STRAND_OK;
 *         STRAND_ERR_INVALID: bytes is NULL although length is not 0;
 *         STRAND_ERR_LIMIT: too many bytes;
 *         STRAND_ERR_REPLAY: the recording has something else here, and bytes are as they were;
 *         STRAND_ERR_NOT_INITIALISED, STRAND_ERR_FORKED, STRAND_ERR_CANCELLED
 *
 * @context any
 * @switches never
 * @threadsafe yes
 * @signalsafe no
 * @since 0.1
 */
STRAND_API strand_status strand_input(uint32_t kind, void *bytes, size_t length);

#ifdef __cplusplus
} /* extern "C" */
#endif
#ifndef STRAND_NO_ERRNO
#  undef errno
#  define errno (*strand_errno_location())
#endif

#endif /* STRAND_H */
