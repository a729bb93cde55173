# The record: written, read back, cut short, damaged, foreign.
spillmark_unit_test(error unit/test_error.c LIBS spillmark-reports)
spillmark_unit_test(units unit/test_units.c LIBS spillmark-reports)
spillmark_unit_test(record unit/test_record.c unit/temp_dir.c
                    LIBS spillmark-reports PkgConfig::SQLITE)
spillmark_unit_test(record_damage unit/test_record_damage.c unit/temp_dir.c
                    LIBS spillmark-reports PkgConfig::SQLITE)
