#include "cuda/operations.h"

#define IGF_TEXT(...) #__VA_ARGS__
#define IGF_EXPANDED(...) IGF_TEXT(__VA_ARGS__)

namespace igfast {

const char* compiled_architectures() {
#ifdef __CUDA_ARCH_LIST__
  return IGF_EXPANDED(__CUDA_ARCH_LIST__);
#else
  return "";
#endif
}

}  // namespace igfast
