/*
 * A plugin as the loader may meet it; PLUGIN_* says what is wrong with it. Only its tables matter:
 * no function of it is called but the entry and get_extension. PLUGIN_AT_LOAD is what it does when
 * it is mapped.
 */
#include <string.h>
#include <unistd.h>

#include "fd2/abi.h"
#include "fd2/ext/handover.h"
#include "fd2/ext/pollable.h"

#ifdef PLUGIN_AT_LOAD
__attribute__((constructor)) static void at_load(void) {
    PLUGIN_AT_LOAD;
}
#endif

#ifndef PLUGIN_CALLS_ITSELF
#define PLUGIN_CALLS_ITSELF PLUGIN_ID
#endif
#ifndef PLUGIN_VERSION
#define PLUGIN_VERSION "1.0.0"
#endif

#ifdef PLUGIN_UNRESOLVED
int32_t nobody_defines_this(void);
#define UNSUPPORTED nobody_defines_this()
#else
#define UNSUPPORTED FD2_E_UNSUPPORTED
#endif

static int32_t info(const fd2_channel* c, fd2_info* out) {
    (void)c, (void)out;
    return UNSUPPORTED;
}
static int32_t start(fd2_channel* c, fd2_error* error) {
    (void)c, (void)error;
    return UNSUPPORTED;
}
static int32_t take(fd2_channel* c, fd2_native* out, fd2_error* error) {
    (void)c, (void)out, (void)error;
    return UNSUPPORTED;
}
static int32_t simple(fd2_channel* c) {
    (void)c;
    return UNSUPPORTED;
}
static int32_t finish(fd2_channel* c, int32_t mode) {
    (void)c, (void)mode;
    return UNSUPPORTED;
}
#ifndef PLUGIN_NO_JOIN
static int32_t join(fd2_channel* c, int64_t deadline) {
    (void)c, (void)deadline;
    return UNSUPPORTED;
}
#endif
static int32_t init(const fd2_host* host, fd2_instance** out, fd2_error* error) {
    (void)host, (void)out, (void)error;
    return UNSUPPORTED;
}
static int32_t deinit(fd2_instance* instance) {
    (void)instance;
    return UNSUPPORTED;
}
#ifndef PLUGIN_NO_OPEN
static int32_t open_channel(fd2_instance* instance, const fd2_options* options,
                            const fd2_sink* sink, fd2_channel** out, fd2_error* error) {
    (void)instance, (void)options, (void)sink, (void)out, (void)error;
    return UNSUPPORTED;
}
#endif

#ifdef PLUGIN_EXTENSIONS
static const fd2_handover handover = {sizeof(fd2_handover), 0, NULL, NULL};
static const fd2_pollable too_short = {8, 0, NULL, NULL};
#endif

static const void* get_extension(const char* id) {
#ifdef PLUGIN_EXTENSIONS
    if (strcmp(id, FD2_EXT_HANDOVER) == 0) return &handover;
    if (strcmp(id, FD2_EXT_POLLABLE) == 0) return &too_short;
#endif
    (void)id;
    return NULL;
}

#ifndef PLUGIN_NO_CHANNEL
static const fd2_channel_ops ops = {
    sizeof(fd2_channel_ops),
    0,
    info,
    start,
    take,
    simple,
    finish,
#ifdef PLUGIN_NO_JOIN
    NULL,
#else
    join,
#endif
    simple,
};
#endif

#ifdef PLUGIN_OPTION_NAME
/* One of several words, and there are none. */
static const fd2_option_spec options[] = {{
    .struct_size = sizeof(fd2_option_spec),
    .type = FD2_OPTION_ENUM,
    .name = PLUGIN_OPTION_NAME,
    .help = "one of none",
}};
#endif

static const fd2_backend table = {
#ifdef PLUGIN_SHORT_TABLE
    .struct_size = offsetof(fd2_backend, get_extension),
#else
    .struct_size = sizeof(fd2_backend),
#endif
    .option_stride = sizeof(fd2_option_spec),
#ifndef PLUGIN_NO_ID
    .id = PLUGIN_CALLS_ITSELF,
#endif
    .version = PLUGIN_VERSION,
    .vendor = "fd2",
    .description = "for the tests of the loader",
#ifdef PLUGIN_NO_OPTIONS
    .option_count = 3,
#endif
#ifdef PLUGIN_OPTION_NAME
    .option_count = 1,
    .options = options,
#endif
#ifndef PLUGIN_NO_CHANNEL
    .channel = &ops,
#endif
    .init = init,
    .deinit = deinit,
#ifndef PLUGIN_NO_OPEN
    .open = open_channel,
#endif
    .get_extension = get_extension,
};

#ifdef PLUGIN_WRONG_ENTRY
#define ENTRY fd2_backend_entry_v9
#else
#define ENTRY fd2_backend_entry_v1
#endif

FD2_EXPORT int32_t ENTRY(const fd2_backend** out);
FD2_EXPORT int32_t ENTRY(const fd2_backend** out) {
#ifdef PLUGIN_REFUSES
    (void)table;
    (void)out;
    return FD2_E_UNSUPPORTED;
#elif defined(PLUGIN_NO_TABLE)
    (void)table;
    *out = NULL;
    return FD2_OK;
#else
    *out = &table;
    return FD2_OK;
#endif
}
