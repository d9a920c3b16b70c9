// SPDX-License-Identifier: MIT OR Apache-2.0
// W13 on Boost.Fiber: see benches/c/start.c.
#include "support.hpp"

int main(int argc, char **argv)
{
    std::int64_t first = 0;
    start([&] { first = std::chrono::nanoseconds(Clock::now().time_since_epoch()).count(); }).join();
    if (argc > 1) {
        std::printf("R first_us %.1f\n", static_cast<double>(first - std::atoll(argv[1])) / 1000);
    }
    return 0;
}
