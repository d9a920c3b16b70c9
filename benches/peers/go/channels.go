// SPDX-License-Identifier: MIT OR Apache-2.0

package main

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// W4
func roundtrip(n int) {
	there, back := make(chan uint64), make(chan uint64)
	var both sync.WaitGroup
	both.Add(2)
	began := time.Now()
	go func() {
		defer both.Done()
		for i := 0; i < n; i++ {
			back <- <-there
		}
	}()
	go func() {
		defer both.Done()
		for i := 0; i < n; i++ {
			there <- uint64(i)
			require(<-back == uint64(i))
		}
	}()
	both.Wait()
	nsPer(began, n)
}

func receiveWithin(from chan uint64, limit time.Duration) uint64 {
	select {
	case value := <-from:
		return value
	case <-time.After(limit):
		panic("nobody answered in time")
	}
}

// W4d
func roundtripTimed(n int) {
	there, back := make(chan uint64), make(chan uint64)
	var both sync.WaitGroup
	both.Add(2)
	began := time.Now()
	go func() {
		defer both.Done()
		for i := 0; i < n; i++ {
			back <- receiveWithin(there, time.Second)
		}
	}()
	go func() {
		defer both.Done()
		for i := 0; i < n; i++ {
			there <- uint64(i)
			require(receiveWithin(back, time.Second) == uint64(i))
		}
	}()
	both.Wait()
	nsPer(began, n)
}

// Two goroutines, each locked to an OS thread of its own.
func onTwoThreads(caller, echo func()) {
	var both sync.WaitGroup
	both.Add(2)
	for _, side := range []func(){echo, caller} {
		go func() {
			runtime.LockOSThread()
			defer both.Done()
			side()
		}()
	}
	both.Wait()
}

// W4x
func roundtripAcross(n int) {
	there, back := make(chan uint64), make(chan uint64)
	began := time.Now()
	onTwoThreads(func() {
		for i := 0; i < n; i++ {
			there <- uint64(i)
			require(<-back == uint64(i))
		}
	}, func() {
		for i := 0; i < n; i++ {
			back <- <-there
		}
	})
	nsPer(began, n)
}

// W4p: the receiver has had time to go to sleep; only the way from send to receive counts.
func wakeAcross(n int) {
	const hold = 200 * time.Microsecond
	there, back := make(chan time.Time), make(chan time.Time)
	var latency atomic.Int64
	send := func(out chan time.Time) {
		sent := time.Now()
		for due := sent.Add(hold); sent.Before(due); {
			sent = time.Now()
		}
		out <- sent
	}
	receive := func(in chan time.Time) { sent := <-in; latency.Add(int64(time.Since(sent))) }
	onTwoThreads(func() {
		for i := 0; i < n; i++ {
			send(there)
			receive(back)
		}
	}, func() {
		for i := 0; i < n; i++ {
			receive(there)
			send(back)
		}
	})
	result("ns", float64(latency.Load())/float64(n))
}

// W5a, W5b
func buffered(pairs, total int) {
	each := total / pairs
	between := make(chan uint64, 128)
	var sum atomic.Uint64
	var all sync.WaitGroup
	all.Add(2 * pairs)
	began := time.Now()
	for p := 0; p < pairs; p++ {
		go func() {
			for i := 0; i < each; i++ {
				between <- uint64(i)
			}
			all.Done()
		}()
		go func() {
			mine := uint64(0)
			for i := 0; i < each; i++ {
				mine += <-between
			}
			sum.Add(mine)
			all.Done()
		}()
	}
	all.Wait()
	nsPer(began, each*pairs)
	require(sum.Load() == uint64(pairs*(each*(each-1)/2)))
}

// W6
func ring(hops int) {
	const members = 10000
	laps := max(hops/members, 1)
	var links [members]chan uint64
	for i := range links {
		links[i] = make(chan uint64)
	}
	for i := 1; i < members; i++ {
		go func() {
			for lap := 0; lap < laps; lap++ {
				links[i] <- <-links[i-1] + 1
			}
		}()
	}
	value := uint64(0)
	began := time.Now()
	for lap := 0; lap < laps; lap++ {
		links[0] <- value
		value = <-links[members-1]
	}
	nsPer(began, laps*members)
	require(value == uint64(laps*(members-1)))
}

// W8
func selectFour(n int) {
	each := n / 4
	var from [4]chan uint64
	for i := range from {
		from[i] = make(chan uint64)
	}
	received := make(chan bool)
	began := time.Now()
	for i := range from {
		go func() {
			for j := 0; j < each; j++ {
				from[i] <- uint64(j)
			}
		}()
	}
	go func() {
		var next [4]uint64
		for i := 0; i < 4*each; i++ {
			var which int
			var value uint64
			select {
			case value = <-from[0]:
				which = 0
			case value = <-from[1]:
				which = 1
			case value = <-from[2]:
				which = 2
			case value = <-from[3]:
				which = 3
			}
			require(value == next[which])
			next[which]++
		}
		received <- true
	}()
	<-received
	nsPer(began, 4*each)
}
