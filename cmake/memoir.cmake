# The house's rules for targets: one library a folder, warnings are errors, sanitizers by preset.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

set(MEMOIR_SANITIZE "" CACHE STRING "empty, 'address,undefined' or 'thread'")
option(MEMOIR_FUZZ "build the fuzzers; needs clang" OFF)

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

add_compile_options(-Wall -Wextra -Werror -Wshadow -Wnon-virtual-dtor -fno-omit-frame-pointer)
# GCC 12 warns of std::string's own code at -O2 (bugs 105329, 105651): these four see what is
# not there.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-Wno-restrict -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread)
endif()
if(MEMOIR_SANITIZE)
  add_compile_options(-fsanitize=${MEMOIR_SANITIZE} -fno-sanitize-recover=all -g1)
  add_link_options(-fsanitize=${MEMOIR_SANITIZE})
  add_compile_definitions(MEMOIR_SYSTEM_MALLOC)
endif()
if(MEMOIR_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
include_directories(${CMAKE_SOURCE_DIR})

# memoir_library(name SOURCES a.cc ... [DEPENDS base ...] [LINKS libs ...])
#   name's sources may include the headers of the folders in DEPENDS and of no other (tests/tidy
#   checks it).
function(memoir_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;LINKS" ${ARGN})
  add_library(memoir_${name} STATIC ${ARG_SOURCES})
  set_property(GLOBAL APPEND PROPERTY MEMOIR_LIBRARIES memoir_${name})
  list(TRANSFORM ARG_DEPENDS PREPEND memoir_)
  target_link_libraries(memoir_${name} PUBLIC ${ARG_DEPENDS} ${ARG_LINKS})
  # Parsed once, for the first library; the others use the same.
  if(name STREQUAL base)
    target_precompile_headers(memoir_base PRIVATE ${CMAKE_SOURCE_DIR}/cmake/precompiled.h)
  else()
    target_precompile_headers(memoir_${name} REUSE_FROM memoir_base)
  endif()
endfunction()
