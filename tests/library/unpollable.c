/* The sample backend, as one that no loop can drive and that hands nothing over. */
#define fd2_backend_entry_v1 sample_entry
#include "../../examples/backend-c/backend.c"
#undef fd2_backend_entry_v1

static const void* nothing(const char* id) {
    (void)id;
    return NULL;
}

FD2_EXPORT int32_t fd2_backend_entry_v1(const fd2_backend** out);
FD2_EXPORT int32_t fd2_backend_entry_v1(const fd2_backend** out) {
    static fd2_backend changed;
    changed = backend;
    changed.caps &= ~(FD2_CAP_POLLABLE | FD2_CAP_HANDOVER);
    changed.get_extension = nothing;
    *out = &changed;
    return FD2_OK;
}
