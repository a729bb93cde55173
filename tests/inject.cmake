# The probe loaded into programs that run already.
if(NOT TARGET spillmark)
  return()
endif()
add_executable(inject-guinea inject/guinea.c)
target_link_libraries(inject-guinea PRIVATE Threads::Threads ${CMAKE_DL_LIBS})
target_compile_options(inject-guinea PRIVATE -fno-builtin)
add_library(inject-plugin MODULE inject/plugin.c)
target_compile_options(inject-plugin PRIVATE -fno-builtin)
add_test(NAME e2e.inject COMMAND ${SYSTEM_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/inject/test_inject.py)
set_tests_properties(e2e.inject PROPERTIES LABELS e2e TIMEOUT 120 ENVIRONMENT
  "SPILLMARK=$<TARGET_FILE:spillmark>;INJECT_GUINEA=$<TARGET_FILE:inject-guinea>;INJECT_PLUGIN=$<TARGET_FILE:inject-plugin>;PYTHONDONTWRITEBYTECODE=1")
