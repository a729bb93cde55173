# What a run means: series, sites, causes, ledger, budget, verdict, and its reports.
foreach(part analysis causes comparison ledger budget power stacks timeline suggest render)
  spillmark_unit_test(${part} unit/test_${part}.c unit/analysed_run.c unit/synthetic_run.c
                      unit/temp_dir.c
                      LIBS spillmark-reports PkgConfig::JANSSON)
endforeach()
spillmark_unit_test(analysis_damage unit/test_analysis_damage.c unit/analysed_run.c unit/synthetic_run.c
                    unit/temp_dir.c LIBS spillmark-reports PkgConfig::SQLITE)
set_tests_properties(unit.analysis_damage PROPERTIES TIMEOUT 120)
