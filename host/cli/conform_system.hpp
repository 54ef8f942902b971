// What fd2-conform asks of the system.
#pragma once

#include <csignal>

namespace fd2::cli {

/// The first SIGINT or SIGTERM is noted in `into`; a second one ends this program at once.
void note_interruption(volatile std::sig_atomic_t& into);

/// Ends this program as the signal would have.
void end_by(int signal);

/// For run/plugin_trial.cpp: stdin is the plugin's content, stdout is read by who asks.
int trial_of(const char* shown, const char* milliseconds);

}  // namespace fd2::cli
