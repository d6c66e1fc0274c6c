/* Chooses between the plugin and the system's compiler; see native.h. */
#include "codegen/native/native.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "codegen/native/clang/plugin.h"
#include "support/arena.h"
#include "support/checked.h"
#include "support/clock.h"
#include "support/file.h"

struct NativeModule {
    const NativePlugin *plugin;
    NativeCode *code; /* the plugin's, or */
    void *library;    /* a shared library */
};

/* ---- the plugin ---- */

static bool plugin_path(char *path, size_t room) {
    const char *named = getenv("NNC_PLUGIN");
    if (named && *named) return snprintf(path, room, "%s", named) < (int)room;
    char self[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
    if (size <= 0) return false;
    self[size] = '\0';
    char *slash = strrchr(self, '/');
    if (!slash) return false;
    *slash = '\0';
    return snprintf(path, room, "%s/../lib/nnc/libnnc_native.so", self) < (int)room;
}

/* NULL with the reason in the report. Opening it again costs nothing: it stays. */
static const NativePlugin *plugin_open(NativeReport *report) {
    char path[PATH_MAX];
    const char *reason = NULL;
    const NativePlugin *plugin = NULL;
    if (!plugin_path(path, sizeof path)) {
        reason = "its path is unknown";
    } else if (strcmp(path, "none") == 0) {
        reason = "NNC_PLUGIN=none";
    } else if (access(path, F_OK) != 0) {
        reason = "it is not installed";
    } else {
        void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        void *symbol = library ? dlsym(library, "nnc_plugin") : NULL;
        if (symbol) {
            NativePluginEntry *entry;
            memcpy(&entry, &symbol, sizeof entry);
            plugin = entry();
            if (plugin->version == NATIVE_PLUGIN_VERSION) return plugin;
            reason = "it is of another version of nnc";
        } else {
            reason = dlerror();
        }
    }
    snprintf(report->reason, sizeof report->reason, "no plugin: %s", reason);
    return NULL;
}

/* The plugin's words become the reason why it doesn't serve: the first line of them. */
static void plugin_failed(NativeReport *report, const char *message) {
    report->plugin_failed = true;
    int length = message ? (int)strcspn(message, "\n") : 0;
    snprintf(report->reason, sizeof report->reason, "the plugin failed: %.*s", length,
             message ? message : "");
}

static bool plugin_compile(const NativePlugin *plugin, const NativeJob *job, NativeBytes *out,
                           NativeReport *report) {
    NativeTimes times = {0};
    char *message = NULL;
    bool good = plugin->compile(job, out, &times, &message);
    if (!good) plugin_failed(report, message);
    free(message);
    report->parse += times.parse;
    report->optimize += times.optimize;
    report->generate += times.generate;
    return good;
}

static bool ends_in_c(const char *name) {
    size_t length = strlen(name);
    return length > 2 && strcmp(name + length - 2, ".c") == 0;
}

/* Compiles each of the job's sources; one result, or for an executable the linked whole. */
static bool plugin_build(const NativePlugin *plugin, const ToolchainJob *job, NativeBytes *out,
                         NativeReport *report) {
    enum { MAX_SOURCES = 4 };
    NativeBytes objects[MAX_SOURCES];
    int count = 0;
    bool good = true;
    for (int i = 0; i < job->file_count && good; i++) {
        if (!ends_in_c(job->files[i].name)) continue;
        NNC_CHECK(count < MAX_SOURCES, "a job of more than %d sources", MAX_SOURCES);
        NativeJob native = {.output = job->kind == TOOLCHAIN_ASSEMBLY  ? NATIVE_ASSEMBLY
                                      : job->kind == TOOLCHAIN_LLVM_IR ? NATIVE_LLVM_IR
                                                                       : NATIVE_OBJECT,
                            .files = job->files,
                            .file_count = job->file_count,
                            .source = job->files[i].name,
                            .march = job->march,
                            .level = job->level,
                            .debug_info = job->debug_info};
        good = plugin_compile(plugin, &native, &objects[count], report);
        if (good) count++;
    }
    if (good && job->kind == TOOLCHAIN_EXECUTABLE) {
        char *message = NULL;
        good = plugin->link(objects, count, out, &message);
        if (!good) plugin_failed(report, message);
        free(message);
    } else if (good) {
        *out = objects[--count];
    }
    while (count > 0)
        free(objects[--count].data);
    return good;
}

/* ---- both ---- */

static void system_serves(NativeReport *report) {
    snprintf(report->compiler, sizeof report->compiler, "%s", toolchain_name());
}

static void plugin_serves(const NativePlugin *plugin, NativeReport *report) {
    snprintf(report->compiler, sizeof report->compiler, "%s in process", plugin->name);
}

/* After the system's compiler failed too, both reasons count. */
static void add_reason(const NativeReport *report, Buf *error) {
    if (report->reason[0]) buf_printf(error, " (%s)", report->reason);
}

bool native_build(const ToolchainJob *job, NativeReport *report, Buf *error) {
    *report = (NativeReport){0};
    double start = clock_seconds();
    const NativePlugin *plugin = plugin_open(report);
    NativeBytes bytes = {0};
    bool good = plugin && plugin_build(plugin, job, &bytes, report);
    if (good) {
        plugin_serves(plugin, report);
        bool program = job->kind == TOOLCHAIN_EXECUTABLE;
        good = file_write(job->output, bytes.data, bytes.size, error) &&
               (!program || file_allow_running(job->output, error));
        free(bytes.data);
    } else if (job->kind == TOOLCHAIN_LLVM_IR) {
        buf_printf(error, "only the plugin writes LLVM IR (%s)", report->reason);
    } else {
        system_serves(report);
        good = toolchain_run(job, error);
        if (!good) add_reason(report, error);
    }
    report->total = clock_seconds() - start;
    return good;
}

static NativeCode *plugin_load(const NativePlugin *plugin, const char *text, NativeReport *report) {
    NativeFile file = {"kernels.c", text};
    NativeJob job = {.output = NATIVE_OBJECT,
                     .files = &file,
                     .file_count = 1,
                     .source = file.name,
                     .level = 2,
                     .quick = true};
    NativeBytes object = {0};
    if (!plugin_compile(plugin, &job, &object, report)) return NULL;
    char *message = NULL;
    NativeCode *code = plugin->load(&object, &message);
    if (!code) plugin_failed(report, message);
    free(message);
    free(object.data);
    return code;
}

/* A shared library in a private directory, which goes as soon as the library is open. */
static void *system_load(const char *text, ToolchainStop *stop, Buf *error) {
    const char *base = getenv("TMPDIR");
    Arena arena = {0};
    char *directory = arena_printf(&arena, "%s/nnc-run-XXXXXX", base && *base ? base : "/tmp");
    void *library = NULL;
    if (mkdtemp(directory)) {
        NativeFile file = {"kernels.c", text};
        ToolchainJob job = {.kind = TOOLCHAIN_SHARED,
                            .files = &file,
                            .file_count = 1,
                            .output = arena_printf(&arena, "%s/kernels.so", directory),
                            .level = 1,
                            .quick = true,
                            .stop = stop};
        if (toolchain_run(&job, error)) {
            library = dlopen(job.output, RTLD_NOW | RTLD_LOCAL);
            if (!library) buf_printf(error, "compiled kernels can't be loaded: %s", dlerror());
        }
        unlink(job.output);
        rmdir(directory);
    } else {
        buf_printf(error, "can't make a temporary directory %s", directory);
    }
    arena_free(&arena);
    return library;
}

NativeModule *native_load(const char *text, ToolchainStop *stop, NativeReport *report, Buf *error) {
    *report = (NativeReport){0};
    double start = clock_seconds();
    NativeModule module = {.plugin = plugin_open(report)};
    if (module.plugin) module.code = plugin_load(module.plugin, text, report);
    if (module.code) {
        plugin_serves(module.plugin, report);
    } else {
        system_serves(report);
        module.library = system_load(text, stop, error);
        if (!module.library) add_reason(report, error);
    }
    report->total = clock_seconds() - start;
    if (!module.code && !module.library) return NULL;
    NativeModule *made = xmalloc(sizeof *made);
    *made = module;
    return made;
}

void *native_symbol(const NativeModule *module, const char *name) {
    return module->code ? module->plugin->symbol(module->code, name) : dlsym(module->library, name);
}

void native_unload(NativeModule *module) {
    if (!module) return;
    if (module->code)
        module->plugin->unload(module->code);
    else
        dlclose(module->library);
    free(module);
}
