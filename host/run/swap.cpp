#include "run/swap.hpp"

#include <memory>
#include <utility>

#include "channel/plugin_path.hpp"

namespace fd2::runs {

namespace {

/// One search. Kept alive by the calls that it waits for.
class search : public std::enable_shared_from_this<search> {
  public:
    search(channel::channel_view moved, std::vector<candidate> to,
           std::function<void(channel::hand_over_result)> done)
        : moved_(std::move(moved)), to_(std::move(to)), done_(std::move(done)) {}

    void go_on() {
        while (next_ < to_.size()) {
            const candidate& each = to_[next_++];
            if (!each.backend) {
                refused(each, each.backend.error());
                if (is_present(each)) break;
                continue;
            }
            if ((*each.backend)->instance == moved_.configured()->instance) {
                return done_(failure{errc::state, 0, "is already on it, in the installed version"});
            }
            moved_.hand_over(*each.backend, [self = shared_from_this(),
                                             &each](channel::hand_over_result how) {
                // STATE: the channel is ending; INTERNAL: it has.
                if (how || how.error().code == errc::state || how.error().code == errc::internal) {
                    return self->done_(std::move(how));
                }
                self->refused(each, how.error());
                if (self->is_present(each)) self->next_ = self->to_.size();
                self->go_on();
            });
            return;
        }
        done_(to_.size() == 1 ? std::move(last_)
                              : failure{last_.code, last_.sys_errno,
                                        "no backend in the list can take it" + all_});
    }

  private:
    /// What stands behind the present backend in the list is no better: if the new version of that
    /// is torn or refused, the channel stays where it is.
    bool is_present(const candidate& who) const {
        const auto by = moved_.plugin();
        return who.name == by->id || who.name == by->file;
    }

    void refused(const candidate& who, const failure& why) {
        last_ = why;
        all_ += "; " + who.name + ": " + text_of(why);
    }

    const channel::channel_view moved_;
    const std::vector<candidate> to_;
    const std::function<void(channel::hand_over_result)> done_;
    std::size_t next_ = 0;
    failure last_{errc::unsupported, 0, "no backend was named"};
    std::string all_;
};

}  // namespace

std::vector<candidate> candidates(channel::backend_pool& pool, const settings::settings& config,
                                  const std::vector<std::string>& names,
                                  channel::trust_source source) {
    pool.look_again(channel::policy_for_running(config));
    std::vector<candidate> out;
    for (const std::string& name : names)
        out.push_back({name, channel::backend_to_move_to(pool, config, name, source)});
    return out;
}

void swap_channel(const channel::channel_view& moved, std::vector<candidate> to,
                  std::function<void(channel::hand_over_result)> done) {
    std::make_shared<search>(moved, std::move(to), std::move(done))->go_on();
}

}  // namespace fd2::runs
