# Run by CPack on what it has packed. This version of CPack has scripts call ldconfig, where Debian
# wants a trigger; and dpkg-deb, told SOURCE_DATE_EPOCH, makes the same bytes of the same files.
foreach(package IN LISTS CPACK_PACKAGE_FILES)
    set(tree "${CPACK_TEMPORARY_DIRECTORY}/repack")
    execute_process(COMMAND dpkg-deb -R "${package}" "${tree}" COMMAND_ERROR_IS_FATAL ANY)
    file(REMOVE "${tree}/DEBIAN/postinst" "${tree}/DEBIAN/postrm")
    execute_process(COMMAND dpkg-deb --root-owner-group -Zxz -b "${tree}" "${package}"
        OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
    file(REMOVE_RECURSE "${tree}")
endforeach()
