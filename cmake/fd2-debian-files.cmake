# Run by CPack on the tree that is about to be packed: what Debian wants beside, or otherwise than,
# what is installed elsewhere.
set(runtime "${CPACK_TEMPORARY_DIRECTORY}/runtime/usr")
set(development "${CPACK_TEMPORARY_DIRECTORY}/development/usr")
set(version "${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}")
set(plain OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)

function(run)
    execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# Debian's zsh looks for what packages bring in a directory of its own.
file(MAKE_DIRECTORY "${runtime}/share/zsh/vendor-completions")
file(RENAME "${runtime}/share/zsh/site-functions/_fd2" "${runtime}/share/zsh/vendor-completions/_fd2")
file(REMOVE_RECURSE "${runtime}/share/zsh/site-functions")

# Who may copy it, and what has changed. TIMESTAMP heeds SOURCE_DATE_EPOCH.
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)
foreach(documents IN ITEMS "${runtime}/share/doc/fd2" "${development}/share/doc/libfd2-dev")
    configure_file("${CPACK_FD2_SOURCE}/cmake/debian/copyright" "${documents}/copyright"
        COPYONLY FILE_PERMISSIONS ${plain})
    configure_file("${CPACK_FD2_SOURCE}/cmake/debian/changelog.in" "${documents}/changelog.Debian"
        @ONLY FILE_PERMISSIONS ${plain})
    configure_file("${CPACK_FD2_SOURCE}/CHANGELOG.md" "${documents}/changelog"
        COPYONLY FILE_PERMISSIONS ${plain})
    run(gzip -9nf "${documents}/changelog.Debian" "${documents}/changelog")
endforeach()

file(GLOB_RECURSE pages "${runtime}/share/man/*.[15]")
run(gzip -9nf ${pages})

# Those that CMake made above have the modes of the umask.
file(GLOB_RECURSE everything LIST_DIRECTORIES true "${CPACK_TEMPORARY_DIRECTORY}/*")
foreach(path IN LISTS everything)
    if(IS_DIRECTORY "${path}" AND NOT IS_SYMLINK "${path}")
        file(CHMOD "${path}" DIRECTORY_PERMISSIONS ${plain}
            OWNER_EXECUTE GROUP_EXECUTE WORLD_EXECUTE)
    endif()
endforeach()
