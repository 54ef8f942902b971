/*
 * fd2/drain_options.h - reading and checking a backend's options; include fd2/drain.h instead
 */
#ifndef FD2_DRAIN_OPTIONS_H
#define FD2_DRAIN_OPTIONS_H

#include <string.h>

static const fd2_option* fd2_option_at(const fd2_options* options, uint32_t index) {
    const unsigned char* base = (const unsigned char*)options->items;
    return (const fd2_option*)(const void*)(base + (size_t)index * options->stride);
}

static const fd2_option* fd2_find_option(const fd2_options* options, const char* name) {
    for (uint32_t i = 0; options && i < options->count; ++i) {
        const fd2_option* option = fd2_option_at(options, i);
        if (strcmp(option->name, name) == 0) return option;
    }
    return NULL;
}

FD2_DRAIN_HELPER int64_t fd2_option_number(const fd2_options* options, const char* name,
                                           int64_t fallback) {
    const fd2_option* option = fd2_find_option(options, name);
    return option ? option->number : fallback;
}

FD2_DRAIN_HELPER const char* fd2_option_text(const fd2_options* options, const char* name,
                                             const char* fallback) {
    const fd2_option* option = fd2_find_option(options, name);
    return option ? option->text : fallback;
}

static int fd2_is_one_of(const char* word, const char* values) {
    const size_t length = word ? strlen(word) : 0;
    while (length != 0 && values && *values) {
        const size_t part = strcspn(values, "|");
        if (part == length && memcmp(values, word, length) == 0) return 1;
        values += part + (values[part] == '|');
    }
    return 0;
}

static int32_t fd2_check_options(const fd2_options* options, const fd2_option_spec* table,
                                 uint32_t count, fd2_error* error) {
    if (!options) return FD2_OK;
    if (options->struct_size < sizeof(*options) ||
        (options->count != 0 && (!options->items || options->stride < sizeof(fd2_option)))) {
        return fd2_fail(error, FD2_E_INVALID, 0, "options", "malformed table");
    }
    for (uint32_t i = 0; i < options->count; ++i) {
        const fd2_option* option = fd2_option_at(options, i);
        const fd2_option_spec* spec = NULL;
        if (option->struct_size < sizeof(*option) || !option->name) {
            return fd2_fail(error, FD2_E_INVALID, 0, "options", "malformed option");
        }
        for (uint32_t k = 0; k < count && !spec; ++k) {
            if (strcmp(table[k].name, option->name) == 0) spec = &table[k];
        }
        if (!spec) return fd2_fail(error, FD2_E_CONFIG, 0, "unknown option", option->name);
        if (spec->type != option->type) {
            return fd2_fail(error, FD2_E_CONFIG, 0, "wrong type of option", option->name);
        }
        const int good = spec->type == FD2_OPTION_ENUM
                             ? fd2_is_one_of(option->text, spec->values)
                             : option->number >= spec->minimum && option->number <= spec->maximum;
        if (!good) return fd2_fail(error, FD2_E_CONFIG, 0, "value out of range", option->name);
    }
    return FD2_OK;
}

#endif /* FD2_DRAIN_OPTIONS_H */
