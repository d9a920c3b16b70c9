; SPDX-License-Identifier: MIT OR Apache-2.0
;
; libstrand for LLVM IR: the declarations of strand.h, generated from it. LLVM 15 and newer (opaque pointers), for
; 64-bit Linux on x86-64 and aarch64: size_t is i64. The file can be linked with a module or pasted into
; one. strand.h is the manual, docs/llvm.md has the rules for emitted code.
;
; strand_entry is `ptr (ptr)`, strand_status is i32, handles, tokens and times are i64. An entry function is
; nounwind or catches what it throws.

; ---- Numbers
;
;   STRAND_ABI_VERSION = 1
;   STRAND_OK = 0
;   STRAND_ERR_INVALID = -1
;   STRAND_ERR_NO_MEMORY = -2
;   STRAND_ERR_LIMIT = -3
;   STRAND_ERR_STALE = -4
;   STRAND_ERR_NOT_ON_STRAND = -5
;   STRAND_ERR_WOULD_BLOCK = -6
;   STRAND_ERR_TIMEOUT = -7
;   STRAND_ERR_CANCELLED = -8
;   STRAND_ERR_CLOSED = -9
;   STRAND_ERR_DEADLOCK = -10
;   STRAND_ERR_ALREADY = -11
;   STRAND_ERR_TAKEN = -12
;   STRAND_ERR_EMPTY = -13
;   STRAND_ERR_BUSY = -14
;   STRAND_ERR_FAILED = -15
;   STRAND_ERR_UNSUPPORTED = -16
;   STRAND_ERR_REPLAY = -17
;   STRAND_ERR_MAX_STEPS = -18
;   STRAND_ERR_FORKED = -19
;   STRAND_ERR_IO = -20
;   STRAND_ERR_DEVICE = -21
;   STRAND_ERR_SHADER = -22
;   STRAND_ERR_PANIC = -23
;   STRAND_ERR_WOULD_SWITCH = -24
;   STRAND_ERR_NOT_INITIALISED = -25
;   STRAND_ERR_PARITY = -26
;   STRAND_ENGINE_PARALLEL = 0
;   STRAND_ENGINE_STEPPED = 1
;   STRAND_ENGINE_MAY = 2
;   STRAND_POLICY_COOPERATIVE = 0
;   STRAND_POLICY_ROUND_ROBIN = 1
;   STRAND_POLICY_PRIORITY_FIXED = 2
;   STRAND_POLICY_PRIORITY_AGING = 3
;   STRAND_POLICY_PRIORITY_TOKEN = 4
;   STRAND_POLICY_PROGRESS_AWARE = 5
;   STRAND_POLICY_RANDOM = 6
;   STRAND_POLICY_PCT = 7
;   STRAND_MIGRATE_FREE = 0
;   STRAND_MIGRATE_NEW_ONLY = 1
;   STRAND_MIGRATE_NEVER = 2
;   STRAND_FAULT_ISOLATE = 0
;   STRAND_FAULT_FAIL_SCOPE = 1
;   STRAND_FAULT_ABORT = 2
;   STRAND_CLOCK_DEFAULT = 0
;   STRAND_CLOCK_REAL = 1
;   STRAND_CLOCK_VIRTUAL = 2
;   STRAND_MAX_WORKERS = 1024
;   STRAND_FOREVER = -1
;   STRAND_NO_WAIT = 0
;   STRAND_STEP_CONTINUE = 0
;   STRAND_STEP_ALL_DONE = 1
;   STRAND_STEP_IDLE = 2
;   STRAND_STEP_DEADLOCK = 3
;   STRAND_STEP_FAULT = 4
;   STRAND_REASON_NONE = 0
;   STRAND_REASON_YIELDED = 1
;   STRAND_REASON_CHECKPOINT = 2
;   STRAND_REASON_WAITS = 3
;   STRAND_REASON_ENDED = 4
;   STRAND_REASON_FAILED = 5
;   STRAND_REASON_PREEMPTED = 6
;   STRAND_SPAWN_DORMANT = 1
;   STRAND_SPAWN_UNCOUNTED = 2
;   STRAND_SPAWN_RUN_FIRST = 4
;   STRAND_SPAWN_PINNED = 8
;   STRAND_SPAWN_MIGRATABLE = 16
;   STRAND_SPAWN_INHERIT_LOCALS = 32
;   STRAND_UNBOUNDED = -1
;   STRAND_CASE_NONE = 0
;   STRAND_CASE_RECV = 1
;   STRAND_CASE_SEND = 2
;   STRAND_CASE_TASK = 3
;   STRAND_CASE_TIMER = 4
;   STRAND_CASE_CANCEL = 5
;   STRAND_CASE_FD = 6
;   STRAND_CASE_PARK = 7
;   STRAND_CASE_TICKET = 8
;   STRAND_CASE_STRAND = 9
;   STRAND_SELECT_FAIR = 0
;   STRAND_SELECT_FIRST_LISTED = 1
;   STRAND_MUTEX_OVERTAKING_MAX = 64
;   STRAND_SEMAPHORE_MAX = 4611686018427387903
;   STRAND_MUTEX_INIT = { { 0, 0 } }
;   STRAND_RWLOCK_INIT = { { 0, 0, 0, 0 } }
;   STRAND_SEMAPHORE_INIT(units) = { { (uint64_t)(units), 0 } }
;   STRAND_CONDITION_INIT = { { 0, 0 } }
;   STRAND_WAIT_GROUP_INIT = { { 0, 0 } }
;   STRAND_ONCE_INIT = { { 0, 0 } }
;   STRAND_CANCEL_RUNTIME = UINT64_MAX / 2) + 1
;   STRAND_CANCEL_JOIN_DECIDED = UINT64_MAX / 2) + 1
;   STRAND_CANCEL_SCOPE_CLOSED = UINT64_MAX / 2) + 2
;   STRAND_CANCEL_SHUTDOWN = UINT64_MAX / 2) + 3
;   STRAND_CANCEL_ABANDONED = UINT64_MAX / 2) + 4
;   STRAND_CANCEL_DEADLINE = UINT64_MAX / 2) + 5
;   STRAND_CANCEL_SCOPE_FAILED = UINT64_MAX / 2) + 6
;   STRAND_PENDING = 0
;   STRAND_RUNNING = 1
;   STRAND_SUCCEEDED = 2
;   STRAND_FAILED = 3
;   STRAND_CANCELLED = 4
;   STRAND_PROMISE_EXTERNAL = 1
;   STRAND_SCOPE_CANCEL_ON_EXIT = 1
;   STRAND_SCOPE_COLLECT = 2
;   STRAND_JOIN_ALL = 0
;   STRAND_JOIN_RACE = 1
;   STRAND_JOIN_ANY = 2
;   STRAND_JOIN_ALL_SETTLED = 3
;   STRAND_JOIN_CONTINUE = 0
;   STRAND_JOIN_CANCEL_REST = 1
;   STRAND_GONE = 5
;   STRAND_GENERATOR_DORMANT = 0
;   STRAND_GENERATOR_RUNNING = 1
;   STRAND_GENERATOR_SUSPENDED = 2
;   STRAND_GENERATOR_DONE = 3
;   STRAND_GENERATOR_FAILED = 4
;   STRAND_GENERATOR_CANCELLED = 5
;   STRAND_OFFLOAD_ABANDON = 1
;   STRAND_ROOT_ARGUMENT = 1
;   STRAND_ROOT_ARGUMENT_COPY = 2
;   STRAND_ROOT_ELEMENT = 3
;   STRAND_ROOT_SENDING = 4
;   STRAND_ROOT_LOCAL = 5
;   STRAND_ROOT_LANGUAGE = 6
;   STRAND_ROOT_PARK_VALUE = 7
;   STRAND_ROOT_EXIT_DATA = 8
;   STRAND_ROOT_CALL_ARGUMENT = 9
;   STRAND_ROOT_CALL_RUNNING = 10
;   STRAND_ROOT_CALL_RESULT = 11
;   STRAND_ROOT_OUTCOME = 12
;   STRAND_ROOT_GENERATOR = 13
;   STRAND_ROOT_TIMER = 14
;   STRAND_ROOT_CALLBACK = 15
;   STRAND_STACK_CALLER = 1
;   STRAND_DEVICE_AUTO = 0
;   STRAND_DEVICE_HARDWARE = 1
;   STRAND_DEVICE_SOFTWARE = 2
;   STRAND_DEVICE_CPU = 3
;   STRAND_WORK_EMPTY = 0
;   STRAND_WORK_READY = 1
;   STRAND_WORK_RUNNING = 2
;   STRAND_WORK_DONE = 3
;   STRAND_WORK_PAUSED = 4
;   STRAND_WORK_YIELDED = 5
;   STRAND_WORK_REQUEUED = 6
;   STRAND_WORK_FAULTED = 7
;   STRAND_WORK_FLAG_PAUSED = 1
;   STRAND_WORK_FLAG_YIELDED = 2
;   STRAND_WORK_FLAG_REQUEUE_REQUESTED = 4
;   STRAND_WORK_FLAG_RESUME_READY = 8
;   STRAND_WORK_CRITICAL = 0
;   STRAND_WORK_HIGH = 1
;   STRAND_WORK_NORMAL = 2
;   STRAND_WORK_LOW = 3
;   STRAND_WORK_IDLE = 4
;   STRAND_WORK_FAULT_FAN_OUT = 2147483649
;   STRAND_WORK_FAULT_EMITS = 2147483650
;   STRAND_WORK_FAULT_LOOP_LIMIT = 2147483651
;   STRAND_WORK_FAULT_NOT_CARRIED = 2147483652
;   STRAND_WORK_FAULT_BAND = 2147483653
;   STRAND_WORK_FAULT_COUNTER = 2147483654
;   STRAND_WORK_FAULT_STATE = 2147483655
;   STRAND_WORK_FAULT_ENDED_TWICE = 2147483656
;   STRAND_WORK_FAULT_KERNEL = 2147483657
;   STRAND_FIELD_STATE = 1
;   STRAND_FIELD_OP_HANDLE = 2
;   STRAND_FIELD_TENANT_ID = 4
;   STRAND_FIELD_PRIORITY = 8
;   STRAND_FIELD_INPUT_HANDLE = 16
;   STRAND_FIELD_OUTPUT_HANDLE = 32
;   STRAND_FIELD_PARAM = 64
;   STRAND_FIELD_CONTINUATION_PC = 128
;   STRAND_FIELD_CONTINUATION_DATA = 256
;   STRAND_FIELD_RESUME_EPOCH = 512
;   STRAND_FIELD_TASK_ID = 1024
;   STRAND_FIELD_PARENT_TASK_ID = 2048
;   STRAND_FIELD_AGE_TICKS = 4096
;   STRAND_FIELD_REQUEUE_COUNT = 8192
;   STRAND_FIELD_YIELD_COUNT = 16384
;   STRAND_FIELD_FLAGS = 32768
;   STRAND_MAP_READ = 1
;   STRAND_MAP_WRITE = 2
;   STRAND_ADMIT_EMPTY = 0
;   STRAND_ADMIT_BLOCKING = 1
;   STRAND_ADMIT_NON_BLOCKING = 2
;   STRAND_ADMIT_SPILL_REQUIRED = 3
;   STRAND_ADMIT_MEASURED = 1
;   STRAND_EVIDENCE_SCHEMA = 1
;   STRAND_PARITY_UNCHECKED = 0
;   STRAND_PARITY_EQUAL = 1
;   STRAND_PARITY_DIFFERENT = 2
;   STRAND_WORKLIST_DIFFERENTIAL = 1
;   STRAND_WORKLIST_FIFO = 0
;   STRAND_WORKLIST_LIFO = 1
;   STRAND_WORKLIST_SPILL_HOST = 0
;   STRAND_WORKLIST_SPILL_ERROR = 1
;   STRAND_WORKLIST_AUTO = 0
;   STRAND_WORKLIST_BLOCKING = 1
;   STRAND_WORKLIST_NON_BLOCKING = 2
;   STRAND_RUN_UNTIL_CLOSED = 1
;   STRAND_BAND_SAME = UINT32_MAX
;   STRAND_PATTERN_CASELESS = 1
;   STRAND_PATTERN_MULTI_LINE = 2
;   STRAND_PATTERN_DOT_ALL = 4
;   STRAND_PATTERN_LITERAL = 8
;   STRAND_AUTOMATON_AUTO = 0
;   STRAND_AUTOMATON_BLOCKING = 1
;   STRAND_AUTOMATON_NON_BLOCKING = 2
;   STRAND_AUTOMATON_DIFFERENTIAL = 1
;   STRAND_CHUNK_LAST = 1
;   STRAND_UNREACHED = UINT32_MAX
;   STRAND_INGEST_LAST = 1
;   STRAND_TOKEN_MAX = 512

