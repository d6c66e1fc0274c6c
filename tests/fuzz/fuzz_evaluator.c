/* Any text as a program, evaluated silently within a limit of steps: no crash, no leak, no hang. */
#include "frontend/interp.h"

enum { STEPS = 20000, TEXT_LIMIT = 1 << 14 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > TEXT_LIMIT) return 0;
    Sources sources;
    Buf log = {0};
    sources_init(&sources);
    sources.log = &log;
    uint16_t file = sources_add(&sources, "fuzz.nn", (const char *)data, size);
    if (file) {
        Vm vm;
        vm_init(&vm, &sources);
        vm.silent = true;
        vm.step_limit = STEPS;
        if (!vm_run_main(&vm, file) && vm_failed(&vm)) vm_report_raised(&vm);
        vm_free(&vm);
    }
    buf_free(&log);
    sources_free(&sources);
    return 0;
}
