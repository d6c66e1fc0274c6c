/* CUDA C++ to binaries for devices, in process: by NVRTC, a library of CUDA's, which is opened when
 * it is first needed. It is what NNC_NVRTC names (none: go without), else what the system's loader
 * finds, else what there was when nnc was built. */
#ifndef NNC_CODEGEN_CUDA_NVRTC_H
#define NNC_CODEGEN_CUDA_NVRTC_H

#include "support/arena.h"
#include "support/buf.h"

/* What code is made for. */
typedef struct NvrtcDevice {
    int version;      /* 90: sm_90 */
    char feature;     /* 'a', 'f' or 0 */
    bool as_text;     /* PTX, which drivers compile */
    const char *arch; /* "sm_90a", "compute_90" */
} NvrtcDevice;

typedef VEC(NvrtcDevice) NvrtcDevices;

typedef struct NvrtcJob {
    const Buf *source;
    const NvrtcDevice *device;
    Buf image; /* the result; of PTX with its NUL */
    Buf error; /* empty: it is there */
} NvrtcJob;

typedef struct Nvrtc Nvrtc;

/* NULL with a message. */
const Nvrtc *nvrtc_open(Arena *arena, Buf *error);
/* CUDA's version, 13000. */
int nvrtc_version(const Nvrtc *nvrtc);
/* The devices of a list ("sm_80,sm_90a"; "": the usual ones), and PTX for the newest. False with a
 * message. */
bool nvrtc_devices(const Nvrtc *nvrtc, const char *list, NvrtcDevices *out, Arena *arena,
                   Buf *error);
/* All of them, on all processors; results are kept (support/cache.h). False with the message of the
 * first that failed. */
bool nvrtc_compile(const Nvrtc *nvrtc, NvrtcJob *jobs, int count, Buf *error);
/* Whether `list` is one, as the command line has it. */
bool nvrtc_is_list(const char *list);

#endif
