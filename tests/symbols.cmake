# Symbols found off line, and what they cost.
add_executable(bench-symbols bench/symbols.c)
target_include_directories(bench-symbols PRIVATE ${CMAKE_SOURCE_DIR})
target_link_libraries(bench-symbols PRIVATE spillmark-reports PkgConfig::DW)

# One library in three builds: as it is, stripped, and stripped with a link to its debug file.
set(shelf_dir ${CMAKE_CURRENT_BINARY_DIR}/shelf)
file(MAKE_DIRECTORY ${shelf_dir}/stripped ${shelf_dir}/linked)
add_library(shelf MODULE symbols/shelf.c symbols/shelf_cxx.cc)
target_compile_options(shelf PRIVATE -O2 -g)
target_link_options(shelf PRIVATE -Wl,--build-id=sha1)
set_target_properties(shelf PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${shelf_dir})
set(shelf_linked_files ${shelf_dir}/stripped/libshelf.so ${shelf_dir}/linked/libshelf.so
                       ${shelf_dir}/linked/libshelf.so.debug)
add_custom_command(OUTPUT ${shelf_linked_files} DEPENDS shelf VERBATIM
  COMMAND ${CMAKE_STRIP} -o ${shelf_dir}/stripped/libshelf.so $<TARGET_FILE:shelf>
  COMMAND ${CMAKE_OBJCOPY} --only-keep-debug $<TARGET_FILE:shelf>
          ${shelf_dir}/linked/libshelf.so.debug
  COMMAND ${CMAKE_OBJCOPY} --strip-all
          --add-gnu-debuglink=${shelf_dir}/linked/libshelf.so.debug
          $<TARGET_FILE:shelf> ${shelf_dir}/linked/libshelf.so)
add_custom_target(shelf-stripped DEPENDS ${shelf_linked_files})

foreach(name symbols symbols_files symbols_hostile)
  spillmark_unit_test(${name} unit/test_${name}.c symbols/resolve.c unit/temp_dir.c
                      LIBS spillmark-reports PkgConfig::DW ${CMAKE_DL_LIBS})
  target_compile_definitions(test-${name} PRIVATE SHELF_DIR="${shelf_dir}")
  add_dependencies(test-${name} shelf shelf-stripped)
endforeach()
set_tests_properties(unit.symbols_hostile PROPERTIES TIMEOUT 120)
spillmark_unit_test(demangle unit/test_demangle.c LIBS spillmark-reports)
