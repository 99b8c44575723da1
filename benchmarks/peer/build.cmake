# Read by CMake with llama.cpp's own CMakeLists.txt; shortens the build and nothing else: the server
# links 50 sources for pictures and sound, of which nothing here runs.
cmake_language(DEFER CALL set_target_properties mtmd PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 16)
if(NOT MSVC)
  cmake_language(DEFER CALL target_compile_options mtmd PRIVATE -O0)
endif()
