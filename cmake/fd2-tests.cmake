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

# Reading Catch2 takes longer than compiling most tests. A program, as they are: its flags must be
# theirs.
add_executable(fd2_test_pch "${PROJECT_SOURCE_DIR}/tests/support/precompiled.cpp")
target_include_directories(fd2_test_pch PRIVATE "${PROJECT_SOURCE_DIR}/tests")
target_link_libraries(fd2_test_pch PRIVATE fd2_options Catch2::Catch2 Threads::Threads)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # The first for ccache. The others: with it gcc 12 no longer knows what stands in a system header,
    # and shows its false alarms about std::string.
    target_compile_options(fd2_test_pch PUBLIC
        -fpch-preprocess -Wno-array-bounds -Wno-restrict -Wno-stringop-overflow
        -Wno-stringop-overread)
else()
    target_compile_options(fd2_test_pch PUBLIC "SHELL:-Xclang -fno-pch-timestamp")
endif()
target_precompile_headers(fd2_test_pch PRIVATE "${PROJECT_SOURCE_DIR}/tests/support/catch.hpp")

function(fd2_test name)
    cmake_parse_arguments(TEST "" "" "SOURCES;LINKS;LABELS" ${ARGN})
    add_executable(test_${name} ${TEST_SOURCES})
    target_include_directories(test_${name} PRIVATE "${PROJECT_SOURCE_DIR}/tests")
    target_link_libraries(test_${name} PRIVATE fd2_options ${TEST_LINKS})
    if(FD2_CATCH_V3)
        target_link_libraries(test_${name} PRIVATE Catch2::Catch2WithMain)
    else()
        target_link_libraries(test_${name} PRIVATE fd2_catch_main)
    endif()
    target_precompile_headers(test_${name} REUSE_FROM fd2_test_pch)
    target_compile_options(test_${name} PRIVATE
        $<TARGET_PROPERTY:fd2_test_pch,INTERFACE_COMPILE_OPTIONS>)
    if(NOT TEST_LABELS)
        set(TEST_LABELS unit)
    endif()
    catch_discover_tests(test_${name} TEST_PREFIX "${name}: "
        PROPERTIES TIMEOUT 120 LABELS "${TEST_LABELS}")
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
