// Ours: channels of a backend, through the host's loader.

#include "capture/capture.hpp"
#include "channel/selection.hpp"
#include "many/receiver.hpp"
#include "support/backend.hpp"
#include "support/process.hpp"

namespace fd2::bench {

namespace {

/// The backend with a sink that measures, and perhaps the record of each channel.
class raw_channels final : public receiver {
  public:
    raw_channels(std::string_view directory, std::string_view backend, bool captured)
        : backend_(directory, backend), captured_(captured) {
        if (!backend_.usable()) throw refused(backend_.why());
    }
    ~raw_channels() override { close(); }

    void prepare(std::size_t count) override { make_room(channels_, count); }

    void open(std::vector<meter>& into, const taker& give) override {
        for (meter& one : into) {
            channel& made = channels_.emplace_back();
            made.into = &one;
            if (captured_) {
                made.record = std::make_unique<capture::capture>(capture::capture::limits{});
            }
            made.handle = backend_.open(
                {sizeof(fd2_sink), 0, &made, on_bytes, on_end, captured_ ? reserve : nullptr});
            if (made.handle == nullptr || !backend_.start(made.handle)) {
                if (made.handle != nullptr) backend_.ops().close(made.handle);
                channels_.pop_back();
                throw refused(backend_.why());
            }
            unique_fd end = backend_.take_child_end(made.handle);
            if (!end) throw refused(backend_.why());
            give(std::move(end));
        }
    }

    void close() override {
        for (const channel& one : channels_) {
            if (!backend_.end(one.handle)) die("the end of a channel");
        }
        channels_.clear();
    }

  private:
    struct channel {
        fd2_channel* handle = nullptr;
        meter* into = nullptr;
        std::unique_ptr<capture::capture> record;
    };

    static std::int32_t on_bytes(void* self, const std::uint8_t* data, std::uint32_t size) {
        const auto& one = *static_cast<channel*>(self);
        if (one.record) one.record->append(data, size);
        one.into->take(data, size);
        return FD2_CONTINUE;
    }
    static void on_end(void* self, std::int32_t, std::int32_t) {
        const auto& one = *static_cast<channel*>(self);
        if (one.record) one.record->finish(end_kind::stopped, 0);
    }
    static std::int32_t reserve(void* self, std::uint8_t** data, std::uint32_t* space) {
        std::size_t size = 0;
        *data = static_cast<channel*>(self)->record->reserve(size);
        *space = static_cast<std::uint32_t>(size);
        return *data != nullptr ? FD2_OK : FD2_E_RESOURCE;
    }

    loaded_backend backend_;
    bool captured_;
    std::vector<channel> channels_;
};

/// As an embedding program has them.
class host_channels final : public receiver {
  public:
    host_channels(std::string_view directory, std::string_view backend)
        : name_(backend),
          with_(name_.as_settings()),
          plugins_({{std::string(directory), channel::trust_source::caller}}),
          pool_(plugins_, nullptr) {
        want_.backends = {name_.id};
        want_.inherit = false;
    }
    ~host_channels() override { close(); }

    void prepare(std::size_t count) override {
        make_room(opened_, count);
        make_room(consumers_, count);
    }

    void open(std::vector<meter>& into, const taker& give) override {
        for (meter& one : into) {
            consumers_.emplace_back(&one);
            channel::channel_setup setup;
            setup.bytes = &consumers_.back();
            auto chosen = channel::open_channel(pool_, with_, want_, setup);
            if (!chosen) throw refused(chosen.error().message);
            opened_.push_back(std::move(chosen->opened));
            auto end = opened_.back()->take_child_end();
            if (!end) throw refused(end.error().message);
            give(std::move(*end));
        }
    }

    void close() override { opened_.clear(); }

  private:
    class consumer final : public channel::byte_consumer {
      public:
        consumer() = default;
        explicit consumer(meter* into) : into_(into) {}
        flow offer(const std::uint8_t* data, std::size_t size) noexcept override {
            into_->take(data, size);
            return flow::more;
        }

      private:
        meter* into_ = nullptr;
    };

    backend_name name_;
    settings::settings with_;
    channel::loader plugins_;
    channel::backend_pool pool_;
    channel::open_request want_;
    std::vector<consumer> consumers_;
    std::vector<std::unique_ptr<channel::channel>> opened_;
};

}  // namespace

std::unique_ptr<receiver> backend_receiver(std::string_view directory, std::string_view backend,
                                           depth how_deep) {
    if (how_deep == depth::host) return std::make_unique<host_channels>(directory, backend);
    return std::make_unique<raw_channels>(directory, backend, how_deep == depth::capture);
}

}  // namespace fd2::bench
