# The contract as compiled beside the contract as pinned.
#   cmake -DDUMP=... -DGOLDEN=... [-DEMULATOR=...] -P compare.cmake
execute_process(COMMAND ${EMULATOR} "${DUMP}" OUTPUT_VARIABLE have RESULT_VARIABLE code)
file(READ "${GOLDEN}" want)
if(NOT code EQUAL 0 OR have STREQUAL "" OR NOT have STREQUAL want)
    message(FATAL_ERROR "the binary contract differs from ${GOLDEN}; it is:\n${have}")
endif()
