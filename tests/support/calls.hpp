// Calls that a test waits for.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>

/// Counts the calls of a callback, from whatever thread.
class calls {
  public:
    std::function<void()> call() {
        return [this] {
            const std::lock_guard lock(mutex_);
            ++count_;
            changed_.notify_all();
        };
    }
    int count() {
        const std::lock_guard lock(mutex_);
        return count_;
    }
    /// Whether `n` calls have come, waiting for them.
    bool wait(int n) {
        std::unique_lock lock(mutex_);
        // By the system clock: gcc 12's thread sanitizer does not know a wait on the other one.
        const auto limit = std::chrono::system_clock::now() + std::chrono::seconds(60);
        return changed_.wait_until(lock, limit, [&] { return count_ >= n; });
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    int count_ = 0;
};