; ---- Structs

; size, reserved, data, message_transfer, message_drop, strand_resume, strand_suspend, strand_exit, fatal
%strand_language_hooks = type { i32, i32, ptr, ptr, ptr, ptr, ptr, ptr, ptr }

; size, engine, workers, policy, seed, migration, fault_policy, stack_bytes, max_strands, max_steps, clock, gpu, record, replay, explore, log, log_data, hooks, quantum, age_step, bypass_limit, pct_depth, pct_steps, handoffs, token_cap, offload_threads, reserved
%strand_config = type { i32, i32, i32, i32, i64, i32, i32, i64, i64, i64, i32, i32, ptr, ptr, ptr, ptr, ptr, ptr, i32, i32, i32, i32, i64, i32, i32, i32, i32 }

; size, outcome, steps, total_steps, strand, reason, reserved, object
%strand_step_result = type { i32, i32, i64, i64, i64, i32, i32, i64 }

; size, flags, name, name_length, stack_bytes, lane, priority, scope, arg_drop, arg_bytes, local, cancel
%strand_spawn_options = type { i32, i32, ptr, i64, i64, i32, i32, i64, ptr, i64, ptr, i64 }

; size, weight, width, reserved, name, name_length
%strand_lane_options = type { i32, i32, i32, i32, ptr, i64 }

