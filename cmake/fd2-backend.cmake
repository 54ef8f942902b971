# fd2_backend(<id> SOURCES ... [LINKS target ...] [NO_RUNTIME] [INSTALL] [NO_TEST])
#
# A backend plugin, `<id>.so` (on Windows `<id>.dll`): one exported symbol, everything else hidden; bound at load time, no
# executable stack, no GNU-unique symbols (they would pin the library for ever).
# INSTALL: goes where the host of the same prefix looks for it (FD2_BACKEND_INSTALL_DIR).
# In a project with enable_testing() it also makes a test, "conform: <id>", which runs `fd2 conform` on
# the built file; not with NO_TEST, and not where no fd2 is installed (FD2_COMMAND).
# NO_RUNTIME: C++ without exceptions, RTTI and the C++ run-time library; it loads faster.
get_filename_component(FD2_BACKEND_MODULE_DIR "${CMAKE_CURRENT_LIST_FILE}" DIRECTORY)

function(fd2_backend id)
    cmake_parse_arguments(BACKEND "NO_RUNTIME;INSTALL;NO_TEST" "" "SOURCES;LINKS" ${ARGN})
    set(target fd2_backend_${id})
    if(COMMAND fd2_platform_sources)
        fd2_platform_sources(BACKEND_SOURCES)
    endif()
    if(FD2_STATIC_PLUGINS AND BACKEND_INSTALL AND COMMAND fd2_linked_backend)
        fd2_linked_backend(${id} ${BACKEND_SOURCES})
        target_link_libraries(${target} PRIVATE ${BACKEND_LINKS})
        return()
    endif()
    add_library(${target} MODULE ${BACKEND_SOURCES})
    set_target_properties(${target} PROPERTIES
        PREFIX "" OUTPUT_NAME "${id}"
        C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
        POSITION_INDEPENDENT_CODE ON
        LINK_DEPENDS "${FD2_BACKEND_MODULE_DIR}/fd2-backend.map")
    if(FD2_PLUGIN_OUTPUT)
        set_target_properties(${target} PROPERTIES LIBRARY_OUTPUT_DIRECTORY "${FD2_PLUGIN_OUTPUT}")
    endif()
    get_property(languages GLOBAL PROPERTY ENABLED_LANGUAGES)
    target_compile_features(${target} PRIVATE c_std_11)
    if("CXX" IN_LIST languages)
        target_compile_features(${target} PRIVATE cxx_std_20)
    endif()
    target_compile_definitions(${target} PRIVATE _GNU_SOURCE
        FD2_BACKEND_VERSION="${PROJECT_VERSION}")
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-fno-gnu-unique>)
    endif()
    if(WIN32)
        # It exports what is marked for it; and it brings its run-time library along.
        if(NOT MSVC)
            target_link_options(${target} PRIVATE -static)
        endif()
    else()
        target_link_options(${target} PRIVATE
            "LINKER:--version-script=${FD2_BACKEND_MODULE_DIR}/fd2-backend.map"
            LINKER:-z,now,-z,relro,-z,noexecstack LINKER:--build-id
            # Two segments instead of four: less to map, and less to copy before (13 us of a start).
            LINKER:-z,noseparate-code)
    endif()
    if(NOT FD2_SANITIZE AND NOT WIN32)
        target_link_options(${target} PRIVATE LINKER:--no-undefined)
    endif()
    if(BACKEND_NO_RUNTIME)
        target_compile_options(${target} PRIVATE
            $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions -fno-rtti -fno-threadsafe-statics>)
        set_target_properties(${target} PROPERTIES LINKER_LANGUAGE C)
    endif()
    target_link_libraries(${target} PRIVATE ${BACKEND_LINKS})
    if(BACKEND_INSTALL)
        install(TARGETS ${target} LIBRARY DESTINATION "${FD2_BACKEND_INSTALL_DIR}")
    endif()
    if(TARGET fd2_options)
        target_link_libraries(${target} PRIVATE fd2_kit fd2_options fd2_hardening)
        return()  # its own tree tests it in its own way
    endif()
    target_link_libraries(${target} PRIVATE fd2::kit)
    if(BACKEND_NO_TEST)
        return()
    endif()
    find_program(FD2_COMMAND fd2 HINTS "${FD2_COMMAND_DIR}")
    if(FD2_COMMAND)
        add_test(NAME "conform: ${id}" COMMAND "${FD2_COMMAND}" conform "$<TARGET_FILE:${target}>")
        set_tests_properties("conform: ${id}" PROPERTIES TIMEOUT 1500)
    else()
        message(STATUS "fd2 is not installed: no test \"conform: ${id}\"")
    endif()
endfunction()
