// SPDX-License-Identifier: MIT OR Apache-2.0
// What the Boost.Fiber peer shares: output lines, memory, starting fibers, waiting for many of them.
#pragma once

#include <algorithm>
#include <atomic>
#include <boost/fiber/all.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace fibers = boost::fibers;
using Clock = std::chrono::steady_clock;

inline void result(const char *key, double value)
{
    std::printf("R %s %.4f\n", key, value);
    std::fflush(stdout);
}

inline double ns_since(Clock::time_point began)
{
    return static_cast<double>(std::chrono::nanoseconds(Clock::now() - began).count());
}

inline void ns_per(Clock::time_point began, long operations)
{
    result("ns", ns_since(began) / static_cast<double>(operations));
}

inline void require(bool condition)
{
    if (!condition) {
        std::fprintf(stderr, "a workload computed something wrong\n");
        std::_Exit(1);
    }
}

inline double status_kb(const std::string &field)
{
    std::ifstream file("/proc/self/status");
    for (std::string line; std::getline(file, line);) {
        if (line.compare(0, field.size(), field) == 0) {
            return std::stod(line.substr(field.size()));
        }
    }
    return -1;
}

inline double maps()
{
    std::ifstream file("/proc/self/maps");
    using Bytes = std::istreambuf_iterator<char>;
    return static_cast<double>(std::count(Bytes(file), Bytes(), '\n'));
}

// 16 KiB from malloc, without a guard: smaller and cheaper than Boost's own default, in its favour.
template <class Function> fibers::fiber start(Function &&function)
{
    return fibers::fiber(fibers::launch::post, std::allocator_arg, fibers::fixedsize_stack(16 * 1024),
                         std::forward<Function>(function));
}

class Countdown {
public:
    explicit Countdown(long n) : left(n) {}

    void done()
    {
        if (left.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            std::unique_lock<fibers::mutex> lock(mutex);
            ended = true;
            changed.notify_all();
        }
    }

    void wait()
    {
        std::unique_lock<fibers::mutex> lock(mutex);
        changed.wait(lock, [this] { return ended; });
    }

private:
    std::atomic<long> left;
    fibers::mutex mutex;
    fibers::condition_variable changed;
    bool ended = false;
};