; strand, step, from, to, reason, reserved
%strand_handoff = type { i64, i64, i32, i32, i32, i32 }

; size, flags, element_size, capacity, name, name_length, transfer, drop, data
%strand_chan_options = type { i32, i32, i64, i64, ptr, i64, ptr, ptr, ptr }

; size, kind, handle, element, deadline, status, events
%strand_case = type { i32, i32, i64, ptr, i64, i32, i32 }

; opaque[2]
%strand_mutex = type { [2 x i64] }

; opaque[4]
%strand_rwlock = type { [4 x i64] }

; opaque[2]
%strand_semaphore = type { [2 x i64] }

; opaque[2]
%strand_condition = type { [2 x i64] }

; opaque[2]
%strand_wait_group = type { [2 x i64] }

; opaque[2]
%strand_once = type { [2 x i64] }

; size, flags, name, name_length, stack_bytes, lane, priority, scope, arg_drop, value_drop, local
%strand_task_options = type { i32, i32, ptr, i64, i64, i32, i32, i64, ptr, ptr, ptr }

; size, state, value, code, rank, reason
%strand_outcome = type { i32, i32, i64, i32, i32, i64 }

; size, code, strand, task, causes, address_count, name_length, message_length, name[64], message[504], addresses[32]
%strand_fault = type { i32, i32, i64, i64, i32, i32, i64, i64, [64 x i8], [504 x i8], [32 x i64] }

; size, flags, scope, value_drop
%strand_promise_options = type { i32, i32, i64, ptr }

; size, flags, fault_policy, reserved, deadline, cancel
%strand_scope_options = type { i32, i32, i32, i32, i64, i64 }

; size, state, monitor, target, tag, reason, code, reserved
%strand_down = type { i32, i32, i64, i64, i64, i64, i32, i32 }

; size, flags, name, name_length, stack_bytes, arg_drop, value_drop, data, local
%strand_generator_options = type { i32, i32, ptr, i64, i64, ptr, ptr, ptr, ptr }

; size, flags, arg_bytes, arg_drop, result_drop
%strand_offload_options = type { i32, i32, i64, ptr, ptr }

; size, kind, address, bytes, owner
%strand_gc_root = type { i32, i32, ptr, i64, i64 }

; size, flags, strand, low, high
%strand_gc_stack = type { i32, i32, i64, ptr, ptr }

; size, kind, memory_bytes, buffer_bytes_max, binding_bytes_max, group_invocations_max, subgroup_min, subgroup_max, flags, loop_limit, reserved, name[128], driver[128]
%strand_device_info = type { i32, i32, i64, i64, i64, i32, i32, i32, i32, i32, i32, [128 x i8], [128 x i8] }

