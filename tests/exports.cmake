# Reports in the formats of the field, each opened with the programs it is for.
spillmark_unit_test(profile unit/test_profile.c unit/analysed_run.c unit/synthetic_run.c
                    unit/temp_dir.c LIBS spillmark-reports)
