# Runs PROGRAM with `nnc run` and compares what it prints with the file EXPECTED.
execute_process(COMMAND ${NNC} run ${PROGRAM} OUTPUT_VARIABLE got ERROR_VARIABLE said
  RESULT_VARIABLE status)
file(READ ${EXPECTED} expected)
if(NOT status EQUAL 0 OR NOT got STREQUAL expected)
  message(FATAL_ERROR "status ${status}\n--- expected\n${expected}\n--- got\n${got}\n${said}")
endif()
