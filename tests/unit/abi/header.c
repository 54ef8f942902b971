/*
 * The contract as a plugin author or a host sees it, compiled by every compiler, standard and word
 * size that is promised: the headers alone, without a warning, laid out as pinned in layout.def,
 * with functions as pinned in signatures.def, without padding that has no name. Nothing here is
 * run.
 */
#include "fd2/abi.h"
#include "fd2/ext/handover.h"
#include "fd2/ext/pollable.h"
#include "fd2/ext/terminal.h"

#ifdef __cplusplus
#define ASSERT(condition) static_assert(condition, #condition)
#else
#define ASSERT(condition) _Static_assert(condition, #condition)
#endif

#define SELECT(lp64, ilp32) (sizeof(void*) == 8 ? (size_t)(lp64) : (size_t)(ilp32))
ASSERT(sizeof(void*) == 8 || sizeof(void*) == 4);

#define FD2_BEGIN(type)
#define FD2_MEMBER(type, member, lp64, ilp32) ASSERT(offsetof(type, member) == SELECT(lp64, ilp32));
#define FD2_END(type, lp64, ilp32) ASSERT(sizeof(type) == SELECT(lp64, ilp32));
#include "layout.def"
#undef FD2_BEGIN
#undef FD2_MEMBER
#undef FD2_END

/* clang-format off */
/* The members add up to the struct: no padding without a name, no member missing from the list. */
#define FD2_BEGIN(type) enum { type##_members = 0
#define FD2_MEMBER(type, member, lp64, ilp32) +sizeof(((type*)0)->member)
#define FD2_END(type, lp64, ilp32) }; ASSERT(sizeof(type) == (size_t)type##_members);
#include "layout.def"
/* clang-format on */

ASSERT(sizeof(fd2_native) == 8);

/* Each function pointer has the type that is pinned: another one is no initialiser for it. */
#define FD2_SIGNATURE(table, member, result, parameters) \
    void fd2_test_##table##_##member(const table* of);   \
    void fd2_test_##table##_##member(const table* of) {  \
        result(*const pinned) parameters = of->member;   \
        (void)pinned;                                    \
    }
#include "signatures.def"

/* The macros work in both languages. */
fd2_native fd2_test_none(void);
fd2_native fd2_test_none(void) {
    return FD2_NATIVE_NONE;
}

FD2_EXPORT int32_t fd2_backend_entry_v1(const fd2_backend** out);
FD2_EXPORT int32_t fd2_backend_entry_v1(const fd2_backend** out) {
    fd2_backend_entry_fn same_type = fd2_backend_entry_v1;
    if (!out || !same_type) return FD2_E_INVALID;
    return *out && FD2_HAS(*out, fd2_backend, get_extension) ? FD2_OK : FD2_E_STATE;
}
