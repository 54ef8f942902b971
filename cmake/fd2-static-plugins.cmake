# -DFD2_STATIC_PLUGINS=ON: the shipped backends become part of the command, for one that cannot load
# any, because it is static. Each has the same entry as the plugin that it would be, under a name of its
# own, and a table by id (host/channel/linked_plugins.hpp) says which there are.
option(FD2_STATIC_PLUGINS "Link the shipped backends into the command" OFF)
if(FD2_STATIC_PLUGINS AND (FD2_TESTS OR FD2_CONFORM))
    message(FATAL_ERROR "FD2_STATIC_PLUGINS: tests and fd2 conform load plugins from files; "
        "add -DFD2_TESTS=OFF -DFD2_CONFORM=OFF")
endif()

# fd2_linked_backend(<id> <source>...)
#
# The target of fd2_backend(<id>), as a library for the command.
function(fd2_linked_backend id)
    string(REPLACE "-" "_" entry "fd2_linked_${id}")
    add_library(fd2_backend_${id} STATIC ${ARGN})
    target_compile_features(fd2_backend_${id} PRIVATE c_std_11 cxx_std_20)
    target_compile_definitions(fd2_backend_${id} PRIVATE
        _GNU_SOURCE FD2_BACKEND_VERSION="${PROJECT_VERSION}" fd2_backend_entry_v1=${entry})
    target_link_libraries(fd2_backend_${id} PRIVATE fd2_kit fd2_options fd2_hardening)
    set_property(GLOBAL APPEND PROPERTY FD2_LINKED_IDS ${id})
endfunction()

# fd2_linked_table(<target>)
#
# Gives a target, the room `channel`, the backends and their table.
function(fd2_linked_table target)
    get_property(ids GLOBAL PROPERTY FD2_LINKED_IDS)
    list(SORT ids)
    set(declarations "")
    set(rows "")
    foreach(id IN LISTS ids)
        string(REPLACE "-" "_" entry "fd2_linked_${id}")
        string(APPEND declarations "std::int32_t ${entry}(const fd2_backend**);\n")
        string(APPEND rows "    {\"${id}\", ${entry}},\n")
        target_link_libraries(${target} PRIVATE fd2_backend_${id})
    endforeach()
    file(CONFIGURE OUTPUT linked_plugins.cpp @ONLY CONTENT [[
#include "channel/linked_plugins.hpp"

extern "C" {
@declarations@}

namespace fd2::channel {

static constexpr linked_plugin table[] = {
@rows@};

std::span<const linked_plugin> linked_plugins() noexcept {
    return table;
}

}  // namespace fd2::channel
]])
    target_sources(${target} PRIVATE "${CMAKE_CURRENT_BINARY_DIR}/linked_plugins.cpp")
endfunction()
