# Decides whether to build the CUDA library: IGFAST_CUDA, CMAKE_CUDA_ARCHITECTURES, and
# IGFAST_CUDA_STATUS, "built" or the sentence that igfast.show_config() and the first refused CUDA
# tensor repeat. What it was built for, the library itself says.
#
# AUTO builds where it pays: for the GPU of this machine alone, a fraction of a release's time, and
# not at all on machines that have nvcc but no GPU, such as CI's. ON is for releases: every
# architecture, and an error where it cannot be.
set(IGFAST_CUDA_RELEASE 75-real 80-real 86-real 89-real 90-real 100-real 120)
set(IGFAST_CUDA_LIBRARY "" CACHE FILEPATH "A libigfast_cuda.so to install instead of building one")
set(IGFAST_CUDA_WITHOUT "IGFAST_BUILD_CUDA was OFF" CACHE STRING "Why OFF, for the status")
set(IGFAST_CUDA OFF)

function(igfast_find_nvcc found)
  include(CheckLanguage)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    set(${found} ON PARENT_SCOPE)
  endif()
endfunction()

# The architectures of the GPUs in this machine, such as 90; empty without one.
function(igfast_find_gpus found)
  set(capabilities "")
  find_program(IGFAST_NVIDIA_SMI nvidia-smi)
  if(IGFAST_NVIDIA_SMI)
    execute_process(
      COMMAND ${IGFAST_NVIDIA_SMI} --query-gpu=compute_cap --format=csv,noheader
      RESULT_VARIABLE status
      OUTPUT_VARIABLE capabilities
      ERROR_QUIET)
    if(NOT status EQUAL 0)
      set(capabilities "")
    endif()
  endif()
  string(REGEX MATCHALL "[0-9]+\\.[0-9]+" capabilities "${capabilities}")
  string(REPLACE "." "" capabilities "${capabilities}")
  list(REMOVE_DUPLICATES capabilities)
  set(${found} ${capabilities} PARENT_SCOPE)
endfunction()

if(IGFAST_CUDA_LIBRARY)
  # Built before, for a release: the wheels of several Python versions share one.
  set(IGFAST_CUDA_STATUS built)
  install(FILES ${IGFAST_CUDA_LIBRARY} DESTINATION igfast)
elseif(IGFAST_BUILD_CUDA STREQUAL "AUTO")
  igfast_find_gpus(gpus)
  if(NOT gpus)
    set(IGFAST_CUDA_STATUS
        "not built: no GPU was found when igfast was compiled (IGFAST_BUILD_CUDA=ON builds it anyway)")
  else()
    if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
      set(CMAKE_CUDA_ARCHITECTURES ${gpus})
    endif()
    igfast_find_nvcc(IGFAST_CUDA)
    set(IGFAST_CUDA_STATUS "not built: nvcc was not found when igfast was compiled")
  endif()
elseif(IGFAST_BUILD_CUDA)
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES ${IGFAST_CUDA_RELEASE})
  endif()
  igfast_find_nvcc(IGFAST_CUDA)
  if(NOT IGFAST_CUDA)
    message(FATAL_ERROR "IGFAST_BUILD_CUDA=ON needs a working nvcc: put it on PATH, set "
                        "CMAKE_CUDA_COMPILER, or build with IGFAST_BUILD_CUDA=OFF")
  endif()
else()
  set(IGFAST_CUDA_STATUS "not built: ${IGFAST_CUDA_WITHOUT} when igfast was compiled")
endif()

if(IGFAST_CUDA)
  set(CMAKE_CUDA_ARCHITECTURES
      "${CMAKE_CUDA_ARCHITECTURES}"
      CACHE STRING "GPU architectures of the CUDA library")
  set(IGFAST_CUDA_STATUS built)
endif()
message(STATUS "igfast: CUDA library ${IGFAST_CUDA_STATUS}")