; size, kind, name, flags, in_flight, latency
%strand_device_options = type { i32, i32, ptr, i32, i32, i64 }

; state, op_handle, tenant_id, priority, input_handle, output_handle, param, continuation_pc, continuation_data, resume_epoch, task_id, parent_task_id, age_ticks, requeue_count, yield_count, flags
%strand_work_task = type { i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32 }

; size, flags, fields, fan_out_max, emit_max, emit_words, inner_steps, loop_limit, group_size, buffer_count, kernel, kernel_data, wgsl, wgsl_length, spirv, spirv_words
%strand_program_options = type { i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, ptr, ptr, ptr, i64, ptr, i64 }

; size, flags, depth, occupancy_bps, visits, blocking_ns, nonblocking_ns, nonblocking_depth, spill_depth, visits_per_item, low_occupancy_bps, mode_in_use, reserved
%strand_worklist_request = type { i32, i32, i32, i32, i64, i64, i64, i32, i32, i32, i32, i32, i32 }

; size, mode, depth, occupancy_bps, visit_budget, visits, parity_required, reports_items, label
%strand_worklist_recommendation = type { i32, i32, i32, i32, i64, i64, i32, i32, ptr }

; size, schema, mode, depth, visits, occupancy_bps, parity_required, blocking_ns, nonblocking_ns, reports_items, parity, complete, reserved, spilled, requeued, rounds, submissions, bytes
%strand_evidence = type { i32, i32, i32, i32, i64, i32, i32, i64, i64, i32, i32, i32, i32, i64, i64, i64, i64, i64 }

; size, flags, capacity, order, bands, tenants, spill, mode, host_items_max, spill_items_max, emitted_max, buffers, buffer_count, faults_max, debug_max, reserved
%strand_worklist_options = type { i32, i32, i32, i32, i32, i32, i32, i32, i64, i64, i64, ptr, i32, i32, i32, i32 }

; size, flags, visits_max, rounds_max, deadline, workers, reserved
%strand_run_options = type { i32, i32, i64, i64, i64, i32, i32 }

; code, reserved, task
%strand_worklist_fault = type { i32, i32, %strand_work_task }

; size, running, queued, in_flight, paused, emitted_waiting, faults_waiting, pushed, children, visits, finished, requeued, yielded, pauses, resumed, faulted, emitted, taken, withdrawn, slices, rounds, submissions, runs, spilled, refilled, depth_peak, device_peak, guarded, waited, active_ns, lost, faults_taken, faults_dropped
%strand_worklist_statistics = type { i32, i32, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64 }

; words[4], task
%strand_work_note = type { [4 x i32], %strand_work_task }

; size, flags, text, length
%strand_pattern = type { i32, i32, ptr, i64 }

; size, reserved, pattern, offset
%strand_pattern_error = type { i32, i32, i64, i64 }

; size, flags, mode, pattern_states_max, streams_max, reserved, matches_max, error
%strand_automaton_options = type { i32, i32, i32, i32, i32, i32, i64, ptr }

; size, stream, flags, reserved, data, length, scanned
%strand_chunk = type { i32, i32, i32, i32, ptr, i64, i64 }

; size, workers, visits_max, deadline
%strand_scan_options = type { i32, i32, i64, i64 }

; pattern, stream, end
%strand_match = type { i32, i32, i64 }

; size, patterns, patterns_filtered, factors, states, streams, scans, bytes, hits, seeds, visits, matches, waiting, agreed, mismatches, flushes
%strand_automaton_counts = type { i32, i32, i32, i32, i32, i32, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64 }

; size, flags, vertices, offsets, targets, weights
%strand_graph_options = type { i32, i32, i64, ptr, ptr, ptr }

; size, partial, read, taken, items, blocks
%strand_ingest_counts = type { i32, i32, i64, i64, i64, i64 }

; size, flags, band, tenant, block_bytes, bytes_max, deadline, counts
%strand_ingest_options = type { i32, i32, i32, i32, i64, i64, i64, ptr }

; size, workers, spawned, finished, live, switches, yields, parks, wakes, steals, stolen_strands, worker_sleeps, worker_wakes, faults, stacks_mapped, stacks_cached, stack_bytes_mapped, guard_pages_kind, live_peak, reserved[8]
%strand_statistics = type { i32, i32, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, [8 x i64] }

; size, reserved, plan, replay, reset
%strand_explore_options = type { i32, i32, ptr, ptr, ptr }

; size, failed, runs, decisions, failing_run, complete, reserved, token[512]
%strand_explore_result = type { i32, i32, i64, i64, i64, i32, i32, [512 x i8] }

; size, complete, status, explicit_picks, bytes, steps, events, policy, clock, seed
%strand_recording_summary = type { i32, i32, i32, i32, i64, i64, i64, i32, i32, i64 }

; ---- Data

; 0: strand_checkpoint() has nothing to do. Load it anew each time.
@strand_poll_word = external global i32, align 4

; ---- Functions

