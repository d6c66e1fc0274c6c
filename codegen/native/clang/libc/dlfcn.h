/* What emitted programs use to find CUDA's driver. */
#ifndef NNC_DLFCN_H
#define NNC_DLFCN_H

#define RTLD_NOW 2
#define RTLD_LOCAL 0

void *dlopen(const char *, int);
void *dlsym(void *, const char *);
int dlclose(void *);
char *dlerror(void);

#endif
