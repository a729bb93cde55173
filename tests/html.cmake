# The report in HTML, in a headless browser.
find_program(BROWSER NAMES chromium-headless-shell chromium REQUIRED)
spillmark_npm(browser-modules html "what drives the browser in the tests")
set(BROWSER_MODULES ${CMAKE_CURRENT_BINARY_DIR}/browser-modules)

function(spillmark_page_test name timeout_s)
  add_test(NAME html.${name}
           COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/html/test_page.py ${name})
  set_tests_properties(html.${name} PROPERTIES LABELS e2e TIMEOUT ${timeout_s}
    ENVIRONMENT "SPILLMARK=$<TARGET_FILE:spillmark>;BROWSER=${BROWSER};BROWSER_MODULES=${BROWSER_MODULES};PYTHONDONTWRITEBYTECODE=1")
endfunction()

spillmark_page_test(page 240)
spillmark_page_test(live 240)
spillmark_e2e_test(environment 120)
