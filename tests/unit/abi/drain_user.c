/*
 * The smallest use of the drain kit: no option, no extension. Compiled by every compiler and
 * standard that is promised; that nothing of the kit is "unused" is the point. Nothing here is run.
 */
#include "fd2/drain.h"

static int32_t open_channel(fd2_instance* instance, const fd2_options* options,
                            const fd2_sink* sink, fd2_channel** out, fd2_error* error) {
    fd2_drain_spec spec;
    if (options && options->count != 0) {
        return fd2_fail(error, FD2_E_CONFIG, 0, "unknown option", options->items->name);
    }
    memset(&spec, 0, sizeof(spec));
    spec.thread_name = "fd2-test";
    spec.read_end = FD2_NATIVE_NONE;
    spec.child_end = FD2_NATIVE_NONE;
    return fd2_drain_open(instance, &spec, sink, out, error);
}

static const void* no_extension(const char* id) {
    (void)id;
    return NULL;
}

FD2_EXPORT int32_t fd2_backend_entry_v1(const fd2_backend** out);
FD2_EXPORT int32_t fd2_backend_entry_v1(const fd2_backend** out) {
    static const fd2_backend table = {
        (uint32_t)sizeof(fd2_backend),
        (uint32_t)sizeof(fd2_option_spec),
        "test",
        "0.0.0",
        "fd2",
        "compiled, never run",
        FD2_CAP_WAKE,
        0,
        0,
        NULL,
        &fd2_drain_ops,
        fd2_drain_init,
        fd2_drain_deinit,
        open_channel,
        no_extension,
    };
    if (!out) return FD2_E_INVALID;
    *out = &table;
    return FD2_OK;
}
