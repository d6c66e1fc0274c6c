/* Imports: modules written in C, and modules of the prelude, which are part of the binary.
 * A program consists of one file: nothing else is imported from disk. */
#include <stdlib.h>

#include "frontend/advice.h"
#include "frontend/image.h"
#include "frontend/interp.h"
#include "frontend/prelude.h"

static Dict *modules(Vm *vm) {
    return vm->modules;
}

static const PreludeFile *find_file(const char *name) {
    for (size_t i = 0; i < prelude_file_count; i++)
        if (strcmp(prelude_files[i].module, name) == 0) return &prelude_files[i];
    return NULL;
}

/* Modules that programs import; those with a name in `_` are the prelude's own. */
static size_t importable(Vm *vm, const char **words, size_t max) {
    size_t count = 0;
    for (size_t i = 0; i < vm->native_modules.count && count < max; i++)
        if (vm->native_modules.items[i].name[0] != '_')
            words[count++] = vm->native_modules.items[i].name;
    for (size_t i = 0; i < prelude_file_count && count < max; i++) {
        const char *name = prelude_files[i].module;
        if (name[0] != '_' && !strstr(name, "._")) words[count++] = name;
    }
    return count;
}

static Value unknown_module(Vm *vm, const char *name) {
    const char *words[512] = {NULL};
    size_t count = importable(vm, words, 512);
    vm_raise(vm, EXC_ModuleNotFoundError, "No module named '%s'", name);
    Value name_text = str_from(vm, name);
    vm_setattr_text(vm, vm->raised, "name", name_text);
    decref(name_text);
    const char *instead = advice_for_module(name), *near = nearest_word(name, words, count);
    Buf list = {0};
    if (instead) {
        vm_add_advice(vm, instead);
    } else if (near) {
        vm_add_hint(vm, near);
    } else {
        for (size_t i = 0; i < count; i++)
            if (!strchr(words[i], '.')) buf_printf(&list, "%s%s", list.size ? ", " : "", words[i]);
        Value advice =
            str_printf(vm, "a program is one file; what it may import is %s", buf_text(&list));
        vm_add_advice(vm, as_str(advice)->data);
        decref(advice);
    }
    buf_free(&list);
    return NULL_VALUE;
}

static ModuleObj *start_module(Vm *vm, const char *name) {
    ModuleObj *module = module_new(vm, name);
    module->prelude = true;
    dict_set_str(modules(vm), vm_intern_text(vm, name), FROM_OBJ(module));
    DROP(module);
    return module;
}

/* Gives the module's namespace the entries its code addresses by number. */
static void prepare_globals(Vm *vm, ModuleObj *module, const Code *code) {
    Dict *fresh = dict_new(vm);
    fresh->keeps_slots = true;
    for (uint32_t i = 0; i < code->module_name_count; i++)
        dict_set_str(fresh, vm_name_str(vm, code->module_names[i]), NULL_VALUE);
    dict_update(vm, fresh, FROM_OBJ(module->dict));
    DROP(module->dict);
    module->dict = fresh;
}

bool module_run(Vm *vm, ModuleObj *module, const Code *code) {
    prepare_globals(vm, module, code);
    const Const *text = code->doc;
    Value doc = text ? str_new(vm, text->as.string.bytes, text->as.string.length) : NONE;
    dict_set_str(module->dict, vm->names.doc_, doc);
    decref(doc);
    if (!vm_enter(vm)) return false;
    incref(FROM_OBJ(module));
    Value result = vm_run(vm, frame_new(vm, NULL, module, code, false));
    vm_leave(vm);
    DROP(module);
    decref(result);
    return !is_null(result);
}

