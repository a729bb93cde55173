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
spillmark_npm(exports-npm exports "what exported reports are opened with")
find_program(SYSTEM_PYTHON python3 PATHS /usr/bin NO_DEFAULT_PATH REQUIRED)
find_program(BROWSER NAMES chromium-headless-shell chromium REQUIRED)
add_test(NAME e2e.formats
         COMMAND ${SYSTEM_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/exports/test_formats.py)
set_tests_properties(e2e.formats PROPERTIES LABELS e2e TIMEOUT 180 ENVIRONMENT
  "SPILLMARK=$<TARGET_FILE:spillmark>;KNOWN_SITES=$<TARGET_FILE:known-sites>;WRITE_RECORD=$<TARGET_FILE:write-record>;NODE_MODULES=${CMAKE_CURRENT_BINARY_DIR}/exports-npm/node_modules;BROWSER=${BROWSER};REPORT_SCHEMA=${CMAKE_SOURCE_DIR}/reports/report.schema.json;PYTHONDONTWRITEBYTECODE=1")
