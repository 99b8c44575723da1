# Read by CMake with llama.cpp's own CMakeLists.txt; shortens the build and nothing else: the server
# links 50 sources for pictures and sound, of which nothing here runs. Two of them refuse company.
cmake_language(DEFER CALL set_target_properties mtmd PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 16)
cmake_language(DEFER CALL set_source_files_properties
  tools/mtmd/mtmd-helper.cpp tools/mtmd/mtmd-helper-gen.cpp
  TARGET_DIRECTORY mtmd PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
if(NOT MSVC)
  cmake_language(DEFER CALL target_compile_options mtmd PRIVATE -O0)
endif()
