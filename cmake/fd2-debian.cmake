# Debian packages: `cpack` in a tree whose prefix is /usr (the preset `package`, scripts/package).
#
#   fd2         the command, libfd2 and the backends, man pages, completion, documents
#   libfd2-dev  headers, package files for CMake and pkg-config, the link libfd2.so, examples
#
# One package for the command and the library: both look for the same backends, which must be those
# of their own version. Nothing is installed below /etc, so there is no conffile.
#
# Where the backends lie is compiled in. So there is nothing to pack in a tree with another prefix.
if(NOT CMAKE_INSTALL_PREFIX STREQUAL "/usr")
    return()
endif()

install(FILES cmake/debian/fd2.lintian-overrides
    DESTINATION "${CMAKE_INSTALL_DATADIR}/lintian/overrides" RENAME fd2)
install(DIRECTORY examples/ DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/libfd2-dev/examples"
    COMPONENT development)

# A version that is not released yet sorts before the one that will be.
file(STRINGS CHANGELOG.md heading REGEX "^## ${PROJECT_VERSION}, ")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS CHANGELOG.md)
set(version "${PROJECT_VERSION}")
if(NOT heading MATCHES ", [0-9]+-[0-9]+-[0-9]+$")
    string(APPEND version "~dev")
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME fd2)
set(CPACK_PACKAGE_VERSION "${version}")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")  # each package has its own
set(CPACK_PACKAGE_VENDOR "The fd2 project")
# A packager with a mail address says it here.
set(FD2_DEBIAN_MAINTAINER "The fd2 project <maintainers@fd2.invalid>" CACHE STRING
    "Maintainer of the Debian packages, `Name <address>`")
set(CPACK_PACKAGE_CONTACT "${FD2_DEBIAN_MAINTAINER}")
set(CPACK_PACKAGING_INSTALL_PREFIX "${CMAKE_INSTALL_PREFIX}")
set(CPACK_COMPONENTS_ALL runtime development)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
# Before the 1 of a package that Debian may make itself.
set(CPACK_DEBIAN_PACKAGE_RELEASE 0fd2)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)

# What the package of a program linked with libfd2 depends on. The package fd2 does not have the
# soname in its name, so the versions say how long that soname is in it.
get_target_property(soversion libfd2 SOVERSION)
string(REGEX MATCH "[0-9]+$" last "${soversion}")
math(EXPR next "${last} + 1")
string(REGEX REPLACE "[0-9]+$" "${next}~" next "${soversion}")
set(lowest "${PROJECT_VERSION}~")
configure_file(cmake/debian/shlibs.in debian/shlibs @ONLY)

set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME fd2)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA
    "${PROJECT_SOURCE_DIR}/cmake/debian/triggers" "${PROJECT_BINARY_DIR}/debian/shlibs")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SUGGESTS "openssh-client, rsync")
set(CPACK_DEBIAN_RUNTIME_DESCRIPTION
"captures and passes on the stderr of ssh and other commands
fd2 runs a command, nearly always ssh, and captures its stderr, without hanging,
blocking or losing the last lines. Every byte is recorded and shown as before;
stdin, stdout and the exit status stay the command's own.
.
This package has the command, the library libfd2 and four backends.")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libfd2-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
# Boost: <fd2/async.hpp> and the component `async` of the CMake package.
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
    "fd2 (= ${version}-${CPACK_DEBIAN_PACKAGE_RELEASE}), libboost1.81-dev | libboost-dev (>= 1.81)")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SUGGESTS "cmake, pkg-config")
set(CPACK_DEBIAN_DEVELOPMENT_DESCRIPTION
"carries the stderr of ssh in C++ programs (development files)
libfd2 starts a child, nearly always an ssh, for a C++20 program, records its
stderr and shows it, in a sync and an async interface.
.
This package has the headers of the library and of the contract for backends,
the package files for CMake and pkg-config, and examples.")

set(CPACK_PRE_BUILD_SCRIPTS "${PROJECT_SOURCE_DIR}/cmake/fd2-debian-files.cmake")
set(CPACK_POST_BUILD_SCRIPTS "${PROJECT_SOURCE_DIR}/cmake/fd2-debian-repack.cmake")
set(CPACK_FD2_SOURCE "${PROJECT_SOURCE_DIR}")
include(CPack)
