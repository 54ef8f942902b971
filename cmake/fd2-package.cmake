# How other projects find an installed fd2: find_package(fd2 CONFIG) and pkg-config. All paths are
# relative to the files themselves, so that a tree that was installed may be moved.
include(CMakePackageConfigHelpers)

set(directory "${CMAKE_INSTALL_LIBDIR}/cmake/fd2")
configure_package_config_file(cmake/fd2-config.cmake.in fd2-config.cmake
    INSTALL_DESTINATION "${directory}"
    PATH_VARS CMAKE_INSTALL_BINDIR
    NO_SET_AND_CHECK_MACRO)
# Before 1.0 a minor release may change the interface.
write_basic_package_version_file(fd2-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES
    "${CMAKE_CURRENT_BINARY_DIR}/fd2-config.cmake"
    "${CMAKE_CURRENT_BINARY_DIR}/fd2-config-version.cmake"
    cmake/fd2-backend.cmake cmake/fd2-backend.map
    DESTINATION "${directory}" COMPONENT development)
install(EXPORT fd2-targets NAMESPACE fd2:: DESTINATION "${directory}" COMPONENT development)

# A directory below the prefix is said from where fd2.pc lies, another one as it is.
set(base "${CMAKE_INSTALL_PREFIX}")
cmake_path(APPEND CMAKE_INSTALL_LIBDIR pkgconfig OUTPUT_VARIABLE beside)
cmake_path(ABSOLUTE_PATH beside BASE_DIRECTORY "${base}")
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
    set(FD2_PC_PREFIX "${base}")
else()
    file(RELATIVE_PATH up "${beside}" "${base}")
    string(REGEX REPLACE "/$" "" up "${up}")
    set(FD2_PC_PREFIX "\${pcfiledir}/${up}")
endif()
foreach(name IN ITEMS LIBDIR INCLUDEDIR)
    if(IS_ABSOLUTE "${CMAKE_INSTALL_${name}}")
        set(FD2_PC_${name} "${CMAKE_INSTALL_${name}}")
    else()
        set(FD2_PC_${name} "\${prefix}/${CMAKE_INSTALL_${name}}")
    endif()
endforeach()
configure_file(cmake/fd2.pc.in fd2.pc @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/fd2.pc"
    DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT development)
