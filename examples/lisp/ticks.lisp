; SPDX-License-Identifier: MIT OR Apache-2.0
; Select: two tickers of different pace, a channel that says when to stop, and what to do while nothing happens.
(define (ticker out every times)
  (while times
    (sleep every)
    (send out times)
    (set! times (- times 1)))
  (close out))

(define (stop-after quit after)
  (sleep after)
  (send quit 1))

(define (main)
  (let ((fast (channel 0)) (slow (channel 0)) (quit (channel 0)) (fasts 0) (slows 0) (going 1) (waits 0))
    (spawn (ticker fast 10 20))
    (spawn (ticker slow 50 4))
    (spawn (stop-after quit 500))
    (while going
      (select
        ((receive fast n open) (if open (set! fasts (+ fasts 1)) (set! fast 0)))
        ((receive slow n open) (if open (set! slows (+ slows 1)) (set! slow 0)))
        ((receive quit q) (set! going 0))
        ((after 200) (set! waits (+ waits 1)))))
    (print fasts " fast ticks, " slows " slow ones; nothing happened for 200 ms " waits " time(s)")))
