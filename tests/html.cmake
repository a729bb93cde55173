# The report in HTML, in a headless browser.
find_program(BROWSER NAMES chromium-headless-shell chromium REQUIRED)
set(BROWSER_MODULES ${CMAKE_CURRENT_BINARY_DIR}/html)
add_custom_command(
  OUTPUT ${BROWSER_MODULES}/installed
  COMMAND ${CMAKE_COMMAND} -E copy ${CMAKE_CURRENT_SOURCE_DIR}/html/package.json
          ${CMAKE_CURRENT_SOURCE_DIR}/html/package-lock.json ${BROWSER_MODULES}
  COMMAND ${CMAKE_COMMAND} -E chdir ${BROWSER_MODULES} ${NPM} ci --ignore-scripts --no-audit
          --no-fund --loglevel=error
  COMMAND ${CMAKE_COMMAND} -E touch ${BROWSER_MODULES}/installed
  DEPENDS html/package.json html/package-lock.json
  COMMENT "Installing what drives the browser in the tests")
add_custom_target(browser-modules ALL DEPENDS ${BROWSER_MODULES}/installed)

function(spillmark_page_test name timeout_s)
  add_test(NAME html.${name}
           COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/html/test_page.py ${name})
  set_tests_properties(html.${name} PROPERTIES LABELS e2e TIMEOUT ${timeout_s}
    ENVIRONMENT "SPILLMARK=$<TARGET_FILE:spillmark>;BROWSER=${BROWSER};BROWSER_MODULES=${BROWSER_MODULES};PYTHONDONTWRITEBYTECODE=1")
endfunction()

spillmark_page_test(page 240)
spillmark_page_test(live 240)
spillmark_e2e_test(environment 120)
