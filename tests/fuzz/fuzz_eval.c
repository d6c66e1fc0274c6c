/* Any program through the evaluator, with a step limit and without files: no crash, no leak; what
 * it raises can be reported. */
#include "frontend/vm.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS = 20000 };

/* What would touch the machine, wait or eat its memory is out of a fuzzed program's reach. */
static bool allowed(const uint8_t *data, size_t size) {
    static const char *const refused[] = {"open", "os", "time", "input", "pathlib", "**",
                                          "<<",   "*",  "just", "zfill", "center",  "bytes"};
    Buf text = {0};
    buf_add(&text, data, size);
    bool ok = memchr(data, 0, size) == NULL;
    for (size_t i = 0; ok && i < sizeof refused / sizeof *refused; i++)
        ok = strstr(buf_text(&text), refused[i]) == NULL;
    buf_free(&text);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0 || !allowed(data, size)) return -1;
    Sources sources;
    Buf log = {0}, printed = {0};
    sources_init(&sources);
    sources.log = &log;
    uint16_t file = sources_add(&sources, "fuzz.nn", (const char *)data, size);
    if (file) {
        Vm vm;
        vm_init(&vm, &sources);
        vm.capture = &printed;
        vm.step_limit = STEPS;
        if (!vm_run_main(&vm, file) && !is_null(vm.raised)) vm_report_raised(&vm);
        vm_free(&vm);
    }
    buf_free(&log);
    buf_free(&printed);
    sources_free(&sources);
    return 0;
}
