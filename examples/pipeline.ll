; SPDX-License-Identifier: MIT OR Apache-2.0
; A pipeline as a compiler would emit it: how many steps do the numbers from 1 to 100000 take to come down to 1, halving
; what is even and making 3n + 1 of what is odd?
;
;     generate --numbers--> count x 3 --steps--> sum
;
; It shows what a front end needs beyond hello.ll: ids of strands and joins, a channel that is closed when its last
; sender is done, and a loop that computes for long and therefore polls. The declares come from include/strand.ll, which is
; put in front of it.

@numbers = internal global i64 0
@steps = internal global i64 0
@format = private constant [35 x i8] c"1 to 100000 take %llu steps to 1%c\00"

declare i32 @printf(ptr, ...)

; Sends 1 to 100000, then closes the channel: that is how the counters learn that nothing more will come.
define ptr @generate(ptr %unused) #0 {
entry:
  %element = alloca i64
  %numbers = load i64, ptr @numbers
  br label %loop
loop:
  %n = phi i64 [ 1, %entry ], [ %next, %sent ]
  store i64 %n, ptr %element
  %status = call i32 @strand_chan_send(i64 %numbers, ptr %element, i64 -1)
  %ok = icmp eq i32 %status, 0
  br i1 %ok, label %sent, label %done
sent:
  %next = add i64 %n, 1
  %more = icmp ule i64 %next, 100000
  br i1 %more, label %loop, label %done
done:
  call i32 @strand_chan_close(i64 %numbers)
  ret ptr null
}

; The steps of one number. The loop calls nothing that waits, so its back-edge polls: one load, one branch, and a call
; only when somebody wants something. What the call answers matters to the next wait, which answers it again.
define i64 @collatz(i64 %start) #0 {
entry:
  br label %loop
loop:
  %n = phi i64 [ %start, %entry ], [ %next, %again ]
  %count = phi i64 [ 0, %entry ], [ %counted, %again ]
  %arrived = icmp eq i64 %n, 1
  br i1 %arrived, label %done, label %step
step:
  %half = lshr i64 %n, 1
  %triple = mul i64 %n, 3
  %up = add i64 %triple, 1
  %odd = trunc i64 %n to i1
  %next = select i1 %odd, i64 %up, i64 %half
  %counted = add i64 %count, 1
  %word = load atomic i32, ptr @strand_poll_word monotonic, align 4
  %wanted = icmp ne i32 %word, 0
  br i1 %wanted, label %poll, label %again, !prof !0
poll:
  call i32 @strand_checkpoint()
  br label %again
again:
  br label %loop
done:
  ret i64 %count
}

; Receives until the channel is closed and empty (or any other status but OK), and passes the counts on.
define ptr @count(ptr %unused) #0 {
entry:
  %element = alloca i64
  %numbers = load i64, ptr @numbers
  %steps = load i64, ptr @steps
  br label %loop
loop:
  %status = call i32 @strand_chan_recv(i64 %numbers, ptr %element, i64 -1)
  %open = icmp eq i32 %status, 0
  br i1 %open, label %work, label %done
work:
  %n = load i64, ptr %element
  %counted = call i64 @collatz(i64 %n)
  store i64 %counted, ptr %element
  %sent = call i32 @strand_chan_send(i64 %steps, ptr %element, i64 -1)
  %ok = icmp eq i32 %sent, 0
  br i1 %ok, label %loop, label %done
done:
  ret ptr null
}

; Adds up what arrives, into the word that its argument points to.
define ptr @sum(ptr %total) #0 {
entry:
  %element = alloca i64
  %steps = load i64, ptr @steps
  br label %loop
loop:
  %status = call i32 @strand_chan_recv(i64 %steps, ptr %element, i64 -1)
  %open = icmp eq i32 %status, 0
  br i1 %open, label %add, label %done
add:
  %one = load i64, ptr %element
  %before = load i64, ptr %total
  %after = add i64 %before, %one
  store i64 %after, ptr %total
  br label %loop
done:
  ret ptr null
}

; Joins the counters, then closes their channel: the one place that knows when the last of them is done.
define ptr @conduct(ptr %total) #0 {
entry:
  %counters = alloca [3 x i64]
  %adder = alloca i64
  call i32 @strand_spawn(ptr @sum, ptr %total, ptr %adder)
  call i32 @strand_spawn(ptr @generate, ptr null, ptr null)
  %first = getelementptr [3 x i64], ptr %counters, i64 0, i64 0
  %second = getelementptr [3 x i64], ptr %counters, i64 0, i64 1
  %third = getelementptr [3 x i64], ptr %counters, i64 0, i64 2
  call i32 @strand_spawn(ptr @count, ptr null, ptr %first)
  call i32 @strand_spawn(ptr @count, ptr null, ptr %second)
  call i32 @strand_spawn(ptr @count, ptr null, ptr %third)
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %slot = getelementptr [3 x i64], ptr %counters, i64 0, i64 %i
  %counter = load i64, ptr %slot
  call i32 @strand_join(i64 %counter, i64 -1)
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, 3
  br i1 %more, label %loop, label %close
close:
  %steps = load i64, ptr @steps
  call i32 @strand_chan_close(i64 %steps)
  %last = load i64, ptr %adder
  call i32 @strand_join(i64 %last, i64 -1)
  %result = load i64, ptr %total
  call i32 (ptr, ...) @printf(ptr @format, i64 %result, i32 10)
  ret ptr null
}

define i32 @main() #0 {
  %total = alloca i64
  store i64 0, ptr %total
  call i32 @strand_scheduler_init(ptr null)
  call i32 @strand_chan_new(i64 8, i64 0, ptr @numbers)      ; rendezvous
  call i32 @strand_chan_new(i64 8, i64 64, ptr @steps)       ; up to 64 counts wait
  call i32 @strand_spawn(ptr @conduct, ptr %total, ptr null)
  %status = call i32 @strand_scheduler_run()
  ret i32 %status
}

; A large frame may step over the guard of its stack; with probes it touches each page on the way. Entries do not unwind.
attributes #0 = { nounwind "probe-stack"="inline-asm" }

!0 = !{!"branch_weights", i32 1, i32 1048576}
