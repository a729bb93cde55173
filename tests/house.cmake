# The architecture and the sizes that keep it readable.
add_test(NAME unit.house COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/house/test_house.py)
set_tests_properties(unit.house PROPERTIES LABELS unit TIMEOUT 30
  ENVIRONMENT "PYTHONDONTWRITEBYTECODE=1")
