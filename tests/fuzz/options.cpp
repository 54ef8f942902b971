// Values for the options of a backend: the check of the drain kit, against the words of the
// contract.
#include <fd2/abi.h>
#include <fuzzer/FuzzedDataProvider.h>

// Of the kit the options only.
#pragma clang diagnostic ignored "-Wunused-function"
#include <fd2/drain.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace {

void expect(bool good) {
    if (!good) std::abort();
}

/// In memory of exactly its size, so that a byte too far is seen.
class exact_text {
  public:
    explicit exact_text(const std::string& text) : text_(new char[text.size() + 1]) {
        std::memcpy(text_.get(), text.c_str(), text.size() + 1);
    }
    const char* get() const { return text_.get(); }

  private:
    std::unique_ptr<char[]> text_;
};

std::string word(FuzzedDataProvider& from) {
    static const char* const words[] = {"a", "ab", "a-b", "size", "mode", "", "x|y"};
    if (from.ConsumeBool()) return from.PickValueInArray(words);
    std::string text = from.ConsumeRandomLengthString(40);
    return text.substr(0, text.find('\0'));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    FuzzedDataProvider from(data, size);
    std::vector<exact_text> texts;
    texts.reserve(200);
    const auto keep = [&](const std::string& text) { return texts.emplace_back(text).get(); };

    std::vector<fd2_option_spec> specs(from.ConsumeIntegralInRange<std::size_t>(0, 6));
    for (auto& spec : specs) {
        spec = {};
        spec.struct_size = sizeof(spec);
        spec.type = from.ConsumeIntegralInRange<std::uint32_t>(0, 6);
        spec.name = keep(word(from));
        spec.values = from.ConsumeBool() ? keep(word(from) + "|" + word(from)) : nullptr;
        spec.minimum = from.ConsumeIntegral<std::int64_t>();
        spec.maximum = from.ConsumeIntegral<std::int64_t>();
    }
    // A host of a later version has longer items.
    const std::uint32_t stride = sizeof(fd2_option) + 8 * from.ConsumeIntegralInRange(0u, 2u);
    const auto count = from.ConsumeIntegralInRange<std::uint32_t>(0, 6);
    std::vector<std::uint64_t> memory(count * stride / 8);
    std::vector<fd2_option> items;
    for (std::uint32_t i = 0; i < count; ++i) {
        fd2_option one{};
        one.struct_size = stride;
        one.type = from.ConsumeIntegralInRange<std::uint32_t>(0, 6);
        one.name = from.ConsumeIntegralInRange(0, 20) == 0 ? nullptr : keep(word(from));
        one.text = from.ConsumeBool() ? keep(word(from)) : nullptr;
        one.number = from.ConsumeIntegral<std::int64_t>();
        std::memcpy(reinterpret_cast<char*>(memory.data()) + i * stride, &one, sizeof(one));
        items.push_back(one);
    }
    fd2_options options{sizeof(fd2_options), count, stride, 0,
                        reinterpret_cast<const fd2_option*>(memory.data())};
    if (from.ConsumeIntegralInRange(0, 20) == 0)
        options.struct_size = from.ConsumeIntegral<std::uint8_t>();
    fd2_error error{sizeof(error), 0, 0, 0, {}};
    const std::int32_t code =
        fd2_check_options(&options, specs.data(), static_cast<std::uint32_t>(specs.size()), &error);

    // By the words of the contract.
    std::int32_t wanted = FD2_OK;
    if (options.struct_size < sizeof(fd2_options)) wanted = FD2_E_INVALID;
    for (std::size_t i = 0; i < items.size() && wanted == FD2_OK; ++i) {
        const fd2_option& one = items[i];
        const fd2_option_spec* spec = nullptr;
        if (!one.name) {
            wanted = FD2_E_INVALID;
            break;
        }
        for (const auto& each : specs) {
            if (!spec && std::string(each.name) == one.name) spec = &each;
        }
        bool good = spec && spec->type == one.type;
        if (good && spec->type == FD2_OPTION_ENUM) {
            const std::string all = "|" + std::string(spec->values ? spec->values : "") + "|";
            const std::string text = one.text ? one.text : "";
            good = !text.empty() && text.find('|') == text.npos &&
                   all.find("|" + text + "|") != all.npos;
        } else if (good) {
            good = one.number >= spec->minimum && one.number <= spec->maximum;
        }
        if (!good) wanted = FD2_E_CONFIG;
    }
    expect(code == wanted);
    expect(::strnlen(error.message, sizeof(error.message)) < sizeof(error.message));
    expect(code == FD2_OK || (error.code == code && error.message[0] != '\0'));
    return 0;
}
