# The target fd2_zip: fd2-VERSION-windows-MACHINE.zip with the command, what `fd2 conform` runs, the
# backends beside it, and the licences of all that is linked in. What is not built yet is not in it.
if(NOT TARGET fd2)
    return()
endif()
set(name "fd2-${PROJECT_VERSION}-windows-${CMAKE_SYSTEM_PROCESSOR}")
set(stage "${PROJECT_BINARY_DIR}/zip/${name}")
set(commands)
set(programs fd2)
if(TARGET fd2_conform)
    list(APPEND programs fd2_conform)
endif()
foreach(program IN LISTS programs)
    list(APPEND commands COMMAND "${CMAKE_COMMAND}" -E copy "$<TARGET_FILE:${program}>" "${stage}/")
    if(CMAKE_STRIP)
        list(APPEND commands COMMAND "${CMAKE_STRIP}" "${stage}/$<TARGET_FILE_NAME:${program}>")
    endif()
endforeach()
foreach(backend IN ITEMS pipe tcpshim tokio-like-async)
    if(TARGET fd2_backend_${backend})
        list(APPEND commands
            COMMAND "${CMAKE_COMMAND}" -E copy "$<TARGET_FILE:fd2_backend_${backend}>" "${stage}/backends/")
        list(APPEND programs fd2_backend_${backend})
        if(CMAKE_STRIP)
            list(APPEND commands
                COMMAND "${CMAKE_STRIP}" "${stage}/backends/$<TARGET_FILE_NAME:fd2_backend_${backend}>")
        endif()
    endif()
endforeach()
if(EXISTS "${FD2_WINDOWS_DEPS}/share/notices")
    list(APPEND commands
        COMMAND "${CMAKE_COMMAND}" -E copy_directory "${FD2_WINDOWS_DEPS}/share/notices" "${stage}/notices")
endif()
add_custom_target(fd2_zip
    COMMAND "${CMAKE_COMMAND}" -E rm -rf "${stage}"
    COMMAND "${CMAKE_COMMAND}" -E make_directory "${stage}/backends" "${stage}/notices"
    ${commands}
    COMMAND "${CMAKE_COMMAND}" -E copy "${PROJECT_SOURCE_DIR}/LICENSE" "${PROJECT_SOURCE_DIR}/CHANGELOG.md"
        "${PROJECT_SOURCE_DIR}/docs/windows.md" "${stage}/"
    COMMAND "${CMAKE_COMMAND}" -E chdir "${PROJECT_BINARY_DIR}/zip"
        "${CMAKE_COMMAND}" -E tar cf "${PROJECT_BINARY_DIR}/${name}.zip" --format=zip -- "${name}"
    COMMAND "${CMAKE_COMMAND}" -E echo "${PROJECT_BINARY_DIR}/${name}.zip"
    DEPENDS ${programs}
    VERBATIM)
