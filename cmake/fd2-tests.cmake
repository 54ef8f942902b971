# fd2_test(<name> SOURCES ... [LINKS target ...] [LABELS label ...])
#
# One Catch2 program, `test_<name>`; each of its test cases is one CTest test, with a time-out that
# only catches hangs. The main() is shared and compiled once; Catch2 v2 and v3 both serve.
if(TARGET Catch2::Catch2WithMain)
    set(FD2_CATCH_V3 ON)
else()
    set(FD2_CATCH_V3 OFF)
    add_library(fd2_catch_main STATIC "${PROJECT_SOURCE_DIR}/tests/support/catch_main.cpp")
    target_link_libraries(fd2_catch_main PUBLIC Catch2::Catch2)
endif()

# What the helpers of tests/support need of the platform.
set(support scratch.posix.cpp scratch.windows.cpp)
fd2_platform_sources(support)
list(TRANSFORM support PREPEND "${PROJECT_SOURCE_DIR}/tests/support/")
add_library(fd2_test_support STATIC ${support})
target_include_directories(fd2_test_support PRIVATE "${PROJECT_SOURCE_DIR}/tests")
target_link_libraries(fd2_test_support PRIVATE fd2_options)
set_target_properties(fd2_test_support PROPERTIES FD2_IS_TEST ON)

# Reading Catch2 takes longer than compiling most tests. A program, as they are: its flags must be
# theirs.
add_executable(fd2_test_pch "${PROJECT_SOURCE_DIR}/tests/support/precompiled.cpp")
target_include_directories(fd2_test_pch PRIVATE "${PROJECT_SOURCE_DIR}/tests")
target_link_libraries(fd2_test_pch PRIVATE fd2_options Catch2::Catch2 Threads::Threads)
set_target_properties(fd2_test_pch PROPERTIES FD2_IS_TEST ON)
if(NOT FD2_SANITIZE)
    # Half the time that they take at -O2 -g.
    target_compile_options(fd2_test_pch PUBLIC $<$<CONFIG:RelWithDebInfo>:-O0$<SEMICOLON>-g1>)
endif()
target_link_libraries(fd2_test_pch PRIVATE fd2_precompiled)
target_precompile_headers(fd2_test_pch PRIVATE "${PROJECT_SOURCE_DIR}/tests/support/catch.hpp")

# All programs of fd2_test: what the suites under a sanitizer need, without the end-to-end tests.
add_custom_target(fd2_suites)

function(fd2_test name)
    cmake_parse_arguments(TEST "" "" "SOURCES;LINKS;LABELS" ${ARGN})
    fd2_platform_sources(TEST_SOURCES)
    add_executable(test_${name} ${TEST_SOURCES})
    target_include_directories(test_${name} PRIVATE "${PROJECT_SOURCE_DIR}/tests")
    target_link_libraries(test_${name} PRIVATE
        fd2_options fd2_precompiled fd2_test_support ${TEST_LINKS})
    if(FD2_CATCH_V3)
        target_link_libraries(test_${name} PRIVATE Catch2::Catch2WithMain)
    else()
        target_link_libraries(test_${name} PRIVATE fd2_catch_main)
    endif()
    set_target_properties(test_${name} PROPERTIES FD2_IS_TEST ON)
    add_dependencies(fd2_suites test_${name})
    target_precompile_headers(test_${name} REUSE_FROM fd2_test_pch)
    target_compile_options(test_${name} PRIVATE
        $<TARGET_PROPERTY:fd2_test_pch,INTERFACE_COMPILE_OPTIONS>)
    if(NOT TEST_LABELS)
        set(TEST_LABELS unit)
    endif()
    set(limit 120)
    if(FD2_SANITIZE)
        set(limit 900) # some ten times as slow, and beside other tests
    endif()
    if(CMAKE_CROSSCOMPILING)  # a start under an emulator takes longer than most test cases
        add_test(NAME "${name}: the whole suite" COMMAND test_${name})
        set_tests_properties("${name}: the whole suite" PROPERTIES TIMEOUT 600 LABELS "${TEST_LABELS}")
        return()
    endif()
    catch_discover_tests(test_${name} TEST_PREFIX "${name}: "
        PROPERTIES TIMEOUT ${limit} LABELS "${TEST_LABELS}")
endfunction()

# fd2_python_tests(<variable> <prefix> <file>)
#
# Every method of a file of unittest cases is one CTest test, named after it; status 77 means skipped.
# The variable gets their names.
function(fd2_python_tests variable prefix file)
    set(tests)
    set(path "${CMAKE_CURRENT_SOURCE_DIR}/${file}")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${path}")
    file(STRINGS "${path}" methods REGEX "^    def test_")
    foreach(line IN LISTS methods)
        string(REGEX REPLACE "^    def (test_[a-z0-9_]+).*" "\\1" method "${line}")
        string(REGEX REPLACE "^test_" "" sentence "${method}")
        string(REPLACE "_" " " sentence "${sentence}")
        set(test "${prefix}: ${sentence}")
        add_test(NAME "${test}" COMMAND "${FD2_PYTHON}" "${path}" "${method}")
        list(APPEND tests "${test}")
    endforeach()
    set_tests_properties(${tests} PROPERTIES SKIP_RETURN_CODE 77)
    set(${variable} "${tests}" PARENT_SCOPE)
endfunction()
