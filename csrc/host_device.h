// Scalar rules compile for host and device from one source.
#ifndef IGFAST_HOST_DEVICE_H
#define IGFAST_HOST_DEVICE_H

#ifdef __CUDACC__
#define IGF_HOST_DEVICE __host__ __device__
#else
#define IGF_HOST_DEVICE
#endif

#endif
