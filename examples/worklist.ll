; SPDX-License-Identifier: MIT OR Apache-2.0
; pipeline.ll's question once more, as a worklist: how many steps do the numbers from 1 to 100000 take to come down to 1?
;
; An item is a number on its way. The kernel, which is what a compiler emits for it, gets a batch of items and takes each one
; step further: it is queued again with its new state, and emits its count when it has come down. That is three words of a
; task: param (where it began), continuation_pc (steps so far), continuation_data (where it is). The declares come from
; include/strand.ll, which is put in front of it.

@records = internal global [300000 x i32] zeroinitializer
@format = private constant [45 x i8] c"1 to 100000 take %llu steps to 1, %u items%c\00"

declare i32 @printf(ptr, ...)

define void @step(ptr %work, ptr %items, i32 %count, ptr %data) #0 {
entry:
  %none = icmp eq i32 %count, 0
  br i1 %none, label %done, label %item
item:
  %i = phi i32 [ 0, %entry ], [ %next, %again ]
  %wide = zext i32 %i to i64
  %first = mul i64 %wide, 3
  %second = add i64 %first, 1
  %third = add i64 %first, 2
  %steps.address = getelementptr i32, ptr %items, i64 %second
  %steps = load i32, ptr %steps.address
  %number.address = getelementptr i32, ptr %items, i64 %third
  %number = load i32, ptr %number.address
  %down = icmp eq i32 %number, 1
  br i1 %down, label %arrived, label %further
arrived:
  call i32 @strand_work_emit(ptr %work, i32 %i, ptr %steps.address)
  br label %again
further:
  %odd = trunc i32 %number to i1
  %half = lshr i32 %number, 1
  %triple = mul i32 %number, 3
  %more = add i32 %triple, 1
  %then = select i1 %odd, i32 %more, i32 %half
  %one.more = add i32 %steps, 1
  call i32 @strand_work_requeue(ptr %work, i32 %i, i32 %one.more, i32 %then, i32 -1)    ; STRAND_BAND_SAME
  br label %again
again:
  %next = add i32 %i, 1
  %left = icmp ult i32 %next, %count
  br i1 %left, label %item, label %done
done:
  ret void
}

; Adds up what was emitted: one word for each item.
define i32 @add_up(i64 %list, ptr %sum) #0 {
entry:
  %count.address = alloca i32
  br label %take
take:
  %items = phi i32 [ 0, %entry ], [ %items.now, %taken ]
  %total = phi i64 [ 0, %entry ], [ %total.now, %taken ]
  %status = call i32 @strand_worklist_take(i64 %list, ptr @records, i32 300000, ptr %count.address)
  %ok = icmp eq i32 %status, 0
  br i1 %ok, label %some, label %done
some:
  %count = load i32, ptr %count.address
  %items.now = add i32 %items, %count
  br label %add
add:
  %i = phi i32 [ 0, %some ], [ %next, %added ]
  %so.far = phi i64 [ %total, %some ], [ %total.now, %added ]
  %wide = zext i32 %i to i64
  %address = getelementptr i32, ptr @records, i64 %wide
  %steps = load i32, ptr %address
  %steps.wide = zext i32 %steps to i64
  %total.now = add i64 %so.far, %steps.wide
  br label %added
added:
  %next = add i32 %i, 1
  %more = icmp ult i32 %next, %count
  br i1 %more, label %add, label %taken
taken:
  br label %take
done:
  store i64 %total, ptr %sum
  ret i32 %items
}

; Three words for each number from 1 to 100000: the number, no steps, the number.
define void @fill() #0 {
entry:
  br label %loop
loop:
  %n = phi i32 [ 1, %entry ], [ %next, %loop ]
  %index = sub i32 %n, 1
  %wide = zext i32 %index to i64
  %first = mul i64 %wide, 3
  %third = add i64 %first, 2
  %start = getelementptr i32, ptr @records, i64 %first
  store i32 %n, ptr %start
  %now = getelementptr i32, ptr @records, i64 %third
  store i32 %n, ptr %now
  %next = add i32 %n, 1
  %more = icmp ule i32 %next, 100000
  br i1 %more, label %loop, label %done
done:
  ret void
}

define ptr @count(ptr %unused) #0 {
entry:
  %device = alloca i64
  %program = alloca i64
  %list = alloca i64
  %ticket = alloca i64
  %sum = alloca i64
  %choice = alloca %strand_device_options
  %what = alloca %strand_program_options
  %how = alloca %strand_worklist_options
  store %strand_device_options zeroinitializer, ptr %choice
  store i32 ptrtoint (ptr getelementptr (%strand_device_options, ptr null, i32 1) to i32), ptr %choice
  %kind = getelementptr %strand_device_options, ptr %choice, i32 0, i32 1
  store i32 3, ptr %kind                                              ; STRAND_DEVICE_CPU: the kernel is native code
  %opened = call i32 @strand_device_open(ptr %choice, ptr %device)
  %device.handle = load i64, ptr %device

  store %strand_program_options zeroinitializer, ptr %what
  store i32 ptrtoint (ptr getelementptr (%strand_program_options, ptr null, i32 1) to i32), ptr %what
  %fields.address = getelementptr %strand_program_options, ptr %what, i32 0, i32 2
  store i32 448, ptr %fields.address                                  ; _PARAM | _CONTINUATION_PC | _CONTINUATION_DATA
  %emit.max = getelementptr %strand_program_options, ptr %what, i32 0, i32 4
  store i32 1, ptr %emit.max
  %kernel = getelementptr %strand_program_options, ptr %what, i32 0, i32 10
  store ptr @step, ptr %kernel
  %made = call i32 @strand_program_new(i64 %device.handle, ptr %what, ptr %program)
  %program.handle = load i64, ptr %program

  store %strand_worklist_options zeroinitializer, ptr %how
  store i32 ptrtoint (ptr getelementptr (%strand_worklist_options, ptr null, i32 1) to i32), ptr %how
  %listed = call i32 @strand_worklist_new(i64 %program.handle, ptr %how, ptr %list)
  %list.handle = load i64, ptr %list

  call void @fill()
  %pushed = call i32 @strand_worklist_push(i64 %list.handle, ptr @records, i32 100000, i32 0, i32 0, i64 -1)
  %dispatched = call i32 @strand_worklist_dispatch(i64 %list.handle, ptr null, ptr %ticket)
  %ticket.handle = load i64, ptr %ticket
  %awaited = call i32 @strand_ticket_await(i64 %ticket.handle, i64 -1)
  %items = call i32 @add_up(i64 %list.handle, ptr %sum)
  %total = load i64, ptr %sum
  call i32 (ptr, ...) @printf(ptr @format, i64 %total, i32 %items, i32 10)
  ret ptr null
}

define i32 @main() #0 {
  call i32 @strand_scheduler_init(ptr null)
  call i32 @strand_spawn(ptr @count, ptr null, ptr null)
  %status = call i32 @strand_scheduler_run()
  ret i32 %status
}

attributes #0 = { nounwind "probe-stack"="inline-asm" }
