# cmake -DOUTPUT=x.c -DINCLUDE=header -DTYPE=T -DARRAY=name "-DFILES=a;b" -P EmbedText.cmake
#
# Writes a C file with the bytes of each file and an array {name, bytes, size} of type T that ends
# with a zero row.
set(text "/* Made by EmbedText.cmake when the compiler is built. */\n#include \"${INCLUDE}\"\n\n")
set(rows "")
set(index 0)
foreach(file ${FILES})
  get_filename_component(name ${file} NAME)
  file(READ ${file} bytes HEX)
  string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  string(APPEND text "static const unsigned char text_${index}[] = {\n${bytes}};\n")
  string(APPEND rows "    {\"${name}\", text_${index}, sizeof text_${index}},\n")
  math(EXPR index "${index} + 1")
endforeach()
file(WRITE ${OUTPUT} "${text}\nconst ${TYPE} ${ARRAY}[] = {\n${rows}    {0},\n};\n")