static bool load(Vm *vm, const char *name) {
    for (size_t i = 0; i < vm->native_modules.count; i++) {
        if (strcmp(vm->native_modules.items[i].name, name) != 0) continue;
        ModuleObj *module = start_module(vm, name);
        return vm->native_modules.items[i].init(vm, module);
    }
    const PreludeFile *file = find_file(name);
    if (!file) {
        unknown_module(vm, name);
        return false;
    }
    uint16_t id = sources_add_builtin(vm->sources, file->path, file->text, file->size);
    const Code *code = image_code(vm->compiler, &prelude_image, file->code, id);
    code_ready(vm, code);
    ModuleObj *module = start_module(vm, name);
    if (file->package) {
        Value path = str_from(vm, name);
        dict_set_str(module->dict, vm->names.path_, path);
        decref(path);
    }
    if (module_run(vm, module, code)) return true;
    dict_delete_str(modules(vm), vm_intern_text(vm, name));
    return false;
}

static Value import_full(Vm *vm, const char *name);

/* The next word of a list separated by blanks, NULL at its end. */
static Str *next_word(Vm *vm, const char **at) {
    const char *word = *at + strspn(*at, " \n");
    size_t size = strcspn(word, " \n");
    *at = word + size;
    return size ? vm_intern(vm, word, size) : NULL;
}

static bool holds_word(const char *list, const Str *word) {
    if (word->size == 0) return false;
    for (const char *at = strstr(list, word->data); at; at = strstr(at + 1, word->data))
        if ((at == list || strchr(" \n", at[-1])) && strchr(" \n", at[word->size])) return true;
    return false;
}

/* A prelude package's `__lazy__` says which of its files define which names, as in
 * {"conv": "Conv1d Conv2d"}; its own file is compiled when one of them is first asked for. */
static const Dict *lazy_names(Vm *vm, const ModuleObj *module) {
    Value lazy = module->prelude ? dict_get(module->dict, vm->names.lazy_) : NULL_VALUE;
    return is_dict(lazy) ? as_dict(lazy) : NULL;
}

/* The name of one of the package's files, whole. */
static const char *file_of(Vm *vm, const ModuleObj *module, const Str *file) {
    Buf full = {0};
    buf_printf(&full, "%s.%s", module->name->data, file->data);
    const char *name = vm_intern(vm, buf_text(&full), full.size)->data;
    buf_free(&full);
    return name;
}

Value module_lazy(Vm *vm, ModuleObj *module, Str *name) {
    const Dict *lazy = lazy_names(vm, module);
    size_t pos = 0;
    Value key, names;
    while (lazy && dict_next(lazy, &pos, &key, &names)) {
        if (!holds_word(as_str(names)->data, name)) continue;
        Value file = import_full(vm, file_of(vm, module, as_str(key)));
        Value found = is_null(file) ? file : vm_getattr(vm, file, name);
        decref(file);
        if (!is_null(found)) dict_set_str(module->dict, name, found);
        return found;
    }
    const char *file = lazy ? file_of(vm, module, name) : NULL;
    return file && find_file(file) ? import_full(vm, file) : NULL_VALUE;
}

size_t module_words(Vm *vm, const ModuleObj *module, const char **words, size_t room) {
    const Dict *lazy = lazy_names(vm, module);
    size_t count = 0, pos = 0;
    Value key, value;
    while (dict_next(module->dict, &pos, &key, &value) && count < room)
        words[count++] = as_str(key)->data;
    pos = 0;
    while (lazy && dict_next(lazy, &pos, &key, &value)) {
        const char *at = as_str(value)->data;
        for (Str *word; count < room && (word = next_word(vm, &at)) != NULL;)
            words[count++] = word->data;
    }
    return count;
}

/* The module of that full name, its packages loaded first and it bound in its package. */
static Value import_full(Vm *vm, const char *name) {
    Str *key = vm_intern_text(vm, name);
    Value found = dict_get(modules(vm), key);
    if (!is_null(found)) return incref(found);
    const char *dot = strrchr(name, '.');
    Value package = NULL_VALUE;
    if (dot) {
        const char *parent = vm_intern(vm, name, (size_t)(dot - name))->data;
        package = import_full(vm, parent);
        if (is_null(package)) return package;
        found = dict_get(modules(vm), key); /* the package may have imported it itself */
        if (!is_null(found)) {
            decref(package);
            return incref(found);
        }
    }
    if (!load(vm, name)) {
        decref(package);
        return NULL_VALUE;
    }
    found = incref(dict_get(modules(vm), key));
    if (!is_null(package)) {
        vm_setattr(vm, package, vm_intern_text(vm, dot + 1), found);
        decref(package);
    }
    return found;
}

