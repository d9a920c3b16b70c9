; SPDX-License-Identifier: MIT OR Apache-2.0
; A pool of workers: each takes numbers from one channel and sends their squares to another.
(define (worker numbers squares)
  (each (n numbers)
    (send squares (* n n))))

(define (feed numbers count)
  (let ((i 1))
    (while (<= i count)
      (send numbers i)
      (set! i (+ i 1))))
  (close numbers))

(define (close-after a b c squares)
  (join a) (join b) (join c)
  (close squares))

(define (main)
  (let ((numbers (channel 16)) (squares (channel 0)) (sum 0))
    (spawn (feed numbers 1000))
    (spawn (close-after (spawn (worker numbers squares)) (spawn (worker numbers squares))
                        (spawn (worker numbers squares)) squares))
    (each (square squares)
      (set! sum (+ sum square)))
    (print "the squares of 1 to 1000 are " sum " together")))
