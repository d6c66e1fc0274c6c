# nnc_add_network(<target> MODEL <file.nn> [WEIGHTS <file.safetensors>] [PREFIX <prefix>] [TRAIN]
#                 [THREADS] [BATCH <size>...] [SCHEDULES <file.json>] [OPTIONS <option>...])
#
# Adds a static library of the network that nnc compiles the file to. Linking the target gives its
# header, <prefix>.h (the prefix is the file's name unless given), and nnc's runtime, which
# <prefix>_load() and <prefix>_save() use. With TRAIN the training functions are there too; with
# WEIGHTS the values are inside the library, which only infers then. BATCH gives forward's inputs
# another first dimension than the program's; several sizes make a <prefix>_forward_b<size>() for
# each. THREADS lets the functions run on those that <prefix>_start() starts. SCHEDULES takes what
# nnc --tune found. The network is compiled again when the files or nnc change.
function(nnc_add_network target)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "TRAIN;THREADS" "MODEL;WEIGHTS;PREFIX;SCHEDULES" "BATCH;OPTIONS")
  if(NOT ARG_MODEL)
    message(FATAL_ERROR "nnc_add_network(${target}): MODEL <file.nn> is missing")
  endif()
  if(ARG_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "nnc_add_network(${target}): unknown arguments: ${ARG_UNPARSED_ARGUMENTS}")
  endif()
  if(ARG_TRAIN AND ARG_WEIGHTS)
    message(FATAL_ERROR "nnc_add_network(${target}): a network with its WEIGHTS inside can't TRAIN")
  endif()
  get_filename_component(model ${ARG_MODEL} ABSOLUTE)
  if(NOT ARG_PREFIX)
    get_filename_component(ARG_PREFIX ${model} NAME_WE)
    string(MAKE_C_IDENTIFIER ${ARG_PREFIX} ARG_PREFIX)
  endif()
  set(directory ${CMAKE_CURRENT_BINARY_DIR}/${target}.network)
  set(source ${directory}/${ARG_PREFIX}.c)
  set(options --prefix=${ARG_PREFIX} -MD -MF ${source}.d -MT ${source} ${ARG_OPTIONS})
  if(ARG_WEIGHTS)
    get_filename_component(weights ${ARG_WEIGHTS} ABSOLUTE)
    list(APPEND options --weights=${weights})
  endif()
  if(ARG_SCHEDULES)
    get_filename_component(schedules ${ARG_SCHEDULES} ABSOLUTE)
    list(APPEND options --schedules=${schedules})
  endif()
  if(ARG_BATCH)
    list(JOIN ARG_BATCH "," batch)
    list(APPEND options --batch=${batch})
  endif()
  if(ARG_THREADS)
    list(APPEND options --threads)
    find_package(Threads REQUIRED)
  endif()
  if(NOT ARG_TRAIN)
    list(APPEND options --no-train)
  endif()
  file(MAKE_DIRECTORY ${directory})
  add_custom_command(
    OUTPUT ${source} ${directory}/${ARG_PREFIX}.h
    COMMAND nnc::nnc ${model} ${options} -o ${source}
    DEPENDS nnc::nnc ${model} ${weights} ${schedules}
    DEPFILE ${source}.d
    COMMENT "nnc ${ARG_MODEL}"
    VERBATIM)
  add_library(${target} STATIC ${source} ${directory}/${ARG_PREFIX}.h)
  target_include_directories(${target} PUBLIC ${directory})
  target_compile_definitions(${target} PRIVATE NN_FILES)
  target_link_libraries(${target} PUBLIC nnc::runtime m $<$<BOOL:${ARG_THREADS}>:Threads::Threads>)
endfunction()
