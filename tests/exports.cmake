# Reports in the formats of the field, each opened with the programs it is for.
spillmark_unit_test(profile unit/test_profile.c unit/analysed_run.c unit/synthetic_run.c
                    unit/temp_dir.c LIBS spillmark-reports)
add_executable(write-record exports/write_record.c unit/synthetic_run.c)
target_include_directories(write-record PRIVATE ${CMAKE_SOURCE_DIR})
target_link_libraries(write-record PRIVATE spillmark-reports PkgConfig::CMOCKA)

# What formats are opened with: of Debian's own Python, whose modules these are, and of npm.
if(NOT TARGET known-sites)
  return()
endif()
set(EXPORTS_NPM ${CMAKE_CURRENT_BINARY_DIR}/exports-npm)
add_custom_command(
  OUTPUT ${EXPORTS_NPM}/installed
  COMMAND ${CMAKE_COMMAND} -E copy ${CMAKE_CURRENT_SOURCE_DIR}/exports/package.json
          ${CMAKE_CURRENT_SOURCE_DIR}/exports/package-lock.json ${EXPORTS_NPM}
  COMMAND ${CMAKE_COMMAND} -E chdir ${EXPORTS_NPM} ${NPM} ci --ignore-scripts --no-audit --no-fund
          --loglevel=error
  COMMAND ${CMAKE_COMMAND} -E touch ${EXPORTS_NPM}/installed
  DEPENDS exports/package.json exports/package-lock.json
  COMMENT "Installing what exported reports are opened with")
add_custom_target(exports-npm ALL DEPENDS ${EXPORTS_NPM}/installed)
find_program(SYSTEM_PYTHON python3 PATHS /usr/bin NO_DEFAULT_PATH REQUIRED)
find_program(BROWSER NAMES chromium-headless-shell chromium REQUIRED)
add_test(NAME e2e.formats
         COMMAND ${SYSTEM_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/exports/test_formats.py)
set_tests_properties(e2e.formats PROPERTIES LABELS e2e TIMEOUT 180 ENVIRONMENT
  "SPILLMARK=$<TARGET_FILE:spillmark>;KNOWN_SITES=$<TARGET_FILE:known-sites>;WRITE_RECORD=$<TARGET_FILE:write-record>;NODE_MODULES=${EXPORTS_NPM}/node_modules;BROWSER=${BROWSER};REPORT_SCHEMA=${CMAKE_SOURCE_DIR}/reports/report.schema.json;PYTHONDONTWRITEBYTECODE=1")
