/* nnc_lang: runs one program of the language, without the compiler behind it. Its standard output
 * is compared with what CPython prints for the same file. */
#include "frontend/vm.h"

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: nnc_lang FILE [ARG...]\n");
        return 2;
    }
    Sources sources;
    sources_init(&sources);
    sources.out = stderr;
    uint16_t file = sources_read(&sources, argv[1]);
    int status = 1;
    if (file) {
        Vm vm;
        vm_init(&vm, &sources);
        vm.script_path = argv[1];
        vm.argc = argc - 1;
        vm.argv = argv + 1;
        status = vm_run_main(&vm, file) ? 0 : vm_report_raised(&vm);
        vm_free(&vm);
    }
    sources_free(&sources);
    return status;
}
