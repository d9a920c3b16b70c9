// SPDX-License-Identifier: MIT OR Apache-2.0

package main

import (
	"runtime"
	"sync"
	"time"
)

// W10a, W10b
func lockAmongAll(total int, yields bool) {
	const strands = 1000
	var mutex sync.Mutex
	var all sync.WaitGroup
	each, counter := total/strands, 0
	all.Add(strands)
	began := time.Now()
	for s := 0; s < strands; s++ {
		go func() {
			defer all.Done()
			for i := 0; i < each; i++ {
				mutex.Lock()
				counter++
				if yields {
					runtime.Gosched()
				}
				mutex.Unlock()
			}
		}()
	}
	all.Wait()
	nsPer(began, each*strands)
	require(counter == each*strands)
}
