# Compiles SOURCE, without output, once for each standard, with every warning an error.
#   cmake -DCOMPILER=... -DSTANDARDS=c11,c17 -DFLAGS=... -DSOURCE=... -DINCLUDE=...,... -P compiles.cmake
string(REPLACE "," ";" STANDARDS "${STANDARDS}")
string(REPLACE "," ";" INCLUDE "${INCLUDE}")
list(TRANSFORM INCLUDE PREPEND "-I")
separate_arguments(FLAGS UNIX_COMMAND "${FLAGS}")
foreach(standard IN LISTS STANDARDS)
    set(language c)
    if(standard MATCHES "\\+\\+")
        set(language c++)
    endif()
    execute_process(
        COMMAND "${COMPILER}" -x ${language} -std=${standard} -Wall -Wextra -Wpedantic -Wconversion
                -Wshadow -Werror ${FLAGS} ${INCLUDE} -c -o /dev/null "${SOURCE}"
        RESULT_VARIABLE code ERROR_VARIABLE text)
    if(NOT code EQUAL 0)
        message(SEND_ERROR "${COMPILER} -std=${standard} ${FLAGS}:\n${text}")
    endif()
endforeach()