declare noundef i32 @strand_version() nounwind
declare noundef i32 @strand_abi_version() nounwind
declare noundef ptr @strand_status_name(i32 noundef %status) nounwind
declare noundef ptr @strand_status_message(i32 noundef %status) nounwind
declare noundef i64 @strand_last_error(ptr nocapture noundef %buffer, i64 noundef %capacity) nounwind
declare noundef i64 @strand_now() nounwind
declare noundef i64 @strand_after(i64 noundef %nanoseconds) nounwind
declare noundef i32 @strand_scheduler_init(ptr nocapture noundef %config) nounwind
declare noundef i32 @strand_scheduler_run() nounwind
declare noundef i32 @strand_wait_all(i64 noundef %deadline) nounwind
declare noundef i32 @strand_external_acquire() nounwind
declare noundef i32 @strand_external_release() nounwind
declare noundef i32 @strand_scheduler_shutdown(i64 noundef %deadline) nounwind
declare noundef i32 @strand_scheduler_step(i64 noundef %max_steps, ptr nocapture noundef %result) nounwind
declare noundef i32 @strand_spawn(ptr noundef %entry, ptr noundef %arg, ptr nocapture noundef %out) nounwind
declare noundef i32 @strand_spawn_with(ptr nocapture noundef %options, ptr noundef %entry, ptr noundef %arg, ptr nocapture noundef %out) nounwind
declare noundef i64 @strand_self() nounwind
declare noundef i32 @strand_yield() nounwind
declare noundef i32 @strand_checkpoint() nounwind
declare noundef i32 @strand_join(i64 noundef %id, i64 noundef %deadline) nounwind
declare noundef i32 @strand_sleep(i64 noundef %nanoseconds) nounwind
declare noundef i32 @strand_sleep_until(i64 noundef %deadline) nounwind
declare noundef i32 @strand_start(i64 noundef %id) nounwind
declare noundef i32 @strand_exit(ptr noundef %result) nounwind
declare void @strand_fail(i32 noundef %code, ptr nocapture noundef %message, i64 noundef %length) noreturn nounwind
declare noundef i32 @strand_on_exit(ptr noundef %function, ptr noundef %data) nounwind
declare noundef i32 @strand_set_priority(i64 noundef %id, i32 noundef %priority) nounwind
declare noundef i32 @strand_priority(i64 noundef %id, ptr nocapture noundef %out) nounwind
declare noundef i32 @strand_pause(i64 noundef %id) nounwind
declare noundef i32 @strand_resume(i64 noundef %id) nounwind
declare noundef i32 @strand_lane_new(ptr nocapture noundef %options, ptr nocapture noundef %out) nounwind
declare noundef i32 @strand_set_lane(i64 noundef %id, i32 noundef %lane, i32 noundef %reason) nounwind
declare noundef i32 @strand_lane(i64 noundef %id, ptr nocapture noundef %out) nounwind
declare noundef i32 @strand_tokens_grant(i64 noundef %id, i32 noundef %tokens) nounwind
declare noundef i32 @strand_tokens_move(i64 noundef %from, i64 noundef %to, i32 noundef %tokens) nounwind
declare noundef i32 @strand_tokens(i64 noundef %id, ptr nocapture noundef %out) nounwind
declare noundef i32 @strand_handoffs_read(ptr nocapture noundef %records, i64 noundef %capacity, ptr nocapture noundef %count, ptr nocapture noundef %dropped) nounwind
declare noundef i32 @strand_local_new(ptr noundef %drop, i32 noundef %flags, ptr nocapture noundef %key) nounwind
declare noundef i32 @strand_local_set(i32 noundef %key, ptr noundef %value) nounwind
declare noundef ptr @strand_local_get(i32 noundef %key) nounwind
declare noundef i32 @strand_park_begin(ptr nocapture noundef %out) nounwind
declare noundef i32 @strand_park(i64 noundef %token, i64 noundef %deadline, ptr nocapture noundef %value) nounwind
declare noundef i32 @strand_unpark(i64 noundef %token, i64 noundef %value) nounwind
declare noundef ptr @strand_errno_location() nounwind
declare noundef i32 @strand_chan_new(i64 noundef %element_size, i64 noundef %capacity, ptr nocapture noundef %out) nounwind
declare noundef i32 @strand_chan_new_with(ptr nocapture noundef %options, ptr nocapture noundef %out) nounwind
declare noundef i32 @strand_chan_send(i64 noundef %chan, ptr nocapture noundef %element, i64 noundef %deadline) nounwind
declare noundef i32 @strand_chan_recv(i64 noundef %chan, ptr nocapture noundef %element, i64 noundef %deadline) nounwind
declare noundef i32 @strand_chan_try_send(i64 noundef %chan, ptr nocapture noundef %element) nounwind
declare noundef i32 @strand_chan_try_recv(i64 noundef %chan, ptr nocapture noundef %element) nounwind
declare noundef i32 @strand_chan_length(i64 noundef %chan, ptr nocapture noundef %out) nounwind
declare noundef i32 @strand_chan_close(i64 noundef %chan) nounwind
declare noundef i32 @strand_chan_retain(i64 noundef %chan) nounwind
declare noundef i32 @strand_chan_release(i64 noundef %chan) nounwind
declare noundef i32 @strand_select(ptr nocapture noundef %cases, i64 noundef %count, i64 noundef %deadline, i32 noundef %flags, ptr nocapture noundef %index) nounwind
declare noundef i32 @strand_timer_new(i64 noundef %chan, i64 noundef %value, ptr nocapture noundef %out) nounwind
declare noundef i32 @strand_timer_start(i64 noundef %timer, i64 noundef %deadline, i64 noundef %period) nounwind
declare noundef i32 @strand_timer_stop(i64 noundef %timer) nounwind
declare noundef i32 @strand_timer_wait(i64 noundef %timer, i64 noundef %deadline, ptr nocapture noundef %count) nounwind
declare noundef i32 @strand_timer_release(i64 noundef %timer) nounwind
declare noundef i32 @strand_mutex_lock(ptr nocapture noundef %mutex, i64 noundef %deadline) nounwind
declare noundef i32 @strand_mutex_unlock(ptr nocapture noundef %mutex) nounwind
declare noundef i32 @strand_rwlock_read_lock(ptr nocapture noundef %lock, i64 noundef %deadline) nounwind
declare noundef i32 @strand_rwlock_read_unlock(ptr nocapture noundef %lock) nounwind
declare noundef i32 @strand_rwlock_write_lock(ptr nocapture noundef %lock, i64 noundef %deadline) nounwind
declare noundef i32 @strand_rwlock_write_unlock(ptr nocapture noundef %lock) nounwind
declare noundef i32 @strand_semaphore_acquire(ptr nocapture noundef %semaphore, i64 noundef %units, i64 noundef %deadline) nounwind
declare noundef i32 @strand_semaphore_release(ptr nocapture noundef %semaphore, i64 noundef %units) nounwind
declare noundef i32 @strand_condition_wait(ptr nocapture noundef %condition, ptr nocapture noundef %mutex, i64 noundef %deadline) nounwind
declare noundef i32 @strand_condition_signal(ptr nocapture noundef %condition) nounwind
declare noundef i32 @strand_condition_broadcast(ptr nocapture noundef %condition) nounwind
declare noundef i32 @strand_wait_group_add(ptr nocapture noundef %group, i64 noundef %delta) nounwind
declare noundef i32 @strand_wait_group_done(ptr nocapture noundef %group) nounwind
declare noundef i32 @strand_wait_group_wait(ptr nocapture noundef %group, i64 noundef %deadline) nounwind
declare noundef i32 @strand_once_do(ptr nocapture noundef %once, ptr noundef %function, ptr noundef %data, i64 noundef %deadline) nounwind
declare noundef i32 @strand_cancel_new(i64 noundef %parent, i64 noundef %deadline, ptr nocapture noundef %out) nounwind
declare noundef i32 @strand_cancel_fire(i64 noundef %token, i64 noundef %reason) nounwind
declare noundef i32 @strand_cancel_wait(i64 noundef %token, i64 noundef %deadline, ptr nocapture noundef %reason) nounwind
declare noundef i32 @strand_cancel_deadline(i64 noundef %token, ptr nocapture noundef %deadline) nounwind
declare noundef i32 @strand_cancel_on(i64 noundef %token, ptr noundef %function, ptr noundef %drop, ptr noundef %data, ptr nocapture noundef %out) nounwind
declare noundef i32 @strand_cancel_off(i64 noundef %hook) nounwind
declare noundef i32 @strand_cancel_retain(i64 noundef %token) nounwind
declare noundef i32 @strand_cancel_release(i64 noundef %token) nounwind
declare noundef i32 @strand_cancel_current(ptr nocapture noundef %out) nounwind
declare noundef i32 @strand_cancel_requested(ptr nocapture noundef %reason) nounwind
declare noundef i32 @strand_cancel_strand(i64 noundef %id, i64 noundef %reason) nounwind
declare noundef i32 @strand_shield_begin() nounwind
declare noundef i32 @strand_shield_end() nounwind
declare noundef i32 @strand_task_spawn(i64 noundef %scope, ptr noundef %entry, ptr noundef %arg, ptr nocapture noundef %out) nounwind
declare noundef i32 @strand_task_spawn_with(ptr nocapture noundef %options, ptr noundef %entry, ptr noundef %arg, ptr nocapture noundef %out) nounwind
declare noundef i32 @strand_task_await(i64 noundef %task, i64 noundef %deadline, ptr nocapture noundef %value) nounwind
declare noundef i32 @strand_task_take(i64 noundef %task, i64 noundef %deadline, ptr nocapture noundef %value) nounwind
declare noundef i32 @strand_task_outcome(i64 noundef %task, ptr nocapture noundef %out) nounwind
declare noundef i32 @strand_task_cancel(i64 noundef %task, i64 noundef %reason) nounwind
declare noundef i32 @strand_task_retain(i64 noundef %task) nounwind
declare noundef i32 @strand_task_release(i64 noundef %task) nounwind
declare noundef i64 @strand_task_self() nounwind
declare noundef i32 @strand_task_fault(i64 noundef %task, i64 noundef %depth, ptr nocapture noundef %out) nounwind
declare noundef i32 @strand_promise_new(i64 noundef %scope, ptr nocapture noundef %out, ptr nocapture noundef %task) nounwind
declare noundef i32 @strand_promise_new_with(ptr nocapture noundef %options, ptr nocapture noundef %out, ptr nocapture noundef %task) nounwind
declare noundef i32 @strand_promise_complete(i64 noundef %promise, i64 noundef %value) nounwind
declare noundef i32 @strand_promise_fail(i64 noundef %promise, i32 noundef %code, ptr nocapture noundef %message, i64 noundef %length) nounwind
declare noundef i32 @strand_promise_cancel(i64 noundef %promise, i64 noundef %reason) nounwind
declare noundef i32 @strand_promise_is_cancelled(i64 noundef %promise) nounwind
declare noundef i32 @strand_promise_retain(i64 noundef %promise) nounwind
declare noundef i32 @strand_promise_release(i64 noundef %promise) nounwind
declare noundef i32 @strand_scope_open(ptr nocapture noundef %options, ptr nocapture noundef %out) nounwind
declare noundef i32 @strand_scope_join(i64 noundef %scope, i64 noundef %deadline) nounwind
declare noundef i32 @strand_scope_next(i64 noundef %scope, i64 noundef %deadline, ptr nocapture noundef %child, ptr nocapture noundef %outcome) nounwind
declare noundef i32 @strand_scope_cancel(i64 noundef %scope, i64 noundef %reason) nounwind
declare noundef i32 @strand_scope_exit(i64 noundef %scope) nounwind
declare noundef i32 @strand_scope_close(i64 noundef %scope) nounwind
declare noundef i32 @strand_scope_token(i64 noundef %scope, ptr nocapture noundef %out) nounwind
declare noundef i32 @strand_task_join(i32 noundef %kind, ptr nocapture noundef %tasks, i64 noundef %count, i64 noundef %deadline, ptr nocapture noundef %outcomes, ptr nocapture noundef %decided) nounwind
declare noundef i32 @strand_task_join_with(ptr noundef %judge, ptr noundef %data, ptr nocapture noundef %tasks, i64 noundef %count, i64 noundef %deadline, ptr nocapture noundef %outcomes, ptr nocapture noundef %decided) nounwind
declare noundef i32 @strand_monitor(i64 noundef %target, i64 noundef %chan, i64 noundef %tag, ptr nocapture noundef %out) nounwind
declare noundef i32 @strand_demonitor(i64 noundef %monitor, i64 noundef %flush) nounwind
declare noundef i32 @strand_generator_new(ptr nocapture noundef %options, ptr noundef %entry, ptr noundef %arg, ptr nocapture noundef %out) nounwind
declare noundef i32 @strand_generator_resume(i64 noundef %generator, i64 noundef %value, ptr nocapture noundef %out, i64 noundef %deadline) nounwind
declare noundef i32 @strand_generator_wait(i64 noundef %generator, ptr nocapture noundef %out, i64 noundef %deadline) nounwind
declare noundef i32 @strand_generator_yield(i64 noundef %value, ptr nocapture noundef %out) nounwind
declare noundef i64 @strand_generator_self() nounwind
declare noundef i32 @strand_generator_cancel(i64 noundef %generator) nounwind
declare noundef i32 @strand_generator_release(i64 noundef %generator) nounwind
declare noundef i32 @strand_generator_state(i64 noundef %generator, ptr nocapture noundef %state, ptr nocapture noundef %code) nounwind
declare noundef i32 @strand_offload(ptr noundef %fn, ptr noundef %arg, i64 noundef %deadline, ptr nocapture noundef %result) nounwind
declare noundef i32 @strand_offload_with(ptr nocapture noundef %options, ptr noundef %fn, ptr noundef %arg, i64 noundef %deadline, ptr nocapture noundef %result) nounwind
declare noundef i32 @strand_block_begin() nounwind
declare noundef i32 @strand_block_end() nounwind
declare noundef i32 @strand_world_stop(i64 noundef %deadline) nounwind
declare noundef i32 @strand_world_resume() nounwind
declare noundef i32 @strand_gc_visit_roots(ptr noundef %visitor, ptr noundef %data) nounwind
declare noundef i32 @strand_gc_visit_stacks(ptr noundef %visitor, ptr noundef %data) nounwind
declare noundef i32 @strand_ticket_await(i64 noundef %ticket, i64 noundef %deadline) nounwind
declare noundef i32 @strand_ticket_poll(i64 noundef %ticket, ptr nocapture noundef %result) nounwind
declare noundef i32 @strand_ticket_cancel(i64 noundef %ticket) nounwind
declare noundef i32 @strand_ticket_release(i64 noundef %ticket) nounwind
declare noundef i32 @strand_device_count(ptr nocapture noundef %count) nounwind
declare noundef i32 @strand_device_describe(i32 noundef %index, ptr nocapture noundef %info) nounwind
declare noundef i32 @strand_device_open(ptr nocapture noundef %options, ptr nocapture noundef %out) nounwind
declare noundef i32 @strand_device_info_of(i64 noundef %device, ptr nocapture noundef %info) nounwind
declare noundef i32 @strand_device_close(i64 noundef %device) nounwind
declare noundef i32 @strand_buffer_new(i64 noundef %device, i64 noundef %bytes, i32 noundef %flags, ptr nocapture noundef %out) nounwind
declare noundef i32 @strand_buffer_write(i64 noundef %buffer, i64 noundef %offset, ptr nocapture noundef %data, i64 noundef %bytes) nounwind
declare noundef i32 @strand_buffer_read(i64 noundef %buffer, i64 noundef %offset, ptr noundef %data, i64 noundef %bytes, ptr nocapture noundef %out) nounwind
declare noundef i32 @strand_buffer_map(i64 noundef %buffer, i64 noundef %offset, i64 noundef %bytes, i32 noundef %flags, i64 noundef %deadline, ptr nocapture noundef %out) nounwind
declare noundef i32 @strand_buffer_unmap(i64 noundef %buffer) nounwind
declare noundef i32 @strand_buffer_release(i64 noundef %buffer) nounwind
declare noundef i32 @strand_program_new(i64 noundef %device, ptr nocapture noundef %options, ptr nocapture noundef %out) nounwind
declare noundef i32 @strand_program_release(i64 noundef %program) nounwind
declare noundef i32 @strand_worklist_recommend(ptr nocapture noundef %request, ptr nocapture noundef %out) nounwind
declare noundef i32 @strand_worklist_new(i64 noundef %program, ptr nocapture noundef %options, ptr nocapture noundef %out) nounwind
declare noundef i32 @strand_worklist_push(i64 noundef %worklist, ptr nocapture noundef %items, i32 noundef %count, i32 noundef %band, i32 noundef %tenant, i64 noundef %deadline) nounwind
declare noundef i32 @strand_worklist_push_tasks(i64 noundef %worklist, ptr nocapture noundef %tasks, i32 noundef %count, i64 noundef %deadline) nounwind
declare noundef i32 @strand_worklist_tenant(i64 noundef %worklist, i32 noundef %tenant, i32 noundef %enabled, i64 noundef %quota) nounwind
declare noundef i32 @strand_worklist_dispatch(i64 noundef %worklist, ptr nocapture noundef %options, ptr nocapture noundef %out) nounwind
declare noundef i32 @strand_worklist_close(i64 noundef %worklist) nounwind
declare noundef i32 @strand_worklist_resume(i64 noundef %worklist, i32 noundef %epoch, ptr nocapture noundef %count) nounwind
declare noundef i32 @strand_worklist_release(i64 noundef %worklist) nounwind
declare noundef i32 @strand_worklist_take(i64 noundef %worklist, ptr nocapture noundef %records, i32 noundef %capacity, ptr nocapture noundef %count) nounwind
declare noundef i32 @strand_worklist_take_tasks(i64 noundef %worklist, ptr nocapture noundef %tasks, i32 noundef %capacity, ptr nocapture noundef %count) nounwind
declare noundef i32 @strand_worklist_faults(i64 noundef %worklist, ptr nocapture noundef %faults, i32 noundef %capacity, ptr nocapture noundef %count) nounwind
declare noundef i32 @strand_worklist_stats(i64 noundef %worklist, ptr nocapture noundef %statistics) nounwind
declare noundef i32 @strand_worklist_evidence(i64 noundef %worklist, ptr nocapture noundef %evidence) nounwind
declare noundef i32 @strand_work_push(ptr nocapture noundef %work, i32 noundef %index, ptr nocapture noundef %record, i32 noundef %band) nounwind
declare noundef i32 @strand_work_emit(ptr nocapture noundef %work, i32 noundef %index, ptr nocapture noundef %record) nounwind
declare noundef i32 @strand_work_requeue(ptr nocapture noundef %work, i32 noundef %index, i32 noundef %pc, i32 noundef %data, i32 noundef %band) nounwind
declare noundef i32 @strand_work_yield(ptr nocapture noundef %work, i32 noundef %index, i32 noundef %pc, i32 noundef %data) nounwind
declare noundef i32 @strand_work_pause(ptr nocapture noundef %work, i32 noundef %index, i32 noundef %pc, i32 noundef %data, i32 noundef %epoch) nounwind
declare noundef i32 @strand_work_fault(ptr nocapture noundef %work, i32 noundef %index, i32 noundef %code) nounwind
declare noundef ptr @strand_work_buffer(ptr nocapture noundef %work, i32 noundef %number, ptr nocapture noundef %bytes) nounwind
declare noundef i32 @strand_work_debug(ptr nocapture noundef %work, i32 noundef %index, ptr nocapture noundef %words) nounwind
declare noundef i32 @strand_worklist_debug(i64 noundef %worklist, ptr nocapture noundef %notes, i32 noundef %capacity, ptr nocapture noundef %count, ptr nocapture noundef %lost) nounwind
declare noundef i32 @strand_automaton_compile(i64 noundef %device, ptr nocapture noundef %patterns, i64 noundef %count, ptr nocapture noundef %options, ptr nocapture noundef %out) nounwind
declare noundef i32 @strand_automaton_scan(i64 noundef %automaton, ptr nocapture noundef %chunks, i64 noundef %count, ptr nocapture noundef %options, ptr nocapture noundef %out) nounwind
declare noundef i32 @strand_automaton_take(i64 noundef %automaton, ptr nocapture noundef %matches, i64 noundef %capacity, ptr nocapture noundef %count) nounwind
declare noundef i32 @strand_automaton_reset(i64 noundef %automaton, i32 noundef %stream) nounwind
declare noundef i32 @strand_automaton_stats(i64 noundef %automaton, ptr nocapture noundef %stats) nounwind
declare noundef i32 @strand_automaton_release(i64 noundef %automaton) nounwind
declare noundef i32 @strand_graph_new(i64 noundef %device, ptr nocapture noundef %options, ptr nocapture noundef %out) nounwind
declare noundef i32 @strand_graph_bfs(i64 noundef %graph, i32 noundef %source, i64 noundef %distances, ptr nocapture noundef %options, ptr nocapture noundef %out) nounwind
declare noundef i32 @strand_graph_sssp(i64 noundef %graph, i32 noundef %source, i64 noundef %distances, ptr nocapture noundef %options, ptr nocapture noundef %out) nounwind
declare noundef i32 @strand_graph_release(i64 noundef %graph) nounwind
declare noundef i32 @strand_worklist_ingest(i64 noundef %worklist, i32 noundef %fd, ptr nocapture noundef %options, ptr nocapture noundef %out) nounwind
declare noundef i32 @strand_automaton_scan_fd(i64 noundef %automaton, i32 noundef %fd, i32 noundef %stream, ptr nocapture noundef %options, ptr nocapture noundef %out) nounwind
declare noundef i32 @strand_info(ptr nocapture noundef %key, ptr nocapture noundef %buffer, i64 noundef %capacity, ptr nocapture noundef %needed) nounwind
declare noundef i32 @strand_statistics_read(ptr nocapture noundef %out) nounwind
declare noundef i32 @strand_worker_runs(i32 noundef %worker, ptr nocapture noundef %out) nounwind
declare noundef i64 @strand_dump(ptr nocapture noundef %buffer, i64 noundef %capacity) nounwind
declare noundef i64 @strand_snapshot(ptr nocapture noundef %buffer, i64 noundef %capacity) nounwind
declare noundef i32 @strand_explore(ptr nocapture noundef %options, ptr noundef %body, ptr noundef %arg, ptr nocapture noundef %result) nounwind
declare noundef i32 @strand_assert(i32 noundef %condition, ptr nocapture noundef %message) nounwind
declare noundef i32 @strand_recording_verify(ptr nocapture noundef %path, ptr nocapture noundef %summary) nounwind
declare noundef i32 @strand_recording_print(ptr nocapture noundef %path, ptr noundef %print, ptr noundef %data) nounwind
declare noundef i32 @strand_input(i32 noundef %kind, ptr noundef %bytes, i64 noundef %length) nounwind
