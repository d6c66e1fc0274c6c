/* CUDA's libnvrtc for tests: compiles kernels for the CPU, by g++. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake.h"

enum { FAILED = 6, PATH_SIZE = 256 };

typedef struct Program {
    char *source, *image;
    size_t size;
    char log[200];
    int version, alone, text;
} Program;

int nvrtcVersion(int *major, int *minor);
int nvrtcGetNumSupportedArchs(int *count);
int nvrtcGetSupportedArchs(int *versions);
int nvrtcCreateProgram(Program **program, const char *source, const char *name, int headers,
                       const char *const *texts, const char *const *names);
int nvrtcCompileProgram(Program *program, int count, const char *const *options);
int nvrtcGetProgramLogSize(Program *program, size_t *size);
int nvrtcGetProgramLog(Program *program, char *text);
int nvrtcGetCUBINSize(Program *program, size_t *size);
int nvrtcGetCUBIN(Program *program, char *bytes);
int nvrtcGetPTXSize(Program *program, size_t *size);
int nvrtcGetPTX(Program *program, char *text);
int nvrtcDestroyProgram(Program **program);

static const int versions[] = {75, 80, 90};

int nvrtcVersion(int *major, int *minor) {
    *major = 13;
    *minor = 0;
    return 0;
}

int nvrtcGetNumSupportedArchs(int *count) {
    *count = (int)(sizeof versions / sizeof *versions);
    return 0;
}

int nvrtcGetSupportedArchs(int *out) {
    memcpy(out, versions, sizeof versions);
    return 0;
}

int nvrtcCreateProgram(Program **program, const char *source, const char *name, int headers,
                       const char *const *texts, const char *const *names) {
    (void)name, (void)headers, (void)texts, (void)names;
    *program = calloc(1, sizeof **program);
    (*program)->source = strdup(source);
    return 0;
}

/* The text, and a function for each of its kernels. */
static void write_source(FILE *file, const char *text) {
    fprintf(file, "#include \"" NNC_SOURCE_DIR "/tests/support/cuda/fake_kernels.h\"\n%s", text);
    for (const char *at = text; (at = strstr(at, "\nKERNEL(")) != NULL; at++) {
        const char *name = strchr(at, ')') + 2;
        int size = (int)strcspn(name, "(");
        fprintf(file,
                "extern \"C\" int fake_%.*s(void *const *pointers, size_t bytes, unsigned blocks,\n"
                "                           int threads, int backward) {\n"
                "    return device_call(%.*s, pointers, bytes, blocks, threads, backward);\n"
                "}\n",
                size, name, size, name);
    }
}

static int read_image(Program *program, const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) return FAILED;
    fseek(file, 0, SEEK_END);
    size_t size = (size_t)ftell(file);
    rewind(file);
    program->image = calloc(1, FAKE_HEADER_SIZE + size);
    program->size = FAKE_HEADER_SIZE + size;
    sprintf(program->image, FAKE_HEADER, program->version, program->alone, 0, size);
    size_t got = fread(program->image + FAKE_HEADER_SIZE, 1, size, file);
    fclose(file);
    return got == size ? 0 : FAILED;
}

static int compile_library(Program *program) {
    char directory[] = "/tmp/nnc_fake_XXXXXX", source[PATH_SIZE], library[PATH_SIZE];
    char command[3 * PATH_SIZE];
    if (!mkdtemp(directory)) return FAILED;
    snprintf(source, sizeof source, "%s/k.cpp", directory);
    snprintf(library, sizeof library, "%s/k.so", directory);
    FILE *file = fopen(source, "w");
    write_source(file, program->source);
    fclose(file);
    snprintf(command, sizeof command,
             "g++ -std=gnu++17 -O0 -w -ffp-contract=off -shared -fPIC %s -o %s", source, library);
    int status = system(command) == 0 ? read_image(program, library) : FAILED;
    unlink(source);
    unlink(library);
    rmdir(directory);
    return status;
}

int nvrtcCompileProgram(Program *program, int count, const char *const *options) {
    int status = FAILED;
    for (int i = 0; i < count; i++) {
        char feature = 0;
        if (sscanf(options[i], "--gpu-architecture=sm_%d%c", &program->version, &feature) >= 1) {
            program->alone = feature;
            status = compile_library(program);
        }
        if (sscanf(options[i], "--gpu-architecture=compute_%d", &program->version) == 1) {
            program->image = calloc(1, FAKE_HEADER_SIZE);
            program->size = FAKE_HEADER_SIZE;
            sprintf(program->image, FAKE_HEADER, program->version, 0, 1, (size_t)0);
            status = 0;
        }
    }
    if (status) snprintf(program->log, sizeof program->log, "the fake compiler failed");
    return status;
}

int nvrtcGetProgramLogSize(Program *program, size_t *size) {
    *size = strlen(program->log) + 1;
    return 0;
}

int nvrtcGetProgramLog(Program *program, char *text) {
    strcpy(text, program->log);
    return 0;
}

int nvrtcGetCUBINSize(Program *program, size_t *size) {
    *size = program->size;
    return 0;
}

int nvrtcGetCUBIN(Program *program, char *bytes) {
    memcpy(bytes, program->image, program->size);
    return 0;
}

int nvrtcGetPTXSize(Program *program, size_t *size) {
    return nvrtcGetCUBINSize(program, size);
}

int nvrtcGetPTX(Program *program, char *text) {
    return nvrtcGetCUBIN(program, text);
}

int nvrtcDestroyProgram(Program **program) {
    free((*program)->source);
    free((*program)->image);
    free(*program);
    *program = NULL;
    return 0;
}