Value vm_import(Vm *vm, const char *name) {
    return import_full(vm, name);
}

void vm_register_module(Vm *vm, const char *name, ModuleInit init) {
    VEC_PUSH(vm->native_modules, (struct NativeModule){name, init});
}

/* `import a.b` (leaf: `import a.b as c`, `from a.b import …`), with leading dots counted. */
Value import_dotted(Vm *vm, Frame *frame, Str *name, int level, bool leaf) {
    Buf full = {0};
    if (level > 0) {
        const Str *here = frame->module->name;
        bool package = !is_null(dict_get(frame->module->dict, vm->names.path_));
        buf_add(&full, here->data, here->size);
        for (int up = package ? 1 : 0; up < level; up++) {
            char *dot = full.size ? strrchr(full.data, '.') : NULL;
            if (!dot) {
                buf_free(&full);
                return vm_raise(vm, EXC_ImportError,
                                "attempted relative import with no known parent package");
            }
            full.size = (size_t)(dot - full.data);
            *dot = '\0';
        }
        if (name->size) buf_putc(&full, '.');
    }
    buf_add(&full, name->data, name->size);
    const char *text = vm_intern(vm, buf_text(&full), full.size)->data;
    buf_free(&full);
    Value module = import_full(vm, text);
    const char *dot = strchr(text, '.');
    if (is_null(module) || leaf || level > 0 || !dot) return module;
    decref(module);
    return incref(dict_get(modules(vm), vm_intern(vm, text, (size_t)(dot - text))));
}

Value import_from(Vm *vm, Value module, Str *name) {
    Value v = vm_getattr_optional(vm, module, name);
    if (!is_null(v) || vm_failed(vm)) return v;
    const ModuleObj *m = (const ModuleObj *)(const void *)module.o;
    const char *submodule = file_of(vm, m, name);
    if (find_file(submodule)) return import_full(vm, submodule);
    const char *words[1024] = {NULL};
    size_t count = module_words(vm, m, words, 1024);
    vm_raise(vm, EXC_ImportError, "cannot import name '%s' from '%s'", name->data, m->name->data);
    const char *instead = advice_for_module(submodule);
    if (instead)
        vm_add_advice(vm, instead);
    else
        vm_add_hint(vm, nearest_word(name->data, words, count));
    return NULL_VALUE;
}

/* Binds the public ones of a package's lazy names. */
static bool star_lazy(Vm *vm, Dict *into, Value module) {
    const char *words[1024] = {NULL};
    size_t count = module_words(vm, (const ModuleObj *)(const void *)module.o, words, 1024);
    for (size_t i = 0; i < count; i++) {
        if (words[i][0] == '_') continue;
        Value v = vm_getattr_text(vm, module, words[i]);
        if (is_null(v)) return false;
        dict_set_str(into, vm_intern_text(vm, words[i]), v);
        decref(v);
    }
    return true;
}

bool import_star(Vm *vm, Frame *frame, Value module) {
    Dict *from = ((ModuleObj *)(void *)module.o)->dict;
    Value all = dict_get(from, vm->names.all_);
    Dict *into = frame->module->dict;
    const Value *names;
    size_t count, pos = 0;
    if (vm_items(all, &names, &count)) {
        for (size_t i = 0; i < count; i++) {
            Str *name = vm_name(vm, names[i], "item in __all__");
            Value v = name ? vm_getattr(vm, module, name) : NULL_VALUE;
            if (is_null(v)) return false;
            dict_set_str(into, name, v);
            decref(v);
        }
        return true;
    }
    if (lazy_names(vm, (const ModuleObj *)(const void *)module.o))
        return star_lazy(vm, into, module);
    Value key, value;
    while (dict_next(from, &pos, &key, &value))
        if (as_str(key)->data[0] != '_') dict_set_str(into, as_str(key), value);
    return true;
}
