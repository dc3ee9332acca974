include(CMakePackageConfigHelpers)
set(rxhpc_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/rxhpc)
configure_package_config_file(cmake/rxhpcConfig.cmake.in ${PROJECT_BINARY_DIR}/rxhpcConfig.cmake INSTALL_DESTINATION ${rxhpc_package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/rxhpcConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/rxhpcConfig.cmake ${PROJECT_BINARY_DIR}/rxhpcConfigVersion.cmake cmake/find-libraries.cmake
        DESTINATION ${rxhpc_package_dir})
install(EXPORT rxhpcTargets NAMESPACE rxhpc:: DESTINATION ${rxhpc_package_dir})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
