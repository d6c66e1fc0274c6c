/* Any bytes as a checkpoint of torch.save: no crash, no hang, nothing executed, and no error but
 * those that say what is wrong with the file. Bytes that don't start as a zip file are taken for
 * the pickle in one, so that checksums don't keep changes out of it. */
#include <stdlib.h>

#include "frontend/interp.h"
#include "frontend/tensor/script.h"

enum { STEPS = 200000, SIZE_LIMIT = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char program[] = "import io, pickle, torch\n"
                              "from torch.serialization import _Unpickler\n"
                              "class Records:\n"
                              "    data = bytes(64)\n"
                              "    def __init__(self, text):\n"
                              "        self.text = text\n"
                              "    def read(self, name):\n"
                              "        return self.text\n"
                              "    def find(self, name):\n"
                              "        return (8, 24) if name in ('data/0', 'data/1') else None\n"
                              "def one(data):\n"
                              "    try:\n"
                              "        if data[:2] == b'PK':\n"
                              "            torch.load(io.BytesIO(data))\n"
                              "        else:\n"
                              "            _Unpickler(Records(data), 'cpu').load()\n"
                              "    except (pickle.UnpicklingError, RuntimeError, EOFError):\n"
                              "        pass\n";

static bool no_values(TensorState *ts, LazyNode *node, const char *what) {
    (void)node, (void)what;
    vm_raise(ts->vm, EXC_RuntimeError, "loading needs no values");
    return false;
}

typedef struct Loader {
    Sources sources;
    Vm vm;
    Buf log;
} Loader;

/* Imports torch once: inputs share it. */
static Loader *loader_start(void) {
    Loader *loader = xcalloc(1, sizeof *loader);
    sources_init(&loader->sources);
    loader->sources.log = &loader->log;
    uint16_t file = sources_add(&loader->sources, "fuzz.nn", program, sizeof program - 1);
    vm_init(&loader->vm, &loader->sources);
    loader->vm.silent = true;
    tensor_state_new(&loader->vm)->policy = (Policy){.need_value = no_values};
    NNC_CHECK(vm_run_main(&loader->vm, file), "the harness's own program fails");
    return loader;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static Loader *loader; /* kept as long as the process: libFuzzer has no end */
    if (size > SIZE_LIMIT) return 0;
    if (!loader) loader = loader_start();
    Vm *vm = &loader->vm;
    vm->steps = 0;
    vm->step_limit = STEPS;
    Value bytes = bytes_new(vm, (const char *)data, size);
    Value one = dict_get_text(vm, vm_main_dict(vm), "one");
    Value done = vm_call1(vm, one, bytes);
    decref(bytes);
    if (is_null(done)) {
        Value raised = vm_take_raised(vm);
        Buf text = {0};
        vm_describe(vm, raised, &text);
        NNC_CHECK(strstr(buf_text(&text), "steps"), "%s", buf_text(&text));
        buf_free(&text);
        decref(raised);
    }
    decref(done);
    vm_collect_cycles(vm);
    return 0;
}
