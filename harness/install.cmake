# What an installation has, and the packages made of it. Two components, since the pipelines of the
# shipped scenarios need libraries that the program itself does not.
include(GNUInstallDirs)
set(SPILLMARK_MADE ${CMAKE_BINARY_DIR}/harness/made)
include(CMakePackageConfigHelpers)

set(SPILLMARK_SHARE ${CMAKE_INSTALL_DATADIR}/spillmark)
# harness/paths.c looks below the prefix of the program, not in the directories of an architecture.
install(TARGETS spillmark RUNTIME DESTINATION bin COMPONENT spillmark)
install(TARGETS spillmark-probe LIBRARY DESTINATION lib/spillmark COMPONENT spillmark)
install(FILES ${CMAKE_SOURCE_DIR}/reports/report.schema.json DESTINATION ${SPILLMARK_SHARE}
        COMPONENT spillmark)
install(FILES ${CMAKE_SOURCE_DIR}/README.md ${CMAKE_SOURCE_DIR}/LICENSE
              ${CMAKE_SOURCE_DIR}/harness/SCENARIOS.md ${CMAKE_SOURCE_DIR}/harness/GATE.md
        DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT spillmark)
install(FILES ${CMAKE_SOURCE_DIR}/reports/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR}
        RENAME REPORTS.md COMPONENT spillmark)
install(FILES ${CMAKE_SOURCE_DIR}/reports/verdicts.md DESTINATION ${CMAKE_INSTALL_DOCDIR}
        RENAME VERDICTS.md COMPONENT spillmark)

install(PROGRAMS ${CMAKE_SOURCE_DIR}/harness/ci/run.sh DESTINATION ${SPILLMARK_SHARE}/ci
        COMPONENT spillmark)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/harness/ci/ DESTINATION ${SPILLMARK_SHARE}/ci
        COMPONENT spillmark PATTERN run.sh EXCLUDE)
install(FILES ${SPILLMARK_MADE}/spillmark.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1
        COMPONENT spillmark)
install(FILES ${SPILLMARK_MADE}/spillmark.bash RENAME spillmark
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions COMPONENT spillmark)
install(FILES ${SPILLMARK_MADE}/_spillmark
        DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions COMPONENT spillmark)
install(FILES ${SPILLMARK_MADE}/spillmark.fish
        DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d COMPONENT spillmark)

install(FILES ${CMAKE_SOURCE_DIR}/harness/docs/tutorial.md ${CMAKE_SOURCE_DIR}/harness/docs/attaching.md
              ${CMAKE_SOURCE_DIR}/harness/docs/reading.md ${CMAKE_SOURCE_DIR}/harness/docs/figures.md
              ${CMAKE_SOURCE_DIR}/harness/docs/leaky.c ${CMAKE_SOURCE_DIR}/harness/docs/leaky.py
              ${CMAKE_SOURCE_DIR}/harness/docs/leaky.rs
        DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT spillmark)

# For programs that declare what they hold, by pkg-config or by find_package(spillmark).
install(FILES ${CMAKE_SOURCE_DIR}/probes/spillmark_mark.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        COMPONENT spillmark)
configure_file(${CMAKE_SOURCE_DIR}/probes/spillmark-mark.pc.in spillmark-mark.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/spillmark-mark.pc
        DESTINATION ${CMAKE_INSTALL_DATADIR}/pkgconfig COMPONENT spillmark)
set(SPILLMARK_CONFIG ${CMAKE_INSTALL_DATADIR}/cmake/spillmark)
configure_package_config_file(${CMAKE_SOURCE_DIR}/harness/spillmarkConfig.cmake.in
  spillmarkConfig.cmake INSTALL_DESTINATION ${SPILLMARK_CONFIG}
  PATH_VARS CMAKE_INSTALL_INCLUDEDIR NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file(spillmarkConfigVersion.cmake COMPATIBILITY SameMajorVersion
                                 ARCH_INDEPENDENT)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/spillmarkConfig.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/spillmarkConfigVersion.cmake
              ${CMAKE_SOURCE_DIR}/harness/spillmarkTest.cmake
        DESTINATION ${SPILLMARK_CONFIG} COMPONENT spillmark)

# Scenarios and the programs they load.
get_property(pipelines DIRECTORY ${CMAKE_SOURCE_DIR}/scenarios PROPERTY SUBDIRECTORIES)
foreach(folder ${pipelines})
  get_property(targets DIRECTORY ${folder} PROPERTY BUILDSYSTEM_TARGETS)
  foreach(target ${targets})
    get_target_property(type ${target} TYPE)
    if(type STREQUAL EXECUTABLE)
      install(TARGETS ${target} RUNTIME DESTINATION lib/spillmark/pipelines COMPONENT scenarios)
    endif()
  endforeach()
endforeach()
install(DIRECTORY ${SPILLMARK_PIPELINE_DIR}/payloads DESTINATION lib/spillmark/pipelines
        COMPONENT scenarios)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/scenarios/ DESTINATION ${SPILLMARK_SHARE}/scenarios
        COMPONENT scenarios FILES_MATCHING PATTERN "*.lua" PATTERN "README.md")

set(CPACK_GENERATOR DEB TGZ)
set(CPACK_PACKAGE_NAME spillmark)
set(CPACK_PACKAGE_CONTACT "The spillmark authors <spillmark@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "find out why an ingest program's memory grows")
set(CPACK_COMPONENT_SPILLMARK_DESCRIPTION
    "Runs a program under scripted load and faults, watches its heap, descriptors and work in
flight from inside, and says with figures and call stacks whether anything grows without
bound, why, and whether that is within budget.")
set(CPACK_COMPONENT_SCENARIOS_DESCRIPTION
    "The scenarios that come with spillmark, and the pipelines they load.")
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL spillmark scenarios)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_ARCHIVE_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_SPILLMARK_PACKAGE_NAME spillmark)
set(CPACK_DEBIAN_SCENARIOS_PACKAGE_NAME spillmark-scenarios)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION devel)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_COMPRESSION_TYPE zstd) # bodies of 100 MB, in a few seconds
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_SPILLMARK_PACKAGE_SUGGESTS
    "spillmark-scenarios, libtcmalloc-minimal4, libjemalloc2")
set(CPACK_DEBIAN_SCENARIOS_PACKAGE_DEPENDS "spillmark (= ${PROJECT_VERSION})")
include(CPack)
