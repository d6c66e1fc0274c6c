# Runs PROGRAM with RUNNER and compares its standard output with the file EXPECTED.
execute_process(COMMAND ${RUNNER} ${PROGRAM} OUTPUT_VARIABLE printed ERROR_VARIABLE errors
  RESULT_VARIABLE status)
file(READ ${EXPECTED} expected)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "exit status ${status}\n${errors}")
endif()
if(NOT printed STREQUAL expected)
  message(FATAL_ERROR "printed:\n${printed}\nexpected:\n${expected}")
endif()
