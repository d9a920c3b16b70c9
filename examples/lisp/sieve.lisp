; SPDX-License-Identifier: MIT OR Apache-2.0
; The sieve of Eratosthenes as a chain of strands, one for each prime found so far (Hoare, CSP, 1978).
(define (generate out limit)
  (let ((n 2))
    (while (<= n limit)
      (send out n)
      (set! n (+ n 1))))
  (close out))

(define (filter in out prime)
  (each (n in)
    (if (% n prime) (send out n)))
  (close out))

(define (main)
  (let ((from (channel 0)) (count 0) (last 0))
    (spawn (generate from 10000))
    (let ((more 1))
      (while more
        (select
          ((receive from prime open)
            (if open
              (let ((next (channel 0)))
                (set! count (+ count 1))
                (set! last prime)
                (spawn (filter from next prime))
                (set! from next))
              (set! more 0))))))
    (print count " primes up to 10000, the last is " last)))
